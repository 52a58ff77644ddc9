"""What a mailing's instants are reckoned from, and the waves that come of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfoNotFoundError

from newsletter.publishing.calendar import due

CANARY_LEAD = timedelta(minutes=5)
"""How long the few of a canary wave are ahead of the others: long enough for the first bounces to come back."""

OF_ALL = 10_000
"""What a canary's share is counted in: hundredths of a percent."""


class ReaderClock(NamedTuple):
    """The clock that readers go by: their zone, and the local hour that they chose; "" is the mailing's own."""

    zone: str
    hour: str


EVERYONE = ReaderClock("", "")
"""Those who go by the mailing's own clock, and whoever has no wave of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedWave:
    """A wave to be: whose clock it goes by, when it is due (UTC), and about how many readers it has.

    `not_later_than` is the instant after which it does not begin by itself. A skipped one mails nobody: its hour has
    passed. `past`: its hour had passed when it was planned.
    """

    clock: ReaderClock
    due_at: datetime
    not_later_than: datetime
    readers: int
    canary: bool = False
    skipped: bool = False
    past: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """A day, a local time and a zone; with `by_reader`, every reader goes by that time in their own zone.

    `canary` is how many of `OF_ALL` readers go ahead. A wave may be late by `limit`. `skips_past`: who would get it late
    already when it is planned is left out.
    """

    day: Date
    hour: time
    zone: str
    limit: timedelta
    by_reader: bool = False
    canary: int = 0
    skips_past: bool = False

    @property
    def own(self) -> datetime | None:
        """The instant (UTC) at which it is due on the mailing's own clock; None where the zone leaves that day out."""
        return due(self.day, self.hour, self.zone)

    def due_of(self, clock: ReaderClock) -> datetime | None:
        """The same on a reader's clock; None also where no such zone is known."""
        try:
            return due(self.day, time.fromisoformat(clock.hour) if clock.hour else self.hour, clock.zone or self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            return None

    def of_its_own(self, clock: ReaderClock) -> bool:
        """Whether readers with this clock have a wave of their own, and do not go with everyone."""
        same = clock.zone in {"", self.zone} and clock.hour in {"", f"{self.hour:%H:%M}"}
        return self.by_reader and not same and self.due_of(clock) is not None

    def plan(self, readers: Mapping[ReaderClock, int], *, now: datetime) -> tuple[PlannedWave, ...]:
        """The waves for so many readers by their clocks, the earliest first; none where the zone leaves the day out."""
        own = self.own
        if own is None:
            return ()
        counts = {EVERYONE: 0}
        for clock, number in readers.items():
            key = clock if self.of_its_own(clock) else EVERYONE
            counts[key] = counts.get(key, 0) + number
        instants = {clock: self.due_of(clock) or own for clock in counts}
        waves = [self.wave(clock, instants[clock], readers=number, now=now) for clock, number in counts.items()]
        waves = list(self._with_canary(waves, now)) if self.canary else waves
        return tuple(sorted(waves, key=lambda wave: (wave.due_at, not wave.canary, wave.clock)))

    def wave(self, clock: ReaderClock, due_at: datetime, *, readers: int, now: datetime) -> PlannedWave:
        """The wave of a clock, planned at `now`."""
        past = due_at <= now
        return PlannedWave(
            clock=clock,
            due_at=due_at,
            not_later_than=due_at + self.limit,
            readers=readers,
            skipped=past and (self.skips_past or now - due_at > self.limit),
            past=past,
        )

    def _with_canary(self, waves: Iterable[PlannedWave], now: datetime) -> Iterator[PlannedWave]:
        """Those that would go first are parted: a few at their hour, the others a little later. Nobody gets it early."""
        going = [wave for wave in waves if not wave.skipped]
        first = min((max(wave.due_at, now) for wave in going), default=now)
        for wave in waves:
            if wave.skipped or max(wave.due_at, now) != first:
                yield wave
                continue
            few = round(wave.readers * self.canary / OF_ALL)
            yield replace(wave, canary=True, readers=few)
            later = first + CANARY_LEAD
            yield replace(wave, due_at=later, not_later_than=later + self.limit, readers=wave.readers - few)


def in_canary(timing: Timing, mailing_id: int, subscriber_id: int) -> bool:
    """Whether a reader is one of the few. Others in each mailing, the same whenever it is asked."""
    return canary_rank(mailing_id, subscriber_id) < timing.canary


def canary_rank(mailing_id: int, subscriber_id: int) -> int:
    """Where a reader stands among `OF_ALL`; `delivery.release` reckons the same in SQL."""
    return (subscriber_id * SPREAD + mailing_id * TURN) % OF_ALL


SPREAD, TURN = 6_089, 7_919
"""Both prime to 10,000, so that readers who joined one after the other are spread, and each day picks others."""
