"""A worker process, and what befalls it: mailings that start, stop and go on, sleep, a clock that jumps, a lost database."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter import reports, store
from newsletter.clock import system_clock
from newsletter.delivery import SmtpSender, StandBy, chunks, control
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.two_clocks import TwoClocks
from newsletter.publishing import mailings
from newsletter.settings import SenderSettings
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, MailingStatus

QUICK = Backoff(first=0.02, longest=0.05)


@pytest.fixture
def standing_by(newsroom, server):
    """Starts one in a thread, and stops it at the end."""

    @contextmanager
    def start(**options):
        sender = SmtpSender(settings=SenderSettings(port=server.port, connections=4, timeout_seconds=5))
        everything = {"store": newsroom.store, "keys": newsroom.keys, "sender": sender, "clock": system_clock}
        standing_by = StandBy(**{**everything, "backoff": QUICK, **options})
        thread = threading.Thread(target=standing_by.run)
        thread.start()
        try:
            yield standing_by
        finally:
            standing_by.stop()
            thread.join(20)
            assert not thread.is_alive()
            assert standing_by.crash is None

    return start


def until(condition, seconds=20.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


def status_of(newsroom, mailing):
    return mailings.get(newsroom.store, mailing.id).status


def finished(newsroom, mailing):
    return lambda: status_of(newsroom, mailing) is MailingStatus.FINISHED


def actions(newsroom):
    with newsroom.store.reading() as connection:
        return list(connection.execute(select(tables.audit.c.action).order_by(tables.audit.c.id)).scalars())


def test_whatever_is_being_sent_is_frozen_and_sent(newsroom, server, standing_by):
    newsroom.subscribe("ann", "bob")
    newsroom.subscribe("cyd", list_name="weekly")
    with standing_by():
        first = newsroom.mailing()
        second = newsroom.mailing(list_name="weekly", issue="another")
        until(finished(newsroom, first))
        until(finished(newsroom, second))
    assert server.recipients == {f"{name}@readers.example": 1 for name in ("ann", "bob", "cyd")}


def test_pause_resume_and_cancel_act_within_two_seconds(newsroom, server, standing_by):
    newsroom.subscribe(*(f"r{number:03}" for number in range(400)))
    server.delay = 0.05
    mailing = newsroom.mailing()
    with standing_by():
        until(lambda: len(server.received) > 4)
        control.pause(newsroom.store, mailing.id, actor="ada", now=system_clock())
        time.sleep(2)
        stopped = len(server.received)
        time.sleep(0.3)
        assert len(server.received) == stopped < 400
        control.resume(newsroom.store, mailing.id, actor="ada", now=system_clock())
        until(lambda: len(server.received) > stopped, seconds=2)
        control.cancel(newsroom.store, mailing.id, actor="ada", now=system_clock())
        time.sleep(2)
        ended = len(server.received)
        time.sleep(0.3)
    assert len(server.received) == ended < 400
    statuses = list(newsroom.statuses(mailing).values())
    assert statuses.count("accepted") == ended
    assert statuses.count("withdrawn") == 400 - ended
    assert reports.of(newsroom.store, mailing.id).balanced


def test_two_workers_with_one_name_mail_nobody_twice(newsroom, server, standing_by):
    newsroom.subscribe(*(f"r{number:03}" for number in range(120)))
    server.delay = 0.01
    mailing = newsroom.mailing()
    with standing_by(name="elsewhere/1/1/twin"), standing_by(name="elsewhere/1/1/twin"):
        until(finished(newsroom, mailing))
    assert len(server.received) == 120 == len(server.recipients)
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}


def test_a_server_that_refuses_us_pauses_the_mailing_and_says_why(newsroom, server, standing_by):
    newsroom.subscribe("ann", "bob")
    server.refuses_us = True
    mailing = newsroom.mailing()
    with standing_by():
        until(lambda: status_of(newsroom, mailing) is MailingStatus.PAUSED)
        text = reports.as_text(reports.of(newsroom.store, mailing.id))
        assert "In the way: 127.0.0.1:" in text
        assert "You may not send from here" in text
        server.refuses_us = False
        control.resume(newsroom.store, mailing.id, actor="ada", now=system_clock())
        until(finished(newsroom, mailing))
    assert len(server.received) == 2
    assert "In the way" not in reports.as_text(reports.of(newsroom.store, mailing.id))


def test_a_clock_that_jumps_gives_nobody_up(newsroom, server, standing_by):
    newsroom.subscribe(*(f"r{number:03}" for number in range(100)))
    server.delay = 0.05
    ahead = timedelta(0)
    mailing = newsroom.mailing(hours=1)
    with standing_by(clock=lambda: system_clock() + ahead):
        until(lambda: len(server.received) > 8)
        ahead = timedelta(days=2)
        until(lambda: len(server.received) > 40)
        ahead = timedelta(days=-2)
        until(finished(newsroom, mailing))
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}
    assert len(server.received) == 100 == len(server.recipients)
    assert "worker.clock_jumped" in actions(newsroom)
    assert "clock was moved by" in reports.as_text(reports.of(newsroom.store, mailing.id))


def test_two_clocks_end_by_the_one_behind_and_allow_by_the_one_ahead(noon):
    hour = noon
    clocks = TwoClocks(lambda: hour)
    hour = noon + timedelta(hours=3)
    assert clocks.at_least() < noon + timedelta(minutes=1)
    assert clocks.at_most() == hour
    hour = noon - timedelta(hours=3)
    assert clocks.at_least() == hour
    assert clocks.at_most() >= noon
    assert abs(clocks.gap() + timedelta(hours=3)) < timedelta(minutes=1)


def test_a_database_that_is_locked_is_waited_for_and_the_wait_is_told(newsroom, server, standing_by, tmp_path):
    newsroom.subscribe(*(f"r{number:03}" for number in range(200)))
    server.delay = 0.02
    mailing = newsroom.mailing()
    # SQLite's own patience runs out at once, so that the worker's is what is tested.
    url = store.sqlite_url(tmp_path / "newsletter.db")
    with closing(store.open(url, busy_seconds=0.05)) as opened, standing_by(store=opened):
        until(lambda: len(server.received) > 8)
        with closing(sqlite3.connect(tmp_path / "newsletter.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(1.5)
            waiting = len(server.received)
            other.execute("ROLLBACK")
        until(finished(newsroom, mailing), seconds=40)
    assert waiting < 200
    assert "worker.waited" in actions(newsroom)
    assert "for the database: the database is in use" in reports.as_text(reports.of(newsroom.store, mailing.id))
    assert len(server.received) == 200 == len(server.recipients)
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}


def test_what_a_dead_worker_held_of_a_paused_mailing_is_not_left_in_the_air(newsroom, standing_by, noon):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        wave_id = connection.execute(select(tables.wave.c.id)).scalar_one()
        held = chunks.take(connection, wave_id, worker="gone/1/1/x", now=noon, lease=timedelta(seconds=1))
        connection.execute(update(tables.delivery).values(status="sending", chunk_id=held.id, fence=1))
        connection.execute(update(tables.mailing).values(status="paused"))
    with standing_by():
        until(lambda: newsroom.statuses(mailing) == {"ann": "unknown"})
    assert "worker.lost" in actions(newsroom)


def test_a_cancellation_that_was_cut_off_is_finished_by_a_worker(newsroom, standing_by):
    newsroom.subscribe("ann", "bob")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(status="cancelled"))
    with standing_by():
        until(lambda: set(newsroom.statuses(mailing).values()) == {"withdrawn"})


WORKER = """
import sys
from datetime import timedelta
from newsletter import store, tokens
from newsletter.clock import system_clock
from newsletter.delivery import SmtpSender, StandBy, stopping
from newsletter.settings import SenderSettings
from newsletter.tokens import TokenKeys

path, port = sys.argv[1], int(sys.argv[2])
opened = store.open(store.sqlite_url(path))
sender = SmtpSender(settings=SenderSettings(port=port, connections=2, timeout_seconds=30))
keys = TokenKeys({0: b"a key for the tests only"})
name = "elsewhere/1/1/sleeper"
lease = timedelta(seconds=1.5)
standing_by = StandBy(store=opened, keys=keys, sender=sender, clock=system_clock, name=name, lease=lease)
with stopping(standing_by.stop):
    standing_by.run()
opened.close()
"""


def put_to_sleep(pid, database):
    """Not while it writes: SQLite lets nobody else write until that one wakes up, so all would only wait."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        with closing(sqlite3.connect(database, isolation_level=None, timeout=0.3)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.05)
            else:
                other.execute("ROLLBACK")
                return


def test_a_worker_that_sleeps_past_its_lease_and_wakes_up_mails_nobody_twice(newsroom, server, standing_by, tmp_path):
    newsroom.subscribe(*(f"r{number:03}" for number in range(300)))
    server.delay = 0.02
    mailing = newsroom.mailing()
    command = [sys.executable, "-c", WORKER, str(tmp_path / "newsletter.db")]
    sleeper = subprocess.Popen([*command, str(server.port)])
    try:
        until(lambda: len(server.received) > 10)
        put_to_sleep(sleeper.pid, tmp_path / "newsletter.db")
        with standing_by():
            until(lambda: "worker.lost" in actions(newsroom))
            os.kill(sleeper.pid, signal.SIGCONT)
            until(finished(newsroom, mailing), seconds=60)
    finally:
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.terminate()
        assert sleeper.wait(30) == 0
    assert max(server.recipients.values()) == 1
    report = reports.of(newsroom.store, mailing.id)
    assert report.balanced
    assert report.twice == 0
    # What it held when it fell asleep it settled when it woke up: an answer is a fact, however late.
    assert report.counts[DeliveryStatus.ACCEPTED] + report.counts[DeliveryStatus.UNKNOWN] == 300
    assert len(server.recipients) >= 300 - report.counts[DeliveryStatus.UNKNOWN]
