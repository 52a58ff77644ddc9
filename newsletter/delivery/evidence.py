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

from newsletter.store.statuses import DeliveryStatus, MailingStatus, OutcomeKind
from newsletter.store.tables import attempt, chunk, delivery, event, mailing, wave

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
    unknown = (delivery.c.mailing_id == mailing_id) & (delivery.c.status == DeliveryStatus.UNKNOWN)
    values = {"status": DeliveryStatus.ACCEPTED, "changed_at": now}
    return connection.execute(update(delivery).where(unknown, _proven()).values(values)).rowcount


def settle_named(connection: Connection, names: Collection[str], *, now: datetime) -> int:
    """The same at once, for attempts that have just been told of, by their words; how many."""
    chunks = {found[0] for name in names if (found := read_attempt(name))}
    unknown = (delivery.c.chunk_id == bindparam("of_chunk")) & (delivery.c.status == DeliveryStatus.UNKNOWN)
    of_mailing = delivery.c.mailing_id == (
        select(wave.c.mailing_id)
        .join(chunk, chunk.c.wave_id == wave.c.id)
        .where(chunk.c.id == bindparam("of_chunk"))
        .scalar_subquery()
    )
    values = {"status": DeliveryStatus.ACCEPTED, "changed_at": now}
    told = update(delivery).where(of_mailing, unknown, _proven()).values(values)
    return sum(connection.execute(told, {"of_chunk": number}).rowcount for number in sorted(chunks))


def with_unknown(connection: Connection, *, since: datetime) -> list[int]:
    """The mailings, not ended before `since`, that have deliveries of unknown end."""
    unknown = exists().where(delivery.c.mailing_id == mailing.c.id, delivery.c.status == DeliveryStatus.UNKNOWN)
    recent = or_(mailing.c.finished_at.is_(None), mailing.c.finished_at >= since)
    started = mailing.c.status != MailingStatus.SCHEDULED
    return list(connection.execute(select(mailing.c.id).where(started, recent, unknown)).scalars())


def resend(connection: Connection, mailing_id: int, *, now: datetime, quiet: timedelta = QUIET) -> int:
    """`unknown` → `pending` where the list has opted in and its time, and the quiet period, are over; how many.

    Each counts as *possibly twice* from then on. Past the *not later than* of the mailing, or of its wave, nothing is sent
    again.
    """
    columns = select(mailing.c.resend_after, mailing.c.not_later_than, mailing.c.status)
    row = connection.execute(columns.where(mailing.c.id == mailing_id)).one()
    if row.resend_after is None or row.not_later_than <= now or row.status != MailingStatus.SENDING:
        return 0
    before = now - max(quiet, timedelta(seconds=row.resend_after))
    old = (
        (delivery.c.mailing_id == mailing_id)
        & (delivery.c.status == DeliveryStatus.UNKNOWN)
        & (delivery.c.changed_at <= before)
    )
    values = {"status": DeliveryStatus.PENDING, "changed_at": now}
    late = exists().where(wave.c.id == delivery.c.wave_id, wave.c.not_later_than <= now).correlate(delivery)
    return connection.execute(update(delivery).where(old, ~late, ~_proven()).values(values)).rowcount


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
