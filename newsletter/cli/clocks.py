"""Waves on a screen: each time in words with its zone, and in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from newsletter.issues.dates import in_words
from newsletter.publishing.calendar import offset_of, place_of, zone_of
from newsletter.publishing.timing import EVERYONE, ReaderClock, Timing


class Shown(Protocol):
    """A wave, planned or as it stands."""

    @property
    def clock(self) -> ReaderClock:
        """Whose clock it goes by."""

    @property
    def due_at(self) -> datetime:
        """When it is due (UTC)."""

    @property
    def readers(self) -> int:
        """About how many readers it has."""

    @property
    def canary(self) -> bool:
        """Whether it is the few who go ahead."""

    @property
    def skipped(self) -> bool:
        """Whether its hour had passed, and it mails nobody."""

    @property
    def past(self) -> bool:
        """Whether its hour had passed when it was planned."""


def wave_lines(waves: Sequence[Shown], timing: Timing, states: Sequence[str] = ()) -> Iterator[str]:
    """A line a wave, in columns: local time in words, UTC, readers, what is special."""
    local = [local_time(wave.due_at, wave.clock.zone or timing.zone) for wave in waves]
    width = max(map(len, local), default=0)
    numbers = [f"{wave.readers:,}" for wave in waves]
    most = max(map(len, numbers), default=0)
    for place, wave in enumerate(waves):
        remarks = [*_remarks(wave, timing), *([states[place]] if states and states[place] else [])]
        end = f"  {', '.join(remarks)}" if remarks else ""
        readers = "reader " if wave.readers == 1 else "readers"
        line = f"  {local[place]:<{width}}  {utc_time(wave.due_at)}  {numbers[place]:>{most}} {readers}{end}"
        yield line.rstrip()


def local_time(at: datetime, zone: str) -> str:
    """`Tue 24 Nov 06:00 in New York (EST, UTC−5)`."""
    local = at.astimezone(zone_of(zone))
    weekday, day, month, _ = in_words(local.date()).split()
    place = "UTC" if place_of(zone) == "UTC" else f"in {place_of(zone)} ({offset_of(at, zone)})"
    return f"{weekday[:3]} {day} {month[:3]} {local:%H:%M} {place}"


def utc_time(at: datetime) -> str:
    """`2026-11-24 11:00 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def wave_data(wave: Shown, timing: Timing) -> dict[str, Any]:
    """The wave as plain data."""
    zone = wave.clock.zone or timing.zone
    return {
        "due_at": wave.due_at.isoformat(),
        "local": wave.due_at.astimezone(zone_of(zone)).isoformat(),
        "zone": zone,
        "hour": wave.clock.hour or f"{timing.hour:%H:%M}",
        "everyone_else": wave.clock == EVERYONE,
        "canary": wave.canary,
        "readers": wave.readers,
        "past": wave.past,
        "skipped": wave.skipped,
    }


def _hour_remarks(wave: Shown, timing: Timing) -> Iterator[str]:
    """Whose hour it is, and where their clocks do not show it on that day."""
    zone, hour = wave.clock.zone or timing.zone, wave.clock.hour or f"{timing.hour:%H:%M}"
    reckoned = timing.due_of(wave.clock)
    left_out = reckoned is not None and f"{reckoned.astimezone(zone_of(zone)):%H:%M}" != hour
    if wave.clock.hour:
        yield f"who chose {hour}" if left_out else "who chose this hour"
    if left_out:
        yield f"clocks there leave out {hour} on that day"


def _remarks(wave: Shown, timing: Timing) -> Iterator[str]:
    if wave.canary:
        yield f"the first {timing.canary / 100:g} %"
    if wave.clock == EVERYONE and timing.by_reader:
        yield "with those who have no zone"
    yield from _hour_remarks(wave, timing)
    if wave.skipped:
        yield "has passed: left out"
    elif wave.past:
        yield "has passed: right after them" if timing.canary and not wave.canary else "has passed: at once"
