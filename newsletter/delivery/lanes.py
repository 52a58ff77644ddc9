"""Lanes: a connection and its thread each. Parcels of claimed deliveries go in, settled ones come out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from newsletter.clock import Clock
from newsletter.delivery import steps
from newsletter.delivery.chunks import Chunk
from newsletter.delivery.copies import Copies
from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.senders.base import (
    ChunkConnection,
    Handed,
    MessageConnection,
    Outcome,
    Sender,
    seconds,
)
from newsletter.errors import InputError

_SLEPT = "this worker slept past its lease: nothing was handed over"

_LEAVE_SECONDS = 3.0
"""How long the leave-taking may last on all connections together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What one call carries: one delivery, or as many as the sender takes. `until`: it must not begin later, in `seconds`."""

    chunk: Chunk
    claims: tuple[Claimed, ...]
    copies: Copies
    until: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """A parcel that came back, with an outcome for each of its deliveries."""

    parcel: Parcel
    settled: tuple[Settled, ...]


class _Lane:
    """One connection and the call on it."""

    def __init__(self, connection: MessageConnection | ChunkConnection, *, bounces: str | None) -> None:
        self.connection = connection
        self._bounces = bounces
        self.busy_since: float | None = None

    def carry(self, parcel: Parcel) -> list[Outcome]:
        """Hand the parcel over; an outcome for each of its deliveries."""
        if seconds() > parcel.until:
            return [Outcome.deferred(None, _SLEPT) for _ in parcel.claims]
        if isinstance(self.connection, MessageConnection):
            return [self._carry_message(self.connection, parcel.copies, claimed) for claimed in parcel.claims]
        return _carry_chunk(self.connection, parcel)

    def cut_if_overdue(self, deadline: float) -> None:
        """End the call that has lasted for longer than `deadline` seconds, or than its present step may."""
        self.connection.cut_if_overdue()
        since = self.busy_since
        if since is not None and seconds() - since > deadline:
            self.connection.cut()

    def _carry_message(self, connection: MessageConnection, copies: Copies, claimed: Claimed) -> Outcome:
        try:
            envelope = copies.envelope(claimed, bounces=self._bounces)
        except InputError as error:
            return _unmakeable(error)
        return connection.send(envelope)


class Lanes:
    """`number` connections of a sender, each in a thread that takes the next parcel as soon as it is free.

    Args:
        sender: opens them.
        clock: stamps the attempts.
        number: how many.
    """

    def __init__(self, sender: Sender, *, clock: Clock, number: int) -> None:
        capabilities = sender.capabilities
        self._clock = clock
        self._in_chunk = not capabilities.whole_messages
        self._deadline = capabilities.deadline
        self._work: SimpleQueue[Parcel | None] = SimpleQueue()
        self._results: SimpleQueue[Returned | None] = SimpleQueue()
        self._lanes = [_Lane(sender.open(), bounces=capabilities.return_path) for _ in range(number)]
        self._threads = [
            threading.Thread(target=self._serve, args=(lane,), name=f"{sender.name}-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        self.crash: BaseException | None = None
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        return len(self._lanes)

    def put(self, parcel: Parcel) -> None:
        """Give a parcel to the next free lane."""
        self._work.put(parcel)

    def get(self, *, timeout: float | None = None) -> Returned | None:
        """A parcel that came back; None where none did within `timeout` seconds, or once the lanes are closed."""
        try:
            return self._results.get(timeout=timeout)
        except Empty:
            return None

    def cut_if_overdue(self) -> None:
        """End calls, and steps of them, that take longer than they may."""
        for lane in self._lanes:
            lane.cut_if_overdue(self._deadline)

    def cut(self) -> None:
        """What is in the air comes back at once, as unknown where it may have arrived."""
        for lane in self._lanes:
            if lane.busy_since is not None:
                lane.connection.cut()

    def close(self) -> None:
        """Take leave of the other side, within seconds. Nothing may be in the air."""
        for _ in self._threads:
            self._work.put(None)
        until = seconds() + _LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - seconds()))
        for lane, thread in zip(self._lanes, self._threads, strict=True):
            if thread.is_alive():
                # It answers QUIT with a line every second, without an end.
                lane.connection.cut()
                thread.join(1.0)
        self._results.put(None)

    def _serve(self, lane: _Lane) -> None:
        while (parcel := self._work.get()) is not None:
            started = self._clock()
            lane.busy_since = seconds()
            steps.reached("call.begins")
            try:
                outcomes = lane.carry(parcel)
            except BaseException as error:  # noqa: BLE001 - the worker raises it, once everything is recorded
                self.crash = error
                outcomes = [Outcome.unknown(f"this program failed: {type(error).__name__}") for _ in parcel.claims]
            steps.reached("call.returned")
            lane.busy_since = None
            ended = self._clock()
            settled = tuple(
                Settled(claimed=claimed, outcome=outcome, started_at=started, ended_at=ended, in_chunk=self._in_chunk)
                for claimed, outcome in zip(parcel.claims, outcomes, strict=True)
            )
            self._results.put(Returned(parcel=parcel, settled=settled))
        lane.connection.close()


def _carry_chunk(connection: ChunkConnection, parcel: Parcel) -> list[Outcome]:
    """One call with all of whom a message can be made."""
    outcomes: list[Outcome | None] = []
    handed: list[Handed] = []
    for claimed in parcel.claims:
        try:
            handed.append(parcel.copies.handed(claimed))
            outcomes.append(None)
        except InputError as error:
            outcomes.append(_unmakeable(error))
    answers = iter(connection.send_chunk(handed, until=parcel.until) if handed else ())
    return [next(answers) if outcome is None else outcome for outcome in outcomes]


def _unmakeable(error: InputError) -> Outcome:
    return Outcome.rejected(None, f"no message can be made: {error.what}")
