"""Putting people on a list: the statements that `add` and the import share. One transaction is the caller's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Insert, and_, insert, literal, select

from newsletter.audience.people import Person
from newsletter.store.statuses import SubscriptionStatus
from newsletter.store.tables import Instant, subscriber, subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Consent:
    """The evidence that people want the mail: which words, where they are recorded, and when (UTC) we took note."""

    text: str
    source: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Standings:
    """Where people stand with one list before anything is done. `known` are those with a row in `subscriber`."""

    known: frozenset[str]
    statuses: dict[str, SubscriptionStatus]


def standings(connection: Connection, list_id: int, keys: Collection[str]) -> Standings:
    """How those of `keys` stand with the list. One statement, two index look-ups a key."""
    on = and_(subscription.c.subscriber_id == subscriber.c.id, subscription.c.list_id == list_id)
    statement = (
        select(subscriber.c.address_key, subscription.c.status)
        .select_from(subscriber.outerjoin(subscription, on))
        .where(subscriber.c.address_key.in_(keys))
    )
    rows = connection.execute(statement).all()
    return Standings(
        known=frozenset(key for key, _ in rows),
        statuses={key: SubscriptionStatus(status) for key, status in rows if status is not None},
    )


def enrol(
    connection: Connection, list_id: int, people: Sequence[Person], standing: Standings, consent: Consent
) -> None:
    """Subscribe `people`, who have no subscription to the list. What is known of a subscriber stays as it is."""
    strangers = [_row(person, consent.at) for person in people if person.address.key not in standing.known]
    if strangers:
        connection.execute(insert(subscriber), strangers)
    if people:
        keys = [person.address.key for person in people]
        connection.execute(_subscriptions(list_id, keys, consent))


def _row(person: Person, at: datetime) -> dict[str, object]:
    return {
        "address": person.address.text,
        "address_key": person.address.key,
        "domain": person.address.key.rpartition("@")[2],
        "name": person.name,
        "language": person.language,
        "zone": person.zone,
        "hour": person.hour,
        "created_at": at,
    }


def _subscriptions(list_id: int, keys: Sequence[str], consent: Consent) -> Insert:
    columns = ["list_id", "subscriber_id", "status", "consent_text", "consent_source", "consent_at", "changed_at"]
    chosen = select(
        literal(list_id),
        subscriber.c.id,
        literal(SubscriptionStatus.SUBSCRIBED.value),
        literal(consent.text),
        literal(consent.source),
        literal(consent.at, Instant),
        literal(consent.at, Instant),
    ).where(subscriber.c.address_key.in_(keys))
    return insert(subscription).from_select(columns, chosen.order_by(subscriber.c.id))
