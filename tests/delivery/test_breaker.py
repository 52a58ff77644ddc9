"""The circuit breaker: what it counts, when it pauses a mailing, and that a person's word holds."""

import itertools
import time
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select, update

from newsletter import alerts
from newsletter.alerts import Alert
from newsletter.alerts.thresholds import Count
from newsletter.clock import system_clock
from newsletter.delivery import aftermath, breaker, control
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.breaker_counts import BOUNCES, COMPLAINTS, ERRORS, TEMPORARY
from newsletter.delivery.standing import pause_for
from newsletter.errors import BlockedError
from newsletter.publishing import mailings
from newsletter.settings import BreakerSettings
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus

numbers = itertools.count(1)


class Ledger:
    """A mailing whose deliveries, attempts and events a test writes as it likes."""

    def __init__(self, newsroom, readers):
        self.store = newsroom.store
        newsroom.subscribe(*(f"r{number:05}" for number in range(readers)))
        self.mailing = newsroom.released()
        with self.store.writing() as connection:
            self.ids = list(connection.execute(select(tables.delivery.c.id).order_by(tables.delivery.c.id)).scalars())
            wave_id = connection.execute(select(tables.wave.c.id)).scalar_one()
            row = {
                "wave_id": wave_id,
                "status": "closed",
                "worker": "w",
                "created_at": system_clock(),
                "lease_until": system_clock(),
            }
            self.chunk = connection.execute(insert(tables.chunk).values(row).returning(tables.chunk.c.id)).scalar_one()
        self.next = 0

    def take(self, number):
        taken = self.ids[self.next : self.next + number]
        self.next += number
        return taken

    def settle(self, number, status, *, code=None, outcome=None):
        """So many more readers get this end, with an attempt each."""
        outcome = outcome or status
        taken = self.take(number)
        with self.store.writing() as connection:
            which = tables.delivery.c.id.in_(taken)
            values = {"status": status, "fence": 1, "chunk_id": self.chunk}
            connection.execute(update(tables.delivery).where(which).values(values))
            now = system_clock()
            row = {
                "chunk_id": self.chunk,
                "fence": 1,
                "outcome": outcome,
                "code": code,
                "started_at": now,
                "ended_at": now,
            }
            connection.execute(insert(tables.attempt), [{**row, "delivery_id": each} for each in taken])
        return taken

    def tell(self, ids, type_, **raw):
        """The provider tells this of these."""
        rows = [
            {
                "provider": "sendgrid",
                "provider_event": f"e{next(numbers)}",
                "type": type_,
                "at": system_clock(),
                "received_at": system_clock(),
                "mailing_id": self.mailing.id,
                "delivery_id": each,
                "machine": False,
                "raw": raw,
            }
            for each in ids
        ]
        with self.store.writing() as connection:
            connection.execute(insert(tables.event), rows)

    def counted(self):
        with self.store.reading() as connection:
            return breaker.counted(connection, self.mailing.id, now=system_clock())

    def look(self, limits=None):
        return Breaker(self.store, self.mailing.id, limits).look(now=system_clock())

    @property
    def status(self):
        return mailings.get(self.store, self.mailing.id).status

    @property
    def open_alerts(self):
        return [one.code for one in alerts.all_of(self.store, only_open=True)]

    def resume(self):
        control.resume(self.store, self.mailing.id, actor="ada", now=system_clock())


@pytest.fixture
def ledger(newsroom):
    return lambda readers: Ledger(newsroom, readers)


def test_what_is_counted_comes_from_deliveries_attempts_and_events(ledger):
    book = ledger(100)
    accepted = book.settle(40, "accepted", code=250, outcome="accepted")
    book.settle(5, "rejected", code=550, outcome="rejected")
    book.settle(6, "deferred", code=451, outcome="deferred")
    book.settle(7, "deferred", code=421, outcome="deferred")
    book.settle(2, "unknown", outcome="unknown")
    book.tell(accepted[:3], "complained")
    book.tell(accepted[:1], "complained")
    book.tell(accepted[3:5], "bounced", type="bounce")
    book.tell(accepted[5:9], "bounced", type="blocked")
    book.tell(accepted[9:12], "deferred")
    book.tell(accepted[9:10], "delivered")
    assert book.counted() == {
        COMPLAINTS: Count(cases=3, volume=40),
        BOUNCES: Count(cases=7, volume=60),
        TEMPORARY: Count(cases=12, volume=60),
        ERRORS: Count(cases=9, volume=60),
    }


def test_a_request_of_a_thousand_is_one_call(ledger):
    book = ledger(30)
    with book.store.writing() as connection:
        connection.execute(update(tables.chunk).values(one_request=True))
    book.settle(30, "unknown", outcome="unknown")
    assert book.counted()[ERRORS] == Count(cases=1, volume=1)


@pytest.mark.parametrize(
    ("metric", "wrong"),
    [
        ("COMPLAINTS", lambda book: book.tell(book.settle(2_000, "accepted")[:3], "complained")),
        ("BOUNCES", lambda book: (book.settle(490, "accepted"), book.settle(10, "rejected"))),
        ("TEMPORARY", lambda book: (book.settle(80, "accepted"), book.settle(20, "deferred", code=451, outcome="deferred"))),
    ],
)  # fmt: skip
def test_past_its_limit_the_mailing_is_paused_with_its_reason_and_one_alert(ledger, metric, wrong):
    book = ledger(2_100)
    wrong(book)
    if metric == "COMPLAINTS":
        assert book.look() == "circuit breaker: 3 of 2,000 complained of it as spam, 0.15 %; the limit is 0.1 %"
    else:
        assert book.look().startswith("circuit breaker: ")
    assert book.status is MailingStatus.PAUSED
    assert book.open_alerts == [f"BREAKER-{metric}"]
    assert book.look() == ""
    found = alerts.all_of(book.store)[0]
    assert (found.times, found.subject) == (1, f"mailing:{book.mailing.id}")
    with book.store.reading() as connection:
        assert connection.execute(select(tables.mailing.c.trouble)).scalar_one() in found.message
        noted = select(tables.audit.c.action, tables.audit.c.actor).order_by(tables.audit.c.id.desc()).limit(1)
        assert tuple(connection.execute(noted).one()) == ("mailing.pause", "worker")


def test_below_its_limit_or_its_volume_nothing_happens(ledger):
    book = ledger(2_100)
    book.settle(90, "accepted")
    book.settle(9, "rejected")  # 9 %, of too few
    assert book.look() == ""
    book.settle(1_000, "accepted")
    book.settle(10, "rejected")  # 1.7 %
    assert book.look() == ""
    assert book.status is MailingStatus.SENDING
    assert book.open_alerts == []


def test_a_provider_that_asks_for_patience_is_no_reason(ledger):
    """A 429 puts a thousand off at once, and the mailing goes on by itself."""
    book = ledger(1_000)
    book.settle(1_000, "deferred", code=429, outcome="deferred")
    assert book.look() == ""


def test_who_resumes_it_is_not_stopped_by_the_same_counts(ledger):
    book = ledger(2_000)
    book.settle(490, "accepted")
    book.settle(30, "rejected")
    assert book.look()
    book.resume()
    assert book.open_alerts == []
    assert alerts.all_of(book.store)[0].resolution == "ada resumed it"
    assert book.look() == ""
    book.settle(300, "accepted")
    book.settle(5, "rejected")
    assert book.look() == ""
    book.settle(20, "rejected")
    assert "25 of 325" in book.look()
    assert book.open_alerts == ["BREAKER-BOUNCES"]


def test_a_cancelled_mailing_has_no_open_alert(ledger):
    book = ledger(200)
    book.settle(20, "rejected")
    book.settle(100, "accepted")
    assert book.look()
    control.cancel(book.store, book.mailing.id, actor="ada", now=system_clock())
    assert book.open_alerts == []


def test_what_is_cancelled_or_finished_is_not_paused(ledger):
    book = ledger(200)
    book.settle(20, "rejected")
    book.settle(100, "accepted")
    control.cancel(book.store, book.mailing.id, actor="ada", now=system_clock())
    assert book.look() == ""
    assert book.status is MailingStatus.CANCELLED


def test_the_providers_own_failures_must_last(ledger):
    """Fifteen minutes: shorter outages mend themselves, and workers pick up again."""
    book = ledger(50)
    book.settle(20, "unknown", outcome="unknown")
    limits = breaker.thresholds()
    found = [one for one in limits if one.metric == ERRORS]
    assert found[0].lasting == timedelta(minutes=15)
    assert book.look() == ""


def test_limits_are_the_newsrooms(ledger):
    book = ledger(200)
    book.settle(100, "accepted")
    book.settle(20, "rejected")
    off = BreakerSettings(bounces_percent=100)
    assert book.look(off) == ""
    assert book.look(BreakerSettings(bounces_percent=17)) == ""
    assert book.look(BreakerSettings(bounces_percent=16))


def test_a_worker_pauses_a_mailing_whose_addresses_do_not_exist(newsroom, server):
    newsroom.subscribe(*(f"reject{number}" if number % 4 == 0 else f"r{number:03}" for number in range(400)))
    server.delay = 0.05
    mailing = newsroom.released()
    worker = newsroom.worker(mailing, server)
    worker.run()
    found = mailings.get(newsroom.store, mailing.id)
    assert found.status is MailingStatus.PAUSED
    assert len(server.received) < 300
    assert "sending" not in newsroom.statuses(mailing).values()
    assert [one.code for one in alerts.all_of(newsroom.store)] == ["BREAKER-BOUNCES"]


def test_what_is_the_matter_with_a_mailing_is_over_when_it_has_finished(newsroom, server):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    missed = Alert(code="WAVES-MISSED", subject=f"mailing:{mailing.id}", message="some were left out")
    with newsroom.store.writing() as connection:
        alerts.raise_alert(connection, missed, now=system_clock())
    newsroom.worker(mailing, server).run()
    assert [one.resolution for one in alerts.all_of(newsroom.store)] == ["the mailing has finished"]


def test_a_server_that_refuses_us_raises_an_alert_which_ends_with_the_pause(newsroom, server):
    newsroom.subscribe("ann")
    server.refuses_us = True
    mailing = newsroom.released()
    with pytest.raises(BlockedError):
        newsroom.worker(mailing, server, pauses=True).run()
    found = alerts.all_of(newsroom.store)
    assert [(one.code, one.open) for one in found] == [("SENDER-REFUSED", True)]
    assert "You may not send from here" in found[0].message
    control.resume(newsroom.store, mailing.id, actor="ada", now=system_clock())
    assert not alerts.all_of(newsroom.store)[0].open


def test_why_a_mailing_was_paused_stays_when_another_worker_leaves(newsroom, server):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        pause_for(connection, mailing.id, "circuit breaker: x", code="BREAKER-BOUNCES", now=system_clock())
    newsroom.worker(mailing, server).run()
    with newsroom.store.reading() as connection:
        assert connection.execute(select(tables.mailing.c.trouble)).scalar_one() == "circuit breaker: x"


def finish(book):
    with book.store.writing() as connection:
        connection.execute(update(tables.mailing).values(status="finished", finished_at=system_clock()))


def test_what_comes_after_the_end_is_told_once(ledger):
    """SendGrid takes all in seconds, and finds out minutes later what it cannot deliver."""
    book = ledger(300)
    accepted = book.settle(300, "accepted")
    finish(book)
    limits = breaker.thresholds()
    assert aftermath.look_back(book.store, limits, now=system_clock()) == 0
    book.tell(accepted[:12], "bounced", type="bounce")
    assert aftermath.look_back(book.store, limits, now=system_clock()) == 1
    assert aftermath.look_back(book.store, limits, now=system_clock()) == 0
    found = alerts.all_of(book.store)[0]
    assert (found.code, found.times) == ("LATE-BOUNCES", 1)
    assert "12 of 300 addresses do not exist or refuse it for good, 4 %" in found.message
    later = system_clock() + aftermath.AFTER + timedelta(hours=1)
    assert aftermath.look_back(book.store, limits, now=later) == 0
    assert book.open_alerts == []


def test_while_nothing_happens_nothing_is_counted(ledger):
    book = ledger(100)
    statements = []
    event.listen(book.store.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    watch = Breaker(book.store, book.mailing.id)
    assert watch.look(now=system_clock()) == ""
    assert not [each for each in statements if "count(" in each]
    book.settle(10, "accepted")
    time.sleep(0.6)
    watch.look(now=system_clock())
    first = len([each for each in statements if "count(" in each])
    assert first
    time.sleep(0.6)
    watch.look(now=system_clock())
    assert len([each for each in statements if "count(" in each]) == first


def test_who_is_set_aside_until_their_turn_comes_was_not_tried(ledger):
    ledger = ledger(400)
    ledger.settle(100, "accepted")
    ledger.settle(12, "rejected", code=550)
    with ledger.store.writing() as connection:
        waiting = tables.delivery.c.status == "pending"
        connection.execute(update(tables.delivery).where(waiting).values(status="deferred", due_at=None, pace_id=1))
    counts = ledger.counted()
    assert counts[BOUNCES] == Count(cases=12, volume=112)
    assert counts[TEMPORARY] == Count(cases=0, volume=112)
