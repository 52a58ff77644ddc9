"""Secrets: there, the right ones, and for their owner's eyes only."""

import shutil
from contextlib import closing
from datetime import UTC, datetime

import pytest

from newsletter import store, tokens
from newsletter.doctor import Fine
from newsletter.doctor.keeping_keys import look
from newsletter.store import known_keys

KEY, OTHER = "k" * 64, "o" * 64
NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)


@pytest.fixture
def with_database(room, sqlite_template):
    """A newsroom whose database knows KEY, which is in its file."""
    shutil.copy(sqlite_template, room.settings.database)
    room.key_file.write_text(f"{KEY}\n", encoding="ascii")
    room.key_file.chmod(0o600)
    keys = tokens.load_keys(None, room.key_file, new=False)
    with closing(store.open(store.sqlite_url(room.settings.database))) as opened:
        known_keys.hold(opened, keys.fingerprints(), at=NOW)
    return room


def codes(room):
    return [each.finding.code for each in look(room.installation()) if not isinstance(each, Fine)]


def test_a_new_newsroom_has_no_key_and_gets_none_here(room):
    assert codes(room) == []
    assert not room.key_file.exists()


def test_the_database_s_own_key_is_fine(with_database):
    said = list(look(with_database.installation()))
    assert [each.text for each in said if isinstance(each, Fine)] == [
        "files of secrets are for their owner alone",
        f"one secret key in {with_database.key_file}",
        "the same as the database knows",
    ]
    assert len(said) == 3


def test_a_shell_with_another_key_is_told(with_database):
    with_database.secrets[tokens.SECRET_NAME] = OTHER
    assert codes(with_database) == ["KEY-TWICE", "KEY-CHANGED"]


def test_the_same_key_in_variable_and_file_is_fine(with_database):
    with_database.secrets[tokens.SECRET_NAME] = KEY
    assert codes(with_database) == []


def test_a_lost_key_is_an_error_and_none_is_made(with_database):
    with_database.key_file.unlink()
    assert codes(with_database) == ["KEY-UNUSABLE"]
    assert not with_database.key_file.exists()


def test_a_key_that_is_too_short_is_told(room):
    room.secrets[tokens.SECRET_NAME] = "short"
    assert codes(room) == ["KEY-UNUSABLE"]


def test_a_file_that_others_can_read_is_told(with_database):
    with_database.key_file.chmod(0o644)
    assert codes(with_database) == []  # its folder keeps the others out
    with_database.settings.data.chmod(0o755)
    said = [each for each in look(with_database.installation()) if not isinstance(each, Fine)]
    assert [each.finding.code for each in said] == ["KEY-OPEN"]
    assert "everybody (mode 0644)" in said[0].finding.message
    assert f"chmod 600 {with_database.key_file}" in said[0].remedy


def test_files_that_variables_name_are_looked_at(room, tmp_path):
    tmp_path.chmod(0o755)
    password = tmp_path / "password"
    password.write_text("secret\n", encoding="ascii")
    password.chmod(0o640)
    gone, binary = tmp_path / "gone", tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    room.environ.update(
        NEWSLETTER_SMTP_PASSWORD_FILE=str(password),
        NEWSLETTER_DKIM_KEY_FILE=str(gone),
        DATABASE_URL_FILE=str(binary),
        SOMETHING_ELSE_FILE=str(gone),
    )
    said = [each for each in look(room.installation()) if not isinstance(each, Fine)]
    assert [each.finding.code for each in said] == ["KEY-UNREADABLE", "KEY-UNREADABLE", "KEY-OPEN"]
    assert "its group" in said[2].finding.message
    assert "secret" not in "".join(each.finding.message for each in said)
