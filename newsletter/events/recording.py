"""Keeping events: each once, however often it is posted, and in whatever order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.delivery import evidence
from newsletter.events.event import Event
from newsletter.store import Store
from newsletter.store.among import among
from newsletter.store.tables import delivery
from newsletter.store.tables import event as table

_ONCE = ("provider", "provider_event")


def record(store: Store, events: Sequence[Event], *, now: datetime) -> int:
    """Keep what is new, and let it settle deliveries whose end was unknown: all in one transaction.

    Args:
        store: the database.
        events: from one post.
        now: the instant of its arrival.

    Returns:
        How many were new.

    Raises:
        InputError: the database is in use, damaged or full. Nothing was kept: the provider posts again.
    """
    if not events:
        return 0

    def step(connection: Connection) -> int:
        erased = _of_the_erased(connection, events)
        new = _insert(connection, [_row(one, now, erased) for one in _distinct(events)])
        evidence.settle_named(connection, {one.attempt for one in events if one.attempt}, now=now)
        return new

    return store.write(step)


def _of_the_erased(connection: Connection, events: Iterable[Event]) -> frozenset[int]:
    """Those of the events' deliveries whose reader was erased: what comes late must not tell again who it was."""
    numbers = sorted({one.delivery_id for one in events if one.delivery_id is not None})
    found = select(delivery.c.id).where(among(delivery.c.id, "numbers"), delivery.c.subscriber_id < 0)
    return frozenset(connection.execute(found, {"numbers": numbers}).scalars()) if numbers else frozenset()


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> int:
    # The two databases agree on the statement, and SQLAlchemy has it for each of them alone.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).on_conflict_do_nothing(index_elements=_ONCE).returning(table.c.id)
    return len(connection.execute(statement, rows).all())


def _distinct(events: Iterable[Event]) -> list[Event]:
    """The events without repetitions inside one post, ordered, so that two writers never wait for each other in a ring."""
    return [one for _, one in sorted({(one.provider, one.identity): one for one in events}.items())]


def _row(one: Event, now: datetime, erased: Collection[int]) -> dict[str, Any]:
    anonymous = one.delivery_id in erased
    return {
        "provider": one.provider,
        "provider_event": one.identity,
        "type": one.type.value,
        "at": one.at,
        "received_at": now,
        "mailing_id": one.mailing_id,
        "delivery_id": one.delivery_id,
        "attempt": one.attempt,
        "provider_id": None if anonymous else one.provider_id,
        "machine": one.machine,
        "raw": {} if anonymous else dict(one.raw),
    }
