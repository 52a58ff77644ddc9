"""The worker's calls in line: what `Connections` does in threads, a task of the loop does here."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from newsletter.clock import Clock
from newsletter.delivery import machine, steps
from newsletter.delivery.lanes import Lane
from newsletter.delivery.parcels import Desk, Parcel, Returned, failed
from newsletter.delivery.senders.base import Sender
from simulation.loop import KilledError, Loop, Task


class InlineCalls:
    """As many lanes as the sender is capable of; see `newsletter.delivery.connections.Connections`."""

    def __init__(self, loop: Loop, sender: Sender, clock: Clock) -> None:
        able = sender.capabilities
        self._loop = loop
        self._desk = Desk(clock=clock, bounces=able.return_path, in_chunk=not able.whole_messages)
        self._free = deque(Lane(sender.open(), self._desk) for _ in range(able.connections))
        self._number = able.connections
        self._back: deque[Returned] = deque()
        self._waiting: Task | None = None
        self.in_air = 0
        self.crash: BaseException | None = None

    @property
    def free(self) -> int:
        return self._number - self.in_air

    def hand(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            self.in_air += 1
            self._begin(self._free.popleft(), parcel)

    def collect(self, *, timeout: float) -> list[Returned]:
        if self.in_air and not self._back:
            self._waiting = self._loop.current
            # Nothing is to be done before an answer comes, or something else does.
            machine.present().rest(timeout)
            self._waiting = None
        collected = list(self._back)
        self._back.clear()
        self.in_air -= len(collected)
        return collected

    def cut(self) -> None:
        """Each call ends by its own deadline."""

    def close(self) -> None:
        """Nothing stays open."""

    def _begin(self, lane: Lane, parcel: Parcel) -> None:
        machine.present().begin(lambda: self._carry(lane, parcel), name="call")

    def _carry(self, lane: Lane, parcel: Parcel) -> None:
        started = self._desk.clock()
        steps.reached("call.begins")
        try:
            outcomes = lane.carry(parcel)
        except KilledError:
            raise
        except BaseException as fault:  # noqa: BLE001 - the worker raises it, as in threads
            self.crash = fault
            outcomes = parcel.all(failed(fault))
        steps.reached("call.returned")
        self._back.append(self._desk.returned(parcel, outcomes, started=started, ended=self._desk.clock()))
        self._free.append(lane)
        if self._waiting is not None:
            self._loop.wake(self._waiting)
