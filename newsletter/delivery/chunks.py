"""Chunks: what one worker holds under one lease, and what becomes of it when the worker is gone.

Every function is one step of the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from newsletter.delivery import evidence, machine, steps
from newsletter.store.statuses import ChunkStatus, DeliveryStatus, OutcomeKind
from newsletter.store.tables import attempt, chunk, delivery, wave

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
    return Chunk(id=connection.execute(insert(chunk).values(row).returning(chunk.c.id)).scalar_one(), fence=1)


def hold(connection: Connection, held: Chunk, *, now: datetime, lease: timedelta) -> bool:
    """Prolong the lease; False where it lapsed meanwhile and the chunk is lost."""
    mine = (chunk.c.id == held.id) & (chunk.c.fence == held.fence) & (chunk.c.status == ChunkStatus.OPEN)
    return connection.execute(update(chunk).where(mine).values(lease_until=now + lease)).rowcount == 1


def give_back(connection: Connection, held: Chunk) -> None:
    """Give the chunk back: nothing of it is on its way."""
    mine = (chunk.c.id == held.id) & (chunk.c.fence == held.fence) & (chunk.c.status == ChunkStatus.OPEN)
    connection.execute(update(chunk).where(mine).values(status=ChunkStatus.CLOSED))


def held_by_the_lost(connection: Connection, *, now: datetime) -> list[int]:
    """The mailings, in whatever state, that have chunks whose lease ran out or whose worker is dead."""
    held = (
        select(wave.c.mailing_id, chunk.c.worker, chunk.c.lease_until)
        .select_from(chunk)
        .join(wave)
        .where(chunk.c.status == ChunkStatus.OPEN)
    )
    return sorted({row.mailing_id for row in connection.execute(held) if _is_over(row, now)})


def lapse(connection: Connection, mailing_id: int, *, now: datetime) -> int:
    """End the chunks whose lease ran out or whose worker is dead; how many deliveries became `unknown` by it."""
    held = (
        select(chunk.c.id, chunk.c.fence, chunk.c.worker, chunk.c.lease_until)
        .join(wave)
        .where(wave.c.mailing_id == mailing_id, chunk.c.status == ChunkStatus.OPEN)
    )
    over = [row for row in connection.execute(held) if _is_over(row, now)]
    lost = sum(_lapse(connection, mailing_id, row, now) for row in over)
    if lost:
        evidence.settle(connection, mailing_id, now=now)
        steps.reached("lapse.writing")
    return lost


def _is_over(row: Any, now: datetime) -> bool:
    """Whether the chunk's lease ran out, or its worker is dead."""
    return bool(row.lease_until < now) or machine.present().knows_dead(row.worker)


def _lapse(connection: Connection, mailing_id: int, row: Any, now: datetime) -> int:
    same = (chunk.c.id == row.id) & (chunk.c.fence == row.fence) & (chunk.c.status == ChunkStatus.OPEN)
    ended = {"status": ChunkStatus.LAPSED, "fence": chunk.c.fence + 1}
    if connection.execute(update(chunk).where(same).values(ended)).rowcount != 1:
        return 0
    lost = (
        (delivery.c.mailing_id == mailing_id)
        & (delivery.c.status == DeliveryStatus.SENDING)
        & (delivery.c.chunk_id == row.id)
    )
    left = connection.execute(select(delivery.c.id, delivery.c.fence, delivery.c.changed_at).where(lost)).all()
    if left:
        connection.execute(insert(attempt), list(_unanswered(row.id, left, now)))
        values = {"status": DeliveryStatus.UNKNOWN, "changed_at": now}
        connection.execute(update(delivery).where(lost).values(values))
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
