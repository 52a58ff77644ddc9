"""The alarm clock: APScheduler rings, and knows nothing.

What is due is in the database alone. Its jobs are in memory and all the same function: one rings every second, one at
an exact instant. A ring that comes late, twice or not at all changes nothing but when somebody looks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

# It tells of every ring, and of every one left out while the last still runs.
logging.getLogger("apscheduler").setLevel(logging.ERROR)

Ring = Callable[[], datetime | None]
"""Looks, and says at which instant it wants to look again besides; None where the next second will do."""


class AlarmClock:
    """Rings every so many seconds and at the instants that the ring asks for, in one thread.

    Args:
        ring: called; what it raises ends `run`.
        every: seconds between two rings.
    """

    def __init__(self, ring: Ring, *, every: float = 1.0) -> None:
        self._ring = ring
        self._every = every
        self._over = threading.Event()
        self._fault: BaseException | None = None
        self._asked: datetime | None = None
        # One thread, so that two rings never run side by side.
        self._alarms = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(1)})

    def stop(self) -> None:
        """End `run`, once the ring that is running has ended."""
        self._over.set()

    def run(self) -> None:
        """Ring until `stop` is called.

        Raises:
            BaseException: what the ring raised.
        """
        options: dict[str, Any] = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        every = IntervalTrigger(seconds=self._every, timezone=UTC)
        now = datetime.now(UTC)
        self._alarms.add_job(self._rings, every, id="every second", next_run_time=now, **options)
        self._alarms.start()
        try:
            self._over.wait()
        finally:
            self._alarms.shutdown(wait=True)
        if self._fault is not None:
            raise self._fault

    def _rings(self) -> None:
        if self._over.is_set():
            return
        try:
            wanted = self._ring()
        except BaseException as fault:  # noqa: BLE001 - `run` raises it in the thread that waits
            self._fault = fault
            self._over.set()
            return
        if wanted is not None and wanted != self._asked and wanted > datetime.now(UTC):
            self._asked = wanted
            at = DateTrigger(run_date=wanted, timezone=UTC)
            self._alarms.add_job(self._rings, at, id="instant", replace_existing=True, misfire_grace_time=None)
