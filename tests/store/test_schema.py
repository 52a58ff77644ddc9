import threading
from contextlib import closing

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from newsletter import store
from newsletter.audience.evidence import steps_of, wording_of
from newsletter.errors import InputError
from newsletter.store import schema, urls
from newsletter.store.tables import metadata

LATEST = schema.known_versions()[-1]
ROW = "INSERT INTO list (name, title, created_at) VALUES ('daily', 'Daily', '2026-01-01')"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A database without tables."""
    if request.param == "sqlite":
        yield store.sqlite_url(tmp_path / "newsletter.db")
        return
    databases = request.getfixturevalue("postgresql")
    made = databases.empty()
    yield made
    databases.drop(made)


def old_form(url, version):
    """Bring a new database to an old form, with a row in it."""
    engine = create_engine(urls.parse(url))
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        connection.execute(text(ROW))
    engine.dispose()


def differences(connection):
    # Alembic takes SQLite's '' for another default than "": there, the comparison of what the database says has to do.
    options = {"compare_type": True, "compare_server_default": connection.dialect.name == "postgresql"}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def test_the_migrations_build_exactly_the_tables(url):
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert differences(connection) == []


def test_the_migrations_build_the_same_check_constraints(url):
    with closing(store.open(url)) as opened, opened.reading() as connection:
        looked_at = inspect(connection)
        for table in metadata.tables.values():
            built = {found["name"]: found["sqltext"] for found in looked_at.get_check_constraints(table.name)}
            meant = {r.name: str(r.sqltext) for r in table.constraints if isinstance(r, CheckConstraint)}
            if opened.is_sqlite:
                assert built == meant, table.name
            else:
                # PostgreSQL keeps what it has understood, in its own spelling: the words it allows must be the same.
                assert {name: _words(rule) for name, rule in built.items()} == {
                    name: _words(rule) for name, rule in meant.items()
                }, table.name


def _words(rule):
    return set(rule.split("'")[1::2])


def test_the_migrations_build_the_same_indexes_defaults_and_keys(url):
    """Compared by what the database says after `create_all`, so that nothing is left out that Alembic does not compare."""
    with closing(store.open(url)) as opened:
        with opened.reading() as connection:
            built = _described(connection)
        with opened.writing() as connection:
            metadata.drop_all(connection)
            metadata.create_all(connection)
        with opened.reading() as connection:
            assert built == _described(connection)


def _described(connection):
    looked_at = inspect(connection)
    return {
        name: {
            "columns": sorted(
                (c["name"], str(c["type"]), c["nullable"], str(c["default"])) for c in looked_at.get_columns(name)
            ),
            "indexes": sorted((i["name"], i["column_names"], i["unique"]) for i in looked_at.get_indexes(name)),
            "unique": sorted((u["name"], u["column_names"]) for u in looked_at.get_unique_constraints(name)),
            "foreign": sorted((f["name"], f["referred_table"]) for f in looked_at.get_foreign_keys(name)),
            "primary": looked_at.get_pk_constraint(name)["constrained_columns"],
        }
        for name in metadata.tables
    }


def test_versions_are_one_unbroken_row(url):
    versions = schema.known_versions()
    assert versions == [f"{number:04}" for number in range(1, len(versions) + 1)]
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert schema.version_of(connection) == LATEST


def test_an_open_database_is_opened_again_as_it_is(url):
    with closing(store.open(url)) as opened, opened.writing() as connection:
        connection.execute(text(ROW))
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert connection.execute(text("SELECT name FROM list")).scalars().all() == ["daily"]


def test_a_newer_database_is_refused_and_left_alone(url):
    with closing(store.open(url)) as opened, opened.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match=r"form 9999.*newer version"):
        store.open(url)


def test_a_database_of_another_program_is_refused_and_left_alone(url):
    engine = create_engine(urls.parse(url))
    with engine.begin() as connection:
        connection.execute(text('CREATE TABLE "user" (id INTEGER)'))
    with pytest.raises(InputError, match="another program"):
        store.open(url)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["user"]
    engine.dispose()


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


@pytest.mark.parametrize("version", schema.known_versions()[:-1])
def test_an_older_database_is_refused_until_it_is_brought_up_with_what_it_holds(url, version):
    old_form(url, version)
    with pytest.raises(InputError, match=f"form {version}.*newsletter db upgrade"):
        store.open(url)
    with closing(store.open(url, any_form=True)) as opened:
        with opened.reading() as connection:
            assert schema.version_of(connection) == version
        lacks = schema.missing(opened.place, version)
        assert [step.version for step in lacks] == schema.known_versions()[-len(lacks) :]
        assert all(step.what for step in lacks)
        schema.upgrade(opened)
        schema.upgrade(opened)
    with closing(store.open(url)) as opened, opened.reading() as connection:
        assert connection.execute(text("SELECT name FROM list")).scalars().all() == ["daily"]
        assert differences(connection) == []


def test_waves_keep_their_rows_and_what_points_to_them_when_they_get_hours(url):
    old_form(url, "0007")
    engine = create_engine(urls.parse(url))
    with engine.begin() as connection:
        for row in BEFORE_HOURS:
            connection.execute(text(row))
    engine.dispose()
    with closing(store.open(url, any_form=True)) as opened:
        schema.upgrade(opened)
    with closing(store.open(url)) as opened, opened.reading() as connection:
        waves = connection.execute(text("SELECT id, zone, hour, canary, frozen_to FROM wave ORDER BY id"))
        assert waves.all() == [(7, "", "", False, 3), (8, "Asia/Tokyo", "", False, 0)]
        assert connection.execute(text("SELECT wave_id FROM delivery")).scalars().all() == [7, 7]
        if opened.is_sqlite:
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    with closing(store.open(url)) as opened, pytest.raises(IntegrityError), opened.writing() as connection:
        connection.execute(text("DELETE FROM wave WHERE id = 7"))


BEFORE_HOURS = (
    "INSERT INTO edition (digest, issue, subject, content, created_at) VALUES ('d', 'i', 's', '00', '2026-01-01')",
    """INSERT INTO mailing (id, list_id, local_date, kind, issue, edition_digest, status, not_later_than, excluded, created_at)
    VALUES (1, 1, '2026-01-01', 'issue', 'i', 'd', 'sending', '2026-01-01', '{}', '2026-01-01')""",
    "INSERT INTO wave (id, mailing_id, zone, due_at, edition_digest, frozen_to) VALUES (7, 1, '', '2026-01-01', 'd', 3)",
    "INSERT INTO wave (id, mailing_id, zone, due_at, edition_digest) VALUES (8, 1, 'Asia/Tokyo', '2026-01-01', 'd')",
    """INSERT INTO chunk (id, wave_id, status, worker, created_at, lease_until)
    VALUES (1, 7, 'closed', 'w', '2026-01-01', '2026-01-01')""",
    "INSERT INTO delivery (mailing_id, wave_id, subscriber_id, status, changed_at) VALUES (1, 7, 1, 'pending', '2026-01-01')",
    "INSERT INTO delivery (mailing_id, wave_id, subscriber_id, status, changed_at) VALUES (1, 7, 2, 'pending', '2026-01-01')",
)


def test_a_migration_that_fails_changes_nothing(url):
    old_form(url, "0001")
    engine = create_engine(urls.parse(url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE event (id INTEGER)"))  # in the way of 0003, after 0002 has done its work
    with closing(store.open(url, any_form=True)) as opened:
        with pytest.raises(Exception, match="event"):
            schema.upgrade(opened)
        with opened.reading() as connection:
            assert schema.version_of(connection) == "0001"
            assert not inspect(connection).has_table("approval")
    engine.dispose()


def test_processes_at_work_are_seen_before_an_upgrade(url):
    with closing(store.open(url)) as working, closing(store.open(url)) as looking:
        with working.writing() as connection:
            at_work = "newsletter elsewhere/7"
            if working.is_sqlite:
                connection.execute(text("PRAGMA defer_foreign_keys = ON"))
                row = "INSERT INTO chunk (id, wave_id, status, worker, created_at, lease_until)"
                connection.execute(text(f"{row} VALUES (1, 1, 'open', '{at_work}', '2026-01-01', '2026-01-01')"))
                assert schema.at_work(connection) == [at_work]
                connection.execute(text("DELETE FROM chunk"))
            else:
                connection.execute(text(f"SET application_name = '{at_work}'"))
                with looking.reading() as other:
                    assert schema.at_work(other) == [at_work]
        with looking.reading() as other:
            assert schema.at_work(other) == ([] if working.is_sqlite else [at_work])


def test_a_database_that_cannot_hold_every_letter_is_refused(postgresql):
    postgresql.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with pytest.raises(InputError, match=r"LATIN1.*UTF8"):
            store.open(postgresql.url_of("latin"))
    finally:
        postgresql.execute("DROP DATABASE latin WITH (FORCE)")


def test_readers_and_what_they_said_are_kept_as_evidence_when_the_audience_gets_its_tables(url):
    old_form(url, "0010")
    engine = create_engine(urls.parse(url))
    with engine.begin() as connection:
        for row in BEFORE_EVIDENCE:
            connection.execute(text(row))
    engine.dispose()
    with closing(store.open(url, any_form=True)) as opened:
        schema.upgrade(opened)
    with closing(store.open(url)) as opened, opened.reading() as connection:
        kept = connection.execute(text("SELECT id, address, zone FROM subscriber ORDER BY id"))
        assert kept.all() == [(3, "ann@example.org", None), (8, "bob@example.org", "Asia/Tokyo")]
        steps = connection.execute(
            text(
                "SELECT c.subscription_id, c.what, c.how, w.text, w.source, c.network, c.at = s.consent_at FROM consent c"
                " JOIN subscription s ON s.id = c.subscription_id JOIN wording w ON w.id = c.wording_id ORDER BY c.id"
            )
        )
        assert steps.all() == [
            (1, "imported", "import", "said yes", "readers.csv", "", True),
            (2, "imported", "import", "said yes", "readers.csv", "", True),
            (3, "added", "command", "by mail", "added by hand", "", True),
            (4, "imported", "import", "", "other.csv", "", True),
        ]
        assert connection.execute(text("SELECT id, kind, detail FROM notice")).all() == [(5, "test", None)]
        if opened.is_sqlite:
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    with closing(store.open(url)) as opened:
        told = opened.write(lambda connection: steps_of(connection, [1, 3]))
        assert [(step.what, step.source, step.at.year) for steps in told.values() for step in steps] == [
            ("imported", "readers.csv", 2026),
            ("added", "added by hand", 2025),
        ]
        # The same words, said again, are the same row.
        opened.write(lambda connection: wording_of(connection, text="said yes", source="readers.csv"))
        with opened.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM wording")).scalar_one() == 3
        with pytest.raises(IntegrityError), opened.writing() as connection:
            connection.execute(text("DELETE FROM subscriber WHERE id = 8"))


BEFORE_EVIDENCE = (
    """INSERT INTO subscriber (id, address, address_key, domain, zone, created_at) VALUES
    (3, 'ann@example.org', 'ann@example.org', 'example.org', NULL, '2026-01-01'),
    (8, 'bob@example.org', 'bob@example.org', 'example.org', 'Asia/Tokyo', '2026-01-01')""",
    "INSERT INTO list (id, name, title, created_at) VALUES (9, 'weekly', 'Weekly', '2026-01-01')",
    """INSERT INTO subscription (id, list_id, subscriber_id, status, consent_text, consent_source, consent_at, changed_at)
    VALUES (1, 1, 3, 'subscribed', 'said yes', 'readers.csv', '2026-01-01', '2026-01-01'),
    (2, 1, 8, 'unsubscribed', 'said yes', 'readers.csv', '2026-01-01', '2026-01-01'),
    (3, 9, 3, 'subscribed', 'by mail', 'added by hand', '2025-12-01', '2026-01-01'),
    (4, 9, 8, 'unconfirmed', '', 'other.csv', '2025-11-01', '2026-01-01')""",
    """INSERT INTO notice (id, kind, address, address_key, status, created_at, changed_at)
    VALUES (5, 'test', 'ann@example.org', 'ann@example.org', 'accepted', '2026-01-01', '2026-01-01')""",
)
