"""What one worker claims for calls of several deliveries."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter.clock import system_clock
from newsletter.delivery.claiming import Claims
from newsletter.delivery.copies import Copies
from newsletter.delivery.limits.rules import UNLIMITED, Limit, Limits
from newsletter.delivery.senders.base import Capabilities
from newsletter.store.tables import chunk, delivery, wave

NAMES = ("ann", "bob", "cyd", "dan", "eve")


@pytest.fixture
def take(newsroom):
    newsroom.subscribe(*NAMES)
    mailing = newsroom.released()
    claims = Claims(
        store=newsroom.store,
        mailing_id=mailing.id,
        worker="w",
        copies=Copies.of(newsroom.edition, mailing, newsroom.keys),
        capabilities=Capabilities(whole_messages=False, chunk=2, connections=4, deadline=5.0),
        lease=timedelta(seconds=60),
    )

    def take(limit=1):
        now = system_clock()
        with newsroom.store.writing() as connection:
            parcels = claims.take(connection, limit, now=now, due_by=now)
        return [[one.address.partition("@")[0] for one in parcel.claims] for parcel in parcels]

    return take


def test_each_call_goes_on_behind_the_last_one_until_nothing_is_left(take):
    assert take() == [["ann", "bob"]]
    assert take(4) == [["cyd", "dan"], ["eve"]]
    assert take() == []


def test_what_is_pending_again_further_to_the_front_is_claimed_at_the_end(newsroom, take):
    assert take() == [["ann", "bob"]]
    with newsroom.store.writing() as connection:
        first = select(delivery.c.id).order_by(delivery.c.id).limit(1).scalar_subquery()
        connection.execute(update(delivery).where(delivery.c.id == first).values(status="pending"))
    assert take(4) == [["cyd", "dan"], ["eve"], ["ann"]]


def test_looking_in_vain_leaves_no_chunk(newsroom, take):
    take(4)
    assert take() == []
    with newsroom.store.reading() as connection:
        assert len(connection.execute(select(chunk)).all()) == 3


class Waves:
    """A mailing with two waves that are released, and one worker that claims single messages."""

    def __init__(self, newsroom, first, second, limits=UNLIMITED):
        self.store = newsroom.store
        newsroom.subscribe(*first)
        later = newsroom.subscribe(*second)
        mailing = newsroom.released()
        with self.store.writing() as connection:
            row = {"mailing_id": mailing.id, "edition_digest": mailing.edition_digest, "zone": "Asia/Tokyo"}
            when = {"due_at": system_clock(), "released_at": system_clock()}
            made = connection.execute(insert(wave).values(row | when).returning(wave.c.id)).scalar_one()
            moved = delivery.c.subscriber_id.in_(later)
            connection.execute(update(delivery).where(moved).values(wave_id=made))
        self.claims = Claims(
            store=self.store,
            mailing_id=mailing.id,
            worker="w",
            copies=Copies.of(newsroom.edition, mailing, newsroom.keys),
            capabilities=Capabilities(whole_messages=True, chunk=1, connections=8, deadline=5.0, limits=limits),
            lease=timedelta(days=9),
        )

    def take(self, limit, now):
        turns = self.claims.turns
        with self.store.writing() as connection:
            turns.begin(connection, now=now)
            parcels = self.claims.take(connection, limit, now=now, due_by=now)
            turns.end(connection, full=len(parcels) >= limit)
        turns.committed()
        return [one.address for parcel in parcels for one in parcel.claims]


def test_who_waits_for_a_turn_in_a_later_wave_goes_though_nobody_waits_in_the_first(newsroom, noon):
    big = [f"r{number}@big.example" for number in range(4)]
    limits = Limits(domains={"big.example": Limit(per_second=1)})
    waves = Waves(newsroom, ["ann@small.example", "bob@small.example"], big, limits)
    assert waves.take(8, noon) == ["ann@small.example", "bob@small.example", big[0]]
    assert [waves.take(8, noon + timedelta(seconds=number)) for number in (1, 2, 3)] == [[one] for one in big[1:]]


def test_a_domain_that_both_waves_wait_for_is_served_to_its_end(newsroom, noon):
    first, second = ([f"{name}{number}@big.example" for number in range(3)] for name in "rs")
    waves = Waves(newsroom, first, second, Limits(domains={"big.example": Limit(per_second=1)}))
    went = [name for number in range(8) for name in waves.take(8, noon + timedelta(seconds=number))]
    assert sorted(went) == [*first, *second]


def test_who_has_left_does_not_hide_those_behind_them_in_the_wave(newsroom, noon):
    waves = Waves(newsroom, ["ann", "bob", "cyd", "dan"], ["eve"])
    newsroom.suppress("ann@readers.example")
    went = [waves.take(2, noon) for _ in range(3)]
    assert went == [["bob@readers.example", "eve@readers.example"], ["cyd@readers.example", "dan@readers.example"], []]


def test_a_wave_with_nothing_to_claim_is_looked_at_again_once_something_of_it_is_due(newsroom, noon):
    waves = Waves(newsroom, ["ann"], ["bob"])
    assert waves.take(4, noon) == ["ann@readers.example", "bob@readers.example"]
    assert waves.take(4, noon) == []
    with newsroom.store.writing() as connection:
        connection.execute(update(delivery).values(status="deferred", due_at=noon))
        waves.claims.wake(connection, due_by=noon - timedelta(seconds=1))
    assert waves.take(4, noon) == []
    with newsroom.store.writing() as connection:
        waves.claims.wake(connection, due_by=noon)
    assert sorted(waves.take(4, noon)) == ["ann@readers.example", "bob@readers.example"]


def test_a_small_wave_does_not_wait_until_a_great_one_is_through(newsroom, noon):
    waves = Waves(newsroom, [f"r{number}" for number in range(6)], ["eve"])
    assert "eve@readers.example" in waves.take(2, noon) + waves.take(2, noon)
