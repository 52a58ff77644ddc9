"""A person's decision on deliveries of unknown end, carried out in batches: cut off, what was decided is decided, the rest
is unknown still, and the audit's one line says how many it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from newsletter.delivery import batches, evidence, history
from newsletter.delivery.retrying import PATIENCE, go_on
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import Mailing, mailings
from newsletter.store import Store
from newsletter.store.among import among
from newsletter.store.statuses import DeliveryStatus, MailingStatus
from newsletter.store.tables import Instant, attempt, delivery, subscriber

_SHOWN_IDS = 100

Verdict = Literal["accepted", "rejected", "pending"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """A delivery that may have arrived. `since` is when that became so, `quiet_until` when a person may send it again."""

    delivery: int
    name: str
    address: str
    since: datetime
    quiet_until: datetime
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """How many of the unknown `resolve` decided, and how many it left: an answer may still come until `quiet_until`."""

    decided: int
    left: int = 0
    quiet_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Surveyed:
    """The unknown that a decision is about: how many, of how many the quiet period is over, the latest."""

    number: int
    old: int
    latest: datetime | None


def unknown_of(store: Store, mailing_id: int, *, limit: int = 1_000) -> list[Unknown]:
    """The deliveries of unknown end, by name, with what was last said; up to `limit`.

    Raises:
        InputError: there is no such mailing.
    """
    with store.reading() as connection:
        mailings.require(connection, mailing_id)
        said = (
            select(attempt.c.reply)
            .where(attempt.c.delivery_id == delivery.c.id, attempt.c.fence == delivery.c.fence)
            .order_by(attempt.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        rows = connection.execute(
            select(delivery.c.id, delivery.c.changed_at, subscriber.c.name, subscriber.c.address, said.label("why"))
            .select_from(delivery)
            .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
            .where(_of(mailing_id))
            .order_by(delivery.c.id)
            .limit(limit)
        )
        return [_unknown(row) for row in rows]


def resolve(
    store: Store,
    mailing_id: int,
    verdict: Verdict,
    *,
    deliveries: Collection[int] | None,
    actor: str,
    now: datetime,
    quiet: timedelta = evidence.QUIET,
) -> Resolved:
    """A person decides on the unknown. What became so a moment ago is not sent again yet; the others are.

    Args:
        store: the database.
        mailing_id: which mailing.
        verdict: it arrived, it did not and shall not, or it shall be sent again (and is counted as possibly twice).
        deliveries: which of its unknown deliveries; None for all.
        actor: who decides.
        now: the hour.
        quiet: how long the unknown is left alone before it may be sent again.

    Raises:
        InputError: there is no such mailing, or one of the deliveries is none of its unknown ones.
        BlockedError: nothing is unknown, an answer to each may still come, the mailing was cancelled, or the database is a
            backup that was put back.
    """
    with store.reading() as connection:
        before = mailings.require(connection, mailing_id)
        found = _survey(connection, mailing_id, deliveries, now - quiet)
        if verdict == "pending":
            _refuse_to_send(before, found, quiet, events=evidence.events_come(connection, mailing_id))
    decided, line, named = 0, None, list[int]()
    for ids in _batches_of(store, mailing_id, deliveries, before=now - quiet if verdict == "pending" else None):
        with store.writing() as connection:
            if verdict == "pending":
                go_on(connection, mailing_id, now=now, more=PATIENCE)
            values = {"ids": ids, "verdict": verdict, "now": now}
            decided += connection.execute(_DECIDE, values).rowcount
            named += ids[: _SHOWN_IDS - len(named)]
            detail = {"as": verdict, "deliveries": decided, "ids": named}
            line = history.tell(connection, line, mailing_id, "mailing.resolve", actor=actor, now=now, **detail)
        batches.breathe(store)
    left = max(found.number - decided, 0)
    return Resolved(decided=decided, left=left, quiet_until=found.latest + quiet if left and found.latest else None)


_DECIDE = (
    update(delivery)
    .where(among(delivery.c.id, "ids"), delivery.c.status == DeliveryStatus.UNKNOWN)
    .values(status=bindparam("verdict"), due_at=None, changed_at=bindparam("now", type_=Instant))
)


def _of(mailing_id: int) -> ColumnElement[bool]:
    return (delivery.c.mailing_id == mailing_id) & (delivery.c.status == DeliveryStatus.UNKNOWN)


def _survey(connection: Connection, mailing_id: int, deliveries: Collection[int] | None, before: datetime) -> _Surveyed:
    """What the decision is about.

    Raises:
        InputError: one of the deliveries is none of the unknown.
        BlockedError: nothing is unknown.
    """
    old = func.count().filter(delivery.c.changed_at <= before)
    columns = select(func.count(), old, func.max(delivery.c.changed_at)).where(_of(mailing_id))
    parts = [connection.execute(columns.where(which)).one() for which in _parts(deliveries)]
    found = _Surveyed(
        number=sum(part[0] for part in parts),
        old=sum(part[1] for part in parts),
        latest=max((part[2] for part in parts if part[2] is not None), default=None),
    )
    if deliveries is not None and found.number < len(set(deliveries)):
        known = {one for which in _parts(deliveries) for one in connection.execute(_ids(mailing_id, which)).scalars()}
        raise InputError(
            f"delivery {min(set(deliveries) - known)} is none of the unknown of mailing {mailing_id}",
            remedy=f"See them with `newsletter mailing resolve {mailing_id}`",
        )
    if not found.number:
        raise BlockedError(f"nothing of mailing {mailing_id} is unknown")
    return found


def _parts(deliveries: Collection[int] | None) -> Iterator[ColumnElement[bool]]:
    """The deliveries that are meant, in conditions of a length that databases take."""
    if deliveries is None:
        yield delivery.c.id > 0
        return
    numbers = sorted(set(deliveries))
    for begin in range(0, len(numbers), batches.ROWS):
        yield delivery.c.id.in_(numbers[begin : begin + batches.ROWS])


def _ids(mailing_id: int, which: ColumnElement[bool]) -> Any:
    return select(delivery.c.id).where(_of(mailing_id), which).order_by(delivery.c.id)


def _batches_of(
    store: Store, mailing_id: int, deliveries: Collection[int] | None, *, before: datetime | None
) -> Iterator[list[int]]:
    """The numbers of the unknown that are meant, and became so up to `before`, a batch at a time, as they are then."""
    old = delivery.c.changed_at <= before if before is not None else delivery.c.id > 0
    for which in _parts(deliveries):
        after = 0
        while ids := _next(store, _ids(mailing_id, which).where(old, delivery.c.id > after)):
            yield ids
            after = ids[-1]


def _next(store: Store, wanted: Any) -> list[int]:
    with store.reading() as connection:
        found: Sequence[int] = connection.execute(wanted.limit(batches.ROWS)).scalars().all()
    return list(found)


def _refuse_to_send(before: Mailing, found: _Surveyed, quiet: timedelta, *, events: bool) -> None:
    """Refuse to send again what may not be, as yet or at all.

    Raises:
        BlockedError: see above.
    """
    if before.status is MailingStatus.CANCELLED:
        raise BlockedError(f"mailing {before.id} was cancelled: nothing of it is sent again")
    if not found.old and found.latest is not None:
        what = "an answer, or an event," if events else "an answer that a worker was held up with"
        settles = (
            ": most of the unknown settles by itself" if events else ", and look into the mail server's log meanwhile"
        )
        raise BlockedError(
            f"{what} may still come until {found.latest + quiet:%H:%M:%S} UTC", remedy=f"Wait until then{settles}"
        )


def _unknown(row: Any) -> Unknown:
    return Unknown(
        delivery=row.id,
        name=row.name,
        address=row.address,
        since=row.changed_at,
        quiet_until=row.changed_at + evidence.QUIET,
        why=row.why or "",
    )
