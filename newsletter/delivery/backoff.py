"""How long to wait before trying again. Pure, the jitter's random number aside."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """The wait doubles from `first` up to `longest`, both in seconds.

    Each is stretched or shortened by up to a fifth, so that what failed together is not tried again together. The
    defaults try after 5, 15, 35, 75, 155, 315, 635 s and then every 10 minutes: greylisting lasts 5 as a rule.
    """

    first: float = 5.0
    longest: float = 600.0
    jitter: float = 0.2

    def wait(self, tries: int) -> timedelta:
        """The wait after `tries` failures, 1 or more."""
        doubled = self.first * 2.0 ** min(tries - 1, 30)
        return timedelta(seconds=min(doubled, self.longest) * random.uniform(1 - self.jitter, 1 + self.jitter))
