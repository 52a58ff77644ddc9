"""Keeping the waves of open mailings right: readers choose other clocks, and the rules of zones change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from newsletter.audience import choosing
from newsletter.delivery import history, steps
from newsletter.publishing import Mailing, mailings
from newsletter.publishing.calendar import TZDATA
from newsletter.publishing.scheduling import insert_waves
from newsletter.publishing.timing import CANARY_LEAD, EVERYONE, PlannedWave, ReaderClock, Timing
from newsletter.store import Store
from newsletter.store.parameters import MAILING, NOW, given
from newsletter.store.statuses import MailingStatus, SubscriptionStatus
from newsletter.store.tables import Instant, delivery, mailing, subscriber, subscription, wave

AHEAD = timedelta(hours=28)
"""How long before its first wave a mailing's waves are looked after: clocks on earth are up to 26 hours apart, so a new one
may be that much earlier."""

_OPEN = (MailingStatus.SCHEDULED, MailingStatus.SENDING)


def add_waves(store: Store, *, now: datetime) -> int:
    """Waves for the clocks that readers have chosen since a mailing was scheduled, until its last wave is released; how
    many were added.
    """
    with store.reading() as connection:
        known = _clocks_by_mailing(connection.execute(_CLOCKS_SOON, {"soon": now + AHEAD}))
        clocks = set(clocks_chosen(connection)) if known else set()
        without = [number for number, clocks_known in known.items() if not clocks <= clocks_known.keys()]
        found = mailings.which(connection, mailing.c.id.in_(without) & _HAS_WAVE_TO_COME) if without else []
        new = {of.id: _new_clocks(connection, of, clocks, known[of.id], now) for of in found}
    added = 0
    for number, wanted in new.items():
        if wanted:
            with store.writing() as connection:
                added += _add(connection, number, wanted, now)
                steps.reached("waves.writing")
    return added


def reckon_anew(store: Store, *, now: datetime, version: str = TZDATA) -> list[int]:
    """Waves to come are due by the zones' present rules, where those are newer than the ones they were reckoned by.

    Returns:
        The mailings whose waves have moved.
    """
    with store.reading() as connection:
        numbers = list(connection.execute(_RECKONED_BY_OLDER, {"version": version}).scalars())
    moved = []
    for number in numbers:
        with store.writing() as connection:
            if _reckon(connection, number, now, version):
                moved.append(number)
    return moved


def clocks_chosen(connection: Connection) -> Iterator[ReaderClock]:
    """Every zone and hour that some subscriber has. Jumps through the index instead of reading all of it."""
    for zone in ("", *connection.execute(_ZONES).scalars()):
        for hour in connection.execute(_HOURS[bool(zone)], {"zone": zone}).scalars():
            yield ReaderClock(zone, hour)


def _values_of(column: Column[str], *where: ColumnElement[bool]) -> CTE:
    """The different values of a column, and NULL after the last: each is a jump through the index to the next."""
    first = select(func.min(column).label("value")).where(*where).cte("jumps", recursive=True)
    following = select(func.min(column)).where(*where, column > first.c.value).scalar_subquery()
    return first.union_all(select(following).where(first.c.value.is_not(None)))


def _clocks_by_mailing(rows: Iterable[Row[Any]]) -> dict[int, dict[ReaderClock, bool]]:
    """The clocks that have a wave in mailings, and whether that is to come; by the mailing's number.

    Everyone's wave is also that of the mailing's own zone and hour.
    """
    found: dict[int, dict[ReaderClock, bool]] = defaultdict(dict)
    for row in rows:
        of = found[row.mailing_id]
        of[ReaderClock(row.zone, row.hour)] = row.to_come
        if (row.zone, row.hour) == EVERYONE:
            same = (ReaderClock(zone, hour) for zone in ("", row.own_zone) for hour in ("", row.own_hour))
            of.update(dict.fromkeys(same, row.to_come))
    return found


def _new_clocks(
    connection: Connection,
    of: Mailing,
    clocks: Iterable[ReaderClock],
    known: Mapping[ReaderClock, bool],
    now: datetime,
) -> dict[ReaderClock, datetime]:
    """Clocks without a wave in the mailing that somebody goes by who is on the list and has no delivery of it; each with
    the instant at which it is due.

    Those whose hour has passed go with everyone while that wave is to come, and at once afterwards: who changes clocks on
    the day loses no issue.
    """
    if of.timing is None:
        return {}
    found = {}
    for clock in clocks:
        if clock in known or not of.timing.of_its_own(clock):
            continue
        due_at = of.timing.due_of(clock) or now
        if due_at <= now and (known.get(EVERYONE) or of.timing.skips_past):
            continue
        asked = {"mailing": of.id, "list": of.list_id, "zone": clock.zone, "hour": clock.hour, "now": now}
        if connection.execute(_someone(bool(clock.zone), bool(clock.hour), of.filter), asked).first() is not None:
            found[clock] = max(due_at, now)
    return found


@lru_cache(maxsize=64)
def _someone(zoned: bool, timed: bool, filter_text: str) -> Select[int]:
    """Somebody on the list who goes by a clock, with a zone or an hour of their own or without, and has no delivery."""
    has_it = exists().where(delivery.c.mailing_id == MAILING, delivery.c.subscriber_id == subscriber.c.id)
    left_out = choosing.left_out_of(MAILING, filter_text, now=NOW)
    return (
        select(literal(1))
        .select_from(subscriber)
        .join(subscription, subscription.c.subscriber_id == subscriber.c.id)
        .where(
            subscriber.c.zone == bindparam("zone") if zoned else subscriber.c.zone.is_(None),
            subscriber.c.hour == bindparam("hour") if timed else subscriber.c.hour.is_(None),
            subscription.c.list_id == bindparam("list"),
            subscription.c.status == SubscriptionStatus.SUBSCRIBED,
            ~or_(*(case for case, _ in left_out)),
            ~has_it,
        )
        .limit(1)
    )


def _add(connection: Connection, number: int, clocks: Iterable[ReaderClock], now: datetime) -> int:
    """Locked, so that of two schedulers one adds them."""
    connection.execute(select(mailing.c.id).where(mailing.c.id == number).with_for_update())
    of = mailings.require(connection, number)
    known = _clocks_by_mailing(connection.execute(_CLOCKS_OF, {"mailing": number}))[number]
    timing, new = of.timing, _new_clocks(connection, of, clocks, known, now)
    if timing is None or not new or of.status not in _OPEN:
        return 0
    waves = [
        PlannedWave(clock=clock, due_at=due_at, not_later_than=due_at + timing.limit, readers=0)
        for clock, due_at in sorted(new.items())
    ]
    insert_waves(connection, number, of.edition_digest, waves)
    _follow(connection, number, timing)
    named = [f"{wave.clock.zone} {wave.clock.hour}".strip() for wave in waves]
    history.note(connection, number, "mailing.waves_added", actor=history.SCHEDULER, now=now, waves=named)
    return len(waves)


def _reckon(connection: Connection, number: int, now: datetime, version: str) -> bool:
    connection.execute(select(mailing.c.id).where(mailing.c.id == number).with_for_update())
    of = mailings.require(connection, number)
    timing = of.timing
    if timing is None or of.status not in _OPEN:
        return False
    to_come = (wave.c.mailing_id == number) & wave.c.released_at.is_(None) & (wave.c.due_at > now) & ~wave.c.skipped
    rows = connection.execute(select(wave).where(to_come)).all()
    behind_canary = {(row.zone, row.hour) for row in rows if row.canary}
    moved = 0
    for row in rows:
        due_at = timing.due_of(ReaderClock(row.zone, row.hour))
        if due_at is None:
            continue
        due_at += CANARY_LEAD if not row.canary and (row.zone, row.hour) in behind_canary else timedelta(0)
        if due_at != row.due_at:
            values = {"due_at": due_at, "not_later_than": due_at + timing.limit}
            connection.execute(update(wave).where(wave.c.id == row.id).values(values))
            moved += 1
    connection.execute(update(mailing).where(mailing.c.id == number).values(tzdata=version))
    if moved:
        _follow(connection, number, timing)
        history.note(
            connection, number, "mailing.reckoned_anew", actor=history.SCHEDULER, now=now, waves=moved, tzdata=version
        )
    return bool(moved)


def _follow(connection: Connection, number: int, timing: Timing) -> None:
    """The mailing's own instants are those of its first and last wave."""
    of_it = (wave.c.mailing_id == number) & ~wave.c.skipped
    first, last = connection.execute(select(func.min(wave.c.due_at), func.max(wave.c.due_at)).where(of_it)).one()
    waits = (mailing.c.id == number) & (mailing.c.status == MailingStatus.SCHEDULED)
    connection.execute(update(mailing).where(waits).values(due_at=first))
    later = (mailing.c.id == number) & (mailing.c.not_later_than < last + timing.limit)
    connection.execute(update(mailing).where(later).values(not_later_than=last + timing.limit))


def _hours_of(*here: ColumnElement[bool]) -> CompoundSelect[str]:
    """The different hours that subscribers have, "" for those who have none."""
    hours, nobodys = _values_of(subscriber.c.hour, *here), exists().where(*here, subscriber.c.hour.is_(None))
    return select(literal("")).where(nobodys).union_all(select(hours.c.value).where(hours.c.value.is_not(None)))


_DISTINCT = _values_of(subscriber.c.zone)
_ZONES = select(_DISTINCT.c.value).where(_DISTINCT.c.value.is_not(None))
# By whether there is a zone.
_HOURS = {
    True: _hours_of(subscriber.c.zone == bindparam("zone")),
    False: _hours_of(subscriber.c.zone.is_(None)),
}
_RECKONED_BY_OLDER = select(mailing.c.id).where(
    mailing.c.status.in_(given(*_OPEN)), mailing.c.tzdata < bindparam("version")
)
_HAS_WAVE_TO_COME = exists().where(wave.c.mailing_id == mailing.c.id, wave.c.released_at.is_(None))
_CLOCKS = (
    select(
        wave.c.mailing_id,
        wave.c.zone,
        wave.c.hour,
        wave.c.released_at.is_(None).label("to_come"),
        mailing.c.zone.label("own_zone"),
        mailing.c.hour.label("own_hour"),
    )
    .join(mailing, mailing.c.id == wave.c.mailing_id)
    .where(~wave.c.canary)
)
_CLOCKS_OF = _CLOCKS.where(mailing.c.id == MAILING)
_CLOCKS_SOON = _CLOCKS.where(
    mailing.c.by_reader, mailing.c.status.in_(given(*_OPEN)), mailing.c.due_at <= bindparam("soon", type_=Instant)
)
