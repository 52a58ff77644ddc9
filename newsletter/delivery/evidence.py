"""Evidence: what a provider's events prove about deliveries whose answer never came.

An event that carries a delivery's attempt proves that the attempt was taken; where one request carried a whole chunk,
it proves so for all of the chunk. No event proves nothing: they come late and out of order. Every function is one step
of the caller's transaction.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    String,
    and_,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
    true,
    update,
)

from newsletter.store.parameters import MAILING, NOW
from newsletter.store.statuses import DeliveryStatus, MailingStatus, OutcomeKind
from newsletter.store.tables import BigId, Instant, attempt, chunk, delivery, event, mailing, wave

QUIET = timedelta(minutes=5)
"""How long the unknown is left alone before a person, or the list's rule, may decide: longer than any call takes, so that
no answer is on its way any more, with a margin for events, which providers post within seconds to minutes."""

_ALL = true()
_ATTEMPT = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})(?:\.[0-9]{1,4})*")


def attempt_name(chunk_id: int, fence: int) -> str:
    """The opaque word for an attempt that goes out with a message and comes back with its events."""
    return f"{chunk_id}.{fence}"


def read_attempt(name: str) -> tuple[int, int] | None:
    """(chunk, fence) from the word; None where it is none of ours."""
    found = _ATTEMPT.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def settle(connection: Connection, mailing_id: int, *, now: datetime) -> int:
    """`unknown` → `accepted` for what events prove; how many. Whatever the mailing's state: a fact is a fact."""
    return connection.execute(_SETTLE, {"mailing": mailing_id, "now": now}).rowcount


def settle_named(connection: Connection, names: Collection[str], *, now: datetime) -> int:
    """The same at once, for attempts that have just been told of, by their words; how many."""
    chunks = {found[0] for name in names if (found := read_attempt(name))}
    return sum(
        connection.execute(_SETTLE_CHUNK, {"of_chunk": number, "now": now}).rowcount for number in sorted(chunks)
    )


def with_unknown(connection: Connection, *, since: datetime) -> list[int]:
    """The mailings, not ended before `since`, that have deliveries of unknown end."""
    return list(connection.execute(_WITH_UNKNOWN, {"since": since}).scalars())


def resend(connection: Connection, mailing_id: int, *, now: datetime, quiet: timedelta = QUIET) -> int:
    """`unknown` → `pending` where the list has opted in and its time, and the quiet period, are over; how many.

    Each counts as *possibly twice* from then on. Past the *not later than* of the mailing, or of its wave, nothing is sent
    again.
    """
    row = connection.execute(_RULE, {"mailing": mailing_id}).one()
    if row.resend_after is None or row.not_later_than <= now or row.status != MailingStatus.SENDING:
        return 0
    before = now - max(quiet, timedelta(seconds=row.resend_after))
    return connection.execute(_RESEND, {"mailing": mailing_id, "before": before, "now": now}).rowcount


def may_have_arrived() -> ColumnElement[bool]:
    """Whether nothing is known to this day of an attempt at the delivery, in whatever state that is now."""
    silent = exists().where(
        attempt.c.delivery_id == delivery.c.id, attempt.c.outcome == OutcomeKind.UNKNOWN, ~_answered_after_all()
    )
    return (delivery.c.fence > 0) & silent.correlate(delivery)


def told_of(delivery_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether an event proves that an attempt at it, whose answer never came, was taken: whatever it waits for now."""
    return exists().where(
        attempt.c.delivery_id == delivery_id, attempt.c.outcome == OutcomeKind.UNKNOWN, _told_of_attempt()
    )


def events_come(connection: Connection, mailing_id: int) -> bool:
    """Whether a provider tells of the mailing's deliveries: a mail server says nothing after its answer."""
    told = select(chunk.c.id).join(wave).where(wave.c.mailing_id == mailing_id, chunk.c.one_request)
    return connection.execute(select(exists(told))).scalar_one()


def in_quiet(connection: Connection, mailing_id: int, *, now: datetime, quiet: timedelta = QUIET) -> int:
    """How many of the unknown have not been so for the whole quiet period."""
    where = (
        (delivery.c.mailing_id == mailing_id)
        & (delivery.c.status == DeliveryStatus.UNKNOWN)
        & (delivery.c.changed_at > now - quiet)
    )
    return connection.execute(select(func.count()).where(where)).scalar_one()


def twice(connection: Connection, mailing_id: int, among: ColumnElement[bool] = _ALL) -> int:
    """Deliveries of which two attempts were surely taken, of all or `among` some of the mailing's.

    Only what was claimed twice can be, so that few rows are read.
    """
    again = (delivery.c.mailing_id == mailing_id) & (delivery.c.fence > 1) & among
    own = (
        select(delivery.c.id, attempt.c.fence)
        .join(attempt, attempt.c.delivery_id == delivery.c.id)
        .where(again, or_(attempt.c.outcome == OutcomeKind.ACCEPTED, _told_of_attempt()))
    )
    whole = (
        select(delivery.c.id, delivery.c.fence)
        .join(attempt, and_(attempt.c.chunk_id == delivery.c.chunk_id, attempt.c.fence == delivery.c.fence))
        .where(again, attempt.c.delivery_id.is_(None), attempt.c.outcome == OutcomeKind.ACCEPTED, ~_fared_alone())
    )
    taken = own.union(whole).subquery()
    more = select(taken.c.id).group_by(taken.c.id).having(func.count() > 1).subquery()
    return connection.execute(select(func.count()).select_from(more)).scalar_one()


def _fared_alone() -> ColumnElement[bool]:
    """Whether the delivery's present attempt has a row of its own: it fared otherwise than the rest of its request."""
    alone = attempt.alias("alone")
    return (
        exists()
        .where(
            alone.c.delivery_id == delivery.c.id,
            alone.c.chunk_id == delivery.c.chunk_id,
            alone.c.fence == delivery.c.fence,
            alone.c.outcome != OutcomeKind.UNKNOWN,
        )
        .correlate(delivery)
    )


def possibly_twice(connection: Connection, mailing_id: int, among: ColumnElement[bool] = _ALL) -> int:
    """Deliveries, all or `among` some, that were tried again after an attempt of which nothing is known to this day."""
    later = (
        exists()
        .where(
            attempt.c.delivery_id == delivery.c.id,
            attempt.c.fence < delivery.c.fence,
            attempt.c.outcome == OutcomeKind.UNKNOWN,
            ~_answered_after_all(),
            ~_told_of_attempt(),
        )
        .correlate(delivery)
    )
    again = (delivery.c.mailing_id == mailing_id) & (delivery.c.fence > 1) & among
    return connection.execute(select(func.count()).select_from(delivery).where(again, later)).scalar_one()


def _proven() -> ColumnElement[bool]:
    """Whether an event proves that the delivery's present attempt was taken."""
    own = exists().where(event.c.delivery_id == delivery.c.id, _names(delivery))
    return or_(own.correlate(delivery), _told_of_chunk(delivery))


def _told_of_attempt() -> ColumnElement[bool]:
    """Whether an event proves that the attempt of this row was taken."""
    own = exists().where(event.c.delivery_id == attempt.c.delivery_id, _names(attempt))
    return or_(own.correlate(attempt), _told_of_chunk(attempt))


def _told_of_chunk(table: FromClause) -> ColumnElement[bool]:
    """Whether an event about any delivery of the same request proves that all of it was taken."""
    same = event.c.attempt == _attempt_name(table)
    return exists().where(chunk.c.id == table.c.chunk_id, chunk.c.one_request, same).correlate(table)


def _names(table: FromClause) -> ColumnElement[bool]:
    """Whether the event carries the row's attempt. A chunk that took several requests adds `.N` to the word."""
    name = _attempt_name(table)
    return or_(event.c.attempt == name, event.c.attempt.like(name + ".%"))


def _attempt_name(table: FromClause) -> ColumnElement[str]:
    """`attempt_name` of a row, in SQL."""
    return cast(table.c.chunk_id, String) + "." + cast(table.c.fence, String)


def _answered_after_all() -> ColumnElement[bool]:
    """Whether another row tells the end of the same attempt: its answer came late."""
    late = attempt.alias("late")
    return (
        exists()
        .where(
            late.c.delivery_id == attempt.c.delivery_id,
            late.c.fence == attempt.c.fence,
            late.c.outcome != OutcomeKind.UNKNOWN,
        )
        .correlate(attempt)
    )


_UNKNOWN = (delivery.c.mailing_id == MAILING, delivery.c.status == DeliveryStatus.UNKNOWN)
_SETTLE = update(delivery).where(*_UNKNOWN, _proven()).values(status=DeliveryStatus.ACCEPTED, changed_at=NOW)
_OF_CHUNK = bindparam("of_chunk", type_=BigId)
_SETTLE_CHUNK = (
    update(delivery)
    .where(
        delivery.c.mailing_id
        == select(wave.c.mailing_id)
        .join(chunk, chunk.c.wave_id == wave.c.id)
        .where(chunk.c.id == _OF_CHUNK)
        .scalar_subquery(),
        delivery.c.chunk_id == _OF_CHUNK,
        delivery.c.status == DeliveryStatus.UNKNOWN,
        _proven(),
    )
    .values(status=DeliveryStatus.ACCEPTED, changed_at=NOW)
)
_WITH_UNKNOWN = select(mailing.c.id).where(
    mailing.c.status != MailingStatus.SCHEDULED,
    or_(mailing.c.finished_at.is_(None), mailing.c.finished_at >= bindparam("since", type_=Instant)),
    exists().where(delivery.c.mailing_id == mailing.c.id, delivery.c.status == DeliveryStatus.UNKNOWN),
)
_RULE = select(mailing.c.resend_after, mailing.c.not_later_than, mailing.c.status).where(mailing.c.id == MAILING)
_RESEND = (
    update(delivery)
    .where(
        *_UNKNOWN,
        delivery.c.changed_at <= bindparam("before", type_=Instant),
        ~exists().where(wave.c.id == delivery.c.wave_id, wave.c.not_later_than <= NOW).correlate(delivery),
        ~_proven(),
    )
    .values(status=DeliveryStatus.PENDING, changed_at=NOW)
)
