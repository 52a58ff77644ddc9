"""How attempts ended, in the ledger. Every function is one step of the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, or_, update

from newsletter.audience.addresses import without_addresses
from newsletter.delivery import steps
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.senders.base import Outcome
from newsletter.store.among import among
from newsletter.store.statuses import DeliveryStatus, OutcomeKind
from newsletter.store.tables import Instant, attempt, delivery


def record(
    connection: Connection,
    settled: Sequence[Settled],
    *,
    now: datetime,
    backoff: Backoff,
    waits_from: datetime | None = None,
) -> None:
    """Keep every attempt, and settle the deliveries that are still at the fence of their attempt.

    An answer that comes after the lease lapsed settles what had become `unknown`; one that comes after a newer claim
    only goes into the attempts. What is deferred waits from `waits_from` on, by the clock that `find` is given; `now` where
    that is left out.
    """
    if not settled:
        return
    rows = []
    for alike in _alike(settled).values():
        whole = _settle(connection, alike, now, _Waits(backoff, waits_from or now))
        # Where all of a request fared alike and counted, one row tells of all; for whatever else each has its own.
        rows += [_attempt(alike[0]) | {"delivery_id": None}] if whole else [_attempt(one) for one in alike]
    connection.execute(_ATTEMPT, rows)
    steps.reached("record.writing")


def unclaim(connection: Connection, claims: Sequence[Claimed], *, now: datetime) -> int:
    """`sending` → `pending`: whether they were claimed was not known, so that none was handed over; how many."""
    rows = [
        {"delivery_id": one.delivery_id, "claimed_fence": one.fence, "of_chunk": one.chunk_id, "now": now}
        for one in claims
    ]
    return connection.execute(_UNCLAIM, rows).rowcount if rows else 0


def put_off(connection: Connection, refused: Sequence[Claimed], *, now: datetime) -> None:
    """`rejected` → `deferred`, due now: the refusal was about the message. The attempts stay as they were."""
    if refused:
        rows = [{"delivery_id": one.delivery_id, "claimed_fence": one.fence, "now": now} for one in refused]
        connection.execute(_PUT_OFF, rows)


_ATTEMPT = insert(attempt)
# An answer settles what is still at the fence of its attempt, and what has become unknown meanwhile.
_OF_ATTEMPT = (
    delivery.c.fence == bindparam("claimed_fence"),
    or_(delivery.c.status == DeliveryStatus.SENDING, delivery.c.status == DeliveryStatus.UNKNOWN),
)
_SETTLE_ALIKE = (
    update(delivery)
    .where(among(delivery.c.id, "ids"), *_OF_ATTEMPT)
    .values(status=bindparam("outcome"), due_at=None, changed_at=bindparam("now", type_=Instant))
)
# Each has a wait of its own. No IN here: SQLAlchemy expands its list at each execution, which rules out many rows at once.
_DEFER = (
    update(delivery)
    .where(delivery.c.id == bindparam("delivery_id"), *_OF_ATTEMPT)
    .values(status=bindparam("outcome"), due_at=bindparam("due"), changed_at=bindparam("now"))
)
_UNCLAIM = (
    update(delivery)
    .where(
        delivery.c.id == bindparam("delivery_id"),
        delivery.c.fence == bindparam("claimed_fence"),
        delivery.c.chunk_id == bindparam("of_chunk"),
        delivery.c.status == DeliveryStatus.SENDING,
    )
    .values(status=DeliveryStatus.PENDING, due_at=None, changed_at=bindparam("now", type_=Instant))
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
_Alike = tuple[int, int, Outcome | OutcomeKind]


def _alike(settled: Sequence[Settled]) -> dict[_Alike, list[Settled]]:
    """By chunk, fence and outcome; single messages by its kind: servers word each of their answers anew."""
    groups: dict[_Alike, list[Settled]] = {}
    # All of a request share one outcome: it is told from the next one as an object, and hashed once for all of them.
    for (chunk_id, fence, _), run in groupby(settled, key=_run):
        alike = list(run)
        outcome = alike[0].outcome
        groups.setdefault((chunk_id, fence, outcome if alike[0].in_chunk else outcome.kind), []).extend(alike)
    return groups


def _run(one: Settled) -> tuple[int, int, int]:
    return one.claimed.chunk_id, one.claimed.fence, id(one.outcome)


class _Waits(NamedTuple):
    """How long the deferred wait, and from when."""

    backoff: Backoff
    since: datetime


def _settle(connection: Connection, alike: Sequence[Settled], now: datetime, waits: _Waits) -> bool:
    """Settle deliveries that fared alike; whether one attempt can tell of all of them."""
    fence, kind = alike[0].claimed.fence, alike[0].outcome.kind
    if kind is OutcomeKind.DEFERRED:
        connection.execute(_DEFER, [_settling(one, now, waits) for one in alike])
        return False
    ids = [one.claimed.delivery_id for one in alike]
    values = {"ids": ids, "claimed_fence": fence, "outcome": kind.value, "now": now}
    settled = connection.execute(_SETTLE_ALIKE, values).rowcount
    return kind is OutcomeKind.ACCEPTED and alike[0].in_chunk and settled == len(ids)


def _settling(one: Settled, now: datetime, waits: _Waits) -> dict[str, Any]:
    wait = waits.backoff.wait(one.claimed.fence)
    if one.outcome.retry_after is not None:
        wait = max(wait, timedelta(seconds=one.outcome.retry_after))
    return {
        "delivery_id": one.claimed.delivery_id,
        "claimed_fence": one.claimed.fence,
        "outcome": one.outcome.kind.value,
        "due": waits.since + wait,
        "now": now,
    }


def _attempt(one: Settled) -> dict[str, Any]:
    return {
        "chunk_id": one.claimed.chunk_id,
        "delivery_id": one.claimed.delivery_id,
        "fence": one.claimed.fence,
        "outcome": one.outcome.kind.value,
        "code": one.outcome.code,
        "reply": without_addresses(one.outcome.reply),
        "started_at": one.started_at,
        "ended_at": one.ended_at,
    }
