"""The ledger: who was claimed by whom, and how it ended. Every function is one step of the caller's transaction.

Intent is committed before anything leaves: `claim` makes `pending` → `sending` and raises the delivery's fence. An
outcome counts only while the fence is that of its own claim. What a dead worker left in `sending` becomes `unknown`: it
may have arrived, and nobody is mailed twice on a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, func, insert, or_, select, update

from newsletter.delivery.backoff import Backoff
from newsletter.delivery.chunks import Chunk, LeaseLostError
from newsletter.delivery.senders.base import Outcome
from newsletter.store.statuses import (
    OPEN,
    ChunkStatus,
    DeliveryStatus,
    MailingStatus,
    OutcomeKind,
    SubscriptionStatus,
)
from newsletter.store.tables import (
    Instant,
    attempt,
    chunk,
    delivery,
    mailing,
    subscriber,
    subscription,
    suppression,
    wave,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A delivery that is now `sending`, with what its message needs. `since` is the day of consent (UTC)."""

    delivery_id: int
    subscriber_id: int
    fence: int
    chunk_id: int
    address: str
    name: str
    since: Date


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """An attempt with its end. Instants are UTC."""

    claimed: Claimed
    outcome: Outcome
    started_at: datetime
    ended_at: datetime


def claim(connection: Connection, mailing_id: int, held: Chunk, limit: int, *, now: datetime) -> list[Claimed]:
    """Up to `limit` deliveries, now `sending` in the chunk: new ones first, then deferred ones whose time has come.

    Who has left, or was suppressed, since the freeze is withdrawn instead. Nobody is claimed unless the mailing is
    being sent. What is claimed may leave only once the transaction is committed.

    Raises:
        LeaseLostError: the chunk lapsed; the transaction must be undone.
    """
    # A batch in which all had left is followed by the next: there may be others behind them.
    while True:
        rows = list(connection.execute(_PENDING, {"mailing": mailing_id, "limit": limit}))
        if len(rows) < limit:
            rows += connection.execute(_DEFERRED, {"mailing": mailing_id, "limit": limit - len(rows), "now": now})
        going = [_claimed(row, held) for row in rows if _may_get(row)]
        leaving = [row.id for row in rows if not _may_get(row)]
        if leaving:
            connection.execute(_WITHDRAW, {"ids": leaving, "now": now})
        if going:
            _intend(connection, going, held, now)
        if going or not leaving:
            return going


def record(connection: Connection, settled: Sequence[Settled], *, now: datetime, backoff: Backoff) -> None:
    """Keep every attempt, and settle the deliveries that are still at the fence of their attempt.

    An answer that comes after the lease lapsed settles what had become `unknown`; one that comes after a newer claim
    only goes into the attempts.
    """
    if not settled:
        return
    connection.execute(_ATTEMPT, [_attempt(one) for one in settled])
    connection.execute(_SETTLE, [_settling(one, now, backoff) for one in settled])


def expire(connection: Connection, mailing_id: int, *, now: datetime) -> int:
    """Give up what is still to be sent, where the mailing's *not later than* has passed; how many.

    The limit is the mailing's own of this moment: a second send may have prolonged it since a worker last looked.
    """
    waiting = delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED))
    late = exists().where(mailing.c.id == mailing_id, mailing.c.not_later_than < now)
    where = (delivery.c.mailing_id == mailing_id) & waiting & late
    values = {"status": DeliveryStatus.EXPIRED, "due_at": None, "changed_at": now}
    return connection.execute(update(delivery).where(where).values(values)).rowcount


def hasten(connection: Connection, mailing_id: int, *, now: datetime) -> int:
    """Let every deferred delivery be tried again now: the clock was set back, and their hours mean nothing any more."""
    later = (delivery.c.mailing_id == mailing_id) & (delivery.c.status == DeliveryStatus.DEFERRED)
    return connection.execute(update(delivery).where(later, delivery.c.due_at > now).values(due_at=now)).rowcount


def put_off(connection: Connection, refused: Sequence[Claimed], *, now: datetime) -> None:
    """`rejected` → `deferred`, due now: the refusal was about the message. The attempts stay as they were."""
    if refused:
        rows = [{"delivery_id": one.delivery_id, "claimed_fence": one.fence, "now": now} for one in refused]
        connection.execute(_PUT_OFF, rows)


def finish(connection: Connection, mailing_id: int, *, now: datetime) -> bool:
    """`sending` → `finished` where the audience is complete and nothing of it is open; whether it was so."""
    unreleased = exists().where(wave.c.mailing_id == mailing_id, wave.c.released_at.is_(None))
    unsettled = exists().where(delivery.c.mailing_id == mailing_id, delivery.c.status.in_(OPEN))
    sending = (mailing.c.id == mailing_id) & (mailing.c.status == MailingStatus.SENDING)
    ended = update(mailing).where(sending, ~unreleased, ~unsettled)
    return connection.execute(ended.values(status=MailingStatus.FINISHED, finished_at=now)).rowcount == 1


def counts(connection: Connection, mailing_id: int) -> dict[DeliveryStatus, int]:
    """Deliveries by state, all of them named. Read from an index alone."""
    rows = connection.execute(
        select(delivery.c.status, func.count().label("number"))
        .where(delivery.c.mailing_id == mailing_id)
        .group_by(delivery.c.status)
    )
    return dict.fromkeys(DeliveryStatus, 0) | {DeliveryStatus(row.status): row.number for row in rows}


def next_due(connection: Connection, mailing_id: int) -> datetime | None:
    """When the first deferred delivery is to be tried again."""
    where = (delivery.c.mailing_id == mailing_id) & (delivery.c.status == DeliveryStatus.DEFERRED)
    due: datetime | None = connection.execute(select(func.min(delivery.c.due_at)).where(where)).scalar_one()
    return due


def _candidates(status: DeliveryStatus) -> Select[Any]:
    """Walks the index (mailing, status, id); two look-ups by key and two tests for each row that is taken."""
    suppressed = exists().where(suppression.c.address_key == subscriber.c.address_key)
    consent = (subscription.c.list_id == mailing.c.list_id) & (subscription.c.subscriber_id == delivery.c.subscriber_id)
    return (
        select(
            delivery.c.id,
            delivery.c.subscriber_id,
            delivery.c.fence,
            subscriber.c.address,
            subscriber.c.name,
            subscription.c.status.label("subscribed"),
            subscription.c.consent_at,
            suppressed.label("suppressed"),
        )
        .join(mailing, mailing.c.id == delivery.c.mailing_id)
        .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .outerjoin(subscription, consent)
        .where(
            delivery.c.mailing_id == bindparam("mailing"),
            delivery.c.status == status,
            mailing.c.status == MailingStatus.SENDING,
        )
        .limit(bindparam("limit"))
        .with_for_update(of=delivery, skip_locked=True)
    )


# Made once: a worker executes them hundreds of times a second, and building one takes longer than executing it.
_PENDING = _candidates(DeliveryStatus.PENDING).order_by(delivery.c.id)
_DEFERRED = (
    _candidates(DeliveryStatus.DEFERRED)
    .where(delivery.c.due_at <= bindparam("now", type_=Instant))
    .order_by(delivery.c.due_at, delivery.c.id)
)
_WAITING = (
    delivery.c.id.in_(bindparam("ids", expanding=True)),
    delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)),
)
_WITHDRAW = (
    update(delivery)
    .where(*_WAITING)
    .values(status=DeliveryStatus.WITHDRAWN, due_at=None, changed_at=bindparam("now", type_=Instant))
)
_INTEND = (
    update(delivery)
    .where(
        *_WAITING,
        exists().where(
            chunk.c.id == bindparam("chunk"),
            chunk.c.fence == bindparam("chunk_fence"),
            chunk.c.status == ChunkStatus.OPEN,
        ),
    )
    .values(
        status=DeliveryStatus.SENDING,
        fence=delivery.c.fence + 1,
        chunk_id=bindparam("chunk"),
        due_at=None,
        changed_at=bindparam("now", type_=Instant),
    )
)


def _may_get(row: Any) -> bool:
    return row.subscribed == SubscriptionStatus.SUBSCRIBED and not row.suppressed


def _claimed(row: Any, held: Chunk) -> Claimed:
    return Claimed(
        delivery_id=row.id,
        subscriber_id=row.subscriber_id,
        fence=row.fence + 1,
        chunk_id=held.id,
        address=row.address,
        name=row.name,
        since=row.consent_at.date(),
    )


def _intend(connection: Connection, going: Sequence[Claimed], held: Chunk, now: datetime) -> None:
    ids = [claimed.delivery_id for claimed in going]
    values = {"ids": ids, "chunk": held.id, "chunk_fence": held.fence, "now": now}
    # The rows were read and locked in this very transaction: only the lease can have been lost.
    if connection.execute(_INTEND, values).rowcount != len(ids):
        raise LeaseLostError(f"chunk {held.id} is held no more")


_ATTEMPT = insert(attempt)
_SETTLE = (
    update(delivery)
    .where(
        delivery.c.id == bindparam("delivery_id"),
        delivery.c.fence == bindparam("claimed_fence"),
        # Not IN: SQLAlchemy expands its list at each execution, which rules out executing for many rows at once.
        or_(delivery.c.status == DeliveryStatus.SENDING, delivery.c.status == DeliveryStatus.UNKNOWN),
    )
    .values(status=bindparam("outcome"), due_at=bindparam("due"), changed_at=bindparam("now"))
)
_PUT_OFF = (
    update(delivery)
    .where(
        delivery.c.id == bindparam("delivery_id"),
        delivery.c.fence == bindparam("claimed_fence"),
        delivery.c.status == DeliveryStatus.REJECTED,
    )
    .values(
        status=DeliveryStatus.DEFERRED,
        due_at=bindparam("now", type_=Instant),
        changed_at=bindparam("now", type_=Instant),
    )
)


def _settling(one: Settled, now: datetime, backoff: Backoff) -> dict[str, Any]:
    deferred = one.outcome.kind is OutcomeKind.DEFERRED
    return {
        "delivery_id": one.claimed.delivery_id,
        "claimed_fence": one.claimed.fence,
        "outcome": one.outcome.kind.value,
        "due": now + backoff.wait(one.claimed.fence) if deferred else None,
        "now": now,
    }


def _attempt(one: Settled) -> dict[str, Any]:
    return {
        "chunk_id": one.claimed.chunk_id,
        "delivery_id": one.claimed.delivery_id,
        "fence": one.claimed.fence,
        "outcome": one.outcome.kind.value,
        "code": one.outcome.code,
        "reply": one.outcome.reply,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
    }
