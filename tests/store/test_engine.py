import sqlite3
import stat
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from newsletter import store
from newsletter.errors import InputError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "newsletter.db"


@pytest.fixture
def opened(file):
    with closing(store.open(store.sqlite_url(file), busy_seconds=0.1)) as opened:
        yield opened


def _pragma(opened, name):
    with opened.reading() as connection:
        return connection.execute(text(f"PRAGMA {name}")).scalar_one()


def test_what_is_committed_is_on_the_disk_and_readers_never_wait(opened):
    assert _pragma(opened, "journal_mode") == "wal"
    assert _pragma(opened, "synchronous") == 2  # FULL
    assert _pragma(opened, "foreign_keys") == 1
    assert _pragma(opened, "busy_timeout") == 100


def test_the_folder_is_its_owners_only(file, opened):
    assert opened.place == str(file)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_block_that_raises_changes_nothing(opened):
    row = "INSERT INTO list (name, title, created_at) VALUES ('a', 'A', '2026-01-01')"

    def interrupted():
        with opened.writing() as connection:
            connection.execute(text(row))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with opened.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM list")).scalar_one() == 0


def test_references_are_held(opened):
    with pytest.raises(IntegrityError), opened.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO subscription (list_id, subscriber_id, status, consent_text, consent_source, consent_at, changed_at)"
                " VALUES (1, 1, 'subscribed', '', '', '2026-01-01', '2026-01-01')"
            )
        )


def test_a_database_in_use_is_one_clear_error(file, opened):
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="in use by another process") as caught, opened.writing():
            pass
        assert str(file) in str(caught.value)


def test_a_database_in_use_cannot_be_opened_but_is_named(file):
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="in use by another process"):
            store.open(store.sqlite_url(file), busy_seconds=0.1)


@pytest.mark.parametrize("content", [b"Dear diary,\n" * 100, b"\x00" * 4096, b"x"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(file, content):
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(InputError, match="no SQLite database"):
        store.open(store.sqlite_url(file))
    assert file.read_bytes() == content


def test_a_damaged_database_is_one_clear_error(file):
    file.parent.mkdir()
    file.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8192)
    with pytest.raises(InputError, match="damaged"):
        store.open(store.sqlite_url(file))


def test_a_folder_in_the_databases_place_is_one_clear_error(file):
    file.mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be opened"):
        store.open(store.sqlite_url(file))


def test_a_place_with_odd_characters_is_a_place(tmp_path):
    odd = tmp_path / "a ?b#c%20é" / "n.db"
    with closing(store.open(store.sqlite_url(odd))):
        assert odd.is_file()
