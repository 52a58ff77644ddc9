"""Putting people on a list: the statements that `add` and the import share. One transaction is the caller's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, literal_column, select

from newsletter.audience.people import Person
from newsletter.store.among import among, among_texts
from newsletter.store.audience_tables import consent as consent_table
from newsletter.store.bulk import insert_rows
from newsletter.store.statuses import ConsentStep, ConsentWay, SubscriptionStatus
from newsletter.store.tables import Instant, subscriber, subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Consent:
    """The evidence that people want the mail: which words, where they are recorded, and when (UTC) they were given, or
    we took note.
    """

    text: str
    source: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Enrolment:
    """A person who gets a subscription, in a state that is known from elsewhere or SUBSCRIBED.

    `changed_at` is when they came into that state (UTC), None for now.
    """

    person: Person
    consent: Consent
    status: SubscriptionStatus = SubscriptionStatus.SUBSCRIBED
    changed_at: datetime | None = None
    paused_until: datetime | None = None
    left_reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """What the evidence says of the enrolments: the step, the way, the number of the words, and when (UTC)."""

    what: ConsentStep
    how: ConsentWay
    wording_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A subscriber, and where they stand with one list; None where they have no subscription to it."""

    subscriber_id: int
    status: SubscriptionStatus | None
    changed_at: datetime | None


_STATUSES = {status.value: status for status in SubscriptionStatus}
_HELD = (
    select(subscriber.c.address_key, subscriber.c.id, subscription.c.status, subscription.c.changed_at)
    .select_from(
        subscriber.outerjoin(
            subscription,
            (subscription.c.subscriber_id == subscriber.c.id) & (subscription.c.list_id == bindparam("list")),
        )
    )
    .where(among_texts(subscriber.c.address_key, "keys"))
)
_IDS = select(subscriber.c.address_key, subscriber.c.id).where(among_texts(subscriber.c.address_key, "keys"))
_SUBSCRIBER = ("address", "address_key", "domain", "name", "language", "zone", "hour", "created_at")
_SUBSCRIPTION = (
    *("list_id", "subscriber_id", "status", "consent_text", "consent_source", "consent_at", "changed_at"),
    *("paused_until", "left_reason"),
)
_STEPS = insert(consent_table).from_select(
    ["subscription_id", "at", "what", "how", "wording_id"],
    select(
        subscription.c.id,
        bindparam("at", type_=Instant),
        bindparam("what", type_=consent_table.c.what.type),
        bindparam("how", type_=consent_table.c.how.type),
        bindparam("wording", type_=consent_table.c.wording_id.type),
    )
    .where(subscription.c.list_id == bindparam("list"), among(subscription.c.subscriber_id, "people"))
    .order_by(literal_column("1")),
)


def holdings(connection: Connection, list_id: int, keys: Collection[str]) -> dict[str, Held]:
    """Those of `keys` that have a subscriber, and how they stand with the list. One statement, two look-ups a key."""
    rows = connection.execute(_HELD, {"list": list_id, "keys": list(keys)})
    return {
        key: Held(number, _STATUSES[status] if status is not None else None, changed_at)
        for key, number, status, changed_at in rows
    }


def enrol(
    connection: Connection,
    list_id: int,
    enrolments: Sequence[Enrolment],
    held: Mapping[str, Held],
    noted: Noted,
) -> dict[str, int]:
    """Give `enrolments`, who have no subscription to the list, one each, with the evidence.

    What is known of a subscriber stays as it is; `held` are those of them who are known.

    Returns:
        The numbers of the subscribers by the keys of their addresses.
    """
    if not enrolments:
        return {}
    strangers = [one.person for one in enrolments if one.person.address.key not in held]
    insert_rows(connection, subscriber, _SUBSCRIBER, [_row(person, noted.at) for person in strangers])
    keys = [one.person.address.key for one in enrolments]
    numbers = {key: held[key].subscriber_id for key in keys if key in held}
    if strangers:
        new = connection.execute(_IDS, {"keys": [person.address.key for person in strangers]})
        numbers.update((key, number) for key, number in new)
    insert_rows(connection, subscription, _SUBSCRIPTION, _subscriptions(list_id, enrolments, numbers, noted.at))
    note_steps(connection, list_id, list(numbers.values()), noted)
    return numbers


def note_steps(connection: Connection, list_id: int, people: Sequence[int], noted: Noted) -> None:
    """Add a step to the evidence of these subscribers' subscriptions to the list."""
    connection.execute(
        _STEPS,
        {
            "list": list_id,
            "people": people,
            "at": noted.at,
            "what": noted.what.value,
            "how": noted.how.value,
            "wording": noted.wording_id,
        },
    )


def _row(person: Person, at: datetime) -> tuple[object, ...]:
    address = person.address
    domain = address.key.rpartition("@")[2]
    return (address.text, address.key, domain, person.name, person.language, person.zone, person.hour, at)


def _subscriptions(
    list_id: int, enrolments: Sequence[Enrolment], numbers: Mapping[str, int], at: datetime
) -> list[tuple[object, ...]]:
    return [
        (
            list_id,
            numbers[one.person.address.key],
            one.status.value,
            one.consent.text,
            one.consent.source,
            one.consent.at,
            one.changed_at or at,
            one.paused_until,
            one.left_reason,
        )
        for one in enrolments
    ]
