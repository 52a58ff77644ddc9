import resource
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from sqlalchemy import text

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


def test_a_database_in_use_is_one_clear_error(file, opened):
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="in use by another process") as caught, opened.writing():
            pass
        assert str(file) in str(caught.value)


def test_readers_do_not_wait_for_a_writer(file, opened):
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with opened.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM list")).scalar_one() == 0


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


FILLS_UP = """
import resource, signal, sys
from newsletter import store
from newsletter.errors import InputError
from sqlalchemy import text

opened = store.open(sys.argv[1])
row = text("INSERT INTO list (name, title, created_at) VALUES (:name, :title, '2026-01-01')")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
kept = 0
try:
    for kept in range(10_000):
        with opened.writing() as connection:
            connection.execute(row, {"name": str(kept), "title": "x" * 300})
except InputError as error:
    print(kept, error, sep=chr(10))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with opened.writing() as connection:
    connection.execute(row, {"name": "there is room again", "title": ""})
opened.close()
"""


def test_a_disk_that_fills_up_loses_nothing_that_was_committed_and_goes_on_when_there_is_room(file):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    store.open(store.sqlite_url(file)).close()
    room = str(file.stat().st_size + 400_000)
    command = [sys.executable, "-c", FILLS_UP, store.sqlite_url(file), room]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    kept, said = ran.stdout.splitlines()
    assert "disk" in said
    assert "Traceback" not in ran.stderr
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM list").fetchone() == (int(kept) + 1,)
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
