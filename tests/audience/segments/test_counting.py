"""Counts that are exact where few readers are meant or few are not, and say by how much they may be off elsewhere."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from newsletter.audience import labelling
from newsletter.audience.segments import parse
from newsletter.audience.segments.counting import Count, count
from newsletter.store import Store
from newsletter.store.tables import mailing_list, subscriber, subscription

NOW = datetime(2026, 3, 4, tzinfo=UTC)
READERS = 400


@pytest.fixture
def crowd(db: Store) -> Store:
    """Readers 1 to 400 of `daily`: every 40th a donor, all but every 50th tagged `all`, half in US; 1 in 10 has left."""
    with db.writing() as connection:
        daily, weekly = (_list(connection, name) for name in ("daily", "weekly"))
        people = [
            {
                "id": number,
                "address": f"reader{number}@d{number % 4}.example",
                "address_key": f"reader{number}@d{number % 4}.example",
                "domain": f"d{number % 4}.example",
                "zone": "Asia/Tokyo" if number % 100 == 0 else None,
                "created_at": NOW,
            }
            for number in range(1, READERS + 1)
        ]
        connection.execute(insert(subscriber), people)
        same = {"consent_text": "", "consent_source": "", "consent_at": NOW, "changed_at": NOW}
        rows = [
            {"list_id": daily, "subscriber_id": n, "status": "subscribed" if n % 10 else "unsubscribed", **same}
            for n in range(1, READERS + 1)
        ]
        rows += [{"list_id": weekly, "subscriber_id": n, "status": "subscribed", **same} for n in range(1, 21)]
        connection.execute(insert(subscription), rows)
        for number in range(1, READERS + 1):
            tags = (["donor"] if number % 40 == 1 else []) + (["all"] if number % 50 != 1 else [])
            labelling.put_on(connection, number, tags)
            labelling.set_values(connection, number, {"country": "US" if number % 2 else "DE"})
    return db


def _list(connection: Connection, name: str) -> int:
    return int(connection.execute(select(mailing_list.c.id).where(mailing_list.c.name == name)).scalar_one())


def counted(db: Store, text: str | None, **given: Any) -> Count:
    with db.reading() as connection:
        wanted = None if text is None else parse(text)
        return count(connection, _list(connection, "daily"), wanted, **given)


FILTERS = [
    "tag:donor",
    "not tag:all",
    "not tag:donor",
    "tag:donor and country:US",
    "tag:donor or zone:Asia/Tokyo",
    "not (tag:donor or zone:Asia/Tokyo)",
    "list:weekly and not country:US",
    "country:US",
    "country:*",
    "domain:d1.example",
    "country:US and (tag:donor or not tag:all)",
    "tag:nobody",
    "joined<2026-01-01",
]


def test_what_is_exact_is_right_and_what_is_not_says_so(crowd: Store) -> None:
    for text in FILTERS:
        right = counted(crowd, text, exactly=True)
        assert right.exact
        for few in (5, 60, 1000):
            found = counted(crowd, text, few=few, sample=200)
            off = abs(found.readers - right.readers)
            assert off <= 2 * found.margin, (text, few, found, right)


def test_few_and_all_but_few_are_counted_one_by_one(crowd: Store) -> None:
    for text, readers in (
        ("tag:donor", 10),
        ("not tag:donor", 350),
        ("tag:donor and country:US", 10),
        ("tag:donor or zone:Asia/Tokyo", 10),
        ("list:weekly and not country:US", 8),
        ("not (tag:donor or list:weekly)", 333),
    ):
        assert counted(crowd, text, few=60) == Count(readers=readers), text


def test_many_are_estimated_with_a_margin_and_the_same_way_each_time(crowd: Store) -> None:
    first = counted(crowd, "country:US", few=5, sample=100)
    assert not first.exact
    assert abs(first.readers - 200) <= first.margin <= 60
    assert counted(crowd, "country:US", few=5, sample=100) == first


def test_all_of_a_list_are_counted(crowd: Store) -> None:
    assert counted(crowd, None) == Count(readers=360)


def test_a_list_without_readers_has_none(db: Store) -> None:
    assert counted(db, "tag:donor") == counted(db, None) == Count(readers=0)


@settings(max_examples=25, deadline=None, suppress_health_check=(HealthCheck.function_scoped_fixture,))
@given(st.sampled_from(FILTERS), st.sampled_from(FILTERS), st.sampled_from(["and", "or"]), st.booleans())
def test_the_quick_count_and_the_slow_one_agree(crowd: Store, one: str, other: str, join: str, contrary: bool) -> None:
    text = f"{'not ' if contrary else ''}(({one}) {join} ({other}))"
    assert counted(crowd, text) == counted(crowd, text, exactly=True)
