"""What readers decide about a list with the link in its mail: leaving, taking that back, coming back.

Each change leaves a step in the evidence of consent, and a row in the audit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from newsletter.audience import evidence
from newsletter.audience.addresses import mask
from newsletter.audience.evidence import Step
from newsletter.audience.suppressions import Fingerprint, suppressed
from newsletter.errors import BlockedError
from newsletter.store import Store, audit
from newsletter.store.audience_tables import consent
from newsletter.store.statuses import ConsentStep, ConsentWay, SubscriptionStatus, SuppressionReason
from newsletter.store.tables import mailing_list, subscriber, subscription

UNDO_WITHIN = timedelta(days=1)
"""For so long leaving is taken back as if it had not been. After that the reader asks anew, by a mail of their own."""
LONGEST_REASON = 1000

_AGREED = (ConsentStep.CONFIRMED, ConsentStep.IMPORTED, ConsentStep.ADDED, ConsentStep.UNDONE)
"""Steps by which somebody was on the list in earnest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A reader's standing with one list. `paused_until` is an instant to come, or None; `left_at` is that of leaving, where
    they left.
    """

    list_id: int
    list_name: str
    title: str
    status: SubscriptionStatus
    paused_until: datetime | None = None
    left_at: datetime | None = None

    def may_undo(self, now: datetime) -> bool:
        """Whether leaving can still be taken back."""
        return self.left_at is not None and now <= self.left_at + UNDO_WITHIN


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A subscriber as their own pages show them: `masked` is the address, most of it left out; standings by title.

    `zone`, `hour` (such as 07:00) and `language` are what they chose, None where they did not.
    """

    id: int
    masked: str
    standings: tuple[Standing, ...]
    zone: str | None = None
    hour: str | None = None
    language: str | None = None

    def standing(self, list_id: int) -> Standing | None:
        """The standing with one list; None where there never was one."""
        return next((standing for standing in self.standings if standing.list_id == list_id), None)


def reader(store: Store, subscriber_id: int) -> Reader | None:
    """The subscriber with that number; None where there is none."""
    statement = (
        select(mailing_list.c.id, mailing_list.c.name, mailing_list.c.title)
        .add_columns(subscription.c.status, subscription.c.paused_until, subscription.c.changed_at)
        .join(subscription, subscription.c.list_id == mailing_list.c.id)
        .where(subscription.c.subscriber_id == subscriber_id)
        .order_by(mailing_list.c.title, mailing_list.c.name)
    )
    with store.reading() as connection:
        person = connection.execute(select(subscriber).where(subscriber.c.id == subscriber_id)).one_or_none()
        rows = connection.execute(statement).all()
    if person is None:
        return None
    return Reader(
        id=subscriber_id,
        masked=mask(person.address),
        standings=tuple(map(_standing, rows)),
        zone=person.zone,
        hour=person.hour,
        language=person.language,
    )


def leave(
    store: Store,
    subscriber_id: int,
    list_id: int,
    *,
    at: datetime,
    how: ConsentWay,
    reason: str = "",
    network: str = "",
) -> bool:
    """End the subscription; whether that changed anything. A delivery that is still pending is not sent (`delivery`).

    Args:
        store: the database.
        subscriber_id: who leaves.
        list_id: which list.
        at: the instant of the request.
        how: the way it came.
        reason: what they say to it, if anything.
        network: the network it came from, or "".
    """
    where = evidence.of_pair(subscriber_id, list_id)
    values = {
        "status": SubscriptionStatus.UNSUBSCRIBED,
        "changed_at": at,
        "paused_until": None,
        "left_reason": reason.strip()[:LONGEST_REASON],
    }

    def step(connection: Connection) -> bool:
        still = where & (subscription.c.status != SubscriptionStatus.UNSUBSCRIBED)
        changed = connection.execute(update(subscription).where(still).values(values)).rowcount == 1
        if changed:
            said = Step(at=at, what=ConsentStep.LEFT, how=how, network=network)
            evidence.note(connection, where, said)
            _record(connection, "subscription.leave", subscriber_id, list_id, said)
        return changed

    return store.write(step)


def give_reason(store: Store, subscriber_id: int, list_id: int, reason: str) -> bool:
    """Keep why somebody has left, who says so afterwards; whether they have left."""
    left = subscription.c.status == SubscriptionStatus.UNSUBSCRIBED
    values = {"left_reason": reason.strip()[:LONGEST_REASON]}
    statement = update(subscription).where(evidence.of_pair(subscriber_id, list_id), left).values(values)
    return store.write(lambda connection: connection.execute(statement).rowcount == 1)


def undo(
    store: Store,
    subscriber_id: int,
    list_id: int,
    *,
    at: datetime,
    how: ConsentWay,
    network: str = "",
    fingerprint: Fingerprint | None = None,
) -> bool:
    """Take leaving back, within a day: the earlier consent holds on. Whether that changed anything.

    Args:
        store: the database.
        subscriber_id: who left.
        list_id: which list.
        at: the instant of the request.
        how: the way it came.
        network: the network it came from, or "".
        fingerprint: knows erased people by their keyed hash.

    Raises:
        BlockedError: it is too late for that, or the address is suppressed.
    """
    said = Step(at=at, what=ConsentStep.UNDONE, how=how, network=network)
    return _take_up_again(store, subscriber_id, list_id, said, fingerprint, within=UNDO_WITHIN)


def rejoin(
    store: Store,
    subscriber_id: int,
    list_id: int,
    *,
    at: datetime,
    how: ConsentWay,
    words: str,
    source: str = "preferences page",
    network: str = "",
    fingerprint: Fingerprint | None = None,
) -> bool:
    """Take up again a subscription that the reader ended, by a new consent; whether that changed anything.

    Args:
        store: the database.
        subscriber_id: who comes back.
        list_id: which list.
        at: the instant of the request, and of the new consent.
        how: the way it came.
        words: what the button said: the text of the consent.
        source: where it stood.
        network: the network it came from, or "".
        fingerprint: knows erased people by their keyed hash.

    Raises:
        BlockedError: the address is suppressed: no mail would come; or they never confirmed the list.
    """
    said = Step(at=at, what=ConsentStep.CONFIRMED, how=how, source=source, text=words, network=network)
    return _take_up_again(store, subscriber_id, list_id, said, fingerprint, within=None)


_WHY_NO_MAIL = {
    SuppressionReason.INVALID: "no mailbox has this address",
    SuppressionReason.BOUNCE: "mail to this address came back for good",
    SuppressionReason.COMPLAINT: "our mail was reported as spam from this address",
    SuppressionReason.MANUAL: "this address was taken off by the newsroom",
    SuppressionReason.ERASED: "this address was erased on request",
}


def _take_up_again(
    store: Store,
    subscriber_id: int,
    list_id: int,
    said: Step,
    fingerprint: Fingerprint | None,
    *,
    within: timedelta | None,
) -> bool:
    where = evidence.of_pair(subscriber_id, list_id) & (subscription.c.status == SubscriptionStatus.UNSUBSCRIBED)

    def step(connection: Connection) -> bool:
        _refuse_suppressed(connection, subscriber_id, fingerprint)
        row = connection.execute(select(subscription).where(where).with_for_update()).one_or_none()
        if row is None:
            return False
        if within is not None and said.at > row.changed_at + within:
            raise BlockedError("it is too late to undo this", remedy="Subscribe again by the form on the home page")
        _refuse_unconfirmed(connection, row)
        values: dict[str, Any] = {"status": SubscriptionStatus.SUBSCRIBED, "changed_at": said.at, "left_reason": ""}
        if said.text:
            values |= {"consent_text": said.text, "consent_source": said.source, "consent_at": said.at}
        connection.execute(update(subscription).where(subscription.c.id == row.id).values(values))
        evidence.note(connection, subscription.c.id == row.id, said)
        action = "subscription.undo" if said.what is ConsentStep.UNDONE else "subscription.rejoin"
        _record(connection, action, subscriber_id, list_id, said)
        return True

    return store.write(step)


def _refuse_unconfirmed(connection: Connection, row: Row[Any]) -> None:
    """Whoever only ever asked was never on the list: there is nothing to come back to without a mail."""
    steps = set(connection.execute(select(consent.c.what).where(consent.c.subscription_id == row.id)).scalars())
    if ConsentStep.REQUESTED in steps and not steps & set(_AGREED):
        raise BlockedError("this subscription was never confirmed", remedy="Subscribe by the form on the home page")


def _refuse_suppressed(connection: Connection, subscriber_id: int, fingerprint: Fingerprint | None) -> None:
    key = connection.execute(select(subscriber.c.address_key).where(subscriber.c.id == subscriber_id)).scalar()
    reason = suppressed(connection, [key], fingerprint=fingerprint).get(key) if key else None
    if reason is not None:
        raise BlockedError(f"no mail would come: {_WHY_NO_MAIL[reason]}", remedy="Write to the newsroom")


def _standing(row: Row[Any]) -> Standing:
    status = SubscriptionStatus(row.status)
    return Standing(
        list_id=row.id,
        list_name=row.name,
        title=row.title,
        status=status,
        paused_until=row.paused_until,
        left_at=row.changed_at if status is SubscriptionStatus.UNSUBSCRIBED else None,
    )


def _record(connection: Connection, action: str, subscriber_id: int, list_id: int, said: Step) -> None:
    who = f"subscriber:{subscriber_id}"
    audit.note(connection, action, who, {"list": list_id, "how": said.how.value}, actor=who, at=said.at)
