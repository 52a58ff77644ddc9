"""What a worker does when the server, the database, the clock or the one who waits is in trouble."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from newsletter import alerts
from newsletter.clock import system_clock
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import mailings
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus


def numbered(count, prefix="r", domain="readers.example"):
    return [f"{prefix}{number:02}@{domain}" for number in range(count)]


def accepted_by(server):
    return set(server.recipients)


def in_thread(worker):
    """Run it; what it raised is in the list."""
    raised = []

    def run():
        try:
            worker.run()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def until(condition, *, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_content_filter_stops_the_mailing_and_nobody_is_given_up(newsroom, scripted):
    newsroom.subscribe(*numbered(50))
    mailing = newsroom.released()
    strict = scripted(lambda stage, _: b"554 5.7.1 a link on a list\r\n" if stage == "dot" else None)
    with pytest.raises(BlockedError, match=r"refuses every message .*a link on a list"):
        newsroom.worker(mailing, strict).run()
    assert set(newsroom.statuses(mailing).values()) == {"deferred", "pending"}
    assert 20 <= len(strict.recipients) < 25
    milder = scripted(lambda *_: None)
    newsroom.worker(mailing, milder).run()
    assert accepted_by(milder) == set(numbered(50))
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.FINISHED


def test_a_server_that_names_readers_in_its_refusal_puts_no_address_into_log_or_alert(newsroom, scripted):
    newsroom.subscribe(*numbered(30))
    mailing = newsroom.released()
    strict = scripted(lambda stage, to: f"554 5.7.1 <{to}>: refused\r\n".encode() if stage == "dot" else None)
    with pytest.raises(BlockedError) as logged:
        newsroom.worker(mailing, strict, pauses=True).run()
    (told,) = alerts.all_of(newsroom.store)
    for said in (logged.value.what, told.message):
        assert "<address>: refused" in said


def test_refusals_between_acceptances_are_about_the_readers(newsroom, scripted):
    newsroom.subscribe(*(name for pair in zip(numbered(25), numbered(25, "bad"), strict=True) for name in pair))
    mailing = newsroom.released()
    server = scripted(lambda stage, to: b"550 full\r\n" if (stage, to[:3]) == ("dot", "bad") else None)
    newsroom.worker(mailing, server, connections=1).run()
    assert sorted(newsroom.statuses(mailing).values()) == ["accepted"] * 25 + ["rejected"] * 25


def test_one_domain_that_is_busy_does_not_hold_up_the_others(newsroom, scripted):
    newsroom.subscribe(*numbered(10, "b", "bad.example"), *numbered(100))
    mailing = newsroom.released()
    server = scripted(
        lambda stage, to: b"421 4.7.0 too many\r\n" if stage == "rcpt" and to.endswith("bad.example") else None
    )
    worker = newsroom.worker(mailing, server)
    thread, _ = in_thread(worker)
    until(lambda: len(server.recipients) == 100)
    worker.stop()
    thread.join(10)
    assert accepted_by(server) == set(numbered(100))


def test_everything_is_recorded_before_the_server_is_left(newsroom, scripted):
    newsroom.subscribe(*numbered(10))
    mailing = newsroom.released()
    seen = []

    def script(stage, _):
        if stage == "quit":
            seen.append((mailings.get(newsroom.store, mailing.id).status, set(newsroom.statuses(mailing).values())))
            return scripted.SILENCE
        return None

    began = time.monotonic()
    newsroom.worker(mailing, scripted(script), timeout=30).run()
    assert seen[0] == (MailingStatus.FINISHED, {"accepted"})
    assert time.monotonic() - began < 5


def test_a_locked_database_is_outlasted_and_nothing_becomes_unknown(impatient, scripted, lock):
    impatient.subscribe(*numbered(60))
    mailing = impatient.released()
    server = scripted(lambda stage, _: time.sleep(0.01) if stage == "dot" else None)
    told = []
    thread, raised = in_thread(impatient.worker(mailing, server, on_progress=told.append))
    until(lambda: len(server.recipients) >= 20)
    lock(True)
    time.sleep(0.8)
    in_the_lock = len(server.recipients)
    lock(False)
    thread.join(20)
    assert raised == []
    assert set(impatient.statuses(mailing).values()) == {"accepted"}
    assert in_the_lock < 40
    assert max(server.recipients.values()) == 1
    assert any("in use by another process: nothing new is sent" in progress.trouble for progress in told)
    assert told[-1].trouble == ""


def test_a_database_that_stays_locked_is_given_up_with_words_on_what_is_lost(impatient, scripted, lock):
    impatient.subscribe(*numbered(60))
    mailing = impatient.released()
    server = scripted(lambda stage, _: time.sleep(0.01) if stage == "dot" else None)
    thread, raised = in_thread(impatient.worker(mailing, server, lease=timedelta(seconds=0.6)))
    until(lambda: len(server.recipients) >= 20)
    lock(True)
    thread.join(20)
    lock(False)
    assert isinstance(raised[0], InputError)
    assert "answers could not be written down" in raised[0].what
    with impatient.store.writing() as connection:
        connection.execute(update(tables.chunk).values(lease_until=system_clock() - timedelta(hours=1)))
    impatient.worker(mailing, server).run()
    assert max(server.recipients.values()) == 1
    assert accepted_by(server) == set(numbered(60))


def test_a_second_send_prolongs_what_a_first_worker_would_give_up(newsroom, scripted):
    newsroom.subscribe("ann", "bob")
    mailing = newsroom.released(hours=0.5 / 3600)
    server = scripted(lambda stage, _: b"451 later\r\n" if stage == "rcpt" else None)
    worker = newsroom.worker(mailing, server)
    thread, _ = in_thread(worker)
    with newsroom.store.writing() as connection:
        longer = system_clock() + timedelta(hours=1)
        connection.execute(update(tables.mailing).values(not_later_than=longer))
    time.sleep(1.0)
    worker.stop()
    thread.join(10)
    assert set(newsroom.statuses(mailing).values()) == {"deferred"}


def test_a_clock_that_is_set_back_stops_nothing(newsroom, scripted):
    newsroom.subscribe(*numbered(6))
    mailing = newsroom.released()
    away = threading.Event()
    away.set()
    server = scripted(lambda stage, _: b"421 later\r\n" if stage == "mail" and away.is_set() else None)
    back = [timedelta(0)]
    worker = newsroom.worker(mailing, server, connections=1, clock=lambda: system_clock() - back[0])
    thread, _ = in_thread(worker)
    until(lambda: "deferred" in newsroom.statuses(mailing).values())
    back[0] = timedelta(hours=1)
    away.clear()
    until(lambda: len(server.recipients) >= 5)
    thread.join(10)
    assert not thread.is_alive()
    assert accepted_by(server) == set(numbered(6))


def test_one_who_stops_waits_for_a_silent_server_only_so_long(newsroom, scripted):
    newsroom.subscribe("ann", "bob")
    mailing = newsroom.released()
    server = scripted(lambda stage, _: scripted.SILENCE if stage == "dot" else None)
    worker = newsroom.worker(mailing, server, answer=600, connections=1, stop_seconds=0.3)
    thread, _ = in_thread(worker)
    until(lambda: server.recipients)
    worker.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert newsroom.statuses(mailing) == {"ann": "unknown", "bob": "pending"}


def test_one_who_stops_is_not_held_by_a_server_that_never_ends_its_greeting(newsroom, scripted):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    server = scripted(lambda stage, _: b"220-hold on\r\n" if stage == "greet" else None)
    worker = newsroom.worker(mailing, server, timeout=60, stop_seconds=0.3)
    thread, _ = in_thread(worker)
    until(lambda: server.connections)
    worker.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert newsroom.statuses(mailing) == {"ann": "deferred"}


def test_waiting_for_a_server_costs_next_to_nothing(newsroom, scripted):
    newsroom.subscribe(*numbered(10))
    mailing = newsroom.released()
    server = scripted(lambda stage, _: b"421 later\r\n" if stage == "mail" else None)
    statements = []
    event.listen(newsroom.store.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    worker = newsroom.worker(mailing, server)
    thread, _ = in_thread(worker)
    time.sleep(1.5)
    worker.stop()
    thread.join(5)
    assert sum("count(" in statement for statement in statements) < 10


def test_a_terminal_that_is_gone_holds_up_no_mail(newsroom, server):
    newsroom.subscribe(*numbered(5))
    mailing = newsroom.released()

    def gone(_progress):
        raise OSError(5, "Input/output error")

    newsroom.worker(mailing, server, on_progress=gone).run()
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}
