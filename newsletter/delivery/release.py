"""Releasing a wave: its audience is frozen into deliveries, in batches; after a kill the next process goes on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from newsletter.audience import choosing
from newsletter.audience.choosing import EVERYBODY, Choice
from newsletter.clock import Clock
from newsletter.delivery import canary, machine, steps
from newsletter.delivery.belonging import by_clock, of_wave
from newsletter.delivery.lateness import late
from newsletter.delivery.strays import astray, may_be_left, takes_strays
from newsletter.publishing import Mailing
from newsletter.publishing.timing import EVERYONE, ReaderClock
from newsletter.store import Store
from newsletter.store.parameters import MAILING, NOW
from newsletter.store.statuses import DeliveryStatus, Exclusion, MailingKind, MailingStatus, SubscriptionStatus
from newsletter.store.tables import BigId, Instant, delivery, mailing, subscriber, subscription, suppression, wave

BATCH = 10_000
"""Deliveries a transaction: another writer waits about as long as one batch takes (0.1 s, measured)."""

_BREATH = 0.03
"""Seconds between batches. SQLite's waiting writers do not queue, they look again every 25 ms or so: without a pause one of
them waited 3.4 s, for all of a million deliveries. On PostgreSQL nobody waits for a whole table."""

_INCLUDED = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """Whom a mailing selects: selected = prepared + excluded."""

    selected: int
    prepared: int
    excluded: Mapping[Exclusion, int]


def survey(
    store: Store,
    *,
    list_id: int,
    issue: str,
    now: datetime,
    choice: Choice = EVERYBODY,
    mailing_id: int | None = None,
) -> Audience:
    """Whom a mailing of `issue` (`mailing_id`, where it exists) to the list would select now. Nothing is written."""
    with store.reading() as connection:
        elsewhere = _elsewhere(connection, issue, mailing_id=mailing_id, now=now)
        reason = _reason(elsewhere, choosing.left_out(choice, now=now))
        return _audience(_tally(connection, reason, subscription.c.list_id == list_id))


def release(
    store: Store, released: Mailing, *, clock: Clock, batch: int = BATCH, stop: threading.Event | None = None
) -> Audience:
    """Freeze the audience of the mailing's waves that are due; what a killed process has frozen already stays as it is.

    A mailing that is paused or cancelled meanwhile is frozen no further. Once `stop` is set it ends with the batch that
    it is at; what it returns is what is frozen so far.
    """
    stop = stop or threading.Event()
    for wave_id in due(store, released.id, now=clock()):
        while not stop.is_set() and _freeze_more(store, released, wave_id, clock, batch):
            if store.is_sqlite:
                machine.present().rest(_BREATH)
    with store.reading() as connection:
        row = connection.execute(_COUNTED, {"mailing": released.id}).one()
    excluded = {Exclusion(reason): count for reason, count in row.excluded.items()}
    return Audience(selected=row.selected, prepared=row.prepared, excluded=excluded)


def due(store: Store, mailing_id: int, *, now: datetime) -> list[int]:
    """The mailing's waves that are due and not complete, the earliest first; one that is too late waits for a person,
    one that has a canary for that to be well.
    """
    with store.reading() as connection:
        asked = {"mailing": mailing_id, "now": now, **canary.well_since(now)}
        return list(connection.execute(_DUE, asked).scalars())


def _freeze_more(store: Store, released: Mailing, wave_id: int, clock: Clock, batch: int) -> bool:
    """A batch, or the end where all are frozen; whether there may be more."""
    with store.reading() as connection:
        row = connection.execute(_WAVE, {"wave": wave_id}).one()
        more = row.released_at is None and _last_of_batch(connection, released.list_id, row, 1) is not None
        # Looked for before anything is locked: that takes reading the whole list.
        strays = _strays(connection, released, row, clock()) if not more and takes_strays(connection, row) else []
    if not more:
        return _complete(store, released, wave_id, clock, strays)
    if frozen := _freeze_batch(store, released, wave_id, clock, batch):
        steps.reached("freeze.committed")
    return frozen


def _freeze_batch(store: Store, released: Mailing, wave_id: int, clock: Clock, batch: int) -> bool:
    """One transaction; whether it froze some."""
    with store.writing() as connection:
        row = _locked(connection, released, wave_id, now=clock())
        last = None if row is None else _last_of_batch(connection, released.list_id, row, batch)
        if row is None or last is None:
            return row is not None
        span = and_(_up_to(released.list_id, row, last), *of_wave(connection, row))
        _freeze_span(connection, released, row, span, clock)
        connection.execute(_FROZEN_TO, {"wave": wave_id, "last": last})
        steps.reached("freeze.writing")
        return True


def _complete(store: Store, released: Mailing, wave_id: int, clock: Clock, strays: Sequence[int]) -> bool:
    """Release the wave, with the strays in it; whether there is more to freeze after all."""
    with store.writing() as connection:
        row = _locked(connection, released, wave_id, now=clock())
        if row is None:
            return False
        if _last_of_batch(connection, released.list_id, row, 1) is not None:
            return True
        _take_along(connection, released, row, strays, clock)
        connection.execute(_RELEASED, {"wave": wave_id, "now": clock()})
        store.take_stock(connection, delivery)
        return False


def freeze_strays(connection: Connection, released: Mailing, *, clock: Clock) -> int:
    """Where all others have gone: those whom no wave has met go too; how many there are."""
    if not may_be_left(connection, released.id) or not _is_sending(connection, released):
        return 0
    going = select(wave).where(wave.c.mailing_id == released.id, ~wave.c.canary, ~wave.c.skipped)
    # With the last one: they have as much time as its readers.
    row = connection.execute(going.order_by(wave.c.not_later_than.desc(), wave.c.id.desc()).limit(1)).one_or_none()
    strays = [] if row is None else _strays(connection, released, row, clock())
    if row is not None:
        _take_along(connection, released, row, strays, clock)
    return len(strays)


def _take_along(connection: Connection, released: Mailing, row: Row[Any], strays: Sequence[int], clock: Clock) -> None:
    for start in range(0, len(strays), BATCH):
        some = subscription.c.subscriber_id.in_(strays[start : start + BATCH])
        span = and_(subscription.c.list_id == released.list_id, some, astray(row))
        _freeze_span(connection, released, row, span, clock)


def _strays(connection: Connection, released: Mailing, row: Row[Any], now: datetime) -> list[int]:
    """Whom the wave takes along: by number, in order."""
    mailed = _reason_of(connection, released, now) == _INCLUDED
    found = (
        select(subscription.c.subscriber_id)
        .join(subscriber)
        .where(subscription.c.list_id == released.list_id, astray(row), mailed)
        .order_by(subscription.c.subscriber_id)
    )
    return list(connection.execute(found).scalars())


def _locked(connection: Connection, released: Mailing, wave_id: int, *, now: datetime) -> Row[Any] | None:
    """The wave, where something of it is to be frozen; None where the mailing is not being sent, or the wave is complete,
    or it has not begun and became too late since it was found due: this process may have stood still.
    """
    if not _is_sending(connection, released):
        return None
    found = connection.execute(_LOCK_WAVE, {"wave": wave_id}).one()
    may_begin = found.frozen_to or found.skipped or found.not_later_than is None or found.not_later_than >= now
    return found if found.released_at is None and may_begin else None


def _is_sending(connection: Connection, released: Mailing) -> bool:
    """Locked, so that two processes never freeze the same batch and count it twice, nor freeze past a cancellation; the
    issue's other mailings too, so that who is on two lists is not frozen into both at the same moment.
    """
    statuses = {row.id: row.status for row in connection.execute(_LOCK_ISSUE, {"of_issue": released.issue})}
    return bool(statuses[released.id] == MailingStatus.SENDING)


def _last_of_batch(connection: Connection, list_id: int, row: Row[Any], batch: int) -> int | None:
    """The subscriber that ends the batch. Walks one index: the list's, or for a clock's wave that of zones and hours."""
    asked = {"frozen_to": row.frozen_to, "batch": batch}
    if (row.zone, row.hour) == EVERYONE:
        last: int | None = connection.execute(_LAST_OF_LIST, {"list": list_id, **asked}).scalar_one()
    else:
        of_clock = select(subscriber.c.id).where(*by_clock(ReaderClock(row.zone, row.hour)))
        last = connection.execute(_last_of(of_clock), asked).scalar_one()
    return last


def _last_of(walked: Select[int]) -> Select[int | None]:
    """The last of a batch, in the order of the one column that is selected."""
    (ids,) = walked.selected_columns
    beyond = walked.where(ids > bindparam("frozen_to", type_=BigId)).order_by(ids).limit(bindparam("batch"))
    (numbers,) = beyond.subquery().columns
    return select(func.max(numbers))


def _up_to(list_id: int, row: Row[Any], last: int) -> ColumnElement[bool]:
    """The list's subscriptions of the batch. A clock's are looked up one by one: they are few among all of the list's."""
    if (row.zone, row.hour) == EVERYONE:
        # Of both, though one is the other: PostgreSQL draws no conclusion from one side of a join to the other, and would
        # read all subscribers for each batch.
        both = (subscription.c.subscriber_id, subscriber.c.id)
        return and_(subscription.c.list_id == list_id, *(and_(ids > row.frozen_to, ids <= last) for ids in both))
    reader = subscriber.alias("reader")
    of_clock = by_clock(ReaderClock(row.zone, row.hour), of=reader)
    some = select(reader.c.id).where(*of_clock, reader.c.id > row.frozen_to, reader.c.id <= last)
    return and_(subscription.c.list_id == list_id, subscription.c.subscriber_id.in_(some))


def _freeze_span(
    connection: Connection, released: Mailing, row: Row[Any], span: ColumnElement[bool], clock: Clock
) -> None:
    now = clock()
    reason = _reason_of(connection, released, now, other=Exclusion.TOO_LATE.value if row.skipped else _INCLUDED)
    chosen = (
        select(
            literal(released.id),
            literal(row.id),
            subscription.c.subscriber_id,
            literal(DeliveryStatus.PENDING.value),
            literal(now, Instant),
        )
        .join(subscriber)
        .where(span, reason == _INCLUDED)
        .order_by(subscription.c.subscriber_id)
    )
    columns = ["mailing_id", "wave_id", "subscriber_id", "status", "changed_at"]
    freezing = insert(delivery).from_select(columns, chosen).execution_options(preserve_rowcount=True)
    prepared = connection.execute(freezing).rowcount
    # On PostgreSQL each statement sees what others have committed since: whoever left or joined after the first is counted
    # by what became of them there, so that the equation holds.
    has_it = exists().where(
        delivery.c.mailing_id == released.id, delivery.c.subscriber_id == subscription.c.subscriber_id
    )
    excluded = _tally(connection, reason, and_(span, reason != _INCLUDED, ~has_it))
    _add_counts(connection, released.id, _audience({_INCLUDED: prepared, **excluded}))


def _reason_of(
    connection: Connection, released: Mailing, now: datetime, *, other: str = _INCLUDED
) -> ColumnElement[str]:
    elsewhere = _elsewhere(connection, released.issue, mailing_id=released.id, now=now)
    choice = choosing.of_mailing(connection, released.id, filter_text=released.filter, segment=released.segment)
    return _reason(elsewhere, choosing.left_out(choice, now=now), other=other)


def _tally(connection: Connection, reason: ColumnElement[str], where: ColumnElement[bool]) -> dict[str, int]:
    # Grouped outside, by name: PostgreSQL takes two equal expressions with parameters for different ones.
    judged = select(reason.label("reason")).select_from(subscription).join(subscriber).where(where).subquery()
    rows = connection.execute(select(judged.c.reason, func.count().label("people")).group_by(judged.c.reason))
    return {row.reason: row.people for row in rows}


def _reason(
    elsewhere: ColumnElement[bool] | None, left_out: choosing.Cases, *, other: str = _INCLUDED
) -> ColumnElement[str]:
    """Why a subscription is left out; "" where it is not. The order is that of `Exclusion`; `other` is for all the rest."""
    suppressed = exists().where(suppression.c.address_key == subscriber.c.address_key)
    status = subscription.c.status
    cases = [
        (suppressed, Exclusion.SUPPRESSED.value),
        (status == SubscriptionStatus.UNSUBSCRIBED, Exclusion.UNSUBSCRIBED.value),
        (status == SubscriptionStatus.UNCONFIRMED, Exclusion.UNCONFIRMED.value),
        *((found, why.value) for found, why in left_out),
    ]
    if elsewhere is not None:
        cases.append((elsewhere, Exclusion.HAS_ISSUE.value))
    return case(*cases, else_=other)


def _elsewhere(
    connection: Connection, issue: str, *, mailing_id: int | None, now: datetime
) -> ColumnElement[bool] | None:
    """Whether a subscriber has the issue from another list; None where no other list had it.

    The few mailings are looked up first: each then costs one look in the index (mailing, subscriber).
    """
    ids = connection.execute(_OTHERS, {"of_issue": issue, "mailing": mailing_id or 0}).scalars().all()
    if not ids:
        return None
    other = delivery.alias("other")
    # Who left the other list, or was never reached there in time, does not have the issue.
    without = (DeliveryStatus.WITHDRAWN, DeliveryStatus.EXPIRED)
    # Nor will whoever left it, or pauses it, while their copy still waits there: the claim will withdraw it.
    waiting = (DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)
    held, its_mailing = subscription.alias("held"), mailing.alias("its_mailing")
    still_there = exists().where(
        its_mailing.c.id == other.c.mailing_id,
        held.c.list_id == its_mailing.c.list_id,
        held.c.subscriber_id == other.c.subscriber_id,
        held.c.status == SubscriptionStatus.SUBSCRIBED,
        or_(held.c.paused_until.is_(None), held.c.paused_until <= now),
    )
    return exists().where(
        other.c.mailing_id.in_(ids),
        other.c.subscriber_id == subscription.c.subscriber_id,
        other.c.status.not_in(without),
        or_(other.c.status.not_in(waiting), still_there),
    )


def _audience(counts: Mapping[str, int]) -> Audience:
    excluded = {reason: counts[reason] for reason in Exclusion if counts.get(reason)}
    return Audience(selected=sum(counts.values()), prepared=counts.get(_INCLUDED, 0), excluded=excluded)


def _add_counts(connection: Connection, mailing_id: int, more: Audience) -> None:
    row = connection.execute(_LOCK_COUNTED, {"mailing": mailing_id}).one()
    excluded = Counter(row.excluded) + Counter({reason.value: count for reason, count in more.excluded.items()})
    values = {
        "of_all": row.selected + more.selected,
        "of_them": row.prepared + more.prepared,
        "left_out": dict(excluded),
    }
    connection.execute(_COUNT, {"mailing": mailing_id, **values})


_COUNTED = select(mailing.c.selected, mailing.c.prepared, mailing.c.excluded).where(mailing.c.id == MAILING)
_LOCK_COUNTED = _COUNTED.with_for_update()
_DUE = (
    select(wave.c.id)
    .where(
        wave.c.mailing_id == MAILING,
        wave.c.released_at.is_(None),
        wave.c.due_at <= NOW,
        ~late(NOW),
        canary.MAY_FOLLOW,
    )
    .order_by(wave.c.due_at, wave.c.id)
)
_COUNT = (
    update(mailing)
    .where(mailing.c.id == MAILING)
    .values(
        selected=bindparam("of_all"),
        prepared=bindparam("of_them"),
        excluded=bindparam("left_out", type_=mailing.c.excluded.type),
    )
)
_OTHERS = select(mailing.c.id).where(
    mailing.c.issue == bindparam("of_issue"), mailing.c.kind != MailingKind.CORRECTION, mailing.c.id != MAILING
)
_IS_WAVE = wave.c.id == bindparam("wave", type_=BigId)
_FROZEN_TO = update(wave).where(_IS_WAVE).values(frozen_to=bindparam("last", type_=BigId))
_RELEASED = update(wave).where(_IS_WAVE).values(released_at=NOW)
_WAVE = select(wave).where(_IS_WAVE)
_LOCK_WAVE = _WAVE.with_for_update()
_LOCK_ISSUE = (
    select(mailing.c.id, mailing.c.status)
    .where(mailing.c.issue == bindparam("of_issue"))
    .order_by(mailing.c.id)
    .with_for_update()
)
_LAST_OF_LIST = _last_of(select(subscription.c.subscriber_id).where(subscription.c.list_id == bindparam("list")))
