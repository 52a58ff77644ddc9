from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import insert, update

from newsletter.delivery import chunks, evidence, ledger
from newsletter.delivery.senders.base import Outcome
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus

LEASE = timedelta(seconds=60)


@pytest.fixture
def mailing(newsroom):
    newsroom.subscribe("ann", "bob", "cyd")
    return newsroom.released()


@pytest.fixture
def tell(newsroom, mailing, noon):
    """An event about a claimed delivery; `attempt` in the place of its own."""

    def tell(claimed, *, attempt=None):
        row = {
            "provider": "sendgrid",
            "provider_event": f"e{claimed.delivery_id}{attempt}",
            "type": "processed",
            "at": noon,
            "received_at": noon,
            "mailing_id": mailing.id,
            "delivery_id": claimed.delivery_id,
            "attempt": attempt or evidence.attempt_name(claimed.chunk_id, claimed.fence),
            "machine": False,
            "raw": {},
        }
        with newsroom.store.writing() as connection:
            connection.execute(insert(tables.event).values(row))

    return tell


@pytest.fixture
def settle(newsroom, mailing, noon):
    def settle():
        with newsroom.store.writing() as connection:
            return evidence.settle(connection, mailing.id, now=noon)

    return settle


@pytest.fixture
def statuses(newsroom, mailing):
    return lambda: newsroom.statuses(mailing)


def test_the_word_for_an_attempt_comes_back_as_it_went_out():
    assert evidence.read_attempt(evidence.attempt_name(12, 3)) == (12, 3)
    assert evidence.read_attempt("12.3.2") == (12, 3)
    for odd in ("", "12", "a.b", "1.2; DROP TABLE", "9" * 30 + ".1", "１.２"):
        assert evidence.read_attempt(odd) is None


def test_an_event_about_one_delivery_speaks_for_the_whole_request(statuses, claim, record, tell, settle):
    ann, bob, cyd = claim()
    record(*((one, Outcome.unknown("no answer")) for one in (ann, bob, cyd)))
    assert settle() == 0
    tell(ann)
    assert settle() == 3
    assert set(statuses().values()) == {"accepted"}


def test_where_each_message_goes_by_itself_an_event_speaks_for_its_own_only(statuses, claim, record, tell, settle):
    ann, bob, cyd = claim(one_request=False)
    record(*((one, Outcome.unknown("no answer")) for one in (ann, bob, cyd)))
    tell(bob)
    assert settle() == 1
    assert statuses() == {"ann": "unknown", "bob": "accepted", "cyd": "unknown"}


def test_a_part_of_a_chunk_speaks_for_the_delivery_that_it_names(statuses, claim, record, tell, settle):
    ann, bob, cyd = claim()
    record(*((one, Outcome.unknown("no answer")) for one in (ann, bob, cyd)))
    tell(ann, attempt=f"{evidence.attempt_name(ann.chunk_id, ann.fence)}.1")
    assert settle() == 1
    assert statuses()["ann"] == "accepted"


def test_an_event_of_an_earlier_attempt_proves_nothing_about_the_present_one(newsroom, claim, record, tell, settle):
    first = claim()
    record(*((one, Outcome.unknown("no answer")) for one in first))
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).values(status="pending"))
    second = claim()
    record(*((one, Outcome.unknown("no answer")) for one in second))
    tell(first[0])
    assert settle() == 0


def test_events_that_came_before_the_answer_was_given_up_count(newsroom, mailing, claim, tell, noon):
    ann, *_ = claim()
    tell(ann)
    assert newsroom.statuses(mailing)["ann"] == "sending"
    with newsroom.store.writing() as connection:
        assert chunks.lapse(connection, mailing.id, now=noon + 2 * LEASE) == 3
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}


def test_two_attempts_that_were_taken_count_as_twice_in_plain_sight(newsroom, mailing, claim, record, tell):
    first = claim()
    record(*((one, Outcome.unknown("no answer")) for one in first))
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).values(status="pending"))
    second = claim()
    record(*((one, Outcome.accepted(202, "")) for one in second))
    with newsroom.store.reading() as connection:
        assert evidence.twice(connection, mailing.id) == 0
        assert evidence.possibly_twice(connection, mailing.id) == 3
    tell(first[1])
    with newsroom.store.reading() as connection:
        assert evidence.twice(connection, mailing.id) == 3
        assert evidence.possibly_twice(connection, mailing.id) == 0


def test_nothing_is_sent_again_unless_the_list_has_opted_in(newsroom, mailing, claim, record, noon):
    record(*((one, Outcome.unknown("no answer")) for one in claim()))
    later = noon + timedelta(days=1)
    with newsroom.store.writing() as connection:
        assert evidence.resend(connection, mailing.id, now=later) == 0
        connection.execute(update(tables.mailing).values(resend_after=600))
        assert evidence.resend(connection, mailing.id, now=noon + timedelta(seconds=599)) == 0
        assert evidence.resend(connection, mailing.id, now=noon + timedelta(seconds=600)) == 3
    assert set(newsroom.statuses(mailing).values()) == {"pending"}


def test_past_its_time_nothing_is_sent_again_by_itself(newsroom, mailing, claim, record, noon):
    record(*((one, Outcome.unknown("no answer")) for one in claim()))
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(resend_after=600, not_later_than=noon + timedelta(hours=1)))
        assert evidence.resend(connection, mailing.id, now=noon + timedelta(hours=1)) == 0
        connection.execute(update(tables.mailing).values(status="paused"))
        assert evidence.resend(connection, mailing.id, now=noon + timedelta(minutes=30)) == 0


def test_past_the_time_of_its_wave_nothing_is_sent_again_by_itself(newsroom, mailing, claim, record, noon):
    record(*((one, Outcome.unknown("no answer")) for one in claim()))
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(resend_after=600, not_later_than=noon + timedelta(days=1)))
        connection.execute(update(tables.wave).values(not_later_than=noon + timedelta(hours=1)))
        assert evidence.resend(connection, mailing.id, now=noon + timedelta(hours=1)) == 0
        assert evidence.resend(connection, mailing.id, now=noon + timedelta(minutes=59)) == 3


@pytest.fixture
def sent_again(newsroom, claim, record, noon):
    """Two of three may have arrived, and wait to be sent again; the time is over soon."""
    record(*((one, Outcome.unknown("no answer")) for one in claim(limit=2)))
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(resend_after=600, not_later_than=noon + timedelta(hours=1)))
        assert evidence.resend(connection, 1, now=noon + timedelta(minutes=30)) == 2


@pytest.mark.parametrize(
    ("give_up", "ended"),
    [(ledger.expire, DeliveryStatus.EXPIRED), (partial(ledger.withdraw, limit=10), DeliveryStatus.WITHDRAWN)],
)
@pytest.mark.usefixtures("sent_again")
def test_what_was_to_be_sent_again_and_is_given_up_is_unknown_as_before(newsroom, mailing, noon, give_up, ended):
    """Not expired or withdrawn: these words say that it surely did not arrive."""
    with newsroom.store.writing() as connection:
        give_up(connection, mailing.id, now=noon + timedelta(hours=2))
        counts = ledger.counts(connection, mailing.id)
        assert evidence.possibly_twice(connection, mailing.id) == 0
    assert (counts[DeliveryStatus.UNKNOWN], counts[ended]) == (2, 1)


def test_what_will_be_sent_again_keeps_the_mailing_open(newsroom, mailing, claim, record, noon):
    record(*((one, Outcome.unknown("no answer")) for one in claim()))
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(resend_after=600))
        assert not ledger.finish(connection, mailing.id, now=noon)
        connection.execute(update(tables.mailing).values(resend_after=None))
        assert ledger.finish(connection, mailing.id, now=noon)


def test_a_whole_request_that_was_taken_is_one_attempt(newsroom, claim, record):
    record(*((one, Outcome.accepted(202, "")) for one in claim()))
    (attempt,) = newsroom.attempts()
    assert (attempt.delivery_id, attempt.outcome, attempt.code) == (None, "accepted", 202)


def test_who_fared_differently_has_an_attempt_of_their_own(newsroom, statuses, claim, record):
    ann, bob, cyd = claim()
    record((ann, Outcome.accepted(202, "")), (bob, Outcome.rejected(400, "bad")), (cyd, Outcome.accepted(202, "")))
    assert [(a.delivery_id, a.outcome) for a in newsroom.attempts()] == [
        (None, "accepted"),
        (bob.delivery_id, "rejected"),
    ]
    assert statuses() == {"ann": "accepted", "bob": "rejected", "cyd": "accepted"}
