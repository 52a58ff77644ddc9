"""The scheduler process: starts what is due, watches the slots, keeps the waves right.

Several may run at once: each step is claimed on a row, and one that is killed leaves nothing half done.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial

import structlog

from newsletter import alerts
from newsletter.alerts import Alert
from newsletter.clock import Clock
from newsletter.delivery import starting, upkeep
from newsletter.delivery.alarm_clock import AlarmClock
from newsletter.delivery.attendance import Attendance
from newsletter.delivery.patience import Patience
from newsletter.delivery.rereading import Rereading
from newsletter.delivery.restored import Watch
from newsletter.delivery.slots import SlotWatch
from newsletter.delivery.telling import Teller
from newsletter.delivery.two_clocks import BELIEF, JUMP, TwoClocks
from newsletter.roundups import Outlets
from newsletter.settings import Settings
from newsletter.store import Store

log = structlog.get_logger(__name__)

CLOCKJUMPED, _MACHINE = "CLOCK-JUMPED", "machine:clock"

_LOOK_ROUND = timedelta(seconds=30)
"""Between two looks at slots and waves; what is due is looked for at every tick."""


class Scheduler:
    """Does what is due.

    Args:
        store: the database.
        settings: the newsroom's.
        outlets: what recurring issues are read with.
        clock: gives the hour.
        clocks: the same beside one that nobody sets; made from `clock` where not given.
        teller: tells people of alerts; nobody is told by this process where none is given.
        watch: notices a backup that was put back; nothing does where none is given.
        rereading: gives settings and outlets anew when their files change; without it they stay.
    """

    def __init__(
        self,
        *,
        store: Store,
        settings: Settings,
        outlets: Outlets,
        clock: Clock,
        clocks: TwoClocks | None = None,
        teller: Teller | None = None,
        watch: Watch | None = None,
        rereading: Rereading | None = None,
    ) -> None:
        self._store = store
        self._clocks = clocks or TwoClocks(clock)
        self._slots = SlotWatch(store, settings, outlets=outlets)
        self._attendance = Attendance(store)
        self._teller = teller
        self._watch = watch
        self._rereading = rereading
        self._stopping = threading.Event()
        self._patience = Patience(store, self._stopping, patient=True)
        self._alarms = AlarmClock(self.run_once)
        self._looked_at: datetime | None = None
        self._next_slot: datetime | None = None
        self._gap = timedelta(0)
        self._even_since: datetime | None = None

    def stop(self) -> None:
        """End after the tick that is running. For signal handlers."""
        self._stopping.set()
        self._alarms.stop()

    def run(self) -> None:
        """Tick every second, and at the instants at which something is due, until `stop` is called.

        Raises:
            Exception: a fault of this program.
        """
        try:
            self._alarms.run()
        finally:
            self.finish()

    def finish(self) -> None:
        """Let what is being told be told. At the end of `run` that is done."""
        if self._teller is not None:
            self._teller.finish(once_more=False)

    def run_once(self) -> datetime | None:
        """One tick; when the next thing is due that is known of.

        A clock that has jumped ahead sends nothing early: until it is believed, the one that nobody sets counts.
        """
        self._patience.call(self._watch_clock)
        return self._patience.call(partial(self.tick, self._clocks.at_least()))

    def tick(self, now: datetime) -> datetime | None:
        """What is due at `now`: start or hold it. Every half minute, and when a slot comes, look round too."""
        looks_round = self._is_to_look_round(now)
        if self._watch is not None:
            self._watch.look(now=now, thorough=looks_round)
        started = starting.start_due(self._store, now=now)
        for number in started:
            log.info("mailing.started", mailing=number)
        if started and self._watch is not None:
            self._watch.rise(now=now)
        if looks_round:
            self._look_round(now)
        with self._store.reading() as connection:
            due = starting.next_due(connection)
        return min((moment for moment in (due, self._next_slot) if moment is not None), default=None)

    def _is_to_look_round(self, now: datetime) -> bool:
        last = self._looked_at
        due = last is None or not timedelta(0) <= now - last < _LOOK_ROUND
        return due or (self._next_slot is not None and self._next_slot <= now)

    def _look_round(self, now: datetime) -> None:
        for number in upkeep.reckon_anew(self._store, now=now):
            log.info("mailing.reckoned_anew", mailing=number)
        upkeep.add_waves(self._store, now=now)
        starting.tell_late_waves(self._store, now=now)
        starting.tell_still_held(self._store, now=now)
        if self._rereading is not None and (fresh := self._rereading.look(now=now)) is not None:
            self._slots = SlotWatch(self._store, fresh.settings, outlets=fresh.outlets)
        self._next_slot = self._slots.look(now=now)
        self._attendance.look(now=now)
        if self._teller is not None:
            self._teller.tell()
        self._looked_at = now

    def _watch_clock(self) -> None:
        now, gap = self._clocks.now(), self._clocks.gap()
        if abs(gap - self._gap) > JUMP:
            self._tell_jump(gap - self._gap, now)
            self._gap, self._even_since = gap, now
        elif self._even_since is not None and now - self._even_since >= BELIEF:
            self._clocks.believe_wall()
            self._gap, self._even_since = timedelta(0), None
            with self._store.writing() as connection:
                alerts.resolve(connection, CLOCKJUMPED, _MACHINE, now=now, why="it has run evenly since")

    def _tell_jump(self, by: timedelta, now: datetime) -> None:
        seconds = round(by.total_seconds())
        log.warning("clock.jumped", seconds=seconds)
        said = (
            f"the clock of a machine that runs a scheduler was moved by {seconds:+,} s; nothing is sent early for that"
        )
        with self._store.writing() as connection:
            alerts.raise_alert(connection, Alert(code=CLOCKJUMPED, subject=_MACHINE, message=said), now=now)
