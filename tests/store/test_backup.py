import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter import store
from newsletter.errors import InputError
from newsletter.store import backup

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROW = text("INSERT INTO list (name, title, created_at) VALUES (:name, '', '2026-01-01')")


def add(opened, *names):
    for name in names:
        with opened.writing() as connection:
            connection.execute(ROW, {"name": name})


def names(opened):
    with opened.reading() as connection:
        return set(connection.execute(text("SELECT name FROM list")).scalars())


def restored(made, opened, tmp_path, request):
    """The backup, put back as the how-to says, opened."""
    if opened.is_sqlite:
        return store.open(store.sqlite_url(shutil.copy(made.file, tmp_path / "restored.db")))
    databases = request.getfixturevalue("postgresql")
    url = databases.empty()
    request.addfinalizer(lambda: databases.drop(url))
    command = ["pg_restore", "--exit-on-error", "--no-owner", "--single-transaction", f"--dbname={url}", str(made.file)]
    subprocess.run(command, check=True, capture_output=True)
    return store.open(url)


def test_a_backup_that_is_put_back_is_the_database_as_it_was(database, tmp_path, request):
    add(database, "before", "too")
    made = backup.make(database, tmp_path, now=NOON)
    add(database, "after")
    assert made.file.name == (
        "newsletter-20261123T120000Z.db" if database.is_sqlite else "newsletter-20261123T120000Z.dump"
    )
    assert made.size == made.file.stat().st_size > 1_000
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    with closing(restored(made, database, tmp_path, request)) as again:
        assert names(again) == {"before", "too"}
        add(again, "new")  # what numbers rows goes on, too


def test_nobody_waits_for_a_backup_and_it_is_one_moment(database, tmp_path, request):
    """Two rows a transaction: a backup holds both or none."""
    stop, errors = threading.Event(), []

    def write():
        number = 0
        while not stop.is_set():
            try:
                with database.writing() as connection:
                    connection.execute(ROW, {"name": f"{number}a"})
                    connection.execute(ROW, {"name": f"{number}b"})
            except InputError as error:
                errors.append(error)
            number += 1

    writers = [threading.Thread(target=write)]
    for writer in writers:
        writer.start()
    try:
        made = [backup.make(database, tmp_path / f"{number}", now=NOON) for number in range(3)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert errors == []
    with closing(restored(made[-1], database, tmp_path, request)) as again:
        found = names(again)
    assert {name[:-1] for name in found if name.endswith("a")} == {name[:-1] for name in found if name.endswith("b")}


def test_a_backup_in_a_place_that_is_taken_is_refused(database, tmp_path):
    backup.make(database, tmp_path, now=NOON)
    with pytest.raises(InputError, match="a file of this name already"):
        backup.make(database, tmp_path, now=NOON)
    assert len(list(tmp_path.glob("*newsletter-*"))) == 1


def test_a_folder_that_is_not_there_is_one_clear_error(database, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        backup.make(database, tmp_path / "nowhere" / "x.db", now=NOON)


def test_nothing_is_left_of_a_backup_that_fails(database, tmp_path):
    database.close()
    folder = tmp_path / "backups"
    folder.mkdir()
    if database.is_sqlite:
        with Path(database.place).open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(40_000))
    else:
        broken = store.Store(engine=database.engine.execution_options(), place=database.place)
        object.__setattr__(broken.engine, "url", broken.engine.url.set(port=1))
        database = broken
    with pytest.raises(InputError, match=r"damaged|failed") as caught:
        backup.make(database, folder, now=NOON)
    assert list(folder.iterdir()) == []
    assert caught.value.remedy


def test_only_the_newest_backups_are_kept_and_other_files_left_alone(database, tmp_path):
    (tmp_path / "newsletter-notes.db").touch()
    made = [backup.make(database, tmp_path, now=NOON + timedelta(days=day)) for day in range(4)]
    assert backup.rotate(tmp_path, keep=2) == tuple(one.file for one in made[:2])
    assert backup.rotate(tmp_path, keep=2) == ()
    assert {path.name for path in tmp_path.iterdir()} == {"newsletter-notes.db", made[2].file.name, made[3].file.name}


def test_a_backup_of_sqlite_is_one_file(tmp_path):
    with closing(store.open(store.sqlite_url(tmp_path / "data" / "n.db"))) as opened:
        made = backup.make(opened, tmp_path, now=NOON)
    with closing(sqlite3.connect(made.file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", made.file.name]


def test_of_several_servers_one_is_backed_up(postgresql, tmp_path):
    url = postgresql.new()
    server, _, name = url.rpartition("/")
    hosts = f"host=127.0.0.1:1&host=127.0.0.1:{server.rpartition(':')[2]}"
    with closing(store.open(f"postgresql://postgres:geheim@/{name}?{hosts}")) as opened:
        assert backup.make(opened, tmp_path, now=NOON).size
    postgresql.drop(url)


def test_without_its_programs_postgresql_cannot_be_backed_up_and_that_is_said(postgresql, tmp_path, monkeypatch):
    url = postgresql.new()
    monkeypatch.setenv("PATH", str(tmp_path))
    with closing(store.open(url)) as opened:
        if not Path("/usr/lib/postgresql").is_dir():
            with pytest.raises(InputError, match="pg_dump is not installed"):
                backup.make(opened, tmp_path, now=NOON)
        else:
            assert backup.make(opened, tmp_path, now=NOON).size
    postgresql.drop(url)
