"""Limits at the claim, in the database that all workers share."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import event, func, select, text, update

from newsletter import store
from newsletter.delivery import chunks, in_turn, ledger, outcomes
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.identity import own_name
from newsletter.delivery.ledger import Settled
from newsletter.delivery.limits import paces
from newsletter.delivery.limits.rules import UNLIMITED, Limit, Limits, RampUp
from newsletter.delivery.limits.storms import Told
from newsletter.delivery.limits.turns import Turns
from newsletter.delivery.senders.base import Outcome
from newsletter.store import tables

LEASE = timedelta(days=9)
ENOUGH, TAKEN = Outcome.deferred(421, "4.7.0 too many"), Outcome.accepted(250, "queued")
WAITS = Backoff(first=10, longest=600, jitter=0)


def at(domain, count, prefix="r"):
    return [f"{prefix}{number:03}@{domain}" for number in range(count)]


class Worker:
    """Claims as a worker does, at the hours that a test says."""

    def __init__(self, newsroom, mailing, limits=UNLIMITED, *, opened=None, heeded=True) -> None:
        self.newsroom, self.mailing, self.store = newsroom, mailing, opened or newsroom.store
        self.turns = Turns(mailing.id, limits, heeded=heeded, shut=WAITS)
        self.back: list = []
        with self.store.writing() as connection:
            of_it = tables.wave.c.mailing_id == mailing.id
            self.wave = connection.execute(select(tables.wave.c.id).where(of_it)).scalar_one()
            now = datetime.now(tz=UTC)
            self.chunk = chunks.take(connection, self.wave, worker=own_name(), now=now, lease=LEASE)

    def claim(self, limit, now):
        """One transaction: what came back is recorded, and up to `limit` are claimed."""
        # What other workers did is looked for each time here, and each second by a real one.
        self.turns.undone()
        with self.store.writing() as connection:
            return self._claim(connection, limit, now)

    def _claim(self, connection, limit, now):
        self.turns.begin(connection, now=now)
        outcomes.record(connection, self.back, now=now, backoff=WAITS)
        number = self.mailing.id
        if self.turns.kept:
            asked = in_turn.Asked(mailing_id=number, wave_id=self.wave, limit=limit, now=now, due_by=now)
            claimed = in_turn.claim(connection, asked, self.chunk, self.turns)
        else:
            claimed = ledger.claim(connection, number, self.chunk, limit, now=now, wave_id=self.wave)
        self.turns.end(connection, full=len(claimed) >= limit)
        self.turns.committed()
        self.back = []
        return claimed

    def answer(self, claimed, outcome, now):
        """These came back, all alike; the next claim writes it."""
        self.turns.came_back(Told(delivery_id=one.delivery_id, domain=one.domain, outcome=outcome) for one in claimed)
        self.back += [Settled(claimed=one, outcome=outcome, started_at=now, ended_at=now) for one in claimed]

    def step(self, limit, now, outcome=TAKEN):
        """Claim, and all of it is answered."""
        claimed = self.claim(limit, now)
        self.answer(claimed, outcome, now)
        return claimed


@pytest.fixture
def seconds(noon):
    return lambda number: noon + timedelta(seconds=number)


def names(claimed):
    return [one.address for one in claimed]


def deliveries(newsroom):
    with newsroom.store.reading() as connection:
        return connection.execute(select(tables.delivery).order_by(tables.delivery.c.id)).all()


def test_a_limited_domain_lets_the_others_pass_and_keeps_its_order(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 30), *at("readers.example", 12))
    worker = Worker(newsroom, newsroom.released(), Limits(domains={"big.example": Limit(per_second=2)}))
    went = worker.step(4, seconds(0))
    assert names(went) == ["r000@big.example", *at("readers.example", 3)]
    big = [names(worker.step(4, seconds(half / 2))) for half in range(1, 40)]
    assert names(one for one in went if "big" in one.address) + [
        name for claim in big for name in claim if "big" in name
    ] == at("big.example", 30)
    assert all(sum("big" in name for name in claim) <= 1 for claim in big)
    assert sum(len(claim) for claim in big) == 38
    assert {row.status for row in deliveries(newsroom)} <= {"accepted", "sending"}


def test_who_has_to_wait_is_set_aside_once_and_nothing_was_tried(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 50))
    mailing = newsroom.released()
    worker = Worker(newsroom, mailing, Limits(domains={"big.example": Limit(per_second=1)}))
    written = Counter()

    def count(_connection, _cursor, statement, parameters, *_rest):
        if statement.startswith("UPDATE delivery") and "chunk_id" not in statement and "SET status" in statement:
            written["set aside"] += len(parameters) - 2 if isinstance(parameters, tuple | list) else 1

    event.listen(newsroom.store.engine, "before_cursor_execute", count)
    assert len(worker.claim(8, seconds(0))) == 1
    after_first = written["set aside"]
    waiting = [row for row in deliveries(newsroom) if row.status == "deferred"]
    assert len(waiting) == 49
    assert {(row.fence, row.due_at, row.chunk_id) for row in waiting} == {(0, None, None)}
    assert [len(worker.claim(8, seconds(0.3))) for _ in range(20)] == [0] * 20
    assert written["set aside"] == after_first
    assert worker.turns.opens_at == seconds(1)
    assert newsroom.attempts() == []
    with newsroom.store.reading() as connection:
        assert paces.waiting(connection, mailing.id) == 49
        assert ledger.next_due(connection, mailing.id) is None


def test_the_senders_rate_holds_for_all_mailings_and_workers_together(newsroom, seconds):
    newsroom.subscribe(*at("readers.example", 300))
    newsroom.subscribe(*at("other.example", 300), list_name="weekly")
    limits = Limits(sender=Limit(per_second=5))
    workers = [
        Worker(newsroom, newsroom.released(), limits),
        Worker(newsroom, newsroom.released(list_name="weekly", issue="another"), limits),
    ]
    went = [len(workers[tick % 2].step(8, seconds(tick / 20))) for tick in range(400)]
    assert 95 <= sum(went) <= 101
    # Nobody is set aside for the sender's own rate: who has not gone is as new as before.
    assert {row.status for row in deliveries(newsroom)} <= {"pending", "accepted", "sending"}


def test_limits_are_kept_across_restarts(newsroom, seconds):
    newsroom.subscribe(*at("readers.example", 40), *at("big.example", 40))
    mailing = newsroom.released()
    limits = Limits(
        sender=Limit(ramp_up=RampUp(since=seconds(0).date(), first_day=20, factor=2)),
        domains={"big.example": Limit(per_day=5)},
    )
    first = Worker(newsroom, mailing, limits)
    assert len(first.step(12, seconds(0))) == 12
    first.claim(0, seconds(1))
    second = Worker(newsroom, mailing, limits)
    assert len(second.step(12, seconds(2))) == 8
    assert second.step(12, seconds(3)) == []
    assert second.turns.trouble(seconds(3)) == "today's 20 of the ramp-up are used; goes on at 00:00 UTC"
    tomorrow = seconds(86_400)
    third = Worker(newsroom, mailing, limits)
    later = [one for _ in range(9) for one in third.step(12, tomorrow)]
    assert len(later) == 25, "20 of the readers, and 5 of the domain that has its own number"
    assert Counter(one.domain for one in later) == {"readers.example": 20, "big.example": 5}
    assert "today's 5 for big.example are used" in third.turns.trouble(tomorrow)


def test_what_came_back_untaken_does_not_count_for_the_day(newsroom, seconds):
    newsroom.subscribe(*at("readers.example", 30))
    worker = Worker(newsroom, newsroom.released(), Limits(sender=Limit(per_day=10)))
    assert len(worker.step(10, seconds(0), Outcome.deferred(451, "4.7.1 Greylisted"))) == 10
    assert len(worker.step(20, seconds(1))) == 10
    assert worker.step(20, seconds(2)) == []


def test_a_domain_gets_only_so_many_connections(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 10), *at("readers.example", 10))
    worker = Worker(newsroom, newsroom.released(), Limits(domains={"big.example": Limit(connections=2)}))
    first = worker.claim(5, seconds(0))
    assert Counter(one.domain for one in first) == {"big.example": 2, "readers.example": 3}
    assert worker.turns.opens_at is None, "an answer opens it, and no hour"
    worker.answer([one for one in first if one.domain == "readers.example"], TAKEN, seconds(1))
    assert Counter(one.domain for one in worker.claim(3, seconds(1))) == {"readers.example": 3}
    worker.answer(first[:1], TAKEN, seconds(2))
    assert names(worker.claim(3, seconds(2)))[0] == "r002@big.example"


def storm(worker, seconds, *, start=0.0):
    """Readers of big.example are put off until it is shut."""
    for second in range(20):
        claimed = worker.claim(4, seconds(start + second / 10))
        for one in claimed:
            worker.answer([one], ENOUGH if one.domain == "big.example" else TAKEN, seconds(start + second / 10))
        if "big.example takes no more" in worker.turns.trouble(seconds(start + second / 10)):
            return
    raise AssertionError("it was never shut")


def test_a_storm_shuts_one_domain_for_all_workers_and_one_acceptance_opens_it(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 200), *at("readers.example", 200))
    mailing = newsroom.released()
    worker = Worker(newsroom, mailing)
    storm(worker, seconds)
    put_off = [row for row in deliveries(newsroom) if row.fence and row.status == "deferred"]
    assert len(put_off) <= 8, "a few in a row are enough"
    # Another worker, and this one after a restart, know it from the database; the others' mail goes on.
    for _ in range(3):
        other = Worker(newsroom, mailing)
        assert {one.domain for one in other.step(8, seconds(5))} == {"readers.example"}
        other.claim(0, seconds(5))
    # One at a time tries it, and each failure makes the wait longer.
    trials = []
    for second in range(12, 200):
        claimed = worker.claim(8, seconds(second))
        big = [one for one in claimed if one.domain == "big.example"]
        assert len(big) <= 1
        trials += [second for _ in big]
        worker.answer(big, ENOUGH, seconds(second))
        worker.answer([one for one in claimed if one not in big], TAKEN, seconds(second))
    gaps = [later - earlier for earlier, later in pairwise(trials)]
    assert gaps[0] >= 20
    assert all(later >= 2 * earlier - 2 for earlier, later in pairwise(gaps))
    assert len(trials) <= 5
    # It takes one: at once all of it goes.
    last = next(second for second in range(200, 500) if worker.step(1, seconds(second)))
    worker.claim(0, seconds(last))
    went = [one for n in range(40) for one in worker.step(8, seconds(last + 1 + n / 100))]
    assert {one.domain for one in went} == {"big.example"}
    assert len(went) >= 189
    worker.claim(0, seconds(9_999))
    assert Counter(row.status for row in deliveries(newsroom)) == {"accepted": 400}


def test_greylisting_does_not_hold_a_domain_for_ever(newsroom, seconds):
    """Everybody's first try is put off without a reason; from five minutes after it, tries are taken."""
    newsroom.subscribe(*at("grey.example", 100), *at("readers.example", 10))
    worker = Worker(newsroom, newsroom.released())
    known, taken, tick = {}, {}, 0
    while len(taken) < 110 and tick < 5_000:
        tick += 1
        now = tick / 2
        for one in worker.claim(8, seconds(now)):
            new = known.setdefault(one.address, now)
            fine = "readers" in one.address or now - new >= 300
            worker.answer([one], TAKEN if fine else Outcome.deferred(450, "4.7.1 try again later"), seconds(now))
            if fine:
                taken[one.address] = now
    assert len(taken) == 110
    assert max(taken.values()) < 900
    assert max(when for name, when in taken.items() if "readers" in name) < 60


def test_where_nothing_is_limited_or_in_trouble_a_claim_costs_nothing_more(newsroom, seconds):
    newsroom.subscribe(*at("readers.example", 40))
    worker = Worker(newsroom, newsroom.released())
    worker.claim(1, seconds(0))
    statements = []
    event.listen(newsroom.store.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    for number in range(5):
        with newsroom.store.writing() as connection:
            assert len(worker._claim(connection, 2, seconds(number / 10))) == 2
    assert len([one for one in statements if not one.startswith("BEGIN")]) == 10, "find and intend"


def test_a_claim_walks_past_nobody_who_waits(newsroom):
    plans = []
    with newsroom.store.reading() as connection:
        for where, order in (
            ("status = 'deferred' AND due_at <= '2026-11-23'", "due_at, id"),
            ("status = 'deferred' AND pace_id = 7 AND fence = 0", "id"),
            ("status = 'deferred' AND pace_id = 7 AND fence > 0", "fence, id"),
        ):
            query = f"SELECT id FROM delivery WHERE mailing_id = 1 AND {where} ORDER BY {order} LIMIT 8"  # noqa: S608
            if newsroom.store.is_sqlite:
                plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
            else:
                connection.execute(text("SET LOCAL enable_seqscan = off"))
                connection.execute(text("SET LOCAL enable_bitmapscan = off"))
                plan = connection.execute(text(f"EXPLAIN {query}")).all()
            plans.append(" ".join(str(row[-1]) for row in plan))
    assert "ix_delivery_mailing_id_due_at_id" in plans[0]
    assert all("ix_delivery_mailing_id_pace_id_fence_id" in plan for plan in plans[1:])
    assert not any("TEMP B-TREE" in plan or "Sort" in plan for plan in plans)


def test_who_has_left_meanwhile_gets_nothing_when_the_turn_comes(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 4))
    mailing = newsroom.released()
    worker = Worker(newsroom, mailing, Limits(domains={"big.example": Limit(per_second=1)}))
    worker.claim(4, seconds(0))
    newsroom.suppress("r001@big.example")
    assert worker.claim(4, seconds(1)) == []
    assert names(worker.claim(4, seconds(1.1))) == ["r002@big.example"]
    assert newsroom.statuses(mailing) == {
        "r000": "sending", "r001": "withdrawn", "r002": "sending", "r003": "deferred"
    }  # fmt: skip


def test_those_who_wait_expire_and_are_withdrawn_as_all_do(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 4))
    mailing = newsroom.released()
    worker = Worker(newsroom, mailing, Limits(domains={"big.example": Limit(per_second=1)}))
    worker.claim(4, seconds(0))
    with newsroom.store.writing() as connection:
        assert ledger.expire(connection, mailing.id, now=mailing.not_later_than + timedelta(seconds=1)) == 3
        assert paces.waiting(connection, mailing.id) == 0
    assert worker.claim(4, seconds(9)) == []
    assert worker.turns.opens_at is None


def test_what_waited_for_a_limit_that_is_gone_goes(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 30))
    mailing = newsroom.released()
    Worker(newsroom, mailing, Limits(domains={"big.example": Limit(per_second=0.01)})).claim(8, seconds(0))
    worker = Worker(newsroom, mailing)
    assert [len(worker.step(16, seconds(1))) for _ in range(3)] == [16, 13, 0]


def test_another_kind_of_sender_takes_those_who_waited(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 30))
    mailing = newsroom.released()
    Worker(newsroom, mailing, Limits(domains={"big.example": Limit(per_second=0.01)})).claim(8, seconds(0))
    worker = Worker(newsroom, mailing, heeded=False)
    worker.claim(0, seconds(1))
    with newsroom.store.reading() as connection:
        assert paces.waiting(connection, mailing.id) == 0
    # They are due since they were frozen, which is by the machine's own clock.
    assert len(worker.claim(1_000, mailing.not_later_than)) == 29


def test_two_workers_on_one_database_share_a_domains_rate(newsroom, seconds, request):
    newsroom.subscribe(*at("big.example", 100), *at("readers.example", 20))
    mailing = newsroom.released()
    limits = Limits(domains={"big.example": Limit(per_second=2)})
    url = request.getfixturevalue("database_url")
    with closing(store.open(url)) as elsewhere:
        here, there = Worker(newsroom, mailing, limits), Worker(newsroom, mailing, limits, opened=elsewhere)
        went = [one for tick in range(100) for each in (here, there) for one in each.step(4, seconds(tick / 10))]
    assert len({one.delivery_id for one in went}) == len(went)
    assert 20 <= sum(one.domain == "big.example" for one in went) <= 22
    assert sum(one.domain == "readers.example" for one in went) == 20


def test_a_worker_does_not_wait_for_another_that_is_in_the_middle_of_a_claim(newsroom, seconds):
    if newsroom.store.is_sqlite:
        # There one writes at a time, and there is nobody to pass by.
        return
    newsroom.subscribe(*at("big.example", 20), *at("readers.example", 300), *at("big.example", 20, "s"))
    mailing = newsroom.released()
    limits = Limits(domains={"big.example": Limit(per_second=2)})
    here, there = Worker(newsroom, mailing, limits), Worker(newsroom, mailing, limits)
    there.claim(0, seconds(0))
    with newsroom.store.writing() as connection:
        assert len(here._claim(connection, 2, seconds(0))) == 2
        went = there.claim(200, seconds(0))
        assert {one.domain for one in went} == {"readers.example"}
    assert len(there.claim(200, seconds(1))) > 0
    assert {row.fence for row in deliveries(newsroom)} == {0, 1}


def test_a_transaction_that_fails_leaves_no_trace(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 20))
    mailing = newsroom.released()
    worker = Worker(newsroom, mailing, Limits(domains={"big.example": Limit(per_second=1, connections=1)}))
    asked = in_turn.Asked(mailing_id=mailing.id, wave_id=worker.wave, limit=4, now=seconds(0), due_by=seconds(0))

    def fail():
        with newsroom.store.writing() as connection:
            worker.turns.begin(connection, now=seconds(0))
            assert len(in_turn.claim(connection, asked, worker.chunk, worker.turns)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    worker.turns.undone()
    assert names(worker.claim(4, seconds(0))) == ["r000@big.example"]
    with newsroom.store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(tables.pace)).scalar_one() == 1


def test_a_pace_that_somebody_spoilt_heals(newsroom, seconds):
    newsroom.subscribe(*at("big.example", 20))
    worker = Worker(newsroom, newsroom.released(), Limits(domains={"big.example": Limit(per_second=1)}))
    worker.claim(1, seconds(0))
    with newsroom.store.writing() as connection:
        far = seconds(10**8)
        connection.execute(update(tables.pace).values(free_at=far, slowed_until=far, shut_until=far, failures=10**6))
    went = [one for second in range(2, 5) for one in worker.step(1, seconds(second))]
    assert len(went) == 3


def test_a_day_that_a_clock_far_ahead_has_used_up_is_over_tomorrow(newsroom, seconds):
    newsroom.subscribe(*at("readers.example", 20))
    worker = Worker(newsroom, newsroom.released(), Limits(sender=Limit(per_day=5)))
    ahead = seconds(10**8)
    assert len(worker.step(8, ahead)) == 5
    assert worker.step(8, seconds(0)) == []
    assert len(worker.step(8, seconds(86_400))) == 5
