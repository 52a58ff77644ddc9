"""What one worker claims for calls of several deliveries."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter.clock import system_clock
from newsletter.delivery.claiming import Claims
from newsletter.delivery.copies import Copies
from newsletter.delivery.senders.base import Capabilities
from newsletter.store.tables import chunk, delivery

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
