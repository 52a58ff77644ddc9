"""What a worker asks of whoever carries its parcels: `Connections` in threads, or a simulation in line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from newsletter.clock import Clock
from newsletter.delivery.parcels import Parcel, Returned
from newsletter.delivery.senders.base import Sender


class Calls(Protocol):
    """Parcels of claimed deliveries go in, settled ones come out; see `Connections`."""

    in_air: int

    @property
    def crash(self) -> BaseException | None:
        """A fault of this program in a call, where there was one."""

    @property
    def free(self) -> int:
        """How many more parcels there is room for."""

    def hand(self, parcels: Sequence[Parcel]) -> None:
        """Take parcels, for no more than there is room."""

    def collect(self, *, timeout: float) -> list[Returned]:
        """What has come back; waits up to `timeout` seconds for the first, unless nothing is in the air."""

    def cut(self) -> None:
        """Wait no longer: what is in the air comes back at once, as unknown where it may have arrived."""

    def close(self) -> None:
        """Take leave. Nothing may be in the air."""


OpenCalls = Callable[[Sender, Clock, AbstractContextManager[object]], Calls]
"""Opens the connections of a sender; the clock stamps the attempts; threads at work hold the last, one at a time."""
