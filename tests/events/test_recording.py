import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

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


def test_what_comes_late_about_the_erased_does_not_tell_who_it_was(opened):
    with opened.writing() as connection:
        for statement in SENT_TO_NOBODY:
            connection.execute(text(statement))
    raw = [
        {"event": "bounce", "sg_event_id": name, "delivery": number, "email": "ann@example.org", "sg_message_id": "m"}
        for name, number in (("a", "1"), ("b", "2"))
    ]
    assert events.record(opened, events_of(json.dumps(raw).encode(), now=NOW), now=NOW) == 2
    erased, other = kept(opened)
    assert (erased.raw, erased.provider_id, erased.type) == ({}, None, "bounced")
    assert (other.raw["email"], other.provider_id) == ("ann@example.org", "m")


SENT_TO_NOBODY = (
    "INSERT INTO list (id, name, title, created_at) VALUES (1, 'daily', 'Daily', '2026-01-01')",
    "INSERT INTO edition (digest, issue, subject, content, created_at) VALUES ('d', 'i', 's', '00', '2026-01-01')",
    """INSERT INTO mailing (id, list_id, local_date, kind, issue, edition_digest, status, not_later_than, excluded, created_at)
    VALUES (1, 1, '2026-01-01', 'issue', 'i', 'd', 'sending', '2026-01-01', '{}', '2026-01-01')""",
    "INSERT INTO wave (id, mailing_id, due_at, edition_digest) VALUES (1, 1, '2026-01-01', 'd')",
    """INSERT INTO delivery (id, mailing_id, wave_id, subscriber_id, status, changed_at)
    VALUES (1, 1, 1, -1, 'accepted', '2026-01-01'), (2, 1, 1, 7, 'accepted', '2026-01-01')""",
)
