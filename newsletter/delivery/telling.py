"""The part of a standing process that tells people, in a thread of its own: a webhook that does not answer must hold up
no mailing and no slot.
"""

from __future__ import annotations

import structlog

from newsletter.clock import Clock
from newsletter.delivery import aftermath, breaker, machine
from newsletter.delivery.announcer import Announcer
from newsletter.delivery.machine import Task
from newsletter.delivery.senders.base import seconds
from newsletter.settings import BreakerSettings
from newsletter.store import Store

log = structlog.get_logger(__name__)

_LOOK_BACK = 60.0


class Teller:
    """Looks back at finished mailings now and then, and carries what there is to tell.

    Args:
        store: the database.
        clock: gives the hour.
        announcer: carries announcements; nobody is told where none is given.
        limits: of the newsroom; the usual ones where none are given.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        announcer: Announcer | None = None,
        limits: BreakerSettings | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._announcer = announcer
        self._limits = breaker.thresholds(limits)
        self._thread: Task | None = None
        self._looked_back_at: float | None = None

    def tell(self) -> None:
        """Begin to tell what there is to tell, and return at once; nothing where the last telling still runs."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = machine.present().begin(self.run_once, name="alerts")

    def finish(self, *, once_more: bool) -> None:
        """Let what is being told be told, which may take as long as a call does; `once_more`, also what came up since."""
        if self._thread is not None:
            self._thread.join()
        if once_more:
            self.run_once()

    def run_once(self) -> None:
        """Look back where it is time to, and tell. A failure is logged: the next time may go better."""
        try:
            if self._looked_back_at is None or seconds() - self._looked_back_at >= _LOOK_BACK:
                self._looked_back_at = seconds()
                aftermath.look_back(self._store, self._limits, now=self._clock())
            if self._announcer is not None:
                self._announcer.run_once()
        except Exception as error:  # noqa: BLE001 - readers' mail goes on, whatever is the matter with the word about it
            log.warning("alerts.failed", why=f"{type(error).__name__}: {error}")
