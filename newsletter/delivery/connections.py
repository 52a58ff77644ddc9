"""The sender's connections, as the worker sees them: parcels of claimed deliveries go in, settled ones come out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from newsletter.clock import Clock
from newsletter.delivery.lanes import Lanes, Parcel, Returned
from newsletter.delivery.ledger import Settled
from newsletter.delivery.senders.base import Sender, seconds

GATHER_SECONDS = 0.003
"""How long single messages that come back wait for others, so that one commit tells of more of them. With 8 connections on
a fast server the worker sends a third more a second; no server answers so fast that anybody would notice the wait."""


class Carrying(Protocol):
    """What the worker hands its parcels to."""

    @property
    def free(self) -> int:
        """How many more parcels there is a connection for."""

    @property
    def in_air(self) -> int:
        """How many parcels have not come back."""

    @property
    def crash(self) -> BaseException | None:
        """A fault of this program in a call; the worker raises it, once everything is recorded."""

    def hand(self, parcel: Parcel) -> None:
        """Give a parcel to a free connection."""

    def collect(self, *, timeout: float) -> list[Returned]:
        """What has come back; waits up to `timeout` seconds for the first, unless nothing is in the air."""

    def cut(self) -> None:
        """Wait no longer: what is in the air comes back at once, as unknown where it may have arrived."""

    def close(self) -> None:
        """Take leave of the other side, within seconds. Nothing may be in the air, and everything should be recorded."""


class Connections(Carrying):
    """As many connections as the sender is capable of, each in a thread of this process.

    Args:
        sender: opens them.
        clock: stamps the attempts.
    """

    def __init__(self, sender: Sender, *, clock: Clock) -> None:
        self._gather = GATHER_SECONDS if sender.capabilities.whole_messages else 0.0
        self._lanes = Lanes(sender, clock=clock, number=sender.capabilities.connections)
        self._in_air = 0

    @property
    def free(self) -> int:
        """How many more parcels there is a connection for."""
        return len(self._lanes) - self._in_air

    @property
    def in_air(self) -> int:
        """How many parcels have not come back."""
        return self._in_air

    @property
    def crash(self) -> BaseException | None:
        """A fault of this program in a call."""
        return self._lanes.crash

    def hand(self, parcel: Parcel) -> None:
        """Give a parcel to a free connection."""
        self._in_air += 1
        self._lanes.put(parcel)

    def collect(self, *, timeout: float) -> list[Returned]:
        """What has come back; waits up to `timeout` seconds for the first, unless nothing is in the air."""
        self._lanes.cut_if_overdue()
        collected: list[Returned] = []
        until = seconds() + timeout
        while self._in_air:
            back = self._lanes.get(timeout=max(0.0, until - seconds()))
            if back is None:
                break
            collected.append(back)
            self._in_air -= 1
            if len(collected) == 1:
                until = seconds() + self._gather
        return collected

    def cut(self) -> None:
        """Wait no longer: what is in the air comes back at once, as unknown where it may have arrived."""
        self._lanes.cut()

    def close(self) -> None:
        """Take leave of the other side, within seconds. Nothing may be in the air, and everything should be recorded."""
        self._lanes.close()


def settled_of(returned: Iterable[Returned]) -> list[Settled]:
    """The deliveries of parcels that came back."""
    return [one for each in returned for one in each.settled]
