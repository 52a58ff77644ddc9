"""A thread for each connection, for those that make their thread wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from newsletter.delivery import steps
from newsletter.delivery.parcels import SLEPT, Desk, Parcel, Returned, failed
from newsletter.delivery.senders.base import ChunkConnection, Handed, MessageConnection, Outcome, seconds

Deliver = Callable[[list[Returned]], None]
"""Takes parcels that came back, from another thread."""


class Lane:
    """One connection and the call on it."""

    def __init__(self, connection: MessageConnection | ChunkConnection, desk: Desk) -> None:
        self.connection = connection
        self._desk = desk
        self.busy_since: float | None = None

    def carry(self, parcel: Parcel) -> list[Outcome]:
        """Hand the parcel over; an outcome for each of its deliveries."""
        if parcel.is_late:
            return parcel.all(SLEPT)
        if isinstance(self.connection, ChunkConnection):
            return self._carry_chunk(self.connection, parcel)
        envelope = self._desk.envelope(parcel)
        return [envelope if isinstance(envelope, Outcome) else self.connection.send(envelope)]

    def cut_if_overdue(self, deadline: float) -> None:
        """End the call that has lasted for longer than `deadline` seconds, or than its present step may."""
        self.connection.cut_if_overdue()
        since = self.busy_since
        if since is not None and seconds() - since > deadline:
            self.connection.cut()

    def _carry_chunk(self, connection: ChunkConnection, parcel: Parcel) -> list[Outcome]:
        """One call with all of whom a message can be made."""
        made = self._desk.handed(parcel)
        handed = [one for one in made if isinstance(one, Handed)]
        answers = iter(connection.send_chunk(handed, until=parcel.until) if handed else ())
        return [one if isinstance(one, Outcome) else next(answers) for one in made]


class Lanes:
    """Parcels go to whichever thread has nothing to do.

    Args:
        connections: one for each thread.
        desk: makes of parcels what goes out.
        deliver: gets what came back.
        deadline: seconds after which a call has surely come back.
        name: of the threads.
    """

    def __init__(
        self,
        connections: Sequence[MessageConnection | ChunkConnection],
        desk: Desk,
        deliver: Deliver,
        *,
        deadline: float,
        name: str,
    ) -> None:
        self._desk = desk
        self._deliver = deliver
        self._deadline = deadline
        self._work: SimpleQueue[Parcel | None] = SimpleQueue()
        self._lanes = [Lane(connection, desk) for connection in connections]
        self._threads = [
            threading.Thread(target=self._serve, args=(lane,), name=f"{name}-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        self.crash: BaseException | None = None
        for thread in self._threads:
            thread.start()

    def hand(self, parcels: Sequence[Parcel]) -> None:
        """Give parcels to threads that are free."""
        for parcel in parcels:
            self._work.put(parcel)

    def cut_if_overdue(self) -> None:
        """End what takes longer than it may."""
        for lane in self._lanes:
            lane.cut_if_overdue(self._deadline)

    def cut(self) -> None:
        """End whatever is going on."""
        for lane in self._lanes:
            if lane.busy_since is not None:
                lane.connection.cut()

    def close(self, *, until: float) -> None:
        """Take leave on all connections, up to the moment `until` of `seconds`; then hang up."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - seconds()))
        for lane, thread in zip(self._lanes, self._threads, strict=True):
            if thread.is_alive():
                lane.connection.cut()
                thread.join(1.0)

    def _serve(self, lane: Lane) -> None:
        while (parcel := self._work.get()) is not None:
            started = self._desk.clock()
            lane.busy_since = seconds()
            steps.reached("call.begins")
            try:
                outcomes = lane.carry(parcel)
            except BaseException as fault:  # noqa: BLE001 - the worker raises it, once everything is recorded
                self.crash = fault
                outcomes = parcel.all(failed(fault))
            steps.reached("call.returned")
            lane.busy_since = None
            self._deliver([self._desk.returned(parcel, outcomes, started=started, ended=self._desk.clock())])
        lane.connection.close()
