"""Bad days: each has its outcome and its line in `mailing show`, and loses nobody."""

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import update

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


@pytest.fixture
def send(newsroom, mailing):
    """Sends to a fake SendGrid as `newsletter worker` does, until the mailing has ended or is paused; its report's text."""

    def send(*, key=KEY, **behaviour):
        with Provider(**behaviour) as provider:
            settings = SenderSettings(kind="sendgrid", url=provider.url, connections=2, timeout_seconds=2)
            sender = SendGridSender(settings=settings, key=key)
            standing_by = StandBy(
                store=newsroom.store, keys=newsroom.keys, sender=sender, clock=system_clock, backoff=QUICK
            )
            standing_by.run(until=lambda: True)
        report = reports.of(newsroom.store, mailing.id)
        assert report.balanced
        return report, reports.as_text(report)

    return send


def test_a_rejected_key_pauses_and_says_so(send):
    report, text = send(key="SG.wrong")
    assert report.mailing.status is MailingStatus.PAUSED
    assert report.waiting == 3
    assert "In the way: http://127.0.0.1:" in text
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


def test_a_commit_that_nobody_heard_of_leaves_nobody_in_the_air(newsroom, server, mailing):
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
    assert report.counts[DeliveryStatus.ACCEPTED] == len(server.received) == 20 - report.counts[DeliveryStatus.UNKNOWN]
    assert 0 < report.counts[DeliveryStatus.UNKNOWN] <= 4
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
    assert "Sending, 1 worker; done in about" in text[0]
    assert "to go." in text[0]
    assert "no worker is at it" in show(newsroom, mailing)


def test_a_mailing_that_is_half_unknown_says_what_to_do(newsroom, mailing, noon):
    set_statuses(newsroom, status="unknown")
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).where(tables.delivery.c.id > 1).values(changed_at=noon))
        connection.execute(update(tables.delivery).where(tables.delivery.c.id == 3).values(status="accepted"))
    text = show(newsroom, mailing)
    assert (
        "2 may have arrived: 1 may still settle by themselves, 1 wait for a person: newsletter mailing resolve" in text
    )
    assert "3 prepared = 1 accepted + 2 unknown" in text


def test_what_is_left_deferred_says_when_it_is_tried_again(newsroom, mailing):
    set_statuses(newsroom, status="deferred", due_at=system_clock() + timedelta(minutes=5))
    text = show(newsroom, mailing)
    assert "Only deferred ones are left: next try at 20" in text
    assert "nothing is tried after 20" in text
