"""A worker process, and what befalls it: mailings that start, stop and go on, sleep, a clock that jumps, a lost database."""

import re
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter import reports
from newsletter.clock import system_clock
from newsletter.delivery import SmtpSender, StandBy, chunks, control
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.two_clocks import TwoClocks
from newsletter.reports.report import Phase
from newsletter.settings import SenderSettings
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus

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


def test_whatever_is_being_sent_is_frozen_and_sent(newsroom, server, standing_by):
    newsroom.subscribe("ann", "bob")
    newsroom.subscribe("cyd", list_name="weekly")
    with standing_by():
        first = newsroom.mailing()
        second = newsroom.mailing(list_name="weekly", issue="another")
        until(newsroom.finished(first))
        until(newsroom.finished(second))
    assert server.recipients == {f"{name}@readers.example": 1 for name in ("ann", "bob", "cyd")}


def test_a_server_that_refuses_us_pauses_the_mailing_and_says_why(newsroom, server, standing_by):
    newsroom.subscribe("ann", "bob")
    server.refuses_us = True
    mailing = newsroom.mailing()
    with standing_by():
        until(lambda: newsroom.status(mailing) is MailingStatus.PAUSED)
        text = reports.as_text(reports.of(newsroom.store, mailing.id))
        assert re.search(r"In the way since .* UTC \(.*\): 127.0.0.1:", text)
        assert "You may not send from here" in text
        server.refuses_us = False
        control.resume(newsroom.store, mailing.id, actor="ada", now=system_clock())
        until(newsroom.finished(mailing))
    assert len(server.received) == 2
    assert "In the way" not in reports.as_text(reports.of(newsroom.store, mailing.id))


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
    assert "worker.lost" in newsroom.actions()


def test_a_cancellation_that_was_cut_off_is_finished_by_a_worker(newsroom, standing_by):
    newsroom.subscribe("ann", "bob")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(status="cancelled"))
    with standing_by():
        until(lambda: set(newsroom.statuses(mailing).values()) == {"withdrawn"})


def test_a_worker_that_waits_for_what_is_deferred_is_seen_to_be_there(newsroom, standing_by):
    newsroom.subscribe("busy")
    mailing = newsroom.mailing()
    with standing_by(backoff=Backoff(first=600, longest=600)):
        until(lambda: newsroom.statuses(mailing) == {"busy": "deferred"})
        report = reports.of(newsroom.store, mailing.id)
        assert (report.phase, report.workers) == (Phase.RETRYING, 1)
        assert "Only deferred ones are left, 1 worker at it: next try at" in reports.as_text(report)
    left = reports.of(newsroom.store, mailing.id)
    assert left.workers == 0
    assert "To do: start a worker" in reports.as_text(left)


def test_notices_that_a_killed_process_left_get_their_end(newsroom, standing_by, noon):
    row = {
        "kind": "test",
        "address": "ada@newsroom.example",
        "address_key": "ada@newsroom.example",
        "status": "sending",
    }
    with newsroom.store.writing() as connection:
        connection.execute(insert(tables.notice).values(row | {"fence": 1, "created_at": noon, "changed_at": noon}))

    def status():
        with newsroom.store.reading() as connection:
            return connection.execute(select(tables.notice.c.status)).scalar_one()

    with standing_by(clock=lambda: system_clock() + timedelta(days=3650)):
        until(lambda: status() == "unknown")


def test_a_clock_that_was_set_ahead_begins_no_wave_of_a_mailing_that_is_taken_up_then(newsroom, standing_by):
    newsroom.subscribe("ann")
    mailing = newsroom.mailing(hours=9)
    held = update(tables.mailing).where(tables.mailing.c.id == mailing.id)
    with newsroom.store.writing() as connection:
        connection.execute(held.values(status="paused"))
        connection.execute(update(tables.wave).values(due_at=system_clock() + timedelta(hours=3)))
    ahead = timedelta(0)
    with standing_by(clock=lambda: system_clock() + ahead):
        ahead = timedelta(hours=5)
        with newsroom.store.writing() as connection:
            connection.execute(held.values(status="sending"))
        until(lambda: chunks_of(newsroom))
    assert newsroom.statuses(mailing) == {}


def chunks_of(newsroom):
    with newsroom.store.reading() as connection:
        return connection.execute(select(tables.chunk.c.id)).all()
