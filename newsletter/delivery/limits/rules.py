"""The limits, as the settings give them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from newsletter.settings import SenderSettings

SENDER = ""
"""The scope of the sender itself, beside the names of domains."""

_ENOUGH = 1_000_000_000
"""A day's number past which there is no limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RampUp:
    """A number of messages a day that grows: `first_day` on `since` (a day of UTC), each next day `factor` times as many."""

    since: date
    first_day: int
    factor: float

    def allowance(self, day: date) -> int | None:
        """How many messages the day has; None for any number. Before `since` as on it."""
        days, number = max(0, (day - self.since).days), float(self.first_day)
        while days and self.factor > 1 and number < _ENOUGH:
            number *= self.factor
            days -= 1
        # What floating point leaves below a whole number (100 × 1.1 × 1.1 …) is that number.
        return None if number >= _ENOUGH else int(number + 1e-6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """What one scope may have. 0 is no limit."""

    per_second: float = 0.0
    connections: int = 0
    per_day: int = 0
    ramp_up: RampUp | None = None

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.per_second or self.connections or self.per_day or self.ramp_up)

    @property
    def daily(self) -> bool:
        """Whether days have a number."""
        return bool(self.per_day or self.ramp_up)

    def allowance(self, day: date) -> int | None:
        """How many messages the day has; None for any number."""
        if self.ramp_up is not None:
            return self.ramp_up.allowance(day)
        return self.per_day or None


NO_LIMIT = Limit()


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """All limits of one sender: its own, and those of single domains by their names in lower case."""

    sender: Limit = NO_LIMIT
    domains: Mapping[str, Limit] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: SenderSettings) -> Self:
        """Those of `[sender]`."""
        asked = settings.ramp_up
        ramp_up = None if asked is None else RampUp(since=asked.since, first_day=asked.first_day, factor=asked.factor)
        domains = {
            name: Limit(per_second=each.per_second, connections=each.connections, per_day=each.per_day)
            for name, each in settings.domains.items()
        }
        return cls(
            sender=Limit(per_second=settings.per_second, ramp_up=ramp_up),
            domains={name: limit for name, limit in domains.items() if limit.any},
        )

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return self.sender.any or bool(self.domains)

    def scopes(self) -> list[str]:
        """Whatever has a limit, in order."""
        return sorted(self.domains) if not self.sender.any else [SENDER, *sorted(self.domains)]

    def of_scope(self, scope: str) -> Limit:
        """The limit of the sender or a domain."""
        return self.sender if scope == SENDER else self.domains.get(scope, NO_LIMIT)


UNLIMITED = Limits()
