"""Erasing a person: everything that says who they were goes, in one transaction; what they got stays as anonymous counts.

What stays of them is a keyed hash of the address among the suppressions, so that no import brings them back. The audit
names people by number only, and the number leads to nobody any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Text,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from newsletter.audience.addresses import Address, without_addresses
from newsletter.audience.suppressions import Fingerprint
from newsletter.errors import InputError
from newsletter.store import audit
from newsletter.store.alert_tables import announcement_notice
from newsletter.store.audience_tables import attribute, consent, subscriber_tag, wording
from newsletter.store.statuses import DeliveryStatus, NoticeKind, SuppressionReason
from newsletter.store.tables import (
    attempt,
    delivery,
    event,
    mailing,
    notice,
    subscriber,
    subscription,
    suppression,
)

_OF_THE_NEWSROOM = (NoticeKind.TEST, NoticeKind.ALERT)
"""Notices that are not about a reader: the tests that editions were signed by, alerts. They only lose their address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """What was removed, or made anonymous: rows of each kind. `subscriber` is the number that leads to nobody now."""

    subscriber: int
    subscriptions: int
    evidence: int
    deliveries: int
    events: int
    notices: int


def erase(
    connection: Connection, subscriber_id: int, *, fingerprint: Fingerprint | None, at: datetime, actor: str
) -> Erased:
    """Erase a person, as one step of the caller's transaction.

    Deliveries to them become nobody's: one that waits is withdrawn when a worker comes to it; one that is on its way
    arrives, and its answer is kept without the address. Events lose what the provider posted with them.

    Args:
        connection: writing.
        subscriber_id: who.
        fingerprint: makes the keyed hash that stays of the address; None for somebody who never confirmed, of whom none
            stays: they may sign up again, and what else is suppressed stays as it is.
        at: now.
        actor: who does it, for the audit.

    Raises:
        InputError: there is nobody of that number (any more).
    """
    hold(connection, subscriber_id)
    row = connection.execute(select(subscriber).where(subscriber.c.id == subscriber_id).with_for_update()).one_or_none()
    if row is None:
        raise InputError(f"there is no subscriber {subscriber_id}", remedy="They may have been erased already")
    deliveries = _their_deliveries(connection, subscriber_id)
    addresses = [Address(text=row.address, key=row.address_key), *_earlier(connection, subscriber_id)]
    _forget_replies(connection, addresses, deliveries)
    erased = Erased(
        subscriber=subscriber_id,
        events=_forget_events(connection, addresses, deliveries),
        deliveries=_make_anonymous(connection, deliveries),
        notices=_forget_notices(connection, subscriber_id, addresses),
        evidence=_forget_evidence(connection, subscriber_id),
        subscriptions=_forget_person(connection, subscriber_id),
    )
    if fingerprint is not None:
        for address in addresses:
            _keep_hash(connection, address.key, fingerprint(address.key), at)
    detail = {name: number for name, number in asdict(erased).items() if name != "subscriber"}
    audit.note(connection, "subscriber.erase", f"subscriber:{subscriber_id}", detail, actor=actor, at=at)
    return erased


def hold(connection: Connection, subscriber_id: int) -> None:
    """Keep a person's subscriptions from changing until the transaction ends.

    Before the person, as those do who confirm or leave: what they add to the evidence meanwhile is waited for.
    """
    theirs = select(subscription.c.id).where(subscription.c.subscriber_id == subscriber_id)
    connection.execute(theirs.order_by(subscription.c.id).with_for_update()).all()


def take_back(connection: Connection, subscriber_id: int, *, at: datetime, actor: str) -> None:
    """Forget somebody who asked to join and never confirmed, whose address turns out to be another subscriber's.

    What is kept of the address itself, such as its suppressions and the notice that asks for it, stays. `hold` them first.
    """
    connection.execute(delete(notice).where(notice.c.subscriber_id == subscriber_id))
    _forget_evidence(connection, subscriber_id)
    _forget_person(connection, subscriber_id)
    audit.note(connection, "subscriber.take_back", f"subscriber:{subscriber_id}", {}, actor=actor, at=at)


def _earlier(connection: Connection, subscriber_id: int) -> list[Address]:
    """Addresses that the person had before, as far as it is still known, and that nobody else has now."""
    told = (notice.c.subscriber_id == subscriber_id) & (notice.c.kind == NoticeKind.MOVED)
    free = ~exists().where(subscriber.c.address_key == notice.c.address_key)
    rows = connection.execute(select(notice.c.address, notice.c.address_key).where(told, free).distinct())
    return [Address(text=row.address, key=row.address_key) for row in rows if row.address_key]


def _their_deliveries(connection: Connection, subscriber_id: int) -> list[Row[Any]]:
    """Looked up mailing by mailing, in the index (mailing, subscriber); locked, as what is claimed just now is not theirs
    to change.
    """
    theirs = (
        select(delivery.c.id, delivery.c.chunk_id)
        .join(mailing, mailing.c.id == delivery.c.mailing_id)
        .where(delivery.c.subscriber_id == subscriber_id)
        .order_by(delivery.c.id)
    )
    return [*connection.execute(theirs.with_for_update(of=delivery))]


def _make_anonymous(connection: Connection, deliveries: Sequence[Row[Any]]) -> int:
    ids = [row.id for row in deliveries]
    return connection.execute(
        update(delivery).where(delivery.c.id.in_(ids)).values(subscriber_id=-delivery.c.id)
    ).rowcount


def _forget_replies(connection: Connection, addresses: Sequence[Address], deliveries: Sequence[Row[Any]]) -> None:
    """What servers said of them. Of a request for many, the one reply may name some of those."""
    locals_ = [address.key.rpartition("@")[0] for address in addresses]
    own = attempt.c.delivery_id.in_([row.id for row in deliveries])
    chunks = {row.chunk_id for row in deliveries if row.chunk_id is not None}
    shared = attempt.c.delivery_id.is_(None) & attempt.c.chunk_id.in_(chunks)
    said = select(attempt.c.id, attempt.c.reply).where(own | shared, attempt.c.reply != "")
    for row in connection.execute(said).all():
        kept = without_addresses(row.reply)
        kept = "" if any(local in kept.lower() for local in locals_) else kept
        if kept != row.reply:
            connection.execute(update(attempt).where(attempt.c.id == row.id).values(reply=kept))


def _forget_events(connection: Connection, addresses: Sequence[Address], deliveries: Sequence[Row[Any]]) -> int:
    theirs = event.c.delivery_id.in_([row.id for row in deliveries])
    # What came without a delivery's number is looked through; those are few.
    spellings = {spelling for address in addresses for spelling in (address.text, address.key)}
    named = event.c.delivery_id.is_(None) & or_(*map(_names, sorted(spellings)))
    return connection.execute(update(event).where(theirs | named).values(raw={}, provider_id=None)).rowcount


def _names(address: str) -> ColumnElement[bool]:
    as_kept = json.dumps(address)[1:-1].lower()
    return func.lower(cast(event.c.raw, Text)).contains(as_kept, autoescape=True)


def _forget_notices(connection: Connection, subscriber_id: int, addresses: Sequence[Address]) -> int:
    keys = [address.key for address in addresses]
    theirs = (notice.c.subscriber_id == subscriber_id) | notice.c.address_key.in_(keys)
    kept = notice.c.kind.in_(_OF_THE_NEWSROOM)
    waiting = notice.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED))
    anonymous = {
        "address": "",
        "address_key": "",
        "reply": "",
        "subscriber_id": None,
        "detail": None,
        "status": case((waiting, DeliveryStatus.WITHDRAWN.value), else_=notice.c.status),
    }
    changed = connection.execute(update(notice).where(theirs, kept).values(anonymous)).rowcount
    going = select(notice.c.id).where(theirs, ~kept)
    connection.execute(delete(announcement_notice).where(announcement_notice.c.notice_id.in_(going)))
    return changed + connection.execute(delete(notice).where(theirs, ~kept)).rowcount


def _forget_evidence(connection: Connection, subscriber_id: int) -> int:
    theirs = consent.c.subscription_id.in_(
        select(subscription.c.id).where(subscription.c.subscriber_id == subscriber_id)
    )
    worded = select(consent.c.wording_id).where(theirs, consent.c.wording_id.is_not(None)).distinct()
    words = connection.execute(worded).scalars().all()
    gone = connection.execute(delete(consent).where(theirs)).rowcount
    # Words that were said of nobody else may name the person.
    still = exists().where(consent.c.wording_id == wording.c.id)
    connection.execute(delete(wording).where(wording.c.id.in_(words), ~still))
    return gone


def _forget_person(connection: Connection, subscriber_id: int) -> int:
    for table in (subscriber_tag, attribute):
        connection.execute(delete(table).where(table.c.subscriber_id == subscriber_id))
    gone = connection.execute(delete(subscription).where(subscription.c.subscriber_id == subscriber_id)).rowcount
    connection.execute(delete(subscriber).where(subscriber.c.id == subscriber_id))
    return gone


def keep_hashes(connection: Connection, hashes: Mapping[str, datetime]) -> None:
    """Keep out whoever was erased at these instants, by their keyed hashes, where nothing else is known of them."""
    for digest, at in hashes.items():
        _keep_hash(connection, "", digest, at)


def _keep_hash(connection: Connection, key: str, digest: str, at: datetime) -> None:
    """Every reason stays by its hash: a complaint holds for whoever was erased, too."""
    by_hash = select(suppression.c.reason).where(suppression.c.address_hash == digest)
    known = set(connection.execute(by_hash).scalars())
    theirs = suppression.c.address_key == key
    connection.execute(delete(suppression).where(theirs, suppression.c.reason.in_(known)))
    connection.execute(update(suppression).where(theirs).values(address_key=None, address_hash=digest, evidence=""))
    if SuppressionReason.ERASED.value not in known:
        row = {"address_hash": digest, "reason": SuppressionReason.ERASED.value, "at": at}
        connection.execute(insert(suppression).values(row))
