"""The sender's connections: parcels of claimed deliveries go in, settled ones come out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Self

from newsletter.clock import Clock
from newsletter.delivery.lanes import Lanes
from newsletter.delivery.loop import Loop
from newsletter.delivery.parcels import Desk, Parcel, Returned
from newsletter.delivery.senders.base import Sender, SharedConnection, seconds

_GATHER_SECONDS = 0.003
"""How long single messages that come back wait for others, so that one commit tells of more of them; nobody would notice
the wait. It is over when enough are back: the others are on their way while the ledger writes, and the server waits for
neither."""

_ENOUGH = 0.6
"""Of the connections. With half of them a commit costs more than it saves, with all of them the server has nothing to do."""

_LEAVE_SECONDS = 3.0
"""How long the leave-taking may last on all connections together."""


class Connections:
    """As many connections as the sender is capable of: all in one thread where they can share it, else each in its own.

    Args:
        sender: opens them.
        clock: stamps the attempts.
        alone: what the thread holds that is at work, where threads would only hinder each other.
    """

    def __init__(self, sender: Sender, *, clock: Clock, alone: AbstractContextManager[object]) -> None:
        able = sender.capabilities
        self._number = able.connections
        self._gather = _GATHER_SECONDS if able.whole_messages else 0.0
        self._enough = max(1, round(_ENOUGH * able.connections))
        self._results: SimpleQueue[list[Returned]] = SimpleQueue()
        desk = Desk(clock=clock, bounces=able.return_path, in_chunk=not able.whole_messages)
        opened = [sender.open() for _ in range(able.connections)]
        shared = [one for one in opened if isinstance(one, SharedConnection)]
        self._ways: Loop | Lanes
        if len(shared) == len(opened):
            self._ways = Loop(shared, desk, self._results.put, alone, deadline=able.deadline, name=sender.name)
        else:
            self._ways = Lanes(opened, desk, self._results.put, deadline=able.deadline, name=sender.name)
        self.in_air = 0

    @classmethod
    def of(cls, sender: Sender, clock: Clock, alone: AbstractContextManager[object]) -> Self:
        """Those of a sender."""
        return cls(sender, clock=clock, alone=alone)

    @property
    def crash(self) -> BaseException | None:
        """A fault of this program in a call, where there was one."""
        return self._ways.crash

    @property
    def free(self) -> int:
        """How many more parcels there is a connection for."""
        return self._number - self.in_air

    def hand(self, parcels: Sequence[Parcel]) -> None:
        """Give parcels to as many free connections."""
        self.in_air += len(parcels)
        self._ways.hand(parcels)

    def collect(self, *, timeout: float) -> list[Returned]:
        """What has come back; waits up to `timeout` seconds for the first, unless nothing is in the air."""
        self._ways.cut_if_overdue()
        collected: list[Returned] = []
        until = seconds() + timeout
        while self.in_air and len(collected) < self._enough:
            try:
                back = self._results.get(timeout=max(0.0, until - seconds()))
            except Empty:
                break
            if not collected:
                until = seconds() + self._gather
            collected += back
            self.in_air -= len(back)
        return collected

    def cut(self) -> None:
        """Wait no longer: what is in the air comes back at once, as unknown where it may have arrived."""
        self._ways.cut()

    def close(self) -> None:
        """Take leave of the other side, within seconds. Nothing may be in the air, and everything should be recorded."""
        self._ways.close(until=seconds() + _LEAVE_SECONDS)
