"""What only PostgreSQL does: users, connections, and a server that goes away."""

import os
import threading
import time
import traceback
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from newsletter import store
from newsletter.errors import InputError
from newsletter.rehearsal.postgresql import cluster

ROW = "INSERT INTO list (name, title, created_at) VALUES ('{}', 'A', '2026-01-01')"


@pytest.fixture
def url(postgresql):
    made = postgresql.new()
    yield made
    postgresql.drop(made)


@pytest.fixture
def opened(url):
    with closing(store.open(url, busy_seconds=0.2)) as opened:
        yield opened


@pytest.fixture
def own_server(postgresql):  # noqa: ARG001 - skips where there is no PostgreSQL
    """A server that a test may stop."""
    with cluster() as server:
        yield server


def _with(url, **changes):
    return make_url(url).set(**changes).render_as_string(hide_password=False)


def _refused(url):
    with pytest.raises(InputError) as caught:
        store.open(url)
    assert "geheim" not in str(caught.value)
    return str(caught.value)


def test_the_connection_says_who_it_is_and_gives_up_in_time(opened):
    with opened.reading() as connection:
        shown = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("application_name", "statement_timeout", "lock_timeout", "TimeZone", "synchronous_commit")
        }
        isolation = connection.execute(text("SHOW transaction_isolation")).scalar_one()
        idle = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert shown["application_name"].startswith("newsletter ")
    assert shown["application_name"].endswith(f"/{os.getpid()}")
    assert (shown["statement_timeout"], shown["lock_timeout"], shown["TimeZone"]) == ("5min", "200ms", "UTC")
    assert shown["synchronous_commit"] == "on"
    assert (isolation, idle) == ("repeatable read", "1min")
    with opened.writing() as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"


def test_what_the_url_says_goes_before(url):
    with (
        closing(store.open(f"{url}?application_name=mine&options=-c%20statement_timeout%3D7s")) as opened,
        opened.reading() as connection,
    ):
        assert connection.execute(text("SHOW application_name")).scalar_one() == "mine"
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "7s"
        assert connection.execute(text("SHOW TimeZone")).scalar_one() == "UTC"


def test_both_ways_of_writing_the_url_work_and_its_password_is_not_shown(url):
    secret = _with(url, drivername="postgres", password="geheim")
    with closing(store.open(secret)) as opened:
        assert opened.place == url
        assert "geheim" not in repr(opened)
    with closing(store.open(f"{_with(url, drivername='postgresql+psycopg')}?password=geheim")) as opened:
        assert "geheim" not in repr(opened)


def test_of_several_servers_the_one_that_can_be_written_is_taken(url):
    one = make_url(url)
    hosts = f"host=127.0.0.1:1&host=127.0.0.1:{one.port}&target_session_attrs=read-write"
    with closing(store.open(f"postgresql://postgres@/{one.database}?{hosts}")) as opened:
        with opened.writing() as connection:
            connection.execute(text(ROW.format("a")))
        assert opened.place.startswith("postgresql://postgres@")


def test_a_missing_database_user_server_host_or_option_is_one_clear_error(url):
    assert "no such database" in _refused(_with(url, database="nowhere", password="geheim"))
    assert "does not know this user" in _refused(_with(url, username="nobody_here", password="geheim"))
    assert "cannot be reached" in _refused(_with(url, port=1, password="geheim"))
    assert "option" in _refused(f"{_with(url, password='geheim')}?colour=red")
    assert "encrypted" in _refused(f"{_with(url, password='geheim')}?sslmode=require")


def test_a_wrong_password_and_a_closed_door_are_one_clear_error(own_server):
    hba = own_server.log.parent / "data" / "pg_hba.conf"
    hba.write_text(
        "host all locked 127.0.0.1/32 scram-sha-256\nhost all shut 127.0.0.1/32 reject\n"
        + hba.read_text(encoding="ascii"),
        encoding="ascii",
    )
    with closing(store.open(own_server.url)) as opened, opened.writing() as connection:
        connection.execute(text("CREATE ROLE locked LOGIN PASSWORD 'richtig'"))
        connection.execute(text("CREATE ROLE shut LOGIN"))
        connection.execute(text("CREATE ROLE full_up LOGIN CONNECTION LIMIT 0"))
        connection.execute(text("CREATE ROLE poor LOGIN"))
    own_server.stop()
    own_server.start()
    locked = _with(own_server.url, username="locked")
    assert "does not accept this user and password" in _refused(_with(locked, password="geheim"))
    assert "does not accept this user and password" in _refused(locked)
    assert "let this user in from this machine" in _refused(_with(own_server.url, username="shut"))
    assert "no connection left" in _refused(_with(own_server.url, username="full_up"))
    assert "lacks a right" in _refused(_with(own_server.url, username="poor"))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("53100", "disk of the database server is full"),
        ("53200", "no memory left"),
        ("25006", "can only be read"),
        ("40001", "collided"),
        ("40P01", "collided"),
        ("57014", "too long"),
        ("58030", "cannot read or write its files"),
        ("57P01", "cannot be reached, or has gone away"),
        ("08006", "cannot be reached, or has gone away"),
    ],
)
def test_what_the_server_says_of_its_state_is_told_in_words(opened, state, said):
    with pytest.raises(InputError, match=said), opened.writing() as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'nein' USING ERRCODE = '{state}'; END $$"))


def test_a_fault_of_our_own_statement_stays_one(opened):
    with pytest.raises(DBAPIError), opened.writing() as connection:
        connection.execute(text("SELECT no_such_column FROM list"))
    with pytest.raises(DBAPIError, match="read-only"), opened.reading() as connection:
        connection.execute(text(ROW.format("a")))


def test_no_error_shows_what_rows_hold(opened):
    row = text(
        "INSERT INTO suppression (address_key, reason, at) VALUES ('ann@reader.example', 'bounce', '2026-01-01')"
    )
    with opened.writing() as connection:
        connection.execute(row)
    with pytest.raises(IntegrityError) as caught, opened.writing() as connection:
        connection.execute(row)
    shown = "".join(traceback.format_exception(caught.value))
    assert "uq_suppression_address_key_reason" in shown
    assert "DETAIL" not in shown
    assert "(ann@reader.example" not in shown


def test_a_server_that_may_only_be_read_is_one_clear_error(postgresql, url, opened):
    postgresql.execute(f'ALTER DATABASE "{url.rpartition("/")[2]}" SET default_transaction_read_only = on')
    opened.close()
    with pytest.raises(InputError, match="standby"), opened.writing() as connection:
        connection.execute(text(ROW.format("a")))
    with opened.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM list")).scalar_one() == 0


def test_a_lock_that_another_holds_is_waited_for_only_so_long(opened):
    with opened.writing() as connection:
        connection.execute(text("LOCK TABLE list"))
        with pytest.raises(InputError, match="in use by another process"), opened.writing() as other:
            other.execute(text(ROW.format("a")))


def test_two_that_lock_each_other_out_both_succeed_in_the_end(opened):
    with opened.writing() as connection:
        connection.execute(text(ROW.format("a")))
        connection.execute(text(ROW.format("b")))
    first_locks = threading.Barrier(2)
    tries = {"ab": 0, "ba": 0}

    def change(order):
        def step(connection):
            tries[order] += 1
            # The lock's own limit must not be faster than the detector.
            connection.execute(text("SET LOCAL lock_timeout = '30s'"))
            connection.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            for number, name in enumerate(order):
                longer = text("UPDATE list SET title = title || :order WHERE name = :name")
                connection.execute(longer, {"order": order, "name": name})
                if number == 0 and tries[order] == 1:
                    first_locks.wait(30)

        opened.write(step)

    threads = [threading.Thread(target=change, args=(order,)) for order in tries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tries.values()) == [1, 2]
    with opened.reading() as connection:
        titles = connection.execute(text("SELECT title FROM list")).scalars().all()
    assert all(sorted((title[1:3], title[3:])) == ["ab", "ba"] for title in titles)


def test_more_threads_than_connections_wait_and_then_say_so(opened):
    release, holding = threading.Event(), threading.Semaphore(0)

    def hold():
        with opened.reading() as connection:
            connection.execute(text("SELECT 1"))
            holding.release()
            release.wait(60)

    threads = [threading.Thread(target=hold) for _ in range(20)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            assert holding.acquire(timeout=60)
        with pytest.raises(InputError, match="all connections of this process"), opened.reading():
            pass
    finally:
        release.set()
        for thread in threads:
            thread.join()


def test_a_server_that_crashes_and_comes_back_is_found_again_with_all_that_was_committed(own_server):
    with closing(store.open(own_server.url)) as opened:
        with opened.writing() as connection:
            connection.execute(text(ROW.format("before")))
        cut_off = pytest.raises(InputError, match="cannot be reached, or has gone away")
        with cut_off, opened.writing() as connection:
            connection.execute(text(ROW.format("half")))
            own_server.stop(kill=True)
            connection.execute(text(ROW.format("never")))
        with pytest.raises(InputError, match="cannot be reached"), opened.reading():
            pass
        own_server.start()
        with opened.writing() as connection:
            connection.execute(text(ROW.format("after")))
        with opened.reading() as connection:
            names = connection.execute(text("SELECT name FROM list ORDER BY id")).scalars().all()
        assert names == ["before", "after"]


def test_a_server_lost_at_the_commit_is_told_as_what_it_is(own_server):
    with closing(store.open(own_server.url)) as opened:
        maybe = pytest.raises(InputError, match="it may have been kept")
        with maybe, opened.writing() as connection:
            connection.execute(text(ROW.format("who knows")))
            own_server.stop(kill=True)


def test_a_server_that_starts_up_is_said_to_be_not_ready_or_away(own_server):
    own_server.stop(kill=True)
    refused = []

    def ask():
        while True:
            try:
                store.open(own_server.url).close()
            except InputError as error:
                refused.append(str(error))
            else:
                return

    asking = threading.Thread(target=ask)
    asking.start()
    while not refused:
        time.sleep(0.01)
    own_server.start()
    asking.join(60)
    assert not asking.is_alive()
    assert all("cannot be reached" in one or "not ready" in one for one in refused)


def test_those_who_say_so_go_on_beside_each_other_and_never_beside_one_who_is_alone(opened):
    with (
        opened.writing(alone=True, beside_alike=True) as one,
        opened.writing(alone=True, beside_alike=True) as other,
    ):
        one.execute(text(ROW.format("one")))
        other.execute(text(ROW.format("other")))
        with pytest.raises(InputError, match="in use"), opened.writing(alone=True):
            pass
    with (
        opened.writing(alone=True),
        pytest.raises(InputError, match="in use"),
        opened.writing(alone=True, beside_alike=True),
    ):
        pass
    with opened.reading() as connection:
        assert connection.execute(text("SELECT name FROM list ORDER BY id")).scalars().all() == ["one", "other"]
