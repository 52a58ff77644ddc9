"""The hour when the machine's clock may jump: two clocks that must agree before anybody is given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from newsletter.clock import Clock
from newsletter.delivery.senders.base import seconds


class TwoClocks:
    """The clock on the wall, which somebody may set, beside one that nobody sets and that runs through sleep.

    What ends something (a lease, a mailing's time) goes by the one that is behind; what only allows to try again goes
    by the one that is ahead. So a clock that jumps gives nobody up and holds nobody back.
    """

    def __init__(self, wall: Clock, steady: Callable[[], float] = seconds) -> None:
        self._wall = wall
        self._seconds = steady
        self._started = wall()
        self._at_start = steady()

    def believe_wall(self) -> None:
        """The clock on the wall has been right for long enough: the other goes on from it."""
        self._started = self._wall()
        self._at_start = self._seconds()

    def now(self) -> datetime:
        """The clock on the wall, for what is written down."""
        return self._wall()

    def at_least(self) -> datetime:
        """It is surely as late as this."""
        return min(self._wall(), self._steady())

    def at_most(self) -> datetime:
        """It may be as late as this."""
        return max(self._wall(), self._steady())

    def gap(self) -> timedelta:
        """By how much the clock on the wall has been moved since the start."""
        return self._wall() - self._steady()

    def _steady(self) -> datetime:
        return self._started + timedelta(seconds=self._seconds() - self._at_start)
