import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter import store
from newsletter.store import backup, lineage
from newsletter.store.lineage import Lineage, Origin, judge

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HERE, THERE = "here", "there"


def origin(found, known=(), *, place=HERE, used=True):
    return judge(found, place=place, known=dict(known), used=used).origin


def row(era=5, place=HERE, **more):
    return Lineage(identity="us", era=era, place=place, **more)


@pytest.mark.parametrize(
    ("found", "known", "is_a"),
    [
        (row(), {}, Origin.OURS),
        (row(), {"us": 5}, Origin.OURS),
        (row(), {"us": 3}, Origin.OURS),
        (row(), {"us": 6}, Origin.RESTORED),
        (row(), {"others": 9}, Origin.OURS),
        (None, {"us": 5}, Origin.RESTORED),
        (None, {}, Origin.RESTORED),
        (row(place=THERE), {"us": 5}, Origin.MOVED),
        (row(place=THERE), {"us": 6}, Origin.RESTORED),
        (row(place=THERE), {}, Origin.RESTORED),
        (row(place=None, era=0), {}, Origin.NEW),
        (row(place=None, era=0), {"others": 9}, Origin.RESTORED),
    ],
)
def test_what_a_database_is(found, known, is_a):
    judged = judge(found, place=HERE, known=known, used=True)
    assert (judged.origin, bool(judged.why)) == (is_a, is_a in {Origin.RESTORED, Origin.MOVED})


def test_a_new_database_in_a_newsroom_that_had_another_is_new():
    assert origin(row(place=None, era=0), {"others": 9}, used=False) is Origin.NEW


@given(st.integers(0, 99), st.integers(0, 99), st.sampled_from([HERE, THERE]))
def test_who_is_behind_the_marker_is_always_noticed_and_who_is_not_never_for_that(era, seen, place):
    is_a = origin(row(era=era, place=place), {"us": seen})
    assert (is_a is Origin.RESTORED) == (era < seen)


def judged_of(opened, known):
    with opened.reading() as connection:
        return lineage.look(opened, connection, known)


def settled(opened):
    """The database in use: its place is known, its era has risen."""
    with opened.writing() as connection:
        lineage.settle_in(connection, lineage.place_of(opened, connection))
        return dict([lineage.rise(connection, now=NOON)])


def test_a_database_that_is_used_stays_where_it_is_and_rises(database):
    assert judged_of(database, {}).origin is Origin.NEW
    known = settled(database)
    assert judged_of(database, known).origin is Origin.OURS
    assert set(known.values()) == {1}
    assert set(settled(database).values()) == {2}


def put_back(made, opened, tmp_path, request):
    if opened.is_sqlite:
        return store.open(store.sqlite_url(shutil.copy(made, tmp_path / "put-back.db")))
    databases = request.getfixturevalue("postgresql")
    url = databases.empty()
    request.addfinalizer(lambda: databases.drop(url))
    command = ["pg_restore", "--exit-on-error", "--no-owner", "--single-transaction", f"--dbname={url}", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return store.open(url)


def test_our_own_backup_is_known_for_one_on_any_machine(database, tmp_path, request):
    known = settled(database)
    made = backup.make(database, tmp_path, now=NOON)
    with closing(put_back(made.file, database, tmp_path, request)) as again:
        assert judged_of(again, known).lineage is None
        assert judged_of(again, {}).origin is Origin.RESTORED
    assert judged_of(database, known).origin is Origin.OURS


def copied_otherwise(opened, tmp_path, request):
    """A copy as others make it: of the file, or with pg_dump as it is."""
    if opened.is_sqlite:
        with opened.writing() as connection:
            connection.exec_driver_sql("SELECT 1")
        opened.close()
        return put_back(Path(opened.place), opened, tmp_path, request)
    file = tmp_path / "dump"
    url = opened.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([backup._program("pg_dump"), "-Fc", f"--file={file}", "-d", url], check=True, capture_output=True)
    return put_back(file, opened, tmp_path, request)


def test_a_copy_that_others_made_is_known_by_its_place_and_the_marker(database, tmp_path, request):
    known = settled(database)
    with closing(copied_otherwise(database, tmp_path, request)) as again:
        assert judged_of(again, {}).origin is Origin.RESTORED  # a machine that never saw it
        assert judged_of(again, known).origin is Origin.MOVED  # nothing is missing
        assert judged_of(again, {name: era + 1 for name, era in known.items()}).origin is Origin.RESTORED


def test_a_file_that_is_moved_is_in_its_place(tmp_path):
    with closing(store.open(store.sqlite_url(tmp_path / "a.db"))) as opened:
        known = settled(opened)
    (tmp_path / "a.db").rename(tmp_path / "b.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "b.db")
    for name in ("b.db", "link.db"):
        with closing(store.open(store.sqlite_url(tmp_path / name))) as opened:
            assert judged_of(opened, known).origin is Origin.OURS
