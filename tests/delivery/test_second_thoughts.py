"""What is known of those whose attempt nobody answered, when a person or an event has spoken since."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from newsletter.clock import system_clock
from newsletter.delivery import control, evidence
from newsletter.delivery.senders.base import Outcome
from newsletter.store import tables

LEASE = timedelta(seconds=60)
ACCEPTED = Outcome.accepted(202, "")
NO_ANSWER = Outcome.unknown("no answer")


@pytest.fixture
def mailing(newsroom):
    newsroom.subscribe("ann", "bob")
    return newsroom.released()


@pytest.fixture
def tell(newsroom, mailing, noon):
    """An event about a claimed delivery."""

    def tell(claimed):
        row = {
            "provider": "sendgrid",
            "type": "processed",
            "machine": False,
            "raw": {},
            "at": noon,
            "received_at": noon,
        }
        row |= {
            "provider_event": f"e{claimed.delivery_id}",
            "mailing_id": mailing.id,
            "delivery_id": claimed.delivery_id,
        }
        row["attempt"] = evidence.attempt_name(claimed.chunk_id, claimed.fence)
        with newsroom.store.writing() as connection:
            connection.execute(insert(tables.event).values(row))

    return tell


@pytest.fixture
def resolve(newsroom, mailing, noon):
    """A person decides, once the quiet is over."""

    def resolve(verdict):
        later = noon + timedelta(days=1)
        control.resolve(newsroom.store, mailing.id, verdict, deliveries=None, actor="ada", now=later)

    return resolve


@pytest.fixture
def sent_again(claim, record, resolve):
    """The claims of an attempt that nobody answered and that a person wants to be repeated."""

    def sent_again(limit=10):
        claims = claim(limit)
        record(*((one, NO_ANSWER) for one in claims))
        resolve("pending")
        return claims

    return sent_again


def all_leave(newsroom):
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.subscription).values(status="unsubscribed"))


def test_who_has_it_as_events_tell_is_not_sent_it_again(newsroom, mailing, claim, tell, sent_again):
    ann, _ = sent_again()
    tell(ann)
    # One request carried both.
    assert claim() == []
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "accepted"}


def test_who_may_have_it_and_leaves_before_it_is_sent_again_is_unknown(newsroom, mailing, claim, sent_again):
    sent_again(limit=1)
    all_leave(newsroom)
    assert claim() == []
    assert newsroom.statuses(mailing) == {"ann": "unknown", "bob": "withdrawn"}


def test_who_has_it_and_leaves_before_it_is_sent_again_has_it(newsroom, mailing, claim, tell, sent_again):
    (ann,) = sent_again(limit=1)
    tell(ann)
    all_leave(newsroom)
    assert claim() == []
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "withdrawn"}


def test_what_a_person_has_called_rejected_is_not_tried_again(newsroom, mailing, claim, record, resolve):
    ann, bob = claim()
    record((ann, NO_ANSWER), (bob, Outcome.rejected(554, "full")))
    resolve("rejected")
    done = control.retry(newsroom.store, mailing.id, actor="bob", now=system_clock())
    assert (done.rejected, done.left) == (1, 1)
    assert newsroom.statuses(mailing) == {"ann": "rejected", "bob": "pending"}


def test_who_was_rejected_by_an_answer_that_came_late_may_be_tried_again(newsroom, mailing, claim, record):
    (ann,) = claim(limit=1)
    record((ann, NO_ANSWER))
    record((ann, Outcome.rejected(554, "full")))
    assert control.retry(newsroom.store, mailing.id, actor="bob", now=system_clock()).rejected == 1
    assert newsroom.statuses(mailing) == {"ann": "pending", "bob": "pending"}


def test_who_was_refused_by_name_does_not_count_as_having_it_twice(database, claim, record, tell, sent_again):
    first, _ = sent_again()
    ann, bob = claim()
    record((ann, Outcome.rejected(400, "bad")), (bob, ACCEPTED))
    tell(first)
    with database.reading() as connection:
        # Bob: the event speaks for the whole of the first request.
        assert evidence.twice(connection, mailing_id=1) == 1
