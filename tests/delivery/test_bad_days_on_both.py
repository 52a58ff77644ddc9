"""Bad days that have nothing to do with how mail is handed over: on both databases, by SMTP and by SendGrid's interface.

Who got what is told by the other side's own log.
"""

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter import reports, store
from newsletter.clock import system_clock
from newsletter.delivery import Copies, StandBy, Worker, control
from newsletter.delivery.backoff import Backoff
from newsletter.errors import InputError
from newsletter.rehearsal.sendgrid import Plan, Provider, read_log
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus

QUICK = Backoff(first=0.02, longest=0.05)
WORKER = Path(__file__).with_name("standing_worker.py")
sender_to = runpy.run_path(str(WORKER))["sender_to"]


class Mail:
    """The other side by SMTP."""

    many = 121

    def __init__(self, server):
        self.place = str(server.port)
        self._server = server
        server.delay = 0.02

    def taken(self):
        return Counter(self._server.recipients)


class Provided:
    """The other side by SendGrid's interface."""

    many = 1_000
    """What one request carries at most."""

    def __init__(self, provider, log):
        self.place = provider.url
        self._log = log

    def taken(self):
        return Counter(one.address for one in read_log(self._log))


@pytest.fixture(params=["smtp", "sendgrid"])
def peer(request, tmp_path):
    if request.param == "smtp":
        yield Mail(request.getfixturevalue("server"))
        return
    log = tmp_path / "provider.log"
    with Provider(log=log, plan=Plan(slow=1.0, delay=0.1), refused=frozenset({"reject@readers.example"})) as provider:
        yield Provided(provider, log)


def until(condition, seconds=30.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


def text_of(newsroom, mailing):
    report = reports.of(newsroom.store, mailing.id)
    assert report.balanced
    return reports.as_text(report)


def all_got_it_once(newsroom, mailing, peer, number):
    taken = peer.taken()
    assert (len(taken), set(taken.values())) == (number, {1})
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}
    return True


def readers(number):
    return [f"r{each:03}" for each in range(number)]


@contextmanager
def standing_by(newsroom, peer, **options):
    everything = {"store": newsroom.store, "keys": newsroom.keys, "clock": system_clock, "backoff": QUICK}
    worker = StandBy(**{**everything, "sender": sender_to(peer.place), **options})
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(30)
        assert not thread.is_alive()
        assert worker.crash is None


@contextmanager
def process(url, peer, *, name="", lease=60.0):
    """A worker process; at the end it is asked to leave, and must."""
    command = [sys.executable, str(WORKER), url, peer.place, name, str(lease)]
    with subprocess.Popen(command) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.send_signal(signal.SIGCONT)
                started.terminate()
            assert started.wait(60) == 0


def test_one_bad_address_among_many_is_rejected_by_name_and_the_others_go_out(newsroom, peer):
    newsroom.subscribe(*readers(peer.many - 1), "reject")
    mailing = newsroom.mailing()
    with standing_by(newsroom, peer):
        until(newsroom.finished(mailing))
    statuses = newsroom.statuses(mailing)
    assert statuses.pop("reject") == "rejected"
    assert set(statuses.values()) == {"accepted"}
    assert set(peer.taken().values()) == {1}
    text = text_of(newsroom, mailing)
    assert f"{peer.many:,} prepared = {peer.many - 1} accepted + 1 rejected" in text
    assert "        1  rejected: " in text
    assert "readers.example: 1 rejected" in text


def test_two_workers_with_one_name_mail_nobody_twice(newsroom, peer):
    newsroom.subscribe(*readers(60))
    mailing = newsroom.mailing()
    twin = {"name": "elsewhere/1/1/twin"}
    with standing_by(newsroom, peer, **twin), standing_by(newsroom, peer, **twin):
        until(newsroom.finished(mailing))
    assert all_got_it_once(newsroom, mailing, peer, 60)


@pytest.mark.parametrize("jump", [timedelta(days=2), timedelta(days=-2)])
def test_a_clock_that_jumps_gives_nobody_up(newsroom, peer, jump):
    newsroom.subscribe(*readers(80))
    moved = timedelta(0)
    mailing = newsroom.mailing(hours=1)
    with standing_by(newsroom, peer, clock=lambda: system_clock() + moved):
        until(lambda: len(peer.taken()) > 8)
        moved = jump
        until(newsroom.finished(mailing))
    assert all_got_it_once(newsroom, mailing, peer, 80)
    if "worker.clock_jumped" in newsroom.actions():
        assert "clock was moved by" in text_of(newsroom, mailing)


def test_a_locked_database_is_waited_for(impatient, peer, lock):
    newsroom = impatient
    newsroom.subscribe(*readers(80))
    mailing = newsroom.mailing()
    with standing_by(newsroom, peer):
        until(lambda: len(peer.taken()) > 8)
        lock(True)
        waiting = -1
        while waiting != (waiting := len(peer.taken())):
            time.sleep(0.3)
        lock(False)
        until(newsroom.finished(mailing))
    assert waiting < 80
    assert all_got_it_once(newsroom, mailing, peer, 80)
    assert "s for the database: " in text_of(newsroom, mailing)


def asleep(url, pid):
    """Put the process to sleep, but not while it writes: then nobody else could write until it wakes up."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        with closing(store.open(url, busy_seconds=0.3)) as other:
            try:
                with other.writing() as connection:
                    connection.execute(select(tables.chunk.c.id).with_for_update()).all()
                    connection.execute(select(tables.mailing.c.id).with_for_update()).all()
            except InputError:
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.02)
            else:
                return


def test_a_worker_that_sleeps_past_its_lease_and_wakes_up_mails_nobody_twice(newsroom, peer, database_url):
    newsroom.subscribe(*readers(120))
    mailing = newsroom.mailing()
    with process(database_url, peer, name="elsewhere/1/1/sleeper", lease=1.0) as sleeper:
        until(lambda: len(peer.taken()) > 10)
        asleep(database_url, sleeper.pid)
        with standing_by(newsroom, peer):
            # A call may have ended just before it fell asleep: then it holds nobody.
            until(lambda: len(peer.taken()) >= 120 - 2 * 5 - 2)
            sleeper.send_signal(signal.SIGCONT)
            until(newsroom.finished(mailing), seconds=60)
    report = reports.of(newsroom.store, mailing.id)
    assert set(peer.taken().values()) == {1}
    assert (report.balanced, report.twice) == (True, 0)
    unknown = report.counts[DeliveryStatus.UNKNOWN]
    assert report.counts[DeliveryStatus.ACCEPTED] + unknown == 120
    assert len(peer.taken()) >= 120 - unknown


def test_pausing_resuming_and_cancelling_reach_a_worker_in_another_process(newsroom, peer, database_url):
    newsroom.subscribe(*readers(400))
    mailing = newsroom.mailing()

    def still():
        """It has stopped: two looks, further apart than the worker's, show the same."""
        before = -1
        while before != (before := len(peer.taken())):
            time.sleep(0.7)
        return before

    with process(database_url, peer):
        until(lambda: len(peer.taken()) > 4)
        control.pause(newsroom.store, mailing.id, actor="ada", now=system_clock())
        stopped = still()
        assert stopped < 400
        assert "To do: newsletter mailing resume" in text_of(newsroom, mailing)
        control.resume(newsroom.store, mailing.id, actor="ada", now=system_clock())
        until(lambda: len(peer.taken()) > stopped)
        control.cancel(newsroom.store, mailing.id, actor="ada", now=system_clock())
        ended = still()
        until(lambda: not reports.of(newsroom.store, mailing.id).waiting)
    assert ended == len(peer.taken()) < 400
    statuses = Counter(newsroom.statuses(mailing).values())
    assert statuses == {"accepted": ended, "withdrawn": 400 - ended}
    assert f"Cancelled: {ended} of 400 accepted, {400 - ended} withdrawn." in text_of(newsroom, mailing)


def test_a_worker_that_is_asked_to_stop_finishes_what_is_in_the_air(newsroom, peer, database_url):
    newsroom.subscribe(*readers(200))
    mailing = newsroom.mailing()
    with process(database_url, peer):
        until(lambda: len(peer.taken()) > 10)
    statuses = Counter(newsroom.statuses(mailing).values())
    assert set(statuses) == {"accepted", "pending"}
    assert statuses["accepted"] == len(peer.taken())
    assert "No worker is at it" in text_of(newsroom, mailing)


def test_a_send_in_the_foreground_beside_a_worker_process_mails_nobody_twice(newsroom, peer, database_url):
    newsroom.subscribe(*readers(150))
    mailing = newsroom.mailing()
    with process(database_url, peer):
        until(lambda: len(peer.taken()) > 2)
        # What `newsletter send` runs once the mailing is made.
        Worker(
            store=newsroom.store,
            mailing=mailing,
            copies=Copies.of(newsroom.edition, mailing, newsroom.keys),
            sender=sender_to(peer.place),
            clock=system_clock,
            backoff=QUICK,
        ).run()
        until(newsroom.finished(mailing))
    assert all_got_it_once(newsroom, mailing, peer, 150)
