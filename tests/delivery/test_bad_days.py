"""Bad days: each has its outcome and its line in `mailing show`, and loses nobody."""

import re
import socket
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter import reports
from newsletter.clock import system_clock
from newsletter.delivery import Copies, StandBy, Worker
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.patience import Patience
from newsletter.delivery.senders.sendgrid import SendGridSender
from newsletter.errors import InputError
from newsletter.publishing import mailings
from newsletter.rehearsal.sendgrid import Ill, Plan, Provider
from newsletter.rehearsal.sendgrid.provider import KEY
from newsletter.settings import SenderSettings
from newsletter.store import Store, tables
from newsletter.store.statuses import DeliveryStatus, MailingStatus

QUICK = Backoff(first=0.02, longest=0.05)


@pytest.fixture
def mailing(newsroom):
    newsroom.subscribe("ann", "bob", "cyd")
    return newsroom.released()


def settings_for(url, **values):
    return SenderSettings(**{"kind": "sendgrid", "url": url, "connections": 2, "timeout_seconds": 2, **values})


def stand_by(newsroom, sender):
    everything = {"store": newsroom.store, "keys": newsroom.keys, "sender": sender, "clock": system_clock}
    StandBy(**everything, backoff=QUICK).run(until=lambda: True)


@pytest.fixture
def send(newsroom, mailing):
    """Sends to a fake SendGrid as `newsletter worker` does, until the mailing has ended or is paused; its report's text."""

    def send(*, key=KEY, **behaviour):
        with Provider(**behaviour) as provider:
            stand_by(newsroom, SendGridSender(settings=settings_for(provider.url), key=key))
        report = reports.of(newsroom.store, mailing.id)
        assert report.balanced
        return report, reports.as_text(report)

    return send


def test_a_rejected_key_pauses_and_says_so(send):
    report, text = send(key="SG.wrong")
    assert report.mailing.status is MailingStatus.PAUSED
    assert report.waiting == 3
    assert re.search(r"In the way since ..:..:.. UTC \(.*\): http://127.0.0.1:", text)
    assert f"To do: mend what is in the way, then newsletter mailing resume {report.mailing.id}" in text
    assert "authorization grant is invalid" in text


def test_a_refused_sender_pauses_and_says_so(send):
    report, text = send(senders=frozenset({"other@ledger.example"}))
    assert report.mailing.status is MailingStatus.PAUSED
    assert "does not match a verified Sender Identity" in text
    assert report.waiting == 3


def test_one_bad_address_is_rejected_and_the_others_go_out(send, newsroom, mailing):
    report, text = send(refused=frozenset({"bob@readers.example"}))
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "rejected", "cyd": "accepted"}
    assert "3 prepared = 2 accepted + 1 rejected" in text
    assert "rejected: 400" in text
    assert report.mailing.status is MailingStatus.FINISHED


def test_a_body_over_the_limit_pauses_and_says_by_how_much(newsroom):
    newsroom.subscribe("ann", "bob")
    huge = replace(newsroom.edition, html=f"<p>{'x' * 30_000_000}</p>")
    order = mailings.Order(
        issue="a-huge-one",
        edition=huge,
        target=newsroom.list(),
        local_date=date(2026, 11, 24),
        not_later_than=system_clock() + timedelta(hours=1),
        actor="ada",
    )
    made = mailings.create(newsroom.store, order, now=system_clock())
    mailing = mailings.move(newsroom.store, made, made.start(system_clock()))
    with Provider() as provider:
        stand_by(newsroom, SendGridSender(settings=settings_for(provider.url), key=KEY))
        assert not provider.counts["taken"]
    report = reports.of(newsroom.store, mailing.id)
    assert (report.mailing.status, report.waiting) == (MailingStatus.PAUSED, 2)
    assert re.search(r"In the way since .*the request is 30,\d{3},\d{3} bytes", reports.as_text(report))


def test_a_certificate_that_does_not_match_pauses_and_the_key_does_not_leave(newsroom, mailing, certificate):
    heard = []

    over = threading.Event()

    def listen(listening):
        # Again and again: where the machine is busy, a first handshake may come too late.
        while not over.is_set():
            with suppress(OSError), certificate.wrap_socket(listening.accept()[0], server_side=True) as talk:
                heard.append(talk.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        thread = threading.Thread(target=listen, args=(listening,))
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        try:
            stand_by(newsroom, SendGridSender(settings=settings_for(url, connections=1), key=KEY))
        finally:
            over.set()
            thread.join(10)
    report = reports.of(newsroom.store, mailing.id)
    assert (report.mailing.status, report.waiting) == (MailingStatus.PAUSED, 3)
    assert re.search(r"In the way since .*certificate", reports.as_text(report))
    assert heard == []


@pytest.mark.parametrize("ill", [Ill.ACCEPTED_500, Ill.ACCEPTED_RESET, Ill.BROKEN])
def test_an_answer_that_says_nothing_leaves_all_unknown_and_a_person_to_decide(send, ill):
    report, text = send(plan=Plan(ills=((ill, 1.0),)))
    assert report.counts[DeliveryStatus.UNKNOWN] == 3
    assert "3 may have arrived: 3 may still settle by themselves" in text
    assert report.mailing.status is MailingStatus.FINISHED


def test_a_storm_of_429_defers_and_nobody_is_lost(send, newsroom, mailing):
    later = mailing.created_at + timedelta(seconds=3)
    mailings.move(newsroom.store, mailing, replace(mailing, not_later_than=later))
    report, text = send(plan=Plan(ills=((Ill.TOO_MANY, 1.0),)))
    assert report.counts[DeliveryStatus.EXPIRED] == 3
    assert "deferred: 429" in text
    assert "3 prepared = 0 accepted + 3 expired" in text


def test_the_disk_is_full_for_a_while_and_the_worker_waits():
    faults = [InputError("the disk is full"), InputError("the disk is full")]

    def step():
        if faults:
            raise faults.pop()
        return "done"

    patience = Patience(None, threading.Event(), patient=True)
    assert patience.call(step) == "done"
    waited, why = patience.waited()
    assert waited > 0.2
    assert why == "the disk is full"
    assert patience.waited()[0] == 0


def test_without_patience_the_first_failure_is_raised():
    def step():
        raise InputError("the disk is full")

    with pytest.raises(InputError, match="disk is full"):
        Patience(None, threading.Event(), patient=False).call(step)


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgetful(Store):
    """A database that commits the third transaction and is gone before it says so."""

    transactions: Counter

    @contextmanager
    def writing(self):
        with Store.writing(self) as connection:
            yield connection
        self.transactions["all"] += 1
        if self.transactions["all"] == 3:
            raise InputError("the server closed the connection")


def test_a_commit_that_nobody_heard_of_loses_nobody(newsroom, server, mailing):
    newsroom.subscribe(*(f"r{number}" for number in range(20)), list_name="weekly")
    running = newsroom.released(list_name="weekly", issue="another")
    opened = newsroom.store
    store = Forgetful(engine=opened.engine, place=opened.place, transactions=Counter())
    Worker(
        store=store,
        mailing=running,
        copies=Copies.of(newsroom.edition, running, newsroom.keys),
        sender=newsroom.sender(server),
        clock=system_clock,
        lease=timedelta(seconds=1),
        name="elsewhere/1/1/x",
        patient=True,
    ).run()
    report = reports.of(newsroom.store, running.id)
    assert report.finished
    assert store.transactions["all"] > 3
    assert report.counts[DeliveryStatus.ACCEPTED] == 20
    assert server.recipients == {f"r{number}@readers.example": 1 for number in range(20)}
    assert mailing.id != running.id


# --- `mailing show` -----------------------------------------------------------------------------------------------


def show(newsroom, mailing):
    report = reports.of(newsroom.store, mailing.id)
    assert report.balanced
    return reports.as_text(report)


def set_statuses(newsroom, **values):
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).values(changed_at=system_clock(), **values))


def test_a_mailing_that_runs_says_how_far_it_is_and_how_long_it_takes(newsroom, server, mailing):
    newsroom.subscribe(*(f"r{number:03}" for number in range(40)), list_name="weekly")
    running = newsroom.released(list_name="weekly", issue="another")
    server.delay = 0.1
    text = []

    def look(progress):
        if progress.counts[DeliveryStatus.ACCEPTED] >= 10 and not text:
            text.append(show(newsroom, running))

    Worker(
        store=newsroom.store,
        mailing=running,
        copies=Copies.of(newsroom.edition, running, newsroom.keys),
        sender=newsroom.sender(server),
        clock=system_clock,
        on_progress=look,
    ).run()
    assert re.search(r"1 worker at it, [\d.]+/s; done in about \d+ s, at ..:..:.. UTC; nothing is tried after", text[0])
    assert "to go." in text[0]
    assert "No worker is at it" in show(newsroom, mailing)
    assert "To do: start a worker, if none runs: newsletter worker" in show(newsroom, mailing)


def test_a_mailing_that_is_half_unknown_says_what_to_do(newsroom, mailing, noon):
    set_statuses(newsroom, status="unknown")
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).where(tables.delivery.c.id > 1).values(changed_at=noon))
        connection.execute(update(tables.delivery).where(tables.delivery.c.id == 3).values(status="accepted"))
    text = show(newsroom, mailing)
    just_now = "1 became so just now, and a mail server tells nothing later"
    assert f"2 may have arrived: {just_now}, 1 wait for a person." in text
    with newsroom.store.writing() as connection:
        wave = connection.execute(select(tables.wave.c.id)).scalar_one()
        told = {"worker": "w", "created_at": noon, "lease_until": noon, "one_request": True, "status": "closed"}
        connection.execute(insert(tables.chunk).values(id=1, wave_id=wave, **told))
    text = show(newsroom, mailing)
    assert "2 may have arrived: 1 may still settle by themselves, 1 wait for a person." in text
    assert "3 prepared = 1 accepted + 2 unknown" in text


def test_what_is_left_deferred_says_when_it_is_tried_again(newsroom, mailing):
    set_statuses(newsroom, status="deferred", due_at=system_clock() + timedelta(minutes=5))
    text = show(newsroom, mailing)
    assert re.search(r"Only deferred ones are left, no worker is at it: next try at ..:..:..;", text)
    assert "nothing is tried after 20" in text
