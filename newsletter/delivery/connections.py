"""The sender's connections, a thread each: parcels of claimed deliveries go in, settled ones come out."""

from __future__ import annotations

import threading
from collections.abc import Iterable
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

_GATHER_SECONDS = 0.003
"""How long single messages that come back wait for others, so that one commit tells of more of them. With 8 connections on
a fast server the worker sends a third more a second; no server answers so fast that anybody would notice the wait."""

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


class Connections:
    """As many connections as the sender is capable of, each in a thread.

    Args:
        sender: opens them.
        clock: stamps the attempts.
    """

    def __init__(self, sender: Sender, *, clock: Clock) -> None:
        capabilities = sender.capabilities
        self._clock = clock
        self._whole_messages = capabilities.whole_messages
        self._deadline = capabilities.deadline
        self._work: SimpleQueue[Parcel | None] = SimpleQueue()
        self._results: SimpleQueue[Returned] = SimpleQueue()
        bounces = capabilities.return_path
        self._lanes = [_Lane(sender.open(), bounces=bounces) for _ in range(capabilities.connections)]
        self._threads = [
            threading.Thread(target=self._serve, args=(lane,), name=f"{sender.name}-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        self.in_air = 0
        self.crash: BaseException | None = None
        for thread in self._threads:
            thread.start()

    @property
    def free(self) -> int:
        """How many more parcels there is a connection for."""
        return len(self._lanes) - self.in_air

    def hand(self, parcel: Parcel) -> None:
        """Give a parcel to a free connection."""
        self.in_air += 1
        self._work.put(parcel)

    def collect(self, *, timeout: float) -> list[Returned]:
        """What has come back; waits up to `timeout` seconds for the first, unless nothing is in the air."""
        for lane in self._lanes:
            lane.cut_if_overdue(self._deadline)
        collected: list[Returned] = []
        until = seconds() + timeout
        while self.in_air:
            try:
                collected.append(self._results.get(timeout=max(0.0, until - seconds())))
            except Empty:
                break
            self.in_air -= 1
            if len(collected) == 1:
                until = seconds() + (_GATHER_SECONDS if self._whole_messages else 0.0)
        return collected

    def cut(self) -> None:
        """Wait no longer: what is in the air comes back at once, as unknown where it may have arrived."""
        for lane in self._lanes:
            if lane.busy_since is not None:
                lane.connection.cut()

    def close(self) -> None:
        """Take leave of the other side, within seconds. Nothing may be in the air, and everything should be recorded."""
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
            ended, in_chunk = self._clock(), not self._whole_messages
            settled = tuple(
                Settled(claimed=claimed, outcome=outcome, started_at=started, ended_at=ended, in_chunk=in_chunk)
                for claimed, outcome in zip(parcel.claims, outcomes, strict=True)
            )
            self._results.put(Returned(parcel=parcel, settled=settled))
        lane.connection.close()


def settled_of(returned: Iterable[Returned]) -> list[Settled]:
    """The deliveries of parcels that came back."""
    return [one for each in returned for one in each.settled]


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
