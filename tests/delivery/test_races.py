"""Two who write at the same moment: the one is stopped at a named statement, with its transaction open, for the other."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import event, select, text, update

from newsletter import reports
from newsletter.clock import system_clock
from newsletter.delivery import batches, chunks, control, ledger, release
from newsletter.publishing import mailings
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, MailingStatus

LEASE = timedelta(seconds=60)

# SQLite has one writer at a time.
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def blocked(newsroom):
    """Whether somebody waits for a row."""

    def blocked():
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with newsroom.store.reading() as connection:
            return connection.execute(waiting).scalar_one() > 0

    return blocked


@pytest.fixture
def other(blocked):
    """Starts another in a thread; goes on once that one waits for us, or is through."""
    threads, faults = [], []

    def start(step):
        def run():
            try:
                step()
            except Exception as fault:  # noqa: BLE001 - raised below, in the test's own thread
                faults.append(fault)

        thread = threading.Thread(target=run)
        threads.append(thread)
        thread.start()
        give_up = time.monotonic() + 10
        while thread.is_alive() and not blocked():
            assert time.monotonic() < give_up, "neither waits nor ends"
            thread.join(0.005)
        return thread

    yield start
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert faults == []


@pytest.fixture
def at(newsroom):
    """Has a step done before, or after, the first statement that begins so."""
    listening = []

    def at(moment, beginning, step):
        done = []

        def look(_connection, _cursor, statement, *_):
            if statement.startswith(beginning) and not done:
                done.append(statement)
                step()

        name = f"{moment}_cursor_execute"
        event.listen(newsroom.store.engine, name, look)
        listening.append((name, look))
        return done

    yield at
    for name, look in listening:
        event.remove(newsroom.store.engine, name, look)


def set_status(newsroom, subscriber_id, status):
    with newsroom.store.writing() as connection:
        theirs = tables.subscription.c.subscriber_id == subscriber_id
        connection.execute(update(tables.subscription).where(theirs).values(status=status))


def wave_of(connection, mailing):
    return connection.execute(select(tables.wave.c.id).where(tables.wave.c.mailing_id == mailing.id)).scalar_one()


def test_two_lists_that_are_frozen_at_the_same_moment_have_nobody_in_both(newsroom, at, other):
    newsroom.subscribe("ann", "bob")
    newsroom.subscribe("bob", "cyd", list_name="weekly")
    daily, weekly = newsroom.mailing(), newsroom.mailing(list_name="weekly")
    done = at(
        "after",
        "INSERT INTO delivery",
        lambda: threads.append(other(lambda: release(newsroom.store, weekly, clock=system_clock))),
    )
    threads = []
    release(newsroom.store, daily, clock=system_clock)
    assert done
    threads[0].join(10)
    assert newsroom.statuses(daily) == {"ann": "pending", "bob": "pending"}
    assert newsroom.statuses(weekly) == {"cyd": "pending"}
    assert reports.of(newsroom.store, weekly.id).balanced


def test_who_leaves_or_comes_back_during_a_freeze_is_counted_once(newsroom, at):
    ann, bob, _, dan, eve = newsroom.subscribe("ann", "bob", "cyd", "dan", "eve")
    set_status(newsroom, dan, "unsubscribed")
    mailing = newsroom.mailing()

    def before():
        set_status(newsroom, ann, "unsubscribed")
        set_status(newsroom, eve, "unsubscribed")
        set_status(newsroom, dan, "subscribed")

    done = at("before", "INSERT INTO delivery", before)
    done_after = at("after", "INSERT INTO delivery", lambda: set_status(newsroom, bob, "unsubscribed"))
    release(newsroom.store, mailing, clock=system_clock)
    assert done
    assert done_after
    report = reports.of(newsroom.store, mailing.id)
    assert (report.selected, report.prepared, sum(report.excluded.values())) == (5, 3, 2)
    assert newsroom.statuses(mailing) == dict.fromkeys(("bob", "cyd", "dan"), "pending")
    assert report.balanced


def again_by_retry(newsroom, mailing):
    control.retry(newsroom.store, mailing.id, actor="ada", now=system_clock())


def again_by_resolve(newsroom, mailing):
    later = system_clock() + timedelta(minutes=6)
    control.resolve(newsroom.store, mailing.id, "pending", deliveries=None, actor="ada", now=later)


@pytest.mark.parametrize(("status", "again"), [("expired", again_by_retry), ("unknown", again_by_resolve)])
def test_what_a_person_has_tried_again_does_not_end_up_in_a_finished_mailing(newsroom, at, other, status, again):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).values(status=status, changed_at=system_clock()))
    ended = []

    def finish():
        with newsroom.store.writing() as connection:
            ended.append(ledger.finish(connection, mailing.id, now=system_clock()))

    threads = []
    at("after", "UPDATE mailing", lambda: threads.append(other(finish)))
    again(newsroom, mailing)
    threads[0].join(10)
    assert ended == [False]
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.SENDING
    assert newsroom.statuses(mailing) == {"ann": "pending"}


def test_what_was_claimed_while_the_lease_was_ended_is_not_left_in_the_air(newsroom, other):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    now = system_clock()
    with newsroom.store.writing() as connection:
        place = wave_of(connection, mailing)
        held = chunks.take(connection, place, worker="elsewhere/1/1/x", now=now - 2 * LEASE, lease=LEASE)

    def lapse():
        with newsroom.store.writing() as connection:
            lost.append(chunks.lapse(connection, mailing.id, now=now))

    lost = []
    with newsroom.store.writing() as connection:
        (claimed,) = ledger.claim(connection, mailing.id, held, 10, now=now)
        thread = other(lapse)
    # Committed; and its worker is killed before it calls.
    thread.join(10)
    assert claimed.fence == 1
    assert lost == [1]
    assert newsroom.statuses(mailing) == {"ann": "unknown"}


def test_a_cancellation_goes_on_where_workers_have_claimed_some_of_a_batch(newsroom, other):
    (ann,) = newsroom.subscribe("ann")
    mailing = newsroom.released()
    many = batches.ROWS + 10
    with newsroom.store.writing() as connection:
        place = wave_of(connection, mailing)
        # Of the many nobody is claimed: they need no subscription.
        connection.execute(
            text(
                "INSERT INTO subscriber (address, address_key, domain, name, created_at)"
                " SELECT 'r' || n, 'r' || n, '', '', now() FROM generate_series(1, :many) AS n"
            ),
            {"many": many},
        )
        connection.execute(
            text(
                "INSERT INTO delivery (mailing_id, wave_id, subscriber_id, status, changed_at)"
                " SELECT :mailing, :wave, id, 'pending', created_at FROM subscriber WHERE id <> :ann"
            ),
            {"mailing": mailing.id, "wave": place, "ann": ann},
        )
    withdrawn = []

    def cancel():
        withdrawn.append(control.cancel(newsroom.store, mailing.id, actor="ada", now=system_clock()))

    with newsroom.store.writing() as connection:
        held = chunks.take(connection, place, worker="elsewhere/1/1/x", now=system_clock(), lease=LEASE)
        assert len(ledger.claim(connection, mailing.id, held, 1, now=system_clock())) == 1
        thread = other(cancel)
    thread.join(20)
    assert withdrawn == [many]
    with newsroom.store.reading() as connection:
        counts = ledger.counts(connection, mailing.id)
    assert (counts[DeliveryStatus.PENDING], counts[DeliveryStatus.SENDING]) == (0, 1)
