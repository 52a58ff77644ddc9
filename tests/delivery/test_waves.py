from contextlib import nullcontext
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter import reports
from newsletter.clock import system_clock
from newsletter.delivery import release
from newsletter.delivery.connections import Connections
from newsletter.publishing import mailings
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus


@pytest.fixture
def zones(newsroom):
    """ann and bob in Auckland, cyd in New York, dan nowhere in particular."""
    newsroom.subscribe("ann", "bob", "cyd", "dan")
    with newsroom.store.writing() as connection:
        for name, zone in (("ann", "Pacific/Auckland"), ("bob", "Pacific/Auckland"), ("cyd", "America/New_York")):
            who = tables.subscriber.c.address == f"{name}@readers.example"
            connection.execute(update(tables.subscriber).where(who).values(zone=zone))


@pytest.fixture
def mailing(newsroom, zones):  # noqa: ARG001 - the readers must be there
    """Auckland's wave is due now, everyone else's in two seconds."""
    made = newsroom.mailing()
    with newsroom.store.writing() as connection:
        row = connection.execute(select(tables.wave)).one()
        wave = {"mailing_id": made.id, "edition_digest": row.edition_digest}
        connection.execute(
            insert(tables.wave).values(zone="Pacific/Auckland", due_at=system_clock() - timedelta(seconds=1), **wave)
        )
        later = system_clock() + timedelta(seconds=2)
        connection.execute(update(tables.wave).where(tables.wave.c.zone == "").values(due_at=later))
    return made


def test_a_wave_takes_its_zone_and_the_one_without_takes_everyone_else(newsroom, mailing):
    first = release(newsroom.store, mailing, clock=system_clock)
    assert (first.selected, first.prepared) == (2, 2)
    assert newsroom.statuses(mailing) == {"ann": "pending", "bob": "pending"}
    both = release(newsroom.store, mailing, clock=lambda: system_clock() + timedelta(seconds=5))
    assert (both.selected, both.prepared) == (4, 4)
    assert set(newsroom.statuses(mailing)) == {"ann", "bob", "cyd", "dan"}


def test_who_moves_between_two_waves_is_not_taken_twice(newsroom, mailing):
    release(newsroom.store, mailing, clock=system_clock)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.subscriber).values(zone=None))
    both = release(newsroom.store, mailing, clock=lambda: system_clock() + timedelta(seconds=5))
    assert (both.selected, both.prepared) == (4, 4)


def test_a_worker_sends_each_wave_at_its_hour_and_finishes_after_the_last(newsroom, server, mailing):
    newsroom.worker(mailing, server).run()
    order = [address.partition("@")[0] for address, _ in server.received]
    assert set(order[:2]) == {"ann", "bob"}
    assert set(order[2:]) == {"cyd", "dan"}
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.FINISHED
    report = reports.of(newsroom.store, mailing.id)
    assert report.finished
    assert [(wave.zone, wave.released_at is not None) for wave in report.waves] == [
        ("Pacific/Auckland", True),
        ("", True),
    ]


def test_between_two_waves_the_report_says_what_it_waits_for(newsroom, mailing):
    release(newsroom.store, mailing, clock=system_clock)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).values(status="accepted"))
    text = reports.as_text(reports.of(newsroom.store, mailing.id))
    assert "Waiting for the wave of" in text
    assert "Pacific/Auckland: released" in text
    assert "everyone else: to come" in text


def test_nothing_is_frozen_of_a_mailing_that_is_cancelled(newsroom, mailing):
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(status="cancelled"))
    assert release(newsroom.store, mailing, clock=system_clock).selected == 0


class Hours:
    """A clock on the wall, and one that nobody sets."""

    def __init__(self, wall):
        self.wall, self.steady = wall, 0.0

    def __call__(self):
        return self.wall

    def go_on(self, length):
        self.wall += length
        self.steady += length.total_seconds()


def looked(worker, connections, hours, length):
    """The worker looks every minute for so long."""
    while length > timedelta(0):
        hours.go_on(timedelta(minutes=1))
        length -= timedelta(minutes=1)
        worker.run_once(connections)


def test_a_wave_is_not_late_by_as_much_as_a_wrong_clock_was_set_right(newsroom, server, mailing):
    due = system_clock() + timedelta(hours=3)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.wave).where(tables.wave.c.zone == "").values(due_at=due))
        connection.execute(update(tables.mailing).values(not_later_than=due + timedelta(hours=6)))
    hours = Hours(system_clock())
    sender = newsroom.sender(server)
    worker = newsroom.worker(mailing, server, clock=hours, steady=lambda: hours.steady)
    connections = Connections.of(sender, hours, nullcontext())
    try:
        looked(worker, connections, hours, timedelta(minutes=2))
        hours.wall += timedelta(hours=2, minutes=57)
        looked(worker, connections, hours, timedelta(minutes=4))
        assert hours.wall > due
        assert set(newsroom.statuses(mailing)) == {"ann", "bob"}, "it may have jumped, and nothing is sent early"
        looked(worker, connections, hours, timedelta(minutes=3))
        assert set(newsroom.statuses(mailing)) == {"ann", "bob", "cyd", "dan"}
    finally:
        connections.close()
