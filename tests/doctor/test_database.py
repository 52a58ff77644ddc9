"""The database: both kinds in good order, and each of their faults."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import make_url, text

from newsletter import store
from newsletter.delivery import restored
from newsletter.doctor import Fine, sqlite_file
from newsletter.doctor.database import look
from newsletter.doctor.server import compared
from newsletter.findings import Severity
from newsletter.store import backup

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)


def found(room):
    return [each for each in look(room.installation()) if not isinstance(each, Fine)]


def codes(room):
    return [each.finding.code for each in found(room)]


@pytest.fixture
def with_file(room, sqlite_template):
    shutil.copy(sqlite_template, room.settings.database)
    return room


@pytest.fixture
def with_server(room, postgresql):
    room.more["database_url"] = url = postgresql.new()
    yield room
    postgresql.drop(url)


def test_no_database_is_made(room):
    assert codes(room) == ["DATABASE-NEW"]
    assert list(room.settings.data.iterdir()) == []


def test_a_file_in_good_order_is_fine(with_file):
    said = list(look(with_file.installation()))
    assert all(isinstance(each, Fine) for each in said), said
    assert "undamaged" in said[0].text
    assert "as this version works with" in said[1].text


def test_a_server_in_good_order_is_fine(with_server):
    # The clock of the test is not that of the server; the servers of tests write without fsync.
    said = [each for each in found(with_server) if each.finding.code not in {"DATABASE-NOT-DURABLE", "CLOCK-DIFFERS"}]
    assert said == []


def test_a_file_that_is_none_of_ours_is_told(room):
    room.settings.database.write_bytes(b"something else entirely")
    assert codes(room) == ["DATABASE-UNUSABLE"]


def test_a_damaged_file_is_told(with_file):
    path = with_file.settings.database
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\x55" * 64)
    assert codes(with_file) == ["DATABASE-DAMAGED"]


def test_the_looking_through_ends_in_time(with_file):
    with closing(sqlite3.connect(with_file.settings.database)) as connection:
        connection.execute("CREATE TABLE large (x TEXT)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
            " INSERT INTO large SELECT hex(randomblob(50)) FROM n"
        )
        connection.commit()
    (said,) = sqlite_file.whole(with_file.settings.database, seconds=-1)
    assert "no damage in what" in said.text


def test_an_older_form_has_its_command(with_file):
    with closing(sqlite3.connect(with_file.settings.database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
    (one,) = found(with_file)
    assert one.finding.code == "DATABASE-FORM"
    assert "newsletter db upgrade" in one.remedy


def test_a_newer_form_asks_for_the_newer_version(with_file):
    with closing(sqlite3.connect(with_file.settings.database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    (one,) = found(with_file)
    assert one.finding.code == "DATABASE-FORM"
    assert "newer version" in one.remedy


def test_a_writer_that_does_not_let_go_is_told(with_file):
    with closing(sqlite3.connect(with_file.settings.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert codes(with_file) == ["DATABASE-BUSY"]


def test_addresses_that_others_can_read_are_told(with_file):
    with_file.settings.data.chmod(0o755)
    with_file.settings.database.chmod(0o644)
    (one,) = found(with_file)
    assert one.finding.code == "DATABASE-OPEN"
    assert "chmod 600" in one.remedy


def test_a_url_that_cannot_be_is_told_without_its_password(room):
    room.more["database_url"] = "mysql://newsroom:geheim@db.fish/letter"
    (one,) = found(room)
    assert one.finding.code == "DATABASE-UNUSABLE"
    assert "geheim" not in str(one.as_dict())


def test_a_server_that_does_not_answer_is_told(with_server):
    url = make_url(with_server.more["database_url"])
    with_server.more["database_url"] = url.set(host="127.0.0.1", port=1).render_as_string(hide_password=False)
    assert codes(with_server) == ["DATABASE-UNUSABLE"]


@pytest.mark.parametrize(
    ("setting", "code"),
    [("synchronous_commit = off", "DATABASE-NOT-DURABLE"), ("default_transaction_read_only = on", "DATABASE-STANDBY")],
)
def test_a_server_s_settings_are_looked_at(setting, code, with_server, postgresql):
    name = make_url(with_server.more["database_url"]).database
    postgresql.execute(f'ALTER DATABASE "{name}" SET {setting}')
    one = next(each for each in found(with_server) if each.finding.code == code)
    assert setting.split(" ", maxsplit=1)[0] in one.finding.message


def test_an_empty_database_of_a_server_is_new(postgresql, room):
    postgresql.execute("CREATE DATABASE doctor_empty")
    try:
        room.more["database_url"] = postgresql.url_of("doctor_empty")
        assert codes(room) == ["DATABASE-NEW"]
        with closing(store.open(room.more["database_url"])) as opened, opened.reading() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
    finally:
        postgresql.execute("DROP DATABASE doctor_empty")


@pytest.mark.parametrize(
    ("apart", "severity", "words"),
    [
        (timedelta(seconds=1), None, "within 2 s"),
        (timedelta(seconds=-30), Severity.WARNING, "30.0 s behind"),
        (timedelta(minutes=5), Severity.ERROR, "300.0 s ahead of"),
    ],
)
def test_the_server_s_clock_is_compared_with_ours(apart, severity, words):
    said = compared(NOW + apart, NOW, "postgresql://db.fish/letter")
    if severity is None:
        assert isinstance(said, Fine)
        assert words in said.text
    else:
        assert said.finding.severity is severity
        assert words in said.finding.message


def test_a_backup_that_was_put_back_is_told_and_left_as_it_is(with_file):
    database = with_file.settings.database
    with closing(store.open(store.sqlite_url(database))) as opened:
        made = backup.make(opened, database.parent, now=NOW).file
    database.unlink()
    made.rename(database)
    for _ in range(2):
        assert "DATABASE-RESTORED" in codes(with_file)
    with closing(store.open(store.sqlite_url(database))) as opened:
        restored.Watch(opened).look(now=NOW)
        assert "DATABASE-RESTORED" in codes(with_file)
        restored.accept(opened, actor="ada", now=NOW)
    assert "DATABASE-RESTORED" not in codes(with_file)


def test_a_marker_that_cannot_be_written_is_told(with_file, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for a user who may not; root may write anywhere
    assert codes(with_file) == ["MARKER-UNWRITABLE"]
