"""Chunks: what one worker holds under one lease, and what becomes of it when the worker is gone.

Every function is one step of the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from newsletter.delivery import evidence, machine, steps
from newsletter.store.parameters import MAILING, NOW
from newsletter.store.statuses import ChunkStatus, DeliveryStatus, OutcomeKind
from newsletter.store.tables import BigId, Instant, attempt, chunk, delivery, wave

_ID_BITS = 57
"""Of a chunk's number: at most 18 digits, as `evidence` reads them."""


class LeaseLostError(Exception):
    """The worker slept past its lease, and its chunk was taken from it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """What one worker holds under one lease. `fence` changes when the lease has lapsed."""

    id: int
    fence: int


def take(
    connection: Connection,
    wave_id: int,
    *,
    worker: str,
    now: datetime,
    lease: timedelta,
    one_request: bool = False,
) -> Chunk:
    """An empty chunk, held by the worker until `now + lease`. `one_request`: a single request will carry all of it."""
    row = {
        # Drawn, not counted: the provider posts the events of everything that uses its account, also of another newsroom
        # and of what this database was before it was restored. Counted numbers would be theirs, too, and prove what
        # never was.
        "id": machine.present().draw(_ID_BITS) | 1,
        "wave_id": wave_id,
        "status": ChunkStatus.OPEN,
        "fence": 1,
        "worker": worker,
        "one_request": one_request,
        "created_at": now,
        "lease_until": now + lease,
    }
    return Chunk(id=connection.execute(_TAKE, row).scalar_one(), fence=1)


def hold(connection: Connection, held: Chunk, *, now: datetime, lease: timedelta) -> bool:
    """Prolong the lease; False where it lapsed meanwhile and the chunk is lost."""
    held_by_us = {"chunk": held.id, "chunk_fence": held.fence}
    return connection.execute(_HOLD, {**held_by_us, "until": now + lease}).rowcount == 1


def give_back(connection: Connection, held: Chunk) -> None:
    """Give the chunk back: nothing of it is on its way."""
    connection.execute(_GIVE_BACK, {"chunk": held.id, "chunk_fence": held.fence})


def held_by_the_lost(connection: Connection, *, now: datetime) -> list[int]:
    """The mailings, in whatever state, that have chunks whose lease ran out or whose worker is dead."""
    return sorted({row.mailing_id for row in connection.execute(_HELD) if _is_over(row, now)})


def lapse(connection: Connection, mailing_id: int, *, now: datetime) -> int:
    """End the chunks whose lease ran out or whose worker is dead; how many deliveries became `unknown` by it."""
    over = [row for row in connection.execute(_HELD_OF, {"mailing": mailing_id}) if _is_over(row, now)]
    lost = sum(_lapse(connection, mailing_id, row, now) for row in over)
    if lost:
        evidence.settle(connection, mailing_id, now=now)
        steps.reached("lapse.writing")
    return lost


def _is_over(row: Any, now: datetime) -> bool:
    """Whether the chunk's lease ran out, or its worker is dead."""
    return bool(row.lease_until < now) or machine.present().knows_dead(row.worker)


def _lapse(connection: Connection, mailing_id: int, row: Any, now: datetime) -> int:
    if connection.execute(_LAPSE, {"chunk": row.id, "chunk_fence": row.fence}).rowcount != 1:
        return 0
    of_it = {"mailing": mailing_id, "chunk": row.id}
    left = connection.execute(_LEFT, of_it).all()
    if left:
        connection.execute(_ATTEMPT, list(_unanswered(row.id, left, now)))
        connection.execute(_LOSE, {**of_it, "now": now})
    return len(left)


def _unanswered(chunk_id: int, left: Iterable[Any], now: datetime) -> Iterable[dict[str, Any]]:
    for one in left:
        yield {
            "chunk_id": chunk_id,
            "delivery_id": one.id,
            "fence": one.fence,
            "outcome": OutcomeKind.UNKNOWN.value,
            "code": None,
            "reply": "the worker ended before an answer was recorded",
            "started_at": one.changed_at,
            "ended_at": now,
        }


_CHUNK = bindparam("chunk", type_=BigId)
_SAME = (chunk.c.id == _CHUNK, chunk.c.fence == bindparam("chunk_fence"), chunk.c.status == ChunkStatus.OPEN)
_TAKE = insert(chunk).returning(chunk.c.id)
_HOLD = update(chunk).where(*_SAME).values(lease_until=bindparam("until", type_=Instant))
_GIVE_BACK = update(chunk).where(*_SAME).values(status=ChunkStatus.CLOSED)
_LAPSE = update(chunk).where(*_SAME).values(status=ChunkStatus.LAPSED, fence=chunk.c.fence + 1)
_HELD = (
    select(wave.c.mailing_id, chunk.c.worker, chunk.c.lease_until)
    .select_from(chunk)
    .join(wave)
    .where(chunk.c.status == ChunkStatus.OPEN)
)
_HELD_OF = (
    select(chunk.c.id, chunk.c.fence, chunk.c.worker, chunk.c.lease_until)
    .join(wave)
    .where(wave.c.mailing_id == MAILING, chunk.c.status == ChunkStatus.OPEN)
)
_LOST = (delivery.c.mailing_id == MAILING, delivery.c.status == DeliveryStatus.SENDING, delivery.c.chunk_id == _CHUNK)
_LEFT = select(delivery.c.id, delivery.c.fence, delivery.c.changed_at).where(*_LOST)
_LOSE = update(delivery).where(*_LOST).values(status=DeliveryStatus.UNKNOWN, changed_at=NOW)
_ATTEMPT = insert(attempt)
