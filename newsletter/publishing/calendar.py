"""When a slot is due: from a day, a local time and a named zone to one instant. Pure.

The rule: a slot is due at the first instant at which clocks in its zone show its time, or a later one. So a time that
clocks leave out becomes the first that they show again, and one that they show twice means the first. A day that a zone
leaves out (Apia had no 30 December 2011) has no slot.

Zones come from the package `tzdata`, never from the machine, so that every process reckons alike and `TZDATA` says by
what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from datetime import date as Date  # noqa: N812 - as everywhere
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import tzdata

from newsletter.issues.dates import in_words

TZDATA = str(tzdata.IANA_VERSION)
"""The version of the rules that `due` reckons by, such as 2026b."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A list's date and time: the local day, and the instant (UTC) at which it is due."""

    day: Date
    due_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """A list's calendar: its hour in its zone, on some weekdays (Monday is 0), but not on the days skipped.

    `ready_by` is the local time by which the day's mailing has to be scheduled.
    """

    hour: time
    zone: str
    weekdays: frozenset[int] = frozenset(range(7))
    skip: frozenset[Date] = frozenset()
    ready_by: time | None = None

    def includes(self, day: Date) -> bool:
        """Whether the list has a slot on that day."""
        return day.weekday() in self.weekdays and day not in self.skip

    def slot(self, day: Date) -> Slot | None:
        """The slot of that day; None where there is none."""
        due_at = due(day, self.hour, self.zone) if self.includes(day) else None
        return None if due_at is None else Slot(day=day, due_at=due_at)

    def slots(self, begin: datetime, end: datetime) -> Iterator[Slot]:
        """The slots that are due in a span of time, the first instant in, the last one out; both aware."""
        # A day wider on either side: a zone is up to 14 hours off, and a slot may move past midnight.
        day, last = begin.astimezone(UTC).date() - _DAY, end.astimezone(UTC).date() + _DAY
        while day <= last:
            found = self.slot(day)
            if found is not None and begin <= found.due_at < end:
                yield found
            day += _DAY

    def ready_at(self, day: Date) -> datetime | None:
        """When the day's mailing has to be scheduled; None where the list names no such time."""
        return None if self.ready_by is None else due(day, self.ready_by, self.zone)


def due(day: Date, hour: time, zone: str) -> datetime | None:
    """The instant (UTC) at which `hour` of `day` is due in the zone; None where the zone left that day out, or the day is
    the first or last that there is and its hour lies beyond.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """
    clock = zone_of(zone)
    try:
        begins = _first_shown(datetime.combine(day, time()), clock)
        if begins.astimezone(clock).date() != day:
            return None
        return _first_shown(datetime.combine(day, hour), clock)
    except OverflowError:
        return None


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone's rules, from `tzdata`; from the machine where that lacks it.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """
    if name not in _known():
        return ZoneInfo(name)
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def place_of(zone: str) -> str:
    """Where the zone is, as people say it: `New York` for America/New_York, `UTC` for UTC."""
    return "UTC" if zone in {"UTC", "Etc/UTC"} else zone.rpartition("/")[2].replace("_", " ")


def offset_of(at: datetime, zone: str) -> str:
    """What clocks in the zone are called at that instant: `EST, UTC−5`, `UTC+5:45` where they have no name."""
    local = at.astimezone(zone_of(zone))
    offset = local.utcoffset() or timedelta(0)
    minutes = round(abs(offset).total_seconds() / 60)
    hours = f"{minutes // 60}:{minutes % 60:02}" if minutes % 60 else f"{minutes // 60}"
    shift = f"UTC{'−' if offset < timedelta(0) else '+'}{hours}" if minutes else "UTC"
    name = local.tzname() or ""
    return f"{name}, {shift}" if name.isalpha() and name not in {"UTC", shift} else shift


def hour_in_words(at: datetime, zone: str) -> str:
    """An instant for people: `Tuesday 24 November 2026, 06:00 in New York (EST, UTC−5)`."""
    local = at.astimezone(zone_of(zone))
    where = "" if place_of(zone) == "UTC" else f" in {place_of(zone)} ({offset_of(at, zone)})"
    return f"{in_words(local.date())}, {local:%H:%M}{where or ' UTC'}"


def oddity(day: Date, hour: time, zone: str) -> str:
    """What clocks do on that day that a person should know, in a sentence; empty where nothing."""
    wanted, clock = datetime.combine(day, hour), zone_of(zone)
    first = wanted.replace(tzinfo=clock)
    if first.astimezone(UTC).astimezone(clock).replace(tzinfo=None) != wanted:
        shown = _first_shown(wanted, clock).astimezone(clock)
        return f"clocks in {place_of(zone)} leave out {hour:%H:%M} on that day: it goes at {shown:%H:%M} instead"
    if first.utcoffset() > first.replace(fold=1).utcoffset():  # type: ignore[operator]  # a zone always has an offset
        return f"clocks in {place_of(zone)} show {hour:%H:%M} twice on that day: it goes at the first"
    return ""


def _first_shown(wanted: datetime, clock: ZoneInfo) -> datetime:
    """The first instant at which the clock shows `wanted` (naive), or a later time."""
    # Where a time exists twice, fold=0 is the first; where it does not, fold=0 lies behind the gap and fold=1 before it.
    high = wanted.replace(tzinfo=clock, fold=0).astimezone(UTC)
    if _shown(high, clock) == wanted:
        return high
    low = wanted.replace(tzinfo=clock, fold=1).astimezone(UTC)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        low, high = (middle, high) if _shown(middle, clock) < wanted else (low, middle)
    return high.replace(microsecond=0)


def _shown(at: datetime, clock: ZoneInfo) -> datetime:
    return at.astimezone(clock).replace(tzinfo=None)


@cache
def _known() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
