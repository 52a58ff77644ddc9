"""All that is known of one subscriber, and what happened to them in the order of time: for whoever answers their mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection, select

from newsletter.audience import evidence, labelling, subscribers
from newsletter.audience.evidence import Step
from newsletter.audience.subscribers import Subscriber
from newsletter.audience.suppressions import Fingerprint
from newsletter.store import Store
from newsletter.store.statuses import DeliveryStatus, Exclusion
from newsletter.store.tables import delivery, mailing, mailing_list, subscription

LAST_MAILINGS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Got:
    """A delivery to them. `reason` says why it was withdrawn, None where it was not; `at` is its last change (UTC)."""

    at: datetime
    mailing: int
    delivery: int
    issue: str
    list_name: str
    day: Date
    status: DeliveryStatus
    reason: Exclusion | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """A step of the evidence, with the list that it is about."""

    list_name: str
    step: Step

    @property
    def at(self) -> datetime:
        """When (UTC)."""
        return self.step.at


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """A subscriber with what the newsroom noted of them, when their pauses end (by list, those to come), the evidence, and
    the last deliveries, each the oldest first.
    """

    person: Subscriber
    tags: tuple[str, ...]
    attributes: dict[str, str]
    paused: dict[str, datetime]
    evidence: tuple[Happened, ...]
    deliveries: tuple[Got, ...]

    @property
    def timeline(self) -> list[Happened | Got]:
        """Evidence and deliveries in the order of time."""
        return sorted((*self.evidence, *self.deliveries), key=attrgetter("at"))


def dossier(store: Store, address: str, *, now: datetime, fingerprint: Fingerprint | None = None) -> Dossier | None:
    """What is known of whoever has the address, in any spelling; None where nobody has.

    Raises:
        InputError: it is no address.
    """
    person = subscribers.find(store, address, fingerprint=fingerprint)
    if person is None:
        return None
    with store.reading() as connection:
        return Dossier(
            person=person,
            tags=tuple(labelling.tags_of(connection, person.id)),
            attributes=labelling.values_of(connection, person.id),
            paused=_paused(connection, person.id, now),
            evidence=tuple(_evidence(connection, person.id)),
            deliveries=_deliveries(connection, person.id),
        )


def _paused(connection: Connection, number: int, now: datetime) -> dict[str, datetime]:
    columns = select(mailing_list.c.name, subscription.c.paused_until).join(subscription)
    theirs = (subscription.c.subscriber_id == number) & (subscription.c.paused_until > now)
    return {row.name: row.paused_until for row in connection.execute(columns.where(theirs))}


def _evidence(connection: Connection, number: int) -> Iterator[Happened]:
    columns = select(subscription.c.id, mailing_list.c.name).join(mailing_list)
    names = {row.id: row.name for row in connection.execute(columns.where(subscription.c.subscriber_id == number))}
    for subscription_id, steps in evidence.steps_of(connection, list(names)).items():
        yield from (Happened(list_name=names[subscription_id], step=step) for step in steps)


def _deliveries(connection: Connection, number: int) -> tuple[Got, ...]:
    """Looked up mailing by mailing, the newest first, in the index (mailing, subscriber)."""
    columns = select(
        delivery.c.changed_at.label("at"),
        delivery.c.id.label("delivery"),
        delivery.c.status,
        delivery.c.reason,
        mailing.c.id.label("mailing"),
        mailing.c.issue,
        mailing.c.local_date.label("day"),
        mailing_list.c.name.label("list_name"),
    )
    joined = columns.select_from(mailing).join(delivery, delivery.c.mailing_id == mailing.c.id).join(mailing_list)
    last = joined.where(delivery.c.subscriber_id == number).order_by(mailing.c.id.desc()).limit(LAST_MAILINGS)
    rows = connection.execute(last).mappings().all()
    return tuple(
        Got(
            **dict(row)
            | {"status": DeliveryStatus(row["status"]), "reason": Exclusion(row["reason"]) if row["reason"] else None}
        )
        for row in reversed(rows)
    )
