"""The hour when the machine's clock may jump: two clocks that must agree before anybody is given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from newsletter.clock import Clock
from newsletter.delivery.senders.base import seconds

JUMP = timedelta(seconds=10)
"""A clock that the network keeps right is slewed, or moved by less."""

BELIEF = timedelta(minutes=5)
"""How long a clock that has jumped must run evenly before its hour counts again."""


class TwoClocks:
    """The clock on the wall, which somebody may set, beside one that nobody sets and that runs through sleep.

    What ends something (a lease, a mailing's time) goes by the one that is behind; what only allows to try again goes
    by the one that is ahead. So a clock that jumps gives nobody up and holds nobody back.
    """

    def __init__(self, wall: Clock, steady: Callable[[], float] = seconds, *, started: datetime | None = None) -> None:
        self._wall = wall
        self._seconds = steady
        # A process believes the wall when it starts; later on whoever begins in it goes by what is believed by then.
        self._started = started or wall()
        self._at_start = steady()
        # Of the clock that begins things, which goes on from the wall's as soon as that is believed.
        self._began, self._at_begin = self._started, self._at_start
        self._moved, self._even_since = timedelta(0), self._at_start

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

    def believed(self) -> datetime:
        """The hour at which something begins: as `at_least`, until a clock that was set has run evenly for a while.

        Else what is to begin hours later would be late by as much as a wrong clock was set right. To be asked often.
        """
        wall, steady = self._wall(), self._seconds()
        moved = wall - self._began - timedelta(seconds=steady - self._at_begin)
        if abs(moved - self._moved) > JUMP:
            self._moved, self._even_since = moved, steady
        elif abs(moved) > JUMP and steady - self._even_since >= BELIEF.total_seconds():
            self._began, self._at_begin, self._moved, moved = wall, steady, timedelta(0), timedelta(0)
        return min(wall, wall - moved)

    def at_most(self) -> datetime:
        """It may be as late as this."""
        return max(self._wall(), self._steady())

    def gap(self) -> timedelta:
        """By how much the clock on the wall has been moved since the start."""
        return self._wall() - self._steady()

    def _steady(self) -> datetime:
        return self._started + timedelta(seconds=self._seconds() - self._at_start)
