"""Limits and storms with a real server and whole workers."""

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter.clock import system_clock
from newsletter.delivery import Copies, SmtpSender, Worker
from newsletter.delivery.backoff import Backoff
from newsletter.publishing import mailings
from newsletter.settings import SenderSettings
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus

QUICK = Backoff(first=0.02, longest=0.05)


def at(domain, count):
    return [f"r{number:03}@{domain}" for number in range(count)]


@pytest.fixture
def worker(newsroom):
    """Makes workers with limits as in `[sender]`."""

    def make(mailing, server, *, clock=system_clock, connections=8, **settings):
        sender = SmtpSender(
            settings=SenderSettings(port=server.port, connections=connections, timeout_seconds=5, **settings),
            answer_seconds=5,
        )
        return Worker(
            store=newsroom.store,
            mailing=mailing,
            copies=Copies.of(newsroom.edition, mailing, newsroom.keys),
            sender=sender,
            clock=clock,
            backoff=QUICK,
        )

    return make


@pytest.fixture
def midday():
    """A clock on which it is about noon, wherever it is run."""
    shift = datetime.now(tz=UTC).replace(hour=12, minute=0, second=0) - datetime.now(tz=UTC)
    return lambda: system_clock() + shift


def hundredfold():
    """A clock on which a second lasts 10 ms, so that a test need not wait for a storm to be over."""
    start = system_clock()
    return lambda: start + 100 * (system_clock() - start)


def until(condition, *, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def in_thread(worker):
    thread = threading.Thread(target=worker.run)
    thread.start()
    return thread


def trouble_of(newsroom, mailing):
    with newsroom.store.reading() as connection:
        return connection.execute(
            select(tables.mailing.c.trouble).where(tables.mailing.c.id == mailing.id)
        ).scalar_one()


class Storm:
    """A server that says 421 to everybody of one domain and hangs up, while `blows`."""

    def __init__(self, scripted, domain="big.example", reply=b"421 4.7.0 too many messages from you\r\n") -> None:
        self._domain, self._reply, self._hang_up = domain, reply, scripted.HANG_UP
        self.blows = True
        self.tries = Counter()

    def __call__(self, stage, recipient):
        if stage != "rcpt":
            return None
        domain = recipient.partition("@")[2]
        self.tries[domain] += 1
        return self._reply + self._hang_up if self.blows and domain == self._domain else None


def test_a_storm_at_one_domain_costs_the_others_nothing_and_loses_nobody(newsroom, scripted, worker):
    # All of the domain stand before the others.
    newsroom.subscribe(*at("big.example", 300), *at("readers.example", 600))
    mailing = newsroom.released(hours=100)
    storm = Storm(scripted)
    server = scripted(storm)
    working = worker(mailing, server, clock=hundredfold())
    thread = in_thread(working)
    until(lambda: sum(name.endswith("readers.example") for name in server.recipients) == 600)
    # On a connection that was used before, 421 is tried once more on a new one.
    assert storm.tries["big.example"] <= 60, "five in a row and what was in the air, then one at a time"
    assert storm.tries["readers.example"] <= 700
    storm.blows = False
    thread.join(30)
    assert not thread.is_alive()
    assert server.recipients == Counter(at("big.example", 300) + at("readers.example", 600))
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.FINISHED


def test_a_storm_is_told_and_nobody_is_given_up_for_it(newsroom, scripted, worker):
    newsroom.subscribe(*at("big.example", 50))
    mailing = newsroom.released(hours=100)
    server = scripted(Storm(scripted))
    working = worker(mailing, server)
    thread = in_thread(working)
    until(lambda: "big.example takes no more for now" in trouble_of(newsroom, mailing))
    assert set(newsroom.statuses(mailing).values()) == {"deferred"}
    working.stop()
    thread.join(10)
    assert set(newsroom.statuses(mailing).values()) == {"deferred"}
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.SENDING


def test_a_worker_that_is_killed_in_a_storm_leaves_the_domain_shut(newsroom, scripted, worker):
    newsroom.subscribe(*at("big.example", 100))
    mailing = newsroom.released(hours=100)
    storm = Storm(scripted)
    server = scripted(storm)
    first = worker(mailing, server)
    thread = in_thread(first)
    until(lambda: storm.tries["big.example"] >= 5 and set(newsroom.statuses(mailing).values()) == {"deferred"})
    first.stop()
    thread.join(10)
    tried = storm.tries["big.example"]
    second = worker(mailing, server)
    thread = in_thread(second)
    time.sleep(0.5)
    second.stop()
    thread.join(10)
    assert storm.tries["big.example"] <= tried + 2


def test_a_domains_rate_is_kept_and_the_others_do_not_wait_for_it(newsroom, scripted, worker):
    newsroom.subscribe(*at("slow.example", 21), *at("readers.example", 100))
    arrived = {}

    def script(stage, recipient):
        if stage == "dot":
            arrived[recipient] = time.monotonic()

    mailing = newsroom.released()
    began = time.monotonic()
    worker(mailing, scripted(script), domains={"slow.example": {"per_second": 20}}).run()
    assert len(arrived) == 121
    # 20 intervals of 50 ms, two of which the burst may save.
    assert max(arrived.values()) - began >= 0.9
    # The same order as before, as far as two connections can keep it.
    slow = sorted((name for name in arrived if "slow" in name), key=lambda name: arrived[name])
    assert all(abs(place - slow.index(name)) <= 2 for place, name in enumerate(at("slow.example", 21)))


def test_the_senders_rate_holds_for_everything(newsroom, scripted, worker):
    newsroom.subscribe(*at("readers.example", 30))
    server = scripted(lambda _stage, _recipient: None)
    mailing = newsroom.released()
    began = time.monotonic()
    worker(mailing, server, per_second=30).run()
    assert time.monotonic() - began >= (30 - 3) / 30 - 0.1
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}


def test_a_domain_has_only_so_many_connections_at_a_time(newsroom, scripted, worker):
    newsroom.subscribe(*at("shy.example", 20), *at("readers.example", 20))
    busy, most, lock = Counter(), Counter(), threading.Lock()

    def script(stage, recipient):
        domain = recipient.partition("@")[2]
        with lock:
            if stage == "rcpt":
                busy[domain] += 1
                most[domain] = max(most[domain], busy[domain])
        if stage == "dot":
            time.sleep(0.01)
            with lock:
                busy[domain] -= 1

    mailing = newsroom.released()
    worker(mailing, scripted(script), domains={"shy.example": {"connections": 2}}).run()
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}
    assert most["shy.example"] <= 2
    assert most["readers.example"] > 2


def test_a_ramp_up_ends_the_day_and_a_restart_does_not_begin_it_anew(newsroom, scripted, worker, midday):
    newsroom.subscribe(*at("readers.example", 40))
    mailing = newsroom.released(hours=100)
    server = scripted(lambda _stage, _recipient: None)
    today = midday().date()
    ramp_up = {"since": today - timedelta(days=1), "first_day": 10, "factor": 1.5}
    for _ in range(2):
        working = worker(mailing, server, clock=midday, ramp_up=ramp_up)
        thread = in_thread(working)
        until(lambda: trouble_of(newsroom, mailing) == "today's 15 of the ramp-up are used; goes on at 00:00 UTC")
        working.stop()
        thread.join(10)
        assert len(server.recipients) == 15
    assert Counter(newsroom.statuses(mailing).values()) == {"accepted": 15, "pending": 25}
    tomorrow = worker(mailing, server, clock=lambda: midday() + timedelta(days=1), ramp_up=ramp_up)
    thread = in_thread(tomorrow)
    until(lambda: len(server.recipients) == 37)
    tomorrow.stop()
    thread.join(10)
    assert Counter(newsroom.statuses(mailing).values()) == {"accepted": 37, "pending": 3}


def test_over_many_waves_a_limited_domain_keeps_its_pace_and_everybody_gets_one(newsroom, server, worker):
    """Waves of eight zones, all due: the domain has readers in each, some readers are put off at first."""
    zones = [f"Etc/GMT-{number}" for number in range(1, 9)]
    newsroom.subscribe(*at("big.example", 24), *at("readers.example", 160), *(f"busy{n}" for n in range(16)))
    mailing = newsroom.mailing()
    with newsroom.store.writing() as connection:
        person = tables.subscriber.c.id
        for number, zone in enumerate(zones):
            connection.execute(update(tables.subscriber).where(person % 8 == number).values(zone=zone))
        row = {"mailing_id": mailing.id, "edition_digest": mailing.edition_digest, "due_at": system_clock()}
        connection.execute(insert(tables.wave), [{**row, "zone": zone} for zone in zones])
    began = time.monotonic()
    worker(mailing, server, domains={"big.example": {"per_second": 10}}).run()
    took = time.monotonic() - began
    assert set(server.recipients.values()) == {1}
    assert len(server.recipients) == 200
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.FINISHED
    # 23 waits of a tenth of a second, and what is put off must not wait for that to be over.
    assert 2.2 < took < 12
