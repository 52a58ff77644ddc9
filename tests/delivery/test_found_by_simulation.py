"""What `scripts/simulate` found, each as small as it gets. The changelog names the seeds."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter.clock import system_clock
from newsletter.delivery import chunks, control, ledger, release
from newsletter.delivery.standing import standing_of
from newsletter.store import tables

LEASE = timedelta(seconds=60)


@pytest.fixture
def claim(newsroom):
    """Claims what there is of a mailing; whom."""

    def claim(mailing):
        with newsroom.store.writing() as connection:
            of_it = select(tables.wave.c.id).where(tables.wave.c.mailing_id == mailing.id)
            place, now = connection.execute(of_it).scalar_one(), system_clock()
            held = chunks.take(connection, place, worker="w", now=now, lease=LEASE)
            return [one.address.partition("@")[0] for one in ledger.claim(connection, mailing.id, held, 10, now=now)]

    return claim


def become(newsroom, mailing, status):
    with newsroom.store.writing() as connection:
        of_it = tables.delivery.c.mailing_id == mailing.id
        connection.execute(update(tables.delivery).where(of_it).values(status=status))


def test_a_mailing_whose_unknown_is_sent_again_by_itself_ends_when_its_time_is_over(newsroom):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    become(newsroom, mailing, "unknown")
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(resend_after=600))
    over = mailing.not_later_than
    assert standing_of(newsroom.store, mailing.id, now=over - timedelta(seconds=1)).open
    assert not standing_of(newsroom.store, mailing.id, now=over + timedelta(seconds=1)).open


def test_who_has_got_the_issue_from_another_list_meanwhile_does_not_get_it_by_a_retry(newsroom, claim):
    newsroom.subscribe("ann", "bob")
    newsroom.subscribe("ann", list_name="weekly")
    first = newsroom.released()
    become(newsroom, first, "expired")
    second = newsroom.mailing(list_name="weekly")
    release(newsroom.store, second, clock=system_clock)
    become(newsroom, second, "accepted")
    control.retry(newsroom.store, first.id, actor="ada", now=system_clock())
    assert claim(first) == ["bob"]
    assert newsroom.statuses(first) == {"ann": "withdrawn", "bob": "sending"}


def test_who_comes_back_to_a_list_after_another_took_their_place_gets_the_issue_once(newsroom, claim):
    newsroom.subscribe("ann")
    newsroom.subscribe("ann", list_name="weekly")
    first = newsroom.released()
    of_first = tables.subscription.c.list_id == first.list_id
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.subscription).where(of_first).values(status="unsubscribed"))
    second = newsroom.mailing(list_name="weekly")
    release(newsroom.store, second, clock=system_clock)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.subscription).where(of_first).values(status="subscribed"))
    assert claim(second) == ["ann"]
    assert claim(first) == []
    assert newsroom.statuses(first) == {"ann": "withdrawn"}


def test_a_wave_that_becomes_too_late_while_its_process_stands_still_does_not_begin(newsroom):
    newsroom.subscribe("ann")
    mailing = newsroom.mailing()
    limit = system_clock() + timedelta(hours=1)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.wave).values(not_later_than=limit))
    hours = iter([limit - timedelta(minutes=1)])
    release(newsroom.store, mailing, clock=lambda: next(hours, limit + timedelta(hours=5)))
    assert newsroom.statuses(mailing) == {}
    release(newsroom.store, mailing, clock=lambda: limit)
    assert newsroom.statuses(mailing) == {"ann": "pending"}
