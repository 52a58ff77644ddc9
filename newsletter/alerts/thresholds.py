"""Thresholds as data: of which metric, how much, over which time, out of how many at least. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """How many of how many."""

    cases: int
    volume: int

    @property
    def share(self) -> float:
        """Cases out of the volume, 0 to 1; 0 where there is none."""
        return self.cases / self.volume if self.volume else 0.0

    def since(self, base: Count) -> Count:
        """What came after `base`, which had been counted before."""
        return Count(cases=max(0, self.cases - base.cases), volume=max(0, self.volume - base.volume))


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """A limit on a metric.

    Args:
        metric: what is counted.
        share: from which share on it is too much, 0 to 1; 1 and more is never reached.
        volume: out of how many at least: fewer prove nothing.
        cases: how many at least: at the smallest volume a single one would already be the share.
        window: over which time it is counted; None for all of it.
        lasting: how long it must stand before it counts: what mends itself needs nobody.
    """

    metric: str
    share: float
    volume: int
    cases: int = 1
    window: timedelta | None = None
    lasting: timedelta = timedelta(0)

    def passed(self, count: Count) -> bool:
        """Whether it is too much."""
        enough = count.volume >= self.volume and count.cases >= self.cases
        # Compared as whole numbers' ratio with a hair's breadth: 2 of 100 are 2 percent, whatever binary fractions say.
        return enough and self.share < 1 and count.share >= self.share - 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """A threshold that was passed, by how much."""

    threshold: Threshold
    count: Count


def breaches(thresholds: Iterable[Threshold], counts: Mapping[str, Count]) -> list[Breach]:
    """The thresholds that the counts pass, in the order given; what was not counted passes none."""
    return [
        Breach(threshold=threshold, count=counts[threshold.metric])
        for threshold in thresholds
        if threshold.metric in counts and threshold.passed(counts[threshold.metric])
    ]
