"""The canary: a few go ahead, and the others wait until it is known how these fared."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from newsletter import alerts
from newsletter.clock import system_clock
from newsletter.delivery import canary, control, release
from newsletter.delivery.release import due
from newsletter.publishing import mailings
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus

READERS = 400


class Morning:
    """A mailing to 400 with a canary of a tenth, and a clock that tests set."""

    def __init__(self, newsroom):
        newsroom.subscribe(*(f"r{number:03}" for number in range(READERS)))
        self.store = newsroom.store
        self.mailing = newsroom.mailing(hours=6)
        self.now = system_clock()
        with self.store.writing() as connection:
            connection.execute(delete(tables.wave))
            connection.execute(update(tables.mailing).values(canary=1_000))
            row = {"mailing_id": self.mailing.id, "edition_digest": self.mailing.edition_digest}
            few = {**row, "canary": True, "due_at": self.now}
            rest = {**row, "canary": False, "due_at": self.now + timedelta(minutes=5)}
            connection.execute(insert(tables.wave), [few, rest])

    def step(self):
        """What a worker does at its sweep."""
        canary.judge(self.store, self.mailing.id, now=self.now)
        release(self.store, self.mailing, clock=lambda: self.now)

    def settle(self, status, number=READERS):
        """So many of the pending ones get this end."""
        with self.store.writing() as connection:
            pending = select(tables.delivery.c.id).where(tables.delivery.c.status == "pending").limit(number)
            values = {"status": status}
            which = tables.delivery.c.id.in_(pending)
            return connection.execute(update(tables.delivery).where(which).values(values)).rowcount

    @property
    def frozen(self):
        with self.store.reading() as connection:
            return len(connection.execute(select(tables.delivery.c.id)).all())

    @property
    def rest_due(self):
        with self.store.reading() as connection:
            rest = select(tables.wave.c.due_at).where(~tables.wave.c.canary)
            return connection.execute(rest).scalar_one()

    @property
    def status(self):
        return mailings.get(self.store, self.mailing.id).status


@pytest.fixture
def morning(newsroom):
    return Morning(newsroom)


def test_all_others_follow_five_minutes_after_a_canary_that_is_well(morning):
    morning.step()
    few = morning.frozen
    assert 20 <= few <= 60
    morning.settle("accepted")
    morning.now += timedelta(minutes=4, seconds=59)
    morning.step()
    assert morning.frozen == few
    morning.now += timedelta(seconds=1)
    morning.step()
    assert morning.frozen == READERS


def test_a_canary_that_is_not_well_keeps_the_others_from_harm(morning):
    morning.step()
    few = morning.settle("rejected", 8) + morning.settle("accepted")
    morning.now += timedelta(minutes=5)
    morning.step()
    assert morning.frozen == few
    assert morning.status is MailingStatus.PAUSED
    assert [one.code for one in alerts.all_of(morning.store)] == ["BREAKER-BOUNCES"]


def test_a_person_who_resumes_after_a_bad_canary_lets_all_others_go(morning):
    morning.step()
    morning.settle("rejected", 8)
    morning.settle("accepted")
    morning.now += timedelta(minutes=5)
    morning.step()
    control.resume(morning.store, morning.mailing.id, actor="ada", now=morning.now)
    morning.step()
    assert morning.frozen == READERS
    assert morning.status is MailingStatus.SENDING


def test_a_canary_that_has_not_flown_says_nothing(morning):
    """No worker was there, or the provider is slow: the others wait until most of it has its end."""
    morning.step()
    few = morning.frozen
    for _ in range(3):
        morning.now += timedelta(minutes=5)
        morning.step()
        assert morning.frozen == few
        assert morning.rest_due == morning.now + timedelta(seconds=10), "nobody spins while it waits"
    morning.settle("accepted", few - few // 5)
    morning.now += timedelta(seconds=10)
    morning.step()
    assert morning.frozen == READERS


def test_after_an_outage_the_others_still_wait_for_the_canary(morning):
    """Found half an hour late, both are due at once: the five minutes count from when the canary really went."""
    morning.now += timedelta(minutes=30)
    morning.step()
    few = morning.frozen
    assert few < READERS
    morning.settle("accepted")
    morning.step()
    assert morning.frozen == few
    morning.now += timedelta(seconds=10)
    morning.step()
    assert morning.rest_due == morning.now + timedelta(minutes=4, seconds=50)
    morning.now += timedelta(minutes=4, seconds=50)
    morning.step()
    assert morning.frozen == READERS


def test_nobody_releases_the_others_past_an_unjudged_canary(morning):
    morning.now += timedelta(hours=1)
    first = due(morning.store, morning.mailing.id, now=morning.now)
    assert len(first) == 1
    release(morning.store, morning.mailing, clock=lambda: morning.now)
    morning.settle("accepted")
    morning.now += timedelta(hours=1)
    assert due(morning.store, morning.mailing.id, now=morning.now) == [], "judging is what lets them go"
    morning.step()
    assert morning.frozen == READERS


def test_a_paused_or_cancelled_mailing_is_not_judged(morning):
    morning.step()
    morning.settle("accepted")
    control.pause(morning.store, morning.mailing.id, actor="ada", now=morning.now)
    morning.now += timedelta(minutes=10)
    before = morning.rest_due
    morning.step()
    assert morning.rest_due == before
    assert morning.frozen < READERS
