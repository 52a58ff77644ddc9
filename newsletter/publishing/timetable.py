"""The timetable: what goes out in the days to come, wave by wave, and the slots that are empty still."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from newsletter.publishing import mailings
from newsletter.publishing.mailing import Mailing
from newsletter.publishing.scheduling import readers_by_clock
from newsletter.publishing.timing import EVERYONE, OF_ALL, ReaderClock, Timing
from newsletter.publishing.wish import calendar_of
from newsletter.settings import Settings
from newsletter.store import Store, tables
from newsletter.store.statuses import MailingKind, MailingStatus

_BACK = timedelta(days=2)
"""A mailing that began so long ago may have waves to come: zones are 26 hours apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaveTime:
    """A wave with its time, and about how many readers it has, or had. Instants are UTC.

    `clock` is whose clock it goes by; `past` waves were due when the mailing was scheduled, `late` ones were found too
    late and wait for a person.
    """

    clock: ReaderClock
    zone: str
    due_at: datetime
    readers: int
    canary: bool
    skipped: bool
    past: bool
    late: bool
    released_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A list's slot: with its mailing and waves, or empty. `due_at` is the first instant (UTC)."""

    list_name: str
    day: Date
    zone: str
    due_at: datetime
    subject: str = ""
    mailing: Mailing | None = None
    waves: tuple[WaveTime, ...] = ()

    @property
    def readers(self) -> int:
        """How many get it."""
        return sum(wave.readers for wave in self.waves if not wave.skipped)


def timetable(
    store: Store, settings: Settings, *, now: datetime, days: int = 14, list_name: str | None = None
) -> list[Entry]:
    """The slots of so many days from now, the earliest first; of one list where it is named."""
    end = now + timedelta(days=days)
    with store.reading() as connection:
        taken = [
            found
            for found in mailings.scheduled_between(connection, now - _BACK, end)
            if list_name in {None, found.list_name} and (found.due_at and (found.due_at >= now or not found.ended))
        ]
        # Mailings to the same readers are many, as a rule, and counting them is what takes time.
        asked = {found.id: (found.list_id, mailings.choice_of(connection, found)) for found in taken}
        readers = {each: readers_by_clock(connection, *each, now=now) for each in set(asked.values())}
        entries = [_entry(connection, found, readers[asked[found.id]], now) for found in taken]
        busy = _busy(connection, now, end)
    entries += _empty(settings, busy, now, end, list_name)
    return sorted(entries, key=lambda entry: (entry.due_at, entry.list_name))


def _entry(connection: Connection, of: Mailing, readers: Mapping[ReaderClock, int], now: datetime) -> Entry:
    digest = tables.edition.c.digest == of.edition_digest
    subject = connection.execute(select(tables.edition.c.subject).where(digest)).scalar_one()
    rows = list(connection.execute(select(tables.wave).where(tables.wave.c.mailing_id == of.id)))
    timing = of.timing
    if timing is None or of.due_at is None:
        raise LookupError("a mailing that is not scheduled has no place in the timetable")
    counts = _mailed(connection, of.id) if of.status is not MailingStatus.SCHEDULED else Counter[int]()
    expected = _expected(rows, readers, timing)
    waves = [
        WaveTime(
            clock=ReaderClock(row.zone, row.hour),
            zone=row.zone or timing.zone,
            due_at=row.due_at,
            readers=counts[row.id] if row.released_at and not row.skipped else expected[row.id],
            canary=row.canary,
            skipped=row.skipped,
            past=row.due_at <= of.created_at,
            late=_is_late(row, now),
            released_at=row.released_at,
        )
        for row in rows
    ]
    waves.sort(key=lambda wave: (wave.due_at, not wave.canary, wave.clock))
    return Entry(
        list_name=of.list_name,
        day=of.local_date,
        zone=timing.zone,
        due_at=of.due_at,
        subject=subject,
        mailing=of,
        waves=tuple(waves),
    )


def _is_late(row: Row[Any], now: datetime) -> bool:
    return not row.released_at and not row.skipped and row.not_later_than is not None and row.not_later_than < now


def _expected(rows: list[Row[Any]], readers: Mapping[ReaderClock, int], timing: Timing) -> dict[int, int]:
    """About how many readers each wave has, as the list stands."""
    keys = {ReaderClock(row.zone, row.hour) for row in rows}
    parted = {ReaderClock(row.zone, row.hour) for row in rows if row.canary}
    counts: Counter[ReaderClock] = Counter()
    for clock, number in readers.items():
        counts[clock if clock in keys else EVERYONE] += number
    found = {}
    for row in rows:
        clock = ReaderClock(row.zone, row.hour)
        few = round(counts[clock] * timing.canary / OF_ALL) if clock in parted else 0
        found[row.id] = few if row.canary else counts[clock] - few
    return found


def _mailed(connection: Connection, mailing_id: int) -> Counter[int]:
    """Deliveries by wave."""
    table = tables.delivery.c
    rows = connection.execute(
        select(table.wave_id, func.count().label("number"))
        .where(table.mailing_id == mailing_id)
        .group_by(table.wave_id)
    )
    return Counter({row.wave_id: row.number for row in rows})


def _busy(connection: Connection, now: datetime, end: datetime) -> set[tuple[str, Date]]:
    """Lists and days that have their mailing."""
    table, margin = tables.mailing.c, timedelta(days=2)
    days = table.local_date.between((now - margin).date(), (end + margin).date())
    named = select(tables.mailing_list.c.name, table.local_date).join(tables.mailing_list)
    rows = connection.execute(named.where(days, table.kind == MailingKind.ISSUE, ~mailings.taken_back()))
    return {(row.name, row.local_date) for row in rows}


def _empty(
    settings: Settings, busy: set[tuple[str, Date]], now: datetime, end: datetime, list_name: str | None
) -> list[Entry]:
    """Slots of the lists' calendars without a mailing."""
    entries = []
    for name, wanted in settings.lists.items():
        calendar = calendar_of(wanted, zone=settings.newsroom.zone) if list_name in {None, name} else None
        if calendar is None:
            continue
        entries += [
            Entry(list_name=name, day=slot.day, zone=calendar.zone, due_at=slot.due_at)
            for slot in calendar.slots(now, end)
            if (name, slot.day) not in busy
        ]
    return entries
