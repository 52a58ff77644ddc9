import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, inspect, make_url, text
from sqlalchemy.exc import IntegrityError

from newsletter import store
from newsletter.errors import InputError
from newsletter.store import schema
from newsletter.store.tables import metadata


@pytest.fixture
def url(tmp_path):
    return store.sqlite_url(tmp_path / "data" / "newsletter.db")


def test_the_migrations_build_exactly_the_tables(url):
    with closing(store.open(url)) as opened, opened.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_build_the_same_check_constraints(url):
    with closing(store.open(url)) as opened, opened.reading() as connection:
        looked_at = inspect(connection)
        for table in metadata.tables.values():
            built = {found["name"]: found["sqltext"] for found in looked_at.get_check_constraints(table.name)}
            meant = {r.name: str(r.sqltext) for r in table.constraints if isinstance(r, CheckConstraint)}
            assert built == meant, table.name


def test_versions_are_one_unbroken_row(url):
    versions = schema.known_versions()
    assert versions == [f"{number:04}" for number in range(1, len(versions) + 1)]
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert schema.version_of(connection) == versions[-1]


def test_an_open_database_is_opened_again_as_it_is(url):
    with closing(store.open(url)) as opened, opened.writing() as connection:
        connection.execute(text("INSERT INTO list (name, title, created_at) VALUES ('daily', 'Daily', '2026-01-01')"))
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert connection.execute(text("SELECT name FROM list")).scalars().all() == ["daily"]


def test_a_newer_database_is_refused_and_left_alone(url):
    with closing(store.open(url)) as opened, opened.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match=r"form 9999.*newer version"):
        store.open(url)


def test_several_that_open_a_new_database_at_once_all_succeed(url):
    ready = threading.Barrier(4)
    opened, errors = [], []

    def start():
        ready.wait()
        try:
            opened.append(store.open(url))
        except Exception as error:  # noqa: BLE001 - any at all is a failure of this test
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in opened:
        each.close()
    assert errors == []
    assert len(opened) == 4


def test_a_database_of_the_first_form_is_brought_up_with_what_it_holds(url, tmp_path):
    (tmp_path / "data").mkdir()
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO list (name, title, created_at) VALUES ('daily', 'Daily', '2026-01-01')"))
    engine.dispose()
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert connection.execute(text("SELECT name FROM list")).scalars().all() == ["daily"]
        assert schema.version_of(connection) == schema.known_versions()[-1]
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []


def test_waves_keep_their_rows_and_what_points_to_them_when_they_get_hours(url):
    with closing(store.open(url)):
        pass  # makes the folder
    path = Path(make_url(url).database)
    path.unlink()
    engine = create_engine(url)
    with engine.connect() as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for row in BEFORE_HOURS:
            connection.execute(text(row))
    engine.dispose()
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert connection.execute(text("SELECT id, zone, hour, canary, frozen_to FROM wave")).all() == [
            (7, "", "", 0, 3),
            (8, "Asia/Tokyo", "", 0, 0),
        ]
        assert connection.execute(text("SELECT wave_id FROM delivery")).scalars().all() == [7, 7]
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        with pytest.raises(IntegrityError):
            connection.execute(text("DELETE FROM wave WHERE id = 7"))


BEFORE_HOURS = (
    "INSERT INTO list (id, name, title, created_at) VALUES (1, 'daily', 'Daily', '2026-01-01')",
    "INSERT INTO edition (digest, issue, subject, content, created_at) VALUES ('d', 'i', 's', x'00', '2026-01-01')",
    """INSERT INTO mailing (id, list_id, local_date, kind, issue, edition_digest, status, not_later_than, excluded, created_at)
    VALUES (1, 1, '2026-01-01', 'issue', 'i', 'd', 'sending', '2026-01-01', '{}', '2026-01-01')""",
    "INSERT INTO wave (id, mailing_id, zone, due_at, edition_digest, frozen_to) VALUES (7, 1, '', '2026-01-01', 'd', 3)",
    "INSERT INTO wave (id, mailing_id, zone, due_at, edition_digest) VALUES (8, 1, 'Asia/Tokyo', '2026-01-01', 'd')",
    """INSERT INTO chunk (id, wave_id, status, worker, created_at, lease_until)
    VALUES (1, 7, 'closed', 'w', '2026-01-01', '2026-01-01')""",
    "INSERT INTO delivery (mailing_id, wave_id, subscriber_id, status, changed_at) VALUES (1, 7, 1, 'pending', '2026-01-01')",
    "INSERT INTO delivery (mailing_id, wave_id, subscriber_id, status, changed_at) VALUES (1, 7, 2, 'pending', '2026-01-01')",
)
