from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from newsletter.clock import system_clock
from newsletter.delivery import chunks, ledger, outcomes
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.chunks import LeaseLostError
from newsletter.delivery.identity import own_name
from newsletter.delivery.ledger import Settled
from newsletter.delivery.senders.base import Outcome
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus

LEASE = timedelta(seconds=60)
BACKOFF = Backoff(first=10, jitter=0)


@pytest.fixture
def mailing(newsroom):
    newsroom.subscribe("ann", "bob", "cyd")
    return newsroom.released()


@pytest.fixture
def chunk(newsroom, mailing, noon):
    with newsroom.store.writing() as connection:
        of_it = tables.wave.c.mailing_id == mailing.id
        wave_id = connection.execute(select(tables.wave.c.id).where(of_it)).scalar_one()
        return chunks.take(connection, wave_id, worker=own_name(), now=noon, lease=LEASE)


@pytest.fixture
def claim(newsroom, mailing, chunk, noon):
    def claim(limit, *, after=0.0, held=None):
        with newsroom.store.writing() as connection:
            return ledger.claim(connection, mailing.id, held or chunk, limit, now=noon + timedelta(seconds=after))

    return claim


@pytest.fixture
def record(newsroom, noon):
    def record(*pairs):
        settled = [Settled(claimed=c, outcome=o, started_at=noon, ended_at=noon) for c, o in pairs]
        with newsroom.store.writing() as connection:
            outcomes.record(connection, settled, now=noon, backoff=BACKOFF)

    return record


def _lapse(newsroom, mailing, now):
    with newsroom.store.writing() as connection:
        return chunks.lapse(connection, mailing.id, now=now)


def test_a_claim_is_an_intent_with_a_fence(newsroom, mailing, claim):
    first, second = claim(2)
    assert [(c.address, c.fence) for c in (first, second)] == [("ann@readers.example", 1), ("bob@readers.example", 1)]
    assert newsroom.statuses(mailing) == {"ann": "sending", "bob": "sending", "cyd": "pending"}


def test_nobody_is_claimed_twice(claim):
    assert len(claim(2)) == 2
    assert [claimed.address for claimed in claim(2)] == ["cyd@readers.example"]
    assert claim(2) == []


def test_who_left_or_was_suppressed_since_the_freeze_is_withdrawn(newsroom, mailing, claim):
    newsroom.suppress("bob@readers.example")
    with newsroom.store.writing() as connection:
        ann = select(tables.subscriber.c.id).where(tables.subscriber.c.address == "ann@readers.example")
        left = tables.subscription.c.subscriber_id == ann.scalar_subquery()
        connection.execute(update(tables.subscription).where(left).values(status="unsubscribed"))
    # Both stand before cyd: one claim finds cyd all the same.
    assert [claimed.address for claimed in claim(1)] == ["cyd@readers.example"]
    assert newsroom.statuses(mailing) == {"ann": "withdrawn", "bob": "withdrawn", "cyd": "sending"}


@pytest.mark.parametrize("status", ["paused", "cancelled", "finished", "scheduled"])
def test_nothing_is_claimed_of_a_mailing_that_is_not_being_sent(newsroom, mailing, claim, status):
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(status=status))
    assert claim(3) == []
    assert set(newsroom.statuses(mailing).values()) == {"pending"}


def test_outcomes_settle_deliveries_and_are_kept_as_attempts(newsroom, mailing, claim, record):
    ann, bob, cyd = claim(3)
    record(
        (ann, Outcome.accepted(250, "queued")),
        (bob, Outcome.rejected(550, "no such user")),
        (cyd, Outcome.unknown("no answer")),
    )
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "rejected", "cyd": "unknown"}
    assert [(a.delivery_id, a.fence, a.outcome, a.code) for a in newsroom.attempts()] == [
        (ann.delivery_id, 1, "accepted", 250),
        (bob.delivery_id, 1, "rejected", 550),
        (cyd.delivery_id, 1, "unknown", None),
    ]


def test_answers_in_other_words_settle_together_and_keep_their_words(newsroom, mailing, claim, record):
    ann, bob, cyd = claim(3)
    updates = []

    def count(_connection, _cursor, statement, _parameters, _context, _many):
        updates.extend([statement] if statement.startswith("UPDATE delivery") else [])

    event.listen(newsroom.store.engine, "before_cursor_execute", count)
    record(*((each, Outcome.accepted(250, f"queued as {number}")) for number, each in enumerate((ann, bob, cyd))))
    event.remove(newsroom.store.engine, "before_cursor_execute", count)
    assert len(updates) == 1
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "accepted", "cyd": "accepted"}
    assert [(a.delivery_id, a.reply) for a in newsroom.attempts()] == [
        (ann.delivery_id, "queued as 0"),
        (bob.delivery_id, "queued as 1"),
        (cyd.delivery_id, "queued as 2"),
    ]


def test_a_deferred_delivery_comes_back_when_its_time_has_come_and_after_the_new_ones(claim, record):
    (ann,) = claim(1)
    record((ann, Outcome.deferred(451, "later")))
    assert [c.address for c in claim(5, after=9.9)] == ["bob@readers.example", "cyd@readers.example"]
    (again,) = claim(5, after=10)
    assert (again.address, again.fence) == ("ann@readers.example", 2)


def test_a_chunk_of_a_dead_worker_becomes_unknown_at_once(newsroom, mailing, claim, noon):
    claim(2)
    with newsroom.store.writing() as connection:
        machine = own_name().partition("/")[0]
        connection.execute(update(tables.chunk).values(worker=f"{machine}/4194304/1/x"))
    assert _lapse(newsroom, mailing, noon) == 2
    assert newsroom.statuses(mailing) == {"ann": "unknown", "bob": "unknown", "cyd": "pending"}
    assert [attempt.outcome for attempt in newsroom.attempts()] == ["unknown", "unknown"]
    assert _lapse(newsroom, mailing, noon) == 0


def test_a_chunk_of_a_worker_elsewhere_lapses_with_its_lease(newsroom, mailing, claim, noon):
    claim(1)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.chunk).values(worker="elsewhere/1/1/x"))
    assert _lapse(newsroom, mailing, noon + LEASE) == 0
    assert _lapse(newsroom, mailing, noon + LEASE + timedelta(seconds=1)) == 1


def test_an_answer_after_the_lease_settles_the_unknown(newsroom, mailing, claim, record, noon):
    (ann,) = claim(1)
    _lapse(newsroom, mailing, noon + 2 * LEASE)
    assert newsroom.statuses(mailing)["ann"] == "unknown"
    record((ann, Outcome.accepted(250, "queued")))
    assert newsroom.statuses(mailing)["ann"] == "accepted"


def test_an_answer_to_an_older_claim_is_only_kept(newsroom, mailing, claim, record):
    (ann,) = claim(1)
    record((ann, Outcome.deferred(451, "later")))
    claim(2)
    (again,) = claim(1, after=60)
    record((ann, Outcome.accepted(250, "it went through after all")))
    assert newsroom.statuses(mailing)["ann"] == "sending"
    record((again, Outcome.accepted(250, "queued")))
    assert newsroom.statuses(mailing)["ann"] == "accepted"
    assert [attempt.outcome for attempt in newsroom.attempts()] == ["deferred", "accepted", "accepted"]


def test_a_worker_that_slept_past_its_lease_can_claim_no_more(newsroom, mailing, chunk, claim, noon):
    _lapse(newsroom, mailing, noon + 2 * LEASE)
    with pytest.raises(LeaseLostError):
        claim(1)
    assert set(newsroom.statuses(mailing).values()) == {"pending"}
    with newsroom.store.writing() as connection:
        assert not chunks.hold(connection, chunk, now=noon, lease=LEASE)


def test_what_was_never_sent_in_time_expires(newsroom, mailing, claim, record):
    ann, _ = claim(2)
    record((ann, Outcome.deferred(451, "later")))
    with newsroom.store.writing() as connection:
        assert ledger.expire(connection, mailing.id, now=mailing.not_later_than) == 0
        assert ledger.expire(connection, mailing.id, now=mailing.not_later_than + timedelta(seconds=1)) == 2
    assert newsroom.statuses(mailing) == {"ann": "expired", "bob": "sending", "cyd": "expired"}


def test_what_a_second_send_prolonged_does_not_expire_at_the_old_limit(newsroom, mailing):
    with newsroom.store.writing() as connection:
        longer = mailing.not_later_than + timedelta(hours=1)
        connection.execute(update(tables.mailing).values(not_later_than=longer))
        assert ledger.expire(connection, mailing.id, now=mailing.not_later_than + timedelta(minutes=1)) == 0
    assert set(newsroom.statuses(mailing).values()) == {"pending"}


def test_thousands_who_left_are_withdrawn_in_one_claim(newsroom):
    newsroom.subscribe(*(f"r{number}" for number in range(1_500)), "ann")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        ann = select(tables.subscriber.c.id).where(tables.subscriber.c.address == "ann@readers.example")
        left = tables.subscription.c.subscriber_id != ann.scalar_subquery()
        connection.execute(update(tables.subscription).where(left).values(status="unsubscribed"))
        wave_id = connection.execute(select(tables.wave.c.id)).scalar_one()
        held = chunks.take(connection, wave_id, worker=own_name(), now=system_clock(), lease=LEASE)
        claimed = ledger.claim(connection, mailing.id, held, 1, now=system_clock())
    assert [one.address for one in claimed] == ["ann@readers.example"]


def test_who_was_refused_for_the_messages_sake_is_put_off(newsroom, mailing, claim, record, noon):
    ann, bob, _ = claim(3)
    record((ann, Outcome.rejected(554, "content")), (bob, Outcome.accepted(250, "queued")))
    with newsroom.store.writing() as connection:
        outcomes.put_off(connection, [ann, bob], now=noon)
    assert newsroom.statuses(mailing) == {"ann": "deferred", "bob": "accepted", "cyd": "sending"}
    assert [again.fence for again in claim(1)] == [2]


def test_a_mailing_is_finished_only_when_nothing_is_open(newsroom, mailing, claim, record, noon):
    def finish():
        with newsroom.store.writing() as connection:
            return ledger.finish(connection, mailing.id, now=noon)

    claimed = claim(3)
    assert not finish()
    record(*((each, Outcome.accepted(250, "queued")) for each in claimed))
    assert finish()
    assert not finish()


def test_a_mailing_whose_audience_is_not_complete_is_not_finished(newsroom):
    mailing = newsroom.mailing()
    with newsroom.store.writing() as connection:
        assert not ledger.finish(connection, mailing.id, now=system_clock())


def test_counts_name_every_state(newsroom, mailing, claim):
    claim(1)
    with newsroom.store.reading() as connection:
        counts = ledger.counts(connection, mailing.id)
    assert set(counts) == set(DeliveryStatus)
    assert (counts[DeliveryStatus.SENDING], counts[DeliveryStatus.PENDING], counts[DeliveryStatus.UNKNOWN]) == (1, 2, 0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_claims_and_counts_walk_an_index(newsroom):
    with newsroom.store.reading() as connection:
        for query in (
            "SELECT id FROM delivery WHERE mailing_id = 1 AND status = 'pending' ORDER BY id LIMIT 8",
            "SELECT status, count(*) FROM delivery WHERE mailing_id = 1 GROUP BY status",
        ):
            plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
            assert "COVERING INDEX ix_delivery_mailing_id_status_id" in plan
            assert "TEMP B-TREE" not in plan
