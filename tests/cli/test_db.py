import json
import stat
from contextlib import closing
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, insert, inspect, text

from newsletter import store
from newsletter.store import schema, urls
from newsletter.store.tables import notice
from newsletter.tokens import load_keys

LATEST = schema.known_versions()[-1]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, newsroom):
    """Where the newsroom's database is going to be."""
    if request.param == "sqlite":
        yield store.sqlite_url(newsroom.root / "data" / "newsletter.db")
        return
    databases = request.getfixturevalue("postgresql")
    made = databases.empty()
    yield made
    databases.drop(made)


@pytest.fixture
def environ(url):
    return {"DATABASE_URL": url} if url.startswith("postgresql") else {}


@pytest.fixture
def old(newsroom, url):
    """The newsroom with a database of an older version."""
    (newsroom.root / "data").mkdir(mode=0o700, exist_ok=True)
    load_keys(None, newsroom.root / "data" / "secret.key")
    engine = create_engine(urls.parse(url))
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(text("INSERT INTO list (name, title, created_at) VALUES ('daily', 'Old', '2026-01-01')"))
    engine.dispose()
    return newsroom


def test_an_older_database_is_refused_and_brought_up_after_a_backup(old, url, environ):
    old.run("list", "show", environ=environ).refuses("form 0003", "newsletter db upgrade")
    planned = old.run("db", "upgrade", "--dry-run", environ=environ)
    assert planned.code == 0
    assert [line[:4] for line in planned.out.splitlines()] == schema.known_versions()[3:]
    assert old.run("db", "upgrade", environ=environ).code == 2  # nobody is there to be asked
    with closing(store.open(url, any_form=True)) as opened, opened.reading() as connection:
        assert schema.version_of(connection) == "0003"
    done = old.run("db", "upgrade", "--yes", environ=environ)
    assert (done.code, f"in form {LATEST} now" in done.err) == (0, True), done
    (backup,) = (old.root / "data" / "backups").iterdir()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert connection.execute(text("SELECT name FROM list")).scalars().all() == ["daily"]
    again = old.run("db", "upgrade", environ=environ)
    assert (again.code, again.out, "nothing is to be done" in again.err) == (0, "", True)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_nothing_is_brought_up_under_processes_that_are_at_work(old, url, environ):
    with closing(store.open(url, any_form=True)) as at_work, at_work.reading():
        refused = old.run("db", "upgrade", "--yes", environ=environ)
        assert refused.code == 1
        assert "1 other processes use the database" in refused.err
        assert old.run("db", "upgrade", "--dry-run", environ=environ).code == 0
        with closing(store.open(url, any_form=True)) as opened, opened.reading() as connection:
            assert schema.version_of(connection) == "0003"


def test_a_newsroom_without_a_database_is_told_so(newsroom):
    before = newsroom.tree()
    for asked in (["upgrade"], ["backup"], ["prune", "--yes"]):
        newsroom.run("db", *asked).refuses("no database yet")
    assert newsroom.tree() == before


def test_backups_are_made_named_and_rotated(newsroom, url, environ, tmp_path):
    store.open(url).close()
    folder = tmp_path / "kept"
    folder.mkdir()
    old = folder / "newsletter-20200101T000000Z.db"
    old.touch()
    made = newsroom.run("db", "backup", "--to", folder, "--keep", "1", environ=environ)
    assert made.code == 0, made
    (file,) = folder.iterdir()
    assert made.out == f"{file}\n"
    assert file != old
    told = json.loads(newsroom.run("db", "backup", "--to", tmp_path / "one.bak", "--json", environ=environ).out)
    assert told == {"file": str(tmp_path / "one.bak"), "bytes": (tmp_path / "one.bak").stat().st_size, "removed": []}
    newsroom.run("db", "backup", "--to", tmp_path / "one.bak", environ=environ).refuses("of this name already")
    newsroom.run("db", "backup", "--to", tmp_path / "x.bak", "--keep", "3", environ=environ).refuses(
        "--keep needs a folder"
    )
    assert "geheim" not in made.err


def test_pruning_shows_asks_and_does_it(newsroom, url, environ):
    row = {"kind": "test", "address": "a@x.example", "address_key": "a@x.example", "status": "accepted"}
    with closing(store.open(url)) as opened, opened.writing() as connection:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        connection.execute(insert(notice).values(**row, created_at=long_ago, changed_at=long_ago))
    shown = newsroom.run("db", "prune", "--dry-run", environ=environ)
    assert (shown.code, shown.out.split()) == (0, ["1", "notices", "are", "removed"])
    refused = newsroom.run("db", "prune", environ=environ)
    assert (refused.code, "Give --yes" in refused.err) == (2, True)
    done = json.loads(newsroom.run("db", "prune", "--yes", "--json", environ=environ).out)
    assert done["notices"] == 1
    nothing = newsroom.run("db", "prune", "--yes", environ=environ)
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "Nothing is old enough.\n")


def test_a_database_that_is_away_is_one_clear_error_without_the_password(newsroom):
    away = {"DATABASE_URL": "postgresql://ada:geheim@127.0.0.1:1/news"}
    for asked in (["db", "upgrade"], ["db", "backup"], ["db", "prune", "--yes"], ["mailing", "list"]):
        refused = newsroom.run(*asked, environ=away)
        refused.refuses("cannot be reached", "postgresql://ada@127.0.0.1:1/news")
        assert "geheim" not in refused.err


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_looking_at_an_empty_database_leaves_it_empty(newsroom, url, environ):
    def tables():
        with closing(store.open(url, any_form=True)) as opened, opened.reading() as connection:
            return inspect(connection).get_table_names()

    planned = newsroom.run("db", "upgrade", "--dry-run", environ=environ)
    assert (planned.code, [line[:4] for line in planned.out.splitlines()]) == (0, schema.known_versions())
    for asked in (["backup"], ["prune", "--dry-run"], ["prune", "--yes"]):
        newsroom.run("db", *asked, environ=environ).refuses("no database yet")
    assert tables() == []
    done = newsroom.run("db", "upgrade", "--yes", environ=environ)
    assert (done.code, "Backed up" in done.err) == (0, False), done
    assert "mailing" in tables()


def test_looking_at_an_empty_file_leaves_it_empty(newsroom):
    file = newsroom.root / "data" / "newsletter.db"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.touch()
    assert newsroom.run("db", "upgrade", "--dry-run").code == 0
    with closing(store.open(store.sqlite_url(file), any_form=True)) as opened, opened.reading() as connection:
        assert inspect(connection).get_table_names() == []
