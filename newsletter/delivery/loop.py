"""One thread for all connections, where none of them makes it wait: whichever is ready goes on."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from selectors import EVENT_READ, DefaultSelector

from newsletter.delivery import steps
from newsletter.delivery.hands import Hands, Job
from newsletter.delivery.lanes import Deliver
from newsletter.delivery.parcels import SLEPT, Desk, Parcel, failed
from newsletter.delivery.senders.base import Outcome, SharedConnection, seconds

_AT_ONCE = 4_096
_LOOK = 0.25
"""Seconds between two looks whether a call has lasted for longer than any may. Its steps end by themselves, and in time."""


class _Lane:
    """One connection, the call on it, and what of its socket is watched."""

    __slots__ = ("busy", "busy_since", "connection", "elsewhere", "parcel", "started", "wants", "watched")

    def __init__(self, connection: SharedConnection, elsewhere: Callable[[_Lane, Job], None], now: datetime) -> None:
        self.connection = connection
        self.elsewhere = partial(elsewhere, self)
        # With a parcel or, without one, with taking leave.
        self.busy = False
        self.parcel: Parcel | None = None
        self.started = now
        self.busy_since = 0.0
        self.watched: socket.socket | None = None
        self.wants = 0


class Loop:
    """Serves connections that never wait by themselves.

    Args:
        connections: all of them.
        desk: makes of parcels what goes out.
        deliver: gets what came back, all of a turn at once.
        alone: held while it is at work.
        deadline: seconds after which a call has surely come back.
        name: of the thread.
    """

    def __init__(
        self,
        connections: Sequence[SharedConnection],
        desk: Desk,
        deliver: Deliver,
        alone: AbstractContextManager[object],
        *,
        deadline: float,
        name: str,
    ) -> None:
        self._desk = desk
        self._deliver = deliver
        self._alone = alone
        self._deadline = deadline
        self._lanes = [_Lane(connection, self._elsewhere, desk.clock()) for connection in connections]
        # The one that was used last is used first: of few messages, few connections are opened.
        self._free = self._lanes[::-1]
        self._back: list[tuple[Parcel, Outcome, datetime]] = []
        self._told: deque[Callable[[], None]] = deque()
        self._hands = Hands(len(self._lanes), name=f"{name}-hand")
        self._selector = DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._ear, EVENT_READ)
        self._sleeps = False
        self._closing = False
        self._over = False
        self._looks_at = 0.0
        self.crash: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def hand(self, parcels: Sequence[Parcel]) -> None:
        """Give parcels to connections that are free."""
        if parcels:
            self._tell(partial(self._begin_all, parcels))
            if self._over:
                # It has failed, and will not hear of it.
                self._hear()
                self._give_back()

    def cut_if_overdue(self) -> None:
        """Nothing: the loop looks at the time itself."""

    def cut(self) -> None:
        """End whatever is going on."""
        for lane in self._lanes:
            if lane.parcel is not None:
                lane.connection.cut()

    def close(self, *, until: float) -> None:
        """Take leave on all connections, up to the moment `until` of `seconds`; then hang up."""
        self._tell(self._leave)
        self._thread.join(max(0.0, until - seconds()))
        if self._thread.is_alive():
            for lane in self._lanes:
                lane.connection.cut()
            self._thread.join(1.0)
        self._hands.close()

    def _tell(self, what: Callable[[], None]) -> None:
        """Have the loop's thread do something."""
        self._told.append(what)
        if self._sleeps:
            self._sleeps = False
            self._bell.send(b"!")

    # --- In the loop's thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        with self._selector, self._bell, self._ear:
            try:
                while not self._over:
                    self._turn()
            except BaseException as fault:  # noqa: BLE001 - the worker raises it, once everything is recorded
                self.crash = fault
                self._over, self._sleeps = True, False
                for lane in self._lanes:
                    self._hang_up(lane)
                    self._end(lane, failed(fault))
                self._hear()
                self._give_back()

    def _turn(self) -> None:
        ready = self._ready()
        with self._alone:
            for lane in ready:
                if lane.busy and lane.connection.wants:
                    self._go_on(lane)
                else:
                    # The server says something, or hangs up, while nothing is asked of it: the next message will find out.
                    self._watch(lane, None, 0)
            self._hear()
            self._look_at_the_time()
            self._give_back()
        self._over = self._closing and not any(lane.busy for lane in self._lanes)

    def _ready(self) -> list[_Lane]:
        """Wait until something is to be done; the lanes whose sockets are ready."""
        self._sleeps = True
        # Whoever tells something after this rings the bell.
        moments = (lane.connection.until for lane in self._lanes if lane.busy)
        wait = 0.0 if self._told else min(moments, default=math.inf) - time.monotonic()
        events = self._selector.select(None if wait == math.inf else max(0.0, wait))
        self._sleeps = False
        lanes = [key.data for key, _ in events if key.data is not None]
        if len(lanes) < len(events):
            self._ear.recv(_AT_ONCE)
        return lanes

    def _hear(self) -> None:
        """Do what was told."""
        while self._told:
            self._told.popleft()()

    def _give_back(self) -> None:
        """Deliver what has come back in this turn."""
        if self._back:
            back, self._back = self._back, []
            ended = self._desk.clock()
            self._deliver(
                [
                    self._desk.returned(parcel, [outcome], started=started, ended=ended)
                    for parcel, outcome, started in back
                ]
            )

    def _look_at_the_time(self) -> None:
        now = time.monotonic()
        for lane in self._lanes:
            if lane.busy and lane.connection.until < now:
                self._go_on(lane)
        if now > self._looks_at:
            self._looks_at = now + _LOOK
            for lane in self._lanes:
                if lane.parcel is not None and seconds() - lane.busy_since > self._deadline:
                    lane.connection.cut()

    def _begin_all(self, parcels: Sequence[Parcel]) -> None:
        now, since = self._desk.clock(), seconds()
        lanes = [self._free.pop() for _ in parcels]
        # All of them before the first begins: should that fail, none is forgotten.
        for lane, parcel in zip(lanes, parcels, strict=True):
            lane.busy, lane.parcel = True, parcel
            lane.started, lane.busy_since = now, since
        for lane, parcel in zip(lanes, parcels, strict=True):
            steps.reached("call.begins")
            self._begin(lane, parcel)

    def _begin(self, lane: _Lane, parcel: Parcel) -> None:
        try:
            envelope = self._desk.envelope(parcel) if not (parcel.is_late or self._over) else SLEPT
            if not isinstance(envelope, Outcome):
                lane.connection.begin(envelope, lane.elsewhere)
        except BaseException as fault:  # noqa: BLE001 - as in `_go_on`
            self.crash = fault
            envelope = failed(fault)
        if isinstance(envelope, Outcome):
            self._end(lane, envelope)
        else:
            self._go_on(lane)

    def _elsewhere(self, lane: _Lane, job: Job) -> None:
        def done() -> None:
            job()
            self._tell(partial(self._go_on, lane))

        self._hands.give(done)

    def _go_on(self, lane: _Lane) -> None:
        if not lane.busy:
            return
        connection = lane.connection
        try:
            over, outcome = connection.go_on(), connection.outcome
        except BaseException as fault:  # noqa: BLE001 - the worker raises it, once everything is recorded
            self.crash = fault
            over, outcome = True, failed(fault)
            # Whatever is on its way there must not meet another message.
            connection.cut()
        self._watch(lane, connection.sock, connection.wants)
        if over:
            self._end(lane, outcome)

    def _end(self, lane: _Lane, outcome: Outcome | None) -> None:
        parcel, lane.parcel, lane.busy = lane.parcel, None, False
        if parcel is not None and outcome is not None:
            steps.reached("call.returned")
            self._free.append(lane)
            self._back.append((parcel, outcome, lane.started))

    def _watch(self, lane: _Lane, sock: socket.socket | None, wants: int) -> None:
        """Have the selector tell of this socket. One that nothing is wanted of stays watched: it soon will be."""
        if sock is lane.watched:
            if sock is not None and wants and wants != lane.wants:
                self._selector.modify(sock, wants, lane)
                lane.wants = wants
            return
        if lane.watched is not None:
            self._selector.unregister(lane.watched)
        if sock is not None:
            wants = wants or EVENT_READ
            self._selector.register(sock, wants, lane)
        lane.watched, lane.wants = sock, wants

    def _hang_up(self, lane: _Lane) -> None:
        """Without a word: nobody serves it any more."""
        with suppress(Exception):
            lane.connection.cut()
            lane.connection.leave()
            lane.connection.go_on()

    def _leave(self) -> None:
        self._closing = True
        for lane in self._lanes:
            if not lane.busy:
                lane.busy = True
                lane.connection.leave()
                self._go_on(lane)
