import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from newsletter import events
from newsletter.events.sendgrid import events_of
from newsletter.store.tables import event

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def opened(database):
    return database


def told(*names, kind="delivered"):
    raw = [
        {"event": kind, "sg_event_id": name, "delivery": "1", "attempt": "1.1", "timestamp": 1795435200}
        for name in names
    ]
    return events_of(json.dumps(raw).encode(), now=NOW)


def kept(opened):
    with opened.reading() as connection:
        return connection.execute(select(event).order_by(event.c.id)).all()


def test_an_event_is_kept_with_its_raw_form(opened):
    assert events.record(opened, told("a"), now=NOW) == 1
    (row,) = kept(opened)
    assert (row.provider, row.provider_event, row.type, row.delivery_id, row.attempt) == (
        "sendgrid", "a", "delivered", 1, "1.1",
    )  # fmt: skip
    assert row.at == datetime.fromtimestamp(1795435200, UTC)
    assert row.received_at == NOW
    assert row.raw["sg_event_id"] == "a"


def test_what_is_posted_again_is_kept_once(opened):
    assert events.record(opened, told("a", "b", "a"), now=NOW) == 2
    assert events.record(opened, told("b", "c"), now=NOW + timedelta(hours=1)) == 1
    assert [row.provider_event for row in kept(opened)] == ["a", "b", "c"]


def test_nothing_is_nothing(opened):
    assert events.record(opened, [], now=NOW) == 0


def test_any_order_ends_alike(opened):
    names = [str(number) for number in range(200)] * 3
    random.Random(1).shuffle(names)
    new = sum(events.record(opened, told(*names[start : start + 50]), now=NOW) for start in range(0, 600, 50))
    assert new == 200
    with opened.reading() as connection:
        assert connection.execute(select(func.count()).select_from(event)).scalar_one() == 200
