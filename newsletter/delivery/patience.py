"""Waiting for a database that has gone away: a full disk, a lock, a server that restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from newsletter.delivery import machine
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.senders.base import seconds
from newsletter.errors import InputError
from newsletter.store import Store

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_WAITS = Backoff(first=0.25, longest=5.0)
_FAREWELL = 20.0
"""Seconds that a worker that is asked to stop still waits: what is in the air should be recorded."""


class Patience:
    """Runs transactions, again and again while the database is away.

    Args:
        store: the database.
        stopping: set when the process is asked to stop.
        patient: False raises at the first failure.
    """

    def __init__(self, store: Store, stopping: threading.Event, *, patient: bool) -> None:
        self._store = store
        self._stopping = stopping
        self._patient = patient
        self._waited = 0.0
        self._why = ""

    def run(self, step: Callable[[Connection], _T], *, on_failure: Callable[[], None] = lambda: None) -> _T:
        """One transaction; `step` may run several times, and `on_failure` after each failure.

        Raises:
            InputError: the database is away and there is no patience, or no more.
        """

        def once() -> _T:
            with self._store.writing() as connection:
                return step(connection)

        return self.call(once, on_failure=on_failure)

    def call(self, step: Callable[[], _T], *, on_failure: Callable[[], None] = lambda: None) -> _T:
        """The same for a step that opens its own transactions."""
        began, tries = seconds(), 0
        while True:
            try:
                answer = step()
            except (InputError, DBAPIError) as error:
                on_failure()
                if not self._patient or (self._stopping.is_set() and seconds() - began > _FAREWELL):
                    raise
                if isinstance(error, DBAPIError) and not (error.connection_invalidated or _is_of_state(error)):
                    raise
                tries += 1
                self._why = error.what if isinstance(error, InputError) else type(error).__name__
                log.warning("database.waiting", why=self._why, tries=tries)
                self._nap(tries)
            else:
                if tries:
                    self._waited += seconds() - began
                    log.info("database.back", seconds=round(seconds() - began, 1))
                return answer

    def waited(self) -> tuple[float, str]:
        """Seconds waited since this was last asked, and why."""
        waited, self._waited = self._waited, 0.0
        return waited, self._why

    def _nap(self, tries: int) -> None:
        wait = _WAITS.wait(tries).total_seconds()
        if self._stopping.is_set():
            machine.present().rest(min(wait, 0.25))
        else:
            machine.present().rest(wait, until=self._stopping)


def _is_of_state(error: DBAPIError) -> bool:
    """Whether it is about the database's state and not about our statement: the driver calls those operational."""
    return type(error).__name__ in {"OperationalError", "InterfaceError"}
