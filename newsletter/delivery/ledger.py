"""The ledger: who was claimed by whom, and how it ended. Every function is one step of the caller's transaction.

Intent is committed before anything leaves: `claim` makes `pending` → `sending` and raises the delivery's fence. An
outcome counts only while the fence is that of its own claim. What a dead worker left in `sending` becomes `unknown`: it
may have arrived, and nobody is mailed twice on a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, insert, or_, select, update

from newsletter.delivery import steps
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
    BigId,
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
    """A delivery that is now `sending`, with what its message needs. `since` is the day of consent (UTC).

    `was` is what it was before: pending, or deferred.
    """

    delivery_id: int
    subscriber_id: int
    fence: int
    chunk_id: int
    address: str
    name: str
    since: Date
    was: DeliveryStatus = DeliveryStatus.PENDING


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """An attempt with its end. Instants are UTC. `in_chunk`: it went out with the rest of its chunk, in one call."""

    claimed: Claimed
    outcome: Outcome
    started_at: datetime
    ended_at: datetime
    in_chunk: bool = False


def claim(
    connection: Connection,
    mailing_id: int,
    held: Chunk,
    limit: int,
    *,
    now: datetime,
    wave_id: int | None = None,
) -> list[Claimed]:
    """Up to `limit` deliveries, now `sending` in the chunk: new ones first, then deferred ones whose time has come.

    Only of waves that are released, or of this one. Who has left, or was suppressed, since the freeze is withdrawn
    instead. Nobody is claimed unless the mailing is being sent. What is claimed may leave only once the transaction is
    committed.

    Raises:
        LeaseLostError: the chunk lapsed; the transaction must be undone.
    """
    asked = {"mailing": mailing_id, "wave": wave_id, "limit": limit}
    # A batch in which all had left is followed by the next: there may be others behind them.
    while True:
        rows = list(connection.execute(_PENDING, asked))
        fresh = len(rows)
        if fresh < limit:
            rows += connection.execute(_DEFERRED, {**asked, "limit": limit - fresh, "now": now})
        going = [
            _claimed(row, held, DeliveryStatus.PENDING if place < fresh else DeliveryStatus.DEFERRED)
            for place, row in enumerate(rows)
            if _may_get(row)
        ]
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
    rows = []
    for outcome, alike in _alike(settled).items():
        whole = _settle(connection, alike, outcome, now, backoff)
        # Where all of a request fared alike and counted, one row tells of all; for whatever else each has its own.
        rows += [_attempt(alike[0]) | {"delivery_id": None}] if whole else [_attempt(one) for one in alike]
    connection.execute(_ATTEMPT, rows)
    steps.reached("record.writing")


def expire(connection: Connection, mailing_id: int, *, now: datetime) -> int:
    """Give up what is still to be sent, where the mailing's *not later than* has passed; how many.

    The limit is the mailing's own of this moment: a second send may have prolonged it since a worker last looked. A
    wave that has one of its own goes by that.
    """
    waiting = delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED))
    late: ColumnElement[bool] = exists().where(mailing.c.id == mailing_id, mailing.c.not_later_than < now)
    waves = select(wave.c.id).where(wave.c.mailing_id == mailing_id, wave.c.not_later_than < now)
    if late_waves := connection.execute(waves).scalars().all():
        late |= delivery.c.wave_id.in_(late_waves)
    where = (delivery.c.mailing_id == mailing_id) & waiting & late
    values = {"status": DeliveryStatus.EXPIRED, "due_at": None, "changed_at": now}
    return connection.execute(update(delivery).where(where).values(values)).rowcount


def put_off(connection: Connection, refused: Sequence[Claimed], *, now: datetime) -> None:
    """`rejected` → `deferred`, due now: the refusal was about the message. The attempts stay as they were."""
    if refused:
        rows = [{"delivery_id": one.delivery_id, "claimed_fence": one.fence, "now": now} for one in refused]
        connection.execute(_PUT_OFF, rows)


def withdraw(connection: Connection, mailing_id: int, *, now: datetime, limit: int) -> int:
    """`pending` and `deferred` → `withdrawn`, up to `limit` at a time, for a cancelled mailing; how many."""
    waiting = delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED))
    some = select(delivery.c.id).where(delivery.c.mailing_id == mailing_id, waiting).limit(limit)
    values = {"status": DeliveryStatus.WITHDRAWN, "due_at": None, "changed_at": now}
    return connection.execute(update(delivery).where(delivery.c.id.in_(some), waiting).values(values)).rowcount


def withdraw_if_cancelled(connection: Connection, mailing_id: int, *, now: datetime) -> bool:
    """Withdraw what came back deferred after the mailing was cancelled; whether it is cancelled."""
    status = connection.execute(select(mailing.c.status).where(mailing.c.id == mailing_id)).scalar_one()
    if status != MailingStatus.CANCELLED:
        return False
    withdraw(connection, mailing_id, now=now, limit=20_000)
    return True


def finish(connection: Connection, mailing_id: int, *, now: datetime) -> bool:
    """`sending` → `finished` where the audience is complete and nothing of it is open; whether it was so.

    What is unknown and will be sent again by the list's own rule is still open.
    """
    unreleased = exists().where(wave.c.mailing_id == mailing_id, wave.c.released_at.is_(None))
    resent = (mailing.c.resend_after.is_not(None)) & exists().where(
        delivery.c.mailing_id == mailing_id, delivery.c.status == DeliveryStatus.UNKNOWN
    )
    unsettled = exists().where(delivery.c.mailing_id == mailing_id, delivery.c.status.in_(OPEN))
    sending = (mailing.c.id == mailing_id) & (mailing.c.status == MailingStatus.SENDING)
    ended = update(mailing).where(sending, ~unreleased, ~unsettled, or_(~resent, mailing.c.not_later_than < now))
    values = {"status": MailingStatus.FINISHED, "finished_at": now, "trouble": ""}
    return connection.execute(ended.values(values)).rowcount == 1


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
    released = select(wave.c.id).where(
        wave.c.mailing_id == bindparam("mailing"),
        wave.c.released_at.is_not(None),
        or_(bindparam("wave", type_=BigId).is_(None), wave.c.id == bindparam("wave", type_=BigId)),
    )
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
            delivery.c.wave_id.in_(released),
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


def _claimed(row: Any, held: Chunk, was: DeliveryStatus) -> Claimed:
    return Claimed(
        delivery_id=row.id,
        subscriber_id=row.subscriber_id,
        fence=row.fence + 1,
        chunk_id=held.id,
        address=row.address,
        name=row.name,
        since=row.consent_at.date(),
        was=was,
    )


def _intend(connection: Connection, going: Sequence[Claimed], held: Chunk, now: datetime) -> None:
    ids = [claimed.delivery_id for claimed in going]
    values = {"ids": ids, "chunk": held.id, "chunk_fence": held.fence, "now": now}
    # The rows were read and locked in this very transaction: only the lease can have been lost.
    if connection.execute(_INTEND, values).rowcount != len(ids):
        raise LeaseLostError(f"chunk {held.id} is held no more")
    steps.reached("claim.writing")


_ATTEMPT = insert(attempt)
# An answer settles what is still at the fence of its attempt, and what has become unknown meanwhile.
_OF_ATTEMPT = (
    delivery.c.fence == bindparam("claimed_fence"),
    or_(delivery.c.status == DeliveryStatus.SENDING, delivery.c.status == DeliveryStatus.UNKNOWN),
)
_SETTLE_ALIKE = (
    update(delivery)
    .where(delivery.c.id.in_(bindparam("ids", expanding=True)), *_OF_ATTEMPT)
    .values(status=bindparam("outcome"), due_at=None, changed_at=bindparam("now", type_=Instant))
)
# Each has a wait of its own. No IN here: SQLAlchemy expands its list at each execution, which rules out many rows at once.
_DEFER = (
    update(delivery)
    .where(delivery.c.id == bindparam("delivery_id"), *_OF_ATTEMPT)
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
_Alike = tuple[int, int, Outcome]


def _alike(settled: Sequence[Settled]) -> dict[_Alike, list[Settled]]:
    """By chunk, fence and outcome."""
    groups: dict[_Alike, list[Settled]] = {}
    for one in settled:
        groups.setdefault((one.claimed.chunk_id, one.claimed.fence, one.outcome), []).append(one)
    return groups


def _settle(connection: Connection, alike: Sequence[Settled], of: _Alike, now: datetime, backoff: Backoff) -> bool:
    """Settle deliveries that fared alike; whether one attempt can tell of all of them."""
    _, fence, outcome = of
    if outcome.kind is OutcomeKind.DEFERRED:
        connection.execute(_DEFER, [_settling(one, now, backoff) for one in alike])
        return False
    ids = [one.claimed.delivery_id for one in alike]
    values = {"ids": ids, "claimed_fence": fence, "outcome": outcome.kind.value, "now": now}
    settled = connection.execute(_SETTLE_ALIKE, values).rowcount
    return outcome.kind is OutcomeKind.ACCEPTED and alike[0].in_chunk and settled == len(ids)


def _settling(one: Settled, now: datetime, backoff: Backoff) -> dict[str, Any]:
    wait = backoff.wait(one.claimed.fence)
    if one.outcome.retry_after is not None:
        wait = max(wait, timedelta(seconds=one.outcome.retry_after))
    return {
        "delivery_id": one.claimed.delivery_id,
        "claimed_fence": one.claimed.fence,
        "outcome": one.outcome.kind.value,
        "due": now + wait,
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
