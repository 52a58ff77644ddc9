"""What readers decide about themselves: leaving a list, and coming back. Each change leaves a row in the audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from newsletter.audience.addresses import mask
from newsletter.audience.suppressions import Fingerprint, suppressed
from newsletter.errors import BlockedError
from newsletter.store import Store
from newsletter.store.statuses import SubscriptionStatus, SuppressionReason
from newsletter.store.tables import audit, mailing_list, subscriber, subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A reader's standing with one list."""

    list_id: int
    list_name: str
    title: str
    status: SubscriptionStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A subscriber as their own pages show them: `masked` is the address, most of it left out; standings by title."""

    id: int
    masked: str
    standings: tuple[Standing, ...]

    def standing(self, list_id: int) -> Standing | None:
        """The standing with one list; None where there never was one."""
        return next((standing for standing in self.standings if standing.list_id == list_id), None)


def reader(store: Store, subscriber_id: int) -> Reader | None:
    """The subscriber with that number; None where there is none."""
    statement = (
        select(mailing_list.c.id, mailing_list.c.name, mailing_list.c.title, subscription.c.status)
        .join(subscription, subscription.c.list_id == mailing_list.c.id)
        .where(subscription.c.subscriber_id == subscriber_id)
        .order_by(mailing_list.c.title, mailing_list.c.name)
    )
    with store.reading() as connection:
        address = connection.execute(select(subscriber.c.address).where(subscriber.c.id == subscriber_id)).scalar()
        rows = connection.execute(statement).all()
    if address is None:
        return None
    standings = (
        Standing(list_id=row.id, list_name=row.name, title=row.title, status=SubscriptionStatus(row.status))
        for row in rows
    )
    return Reader(id=subscriber_id, masked=mask(address), standings=tuple(standings))


def leave(store: Store, subscriber_id: int, list_id: int, *, at: datetime, how: str) -> bool:
    """End the subscription; whether that changed anything. A delivery that is still pending is not sent (`delivery`).

    Args:
        store: the database.
        subscriber_id: who leaves.
        list_id: which list.
        at: the instant of the request.
        how: where it came from, such as "one-click".
    """
    where = (
        (subscription.c.subscriber_id == subscriber_id)
        & (subscription.c.list_id == list_id)
        & (subscription.c.status != SubscriptionStatus.UNSUBSCRIBED)
    )
    values = {"status": SubscriptionStatus.UNSUBSCRIBED.value, "changed_at": at}
    with store.writing() as connection:
        changed = _change(connection, where, values)
        if changed:
            _record(connection, "subscription.leave", subscriber_id, list_id, at=at, how=how)
    return changed


def rejoin(
    store: Store,
    subscriber_id: int,
    list_id: int,
    *,
    at: datetime,
    how: str,
    words: str,
    fingerprint: Fingerprint | None = None,
) -> bool:
    """Take up again a subscription that the reader ended; whether that changed anything.

    Args:
        store: the database.
        subscriber_id: who comes back.
        list_id: which list.
        at: the instant of the request, and of the new consent.
        how: where it came from, such as "preferences page"; the source of the consent.
        words: what the button said: the text of the consent.
        fingerprint: knows erased people by their keyed hash.

    Raises:
        BlockedError: the address is suppressed: no mail would come.
    """
    where = (
        (subscription.c.subscriber_id == subscriber_id)
        & (subscription.c.list_id == list_id)
        & (subscription.c.status == SubscriptionStatus.UNSUBSCRIBED)
    )
    values = {
        "status": SubscriptionStatus.SUBSCRIBED.value,
        "changed_at": at,
        "consent_text": words,
        "consent_source": how,
        "consent_at": at,
    }
    with store.writing() as connection:
        _refuse_suppressed(connection, subscriber_id, fingerprint)
        changed = _change(connection, where, values)
        if changed:
            _record(connection, "subscription.rejoin", subscriber_id, list_id, at=at, how=how)
    return changed


_WHY_NO_MAIL = {
    SuppressionReason.INVALID: "no mailbox has this address",
    SuppressionReason.BOUNCE: "mail to this address came back for good",
    SuppressionReason.COMPLAINT: "our mail was reported as spam from this address",
    SuppressionReason.MANUAL: "this address was taken off by the newsroom",
    SuppressionReason.ERASED: "this address was erased on request",
}


def _refuse_suppressed(connection: Connection, subscriber_id: int, fingerprint: Fingerprint | None) -> None:
    key = connection.execute(select(subscriber.c.address_key).where(subscriber.c.id == subscriber_id)).scalar()
    reason = suppressed(connection, [key], fingerprint=fingerprint).get(key) if key else None
    if reason is not None:
        raise BlockedError(f"no mail would come: {_WHY_NO_MAIL[reason]}", remedy="Write to the newsroom")


def _change(connection: Connection, where: ColumnElement[bool], values: dict[str, object]) -> bool:
    return connection.execute(update(subscription).where(where).values(values)).rowcount == 1


def _record(connection: Connection, action: str, subscriber_id: int, list_id: int, *, at: datetime, how: str) -> None:
    who = f"subscriber:{subscriber_id}"
    detail = {"list": list_id, "how": how}
    row = {"at": at, "actor": who, "action": action, "subject": who, "detail": detail}
    connection.execute(insert(audit).values(row))
