"""Which requests fare badly, and how: decided by a seed, so that a bad day can be had again. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Ill(StrEnum):
    """What happens to a request. The first four mean that nothing was taken, the others that all of it was."""

    TOO_MANY = "too_many"
    """429 with Retry-After."""
    RESET_BEFORE = "reset_before"
    """The connection is reset, and the request thrown away."""
    HALF_READ = "half_read"
    """The connection is reset in the middle of the request."""
    BROKEN = "broken"
    """503, and the request thrown away."""
    ACCEPTED_500 = "accepted_500"
    """500 after taking it."""
    ACCEPTED_RESET = "accepted_reset"
    """Taken, then a reset in the place of an answer."""
    ACCEPTED_SILENCE = "accepted_silence"
    """Taken, then no answer until the other side hangs up."""


TAKEN = frozenset({Ill.ACCEPTED_500, Ill.ACCEPTED_RESET, Ill.ACCEPTED_SILENCE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """What is in store for one request: an ill or none, after `delay` seconds."""

    ill: Ill | None
    delay: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A provider's day. All but the seed are shares from 0 to 1, or seconds.

    `ills`: the share of requests for each ill. Every answer takes `latency`; `delay` is the longest delay on top of it,
    `slow` the share that has one. `duplicates`, `disorder`: the shares of events that are posted twice, and late.
    `bounces`, `late_bounces`, `complaints`: the shares of recipients; a late bounce comes after `delivered` and carries
    no message id.
    """

    seed: int = 0
    ills: tuple[tuple[Ill, float], ...] = ()
    latency: float = 0.0
    slow: float = 0.0
    delay: float = 0.0
    retry_after: int = 1
    duplicates: float = 0.0
    disorder: float = 0.0
    bounces: float = 0.0
    late_bounces: float = 0.0
    complaints: float = 0.0

    @classmethod
    def bad_day(cls, seed: int, *, ill: float = 0.3) -> Plan:
        """Everything goes wrong now and then: `ill` is the share of requests that fare badly, each way alike."""
        share = ill / len(Ill)
        return cls(
            seed=seed,
            ills=tuple((each, share) for each in Ill),
            slow=0.3,
            delay=0.5,
            duplicates=0.1,
            disorder=0.2,
            bounces=0.01,
            late_bounces=0.005,
            complaints=0.0005,
        )

    def fate(self, request: int) -> Fate:
        """What is in store for the request of that number, counted from 1."""
        dice = random.Random(f"{self.seed}/request/{request}")
        delay = self.latency + (dice.uniform(0, self.delay) if dice.random() < self.slow else 0.0)
        drawn = dice.random()
        for ill, share in self.ills:
            if drawn < share:
                return Fate(ill=ill, delay=delay)
            drawn -= share
        return Fate(ill=None, delay=delay)

    def dice(self, word: str) -> random.Random:
        """Random numbers that depend on the seed and the word alone."""
        return random.Random(f"{self.seed}/{word}")
