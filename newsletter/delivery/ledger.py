"""The ledger: who was claimed by whom, and how it ended. Every function is one step of the caller's transaction.

Intent is committed before anything leaves: `claim` makes `pending` → `sending` and raises the delivery's fence. An
outcome counts only while the fence is that of its own claim. What a dead worker left in `sending` becomes `unknown`: it
may have arrived, and nobody is mailed twice on a guess.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    true,
    update,
)

from newsletter.delivery import candidates, evidence, steps
from newsletter.delivery.chunks import Chunk, LeaseLostError
from newsletter.delivery.senders.base import Outcome
from newsletter.store.among import among
from newsletter.store.parameters import MAILING, NOW, given
from newsletter.store.statuses import (
    OPEN,
    ChunkStatus,
    DeliveryStatus,
    Exclusion,
    MailingStatus,
)
from newsletter.store.tables import (
    Instant,
    chunk,
    delivery,
    mailing,
    wave,
)

LONGEST_WAIT = timedelta(hours=2)
"""Longer than any wait between two tries: providers may ask for an hour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A delivery that is now `sending`, with what its message needs. `since` is the day of consent (UTC).

    `was` is what it was before: pending, or deferred. `domain` is the reader's.
    """

    delivery_id: int
    subscriber_id: int
    fence: int
    chunk_id: int
    address: str
    name: str
    since: Date
    was: DeliveryStatus = DeliveryStatus.PENDING
    domain: str = ""


class Found(NamedTuple):
    """A delivery that may be claimed, as the ledger has it, and what it was."""

    row: Row[Any]
    was: DeliveryStatus


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
    wanted: str = "",
) -> list[Claimed]:
    """Up to `limit` deliveries, now `sending` in the chunk: `find`, then `intend`.

    Raises:
        LeaseLostError: the chunk lapsed; the transaction must be undone.
    """
    found = find(connection, mailing_id, limit, now=now, wave_id=wave_id, wanted=wanted)
    return intend(connection, found, held, now=now)


def find(
    connection: Connection,
    mailing_id: int,
    limit: int,
    *,
    now: datetime,
    wave_id: int | None = None,
    after: int = 0,
    wanted: str = "",
) -> list[Found]:
    """Up to `limit` deliveries that may be claimed, locked: new ones first, then deferred ones whose time has come.

    Only of waves that are released. Who has left, pauses, or was suppressed or erased since the freeze is withdrawn
    instead, with the reason. Nobody is found unless the mailing is being sent.

    Args:
        connection: of the caller's transaction.
        mailing_id: the mailing.
        limit: how many at most.
        now: the hour.
        wave_id: only of this wave.
        after: only new ones with a higher number. PostgreSQL's index keeps those that were claimed until it is vacuumed,
            and would be walked past all of them each time.
        wanted: the mailing's filter; "" where it has none.
    """
    asked = {"mailing": mailing_id, "wave": wave_id, "limit": limit, "after": after, "now": now}
    statements = candidates.of_filter(wanted)
    # A batch in which all had left is followed by the next: there may be others behind them.
    while True:
        rows = connection.execute(statements.pending, asked).all()
        found = [Found(row, DeliveryStatus.PENDING) for row in rows if not row.reason]
        if len(rows) < limit:
            again = connection.execute(statements.deferred, {**asked, "limit": limit - len(rows)}).all()
            found += [Found(row, DeliveryStatus.DEFERRED) for row in again if not row.reason]
            rows = [*rows, *again]
        if len(found) < len(rows):
            withdraw_left(connection, [row for row in rows if row.reason], now=now)
        if found or not rows:
            return found


def intend(connection: Connection, found: Sequence[Found], held: Chunk, *, now: datetime) -> list[Claimed]:
    """What was found in this very transaction, now `sending` in the chunk. It may leave once that is committed.

    Raises:
        LeaseLostError: the chunk lapsed; the transaction must be undone.
    """
    ids = [row.id for row, _ in found]
    values = {"ids": ids, "chunk": held.id, "chunk_fence": held.fence, "now": now}
    # The rows were read and locked in this very transaction: only the lease can have been lost.
    if ids and connection.execute(_INTEND, values).rowcount != len(ids):
        raise LeaseLostError(f"chunk {held.id} is held no more")
    if ids:
        steps.reached("claim.writing")
    return [_claimed(row, held, was) for row, was in found]


def withdraw_left(connection: Connection, rows: Sequence[Row[Any]], *, now: datetime) -> None:
    """These were found, and must not go for the reason that each row has, or have it after all, as events tell.

    What was to be sent again, and may have arrived the first time, is unknown again.
    """
    by_reason: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_reason[row.reason].append(row.id)
    for reason, ids in by_reason.items():
        kept = None if reason == candidates.TOLD else reason
        connection.execute(_WITHDRAW, {"ids": ids, "now": now, "why": kept})


def expire(connection: Connection, mailing_id: int, *, now: datetime, limit: int = 20_000) -> int:
    """Give up what is still to be sent, where the mailing's *not later than* has passed, up to `limit` at a time; how many.

    The limit is the mailing's own of this moment: a second send may have prolonged it since a worker last looked. A
    wave that has one of its own goes by that. What was to be sent again, and may have arrived the first time, is unknown
    again.
    """
    waiting = delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED))
    over = exists().where(mailing.c.id == mailing_id, mailing.c.not_later_than < now)
    waves = select(wave.c.id).where(wave.c.mailing_id == mailing_id, wave.c.not_later_than < now)
    late_waves = connection.execute(waves).scalars().all()
    all_of_it = connection.execute(select(over)).scalar_one()
    if not late_waves and not all_of_it:
        return 0
    late = true() if all_of_it else delivery.c.wave_id.in_(late_waves)
    some = select(delivery.c.id).where(delivery.c.mailing_id == mailing_id, waiting, late).limit(limit)
    values = {"status": _given_up_as(DeliveryStatus.EXPIRED), "due_at": None, "pace_id": None, "changed_at": now}
    return connection.execute(update(delivery).where(delivery.c.id.in_(some), waiting, late).values(values)).rowcount


def status_of(connection: Connection, mailing_id: int) -> MailingStatus:
    """What state the mailing is in."""
    return MailingStatus(connection.execute(_STATUS, {"mailing": mailing_id}).scalar_one())


def not_later_than(connection: Connection, mailing_id: int) -> datetime:
    """Until when the mailing may be sent."""
    limit: datetime = connection.execute(_NOT_LATER_THAN, {"mailing": mailing_id}).scalar_one()
    return limit


def right_due(connection: Connection, mailing_id: int, *, now: datetime) -> int:
    """What is due later than any wait lasts was deferred while a clock was ahead: it is due now; how many."""
    values = {"mailing": mailing_id, "latest": now + LONGEST_WAIT, "now": now}
    return connection.execute(_RIGHT_DUE, values).rowcount


def withdraw(connection: Connection, mailing_id: int, *, now: datetime, limit: int) -> int:
    """`pending` and `deferred` → `withdrawn`, up to `limit` at a time, for a cancelled mailing; how many.

    What was to be sent again, and may have arrived the first time, is unknown again.
    """
    waiting = delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED))
    some = select(delivery.c.id).where(delivery.c.mailing_id == mailing_id, waiting).limit(limit)
    values = {
        "status": _given_up_as(DeliveryStatus.WITHDRAWN),
        "reason": case((evidence.may_have_arrived(), None), else_=Exclusion.CANCELLED.value),
        "due_at": None,
        "pace_id": None,
        "changed_at": now,
    }
    return connection.execute(update(delivery).where(delivery.c.id.in_(some), waiting).values(values)).rowcount


def _given_up_as(status: DeliveryStatus) -> ColumnElement[str]:
    return case((evidence.may_have_arrived(), DeliveryStatus.UNKNOWN.value), else_=status.value)


def withdraw_if_cancelled(connection: Connection, mailing_id: int, *, now: datetime) -> bool:
    """Withdraw what came back deferred after the mailing was cancelled; whether it is cancelled."""
    if status_of(connection, mailing_id) is not MailingStatus.CANCELLED:
        return False
    withdraw(connection, mailing_id, now=now, limit=20_000)
    return True


def finish(connection: Connection, mailing_id: int, *, now: datetime) -> bool:
    """`sending` → `finished` where the audience is complete and nothing of it is open; whether it was so.

    What is unknown and will be sent again by the list's own rule is still open.
    """
    # Locked before it is looked whether anything is open: on PostgreSQL a statement that waits for a row goes on by what
    # it saw of other tables before, and a retry that was committed meanwhile would be left in a finished mailing.
    connection.execute(_LOCK, {"mailing": mailing_id})
    return connection.execute(_FINISH, {"mailing": mailing_id, "now": now}).rowcount == 1


def reopen_if_deferred(connection: Connection, mailing_id: int) -> bool:
    """`finished` → `sending` where something of it is deferred; whether it was so.

    Its worker slept past the lease, what it held became unknown and the mailing ended; then the answer was "later".
    """
    # Shared, so that workers wait for whoever ends the mailing and not for each other.
    if connection.execute(_LOCK_SHARED, {"mailing": mailing_id}).scalar_one() != MailingStatus.FINISHED:
        return False
    return connection.execute(_REOPEN, {"mailing": mailing_id}).rowcount == 1


def reasons(
    connection: Connection, mailing_id: int, among_them: ColumnElement[bool] | None = None
) -> Counter[Exclusion]:
    """Why deliveries of it were withdrawn: all that are still there, or those `among_them`."""
    withdrawn = (delivery.c.mailing_id == mailing_id) & (delivery.c.status == DeliveryStatus.WITHDRAWN)
    withdrawn &= delivery.c.reason.is_not(None)
    where = withdrawn if among_them is None else withdrawn & among_them
    columns = select(delivery.c.reason, func.count().label("number"))
    rows = connection.execute(columns.where(where).group_by(delivery.c.reason))
    return Counter({Exclusion(row.reason): row.number for row in rows})


def counts(connection: Connection, mailing_id: int) -> dict[DeliveryStatus, int]:
    """Deliveries by state, all of them named. Read from an index alone."""
    rows = connection.execute(_COUNTS, {"mailing": mailing_id})
    return dict.fromkeys(DeliveryStatus, 0) | {DeliveryStatus(row.status): row.number for row in rows}


def next_due(connection: Connection, mailing_id: int) -> datetime | None:
    """When the first deferred delivery is to be tried again."""
    return connection.execute(_NEXT_DUE, {"mailing": mailing_id}).scalar_one_or_none()


# Made once: a worker executes them hundreds of times a second, and building one takes longer than executing it.
_WAITING = (
    among(delivery.c.id, "ids"),
    # No IN: SQLAlchemy expands its list at each execution.
    or_(delivery.c.status == DeliveryStatus.PENDING, delivery.c.status == DeliveryStatus.DEFERRED),
)
_WITHDRAW = (
    update(delivery)
    .where(*_WAITING)
    .values(
        status=case(
            ((delivery.c.fence > 0) & evidence.told_of(delivery.c.id), DeliveryStatus.ACCEPTED.value),
            (evidence.may_have_arrived(), DeliveryStatus.UNKNOWN.value),
            else_=DeliveryStatus.WITHDRAWN.value,
        ),
        reason=case(
            ((delivery.c.fence > 0) & evidence.told_of(delivery.c.id), None),
            (evidence.may_have_arrived(), None),
            else_=bindparam("why", type_=delivery.c.reason.type),
        ),
        due_at=None,
        pace_id=None,
        changed_at=bindparam("now", type_=Instant),
    )
)
_INTEND = (
    update(delivery)
    .where(
        *_WAITING,
        # Locked until the claim is committed: whoever ends the chunk then finds all that was claimed in it.
        exists(
            select(chunk.c.id)
            .where(
                chunk.c.id == bindparam("chunk"),
                chunk.c.fence == bindparam("chunk_fence"),
                chunk.c.status == ChunkStatus.OPEN,
            )
            .with_for_update(read=True)
        ),
    )
    .values(
        status=DeliveryStatus.SENDING,
        fence=delivery.c.fence + 1,
        chunk_id=bindparam("chunk"),
        due_at=None,
        pace_id=None,
        changed_at=bindparam("now", type_=Instant),
    )
)


def _claimed(row: Any, held: Chunk, was: DeliveryStatus) -> Claimed:
    number, subscriber_id, fence, address, name, domain, consent_at, _ = row
    return Claimed(
        delivery_id=number,
        subscriber_id=subscriber_id,
        fence=fence + 1,
        chunk_id=held.id,
        address=address,
        name=name,
        since=consent_at.date(),
        was=was,
        domain=domain,
    )


_STATUS = select(mailing.c.status).where(mailing.c.id == MAILING)
_NOT_LATER_THAN = select(mailing.c.not_later_than).where(mailing.c.id == MAILING)
_LOCK = _STATUS.with_for_update()
_LOCK_SHARED = _STATUS.with_for_update(read=True)
_DEFERRED = (delivery.c.mailing_id == MAILING, delivery.c.status == DeliveryStatus.DEFERRED)
_RIGHT_DUE = (
    update(delivery).where(*_DEFERRED, delivery.c.due_at > bindparam("latest", type_=Instant)).values(due_at=NOW)
)
# So, and not as a minimum, it is the first entry of an index; who waits for their turn has no instant.
_NEXT_DUE = (
    select(delivery.c.due_at).where(*_DEFERRED, delivery.c.due_at.is_not(None)).order_by(delivery.c.due_at).limit(1)
)
_COUNTS = (
    select(delivery.c.status, func.count().label("number"))
    .where(delivery.c.mailing_id == MAILING)
    .group_by(delivery.c.status)
)
_RESENT = mailing.c.resend_after.is_not(None) & exists().where(
    delivery.c.mailing_id == MAILING, delivery.c.status == DeliveryStatus.UNKNOWN
)
_FINISH = (
    update(mailing)
    .where(
        mailing.c.id == MAILING,
        mailing.c.status == MailingStatus.SENDING,
        ~exists().where(wave.c.mailing_id == MAILING, wave.c.released_at.is_(None)),
        ~exists().where(delivery.c.mailing_id == MAILING, delivery.c.status.in_(given(*OPEN))),
        or_(~_RESENT, mailing.c.not_later_than < NOW),
    )
    .values(status=MailingStatus.FINISHED, finished_at=NOW, trouble="", trouble_since=None)
)
_REOPEN = (
    update(mailing)
    .where(mailing.c.id == MAILING, mailing.c.status == MailingStatus.FINISHED, exists().where(*_DEFERRED))
    .values(status=MailingStatus.SENDING, finished_at=None)
)
