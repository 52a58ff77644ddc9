"""What a person should know of a worker's hours: what is in the way, a clock that jumped, a database that was away."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from newsletter.delivery import history
from newsletter.delivery.standing import tell_trouble
from newsletter.delivery.two_clocks import TwoClocks

# A clock that the network keeps right is slewed, or moved by less.
_JUMP = timedelta(seconds=10)


class Incidents:
    """Notes of one worker on one mailing, each written once."""

    def __init__(self, mailing_id: int, clocks: TwoClocks) -> None:
        self._mailing_id = mailing_id
        self._clocks = clocks
        self._told: str | None = None
        self._jumped = timedelta(0)
        self._waited = 0.0
        self._why = ""

    def waited(self, seconds: float, why: str) -> None:
        """The database was away for so long."""
        self._waited += seconds
        self._why = why

    def write(self, connection: Connection, *, trouble: str) -> None:
        """Write what is new; `trouble` is what stands in the way just now, empty while nothing does."""
        now = self._clocks.now()
        self._told = tell_trouble(connection, self._mailing_id, trouble, told=self._told, now=now)
        gap = self._clocks.gap()
        if abs(gap - self._jumped) > _JUMP:
            self._note(connection, "worker.clock_jumped", seconds=round((gap - self._jumped).total_seconds()))
            self._jumped = gap
        if self._waited:
            self._note(connection, "worker.waited", seconds=round(self._waited, 1), why=self._why)
            self._waited = 0.0

    def _note(self, connection: Connection, action: str, **detail: object) -> None:
        now = self._clocks.now()
        history.note(connection, self._mailing_id, action, actor=history.WORKER, now=now, **detail)
