"""How far one scope, the sender or a domain, is within its limits. Pure: every change is a copy.

A rate is held by virtual scheduling (GCRA, ITU-T I.371): one instant says when the next message is due, whatever was sent
before. In any window of w seconds at most rate × w + `burst(rate)` messages go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from math import floor
from typing import Self

from newsletter.delivery.backoff import Backoff
from newsletter.delivery.limits.rules import SENDER, Limit

ANY = 1_000_000
"""As good as no limit for one claim."""

BURST_SECONDS = 0.1
"""What has not gone within this time goes all the same: a claim with its commit may take as long."""

SLOWED_RATE = 5.0
"""Messages a second to a domain that puts everybody off, perhaps only for being new to it (greylisting)."""

SLOWED = timedelta(minutes=10)
"""How long a domain stays slowed without a further sign."""

PROBING = timedelta(seconds=60)
"""How long one message to a shut domain is waited for before the next is tried: its worker may have died."""

FORGOTTEN = timedelta(hours=1)
"""How long after it may be tried again a shut domain is taken for well: nobody has written to it meanwhile."""

_SKEW = timedelta(seconds=60)
"""By how much the clocks of two machines may differ, or one be set back, before what is written down is not believed."""

_LONGEST_SHUT = timedelta(minutes=12)


def burst(per_second: float) -> float:
    """How many messages may go at once, 1 or more."""
    return max(1.0, per_second * BURST_SECONDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """One scope at one moment. Instants are UTC, `day` is a day of UTC.

    `free_at`: when the server is even with the rate. `today`: how many went on `day`. `failures`: how often in a row
    the domain was found shut; until `shut_until` nothing goes, and from then on one at a time until one is accepted.
    Until `slowed_until` it goes at `SLOWED_RATE` at most.
    """

    scope: str = SENDER
    free_at: datetime | None = None
    day: date | None = None
    today: int = 0
    failures: int = 0
    shut_until: datetime | None = None
    slowed_until: datetime | None = None

    def righted(self, now: datetime) -> Self:
        """The same, where a clock that was far ahead has counted for a day that is far off: all that counts for today.

        It must be kept, or it would be so again tomorrow. So no day's number is had twice, and none is missed for long.
        """
        present = now.astimezone(UTC).date()
        if self.day is None or self.day <= present + timedelta(days=1):
            return self
        return replace(self, day=present)

    def troubled(self, now: datetime) -> bool:
        """Whether it is shut, on trial, or slowed."""
        return self.is_shut(now) or self.is_slowed(now)

    def is_shut(self, now: datetime) -> bool:
        """Whether it is shut, or open for one at a time."""
        return bool(self.failures) and self.shut_until is not None and now < self.shut_until + FORGOTTEN

    def is_slowed(self, now: datetime) -> bool:
        """Whether it goes at `SLOWED_RATE` at most."""
        return self.slowed_until is not None and now < self.slowed_until <= now + SLOWED + _SKEW

    def allows(self, limit: Limit, now: datetime) -> int:
        """How many may go now, `ANY` at most."""
        at_once = ANY
        if self.is_shut(now):
            if now < self._shut_until(now):
                return 0
            at_once = 1
        rate = self._rate(limit, now)
        if rate:
            behind = (self._free_at(rate, now) - now).total_seconds() * rate
            at_once = min(at_once, floor(burst(rate) - max(0.0, behind) + 1e-6))
        return max(0, min(at_once, self.left_today(limit, now)))

    def left_today(self, limit: Limit, now: datetime) -> int:
        """How many of the day's number are left, `ANY` at most."""
        if not limit.daily:
            return ANY
        day, today = self._day(now)
        allowance = limit.allowance(day)
        return ANY if allowance is None else max(0, min(ANY, allowance - today))

    def taking(self, number: int, limit: Limit, now: datetime) -> Self:
        """After `number` went. Where it is shut, that was a trial, and nothing follows until it is over."""
        changed = self
        if rate := self._rate(limit, now):
            free_at = max(self._free_at(rate, now), now) + timedelta(seconds=number / rate)
            changed = replace(changed, free_at=free_at)
        if limit.daily:
            day, today = self._day(now)
            changed = replace(changed, day=day, today=today + number)
        if self.is_shut(now):
            changed = replace(changed, shut_until=now + PROBING)
        return changed

    def giving_back(self, number: int) -> Self:
        """After `number` of those that went turned out not to have been taken: they do not count for the day."""
        return replace(self, today=max(0, self.today - number))

    def opens_at(self, limit: Limit, now: datetime) -> datetime:
        """When something may go next; `now` where it may now."""
        opens = now
        if self.is_shut(now):
            opens = max(opens, self._shut_until(now))
        if rate := self._rate(limit, now):
            opens = max(opens, self._free_at(rate, now) - timedelta(seconds=(burst(rate) - 1) / rate))
        if not self.left_today(limit, now):
            opens = max(opens, _end_of(self._day(now)[0]))
        return opens

    def shutting(self, waits: Backoff, now: datetime) -> Self:
        """After it was found shut once more."""
        failures = self.failures + 1 if self.is_shut(now) else 1
        return replace(self, failures=failures, shut_until=now + waits.wait(failures))

    def failing(self, waits: Backoff, now: datetime) -> Self:
        """After a trial that says nothing for certain: shut for as long as before."""
        return replace(self, shut_until=now + waits.wait(max(1, self.failures)))

    def trying(self, now: datetime) -> Self:
        """After a trial that says nothing at all: the next may follow."""
        return replace(self, shut_until=now)

    def slowing(self, now: datetime) -> Self:
        """After it put everybody off."""
        return replace(self, slowed_until=now + SLOWED)

    def opening(self) -> Self:
        """After it took a message."""
        return replace(self, failures=0, shut_until=None, slowed_until=None)

    def _rate(self, limit: Limit, now: datetime) -> float:
        """Messages a second, 0 for any number."""
        if not self.is_slowed(now):
            return limit.per_second
        return min(limit.per_second or SLOWED_RATE, SLOWED_RATE)

    def _free_at(self, rate: float, now: datetime) -> datetime:
        """Never later than this rate makes it: the clock may have been set back, or the rate raised."""
        most = now + timedelta(seconds=burst(rate) / rate) + _SKEW
        return now if self.free_at is None or self.free_at > most else self.free_at

    def _shut_until(self, now: datetime) -> datetime:
        until = self.shut_until or now
        return now if until > now + _LONGEST_SHUT + _SKEW else until

    def _day(self, now: datetime) -> tuple[date, int]:
        """The day that counts, and how many went on it: after a clock was set back over midnight, the later one."""
        righted, present = self.righted(now), now.astimezone(UTC).date()
        return (present, 0) if righted.day is None or righted.day < present else (righted.day, righted.today)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
