"""What the protocol needs of the machine it runs on: a clock that nobody sets, rest, chance, threads, knowledge of the dead.

There is one for a process, the real one. `scripts/simulate` puts a simulated one in its place, on which days pass in
milliseconds, nothing runs at the same time, and a seed gives the same course of events again.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from newsletter.delivery.identity import is_dead

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Task(Protocol):
    """Work that goes on beside the rest of its process."""

    def is_alive(self) -> bool:
        """Whether it has not ended."""

    def join(self) -> None:
        """Wait for its end."""


class Machine:
    """The machine that this process runs on."""

    def seconds(self) -> float:
        """A clock that nobody sets and that runs on while the machine sleeps."""
        return time.clock_gettime(_CLOCK)

    def rest(self, length: float, *, until: threading.Event | None = None) -> None:
        """Do nothing for so many seconds, or until the event is set."""
        if until is None:
            time.sleep(length)
        else:
            until.wait(length)

    def draw(self, bits: int) -> int:
        """A number of up to so many bits that nobody has drawn before."""
        return secrets.randbits(bits)

    def begin(self, work: Callable[[], None], *, name: str) -> Task:
        """Start work that goes on beside the rest."""
        thread = threading.Thread(target=work, name=name)
        thread.start()
        return thread

    def knows_dead(self, worker: str) -> bool:
        """Whether that worker's process surely exists no more; False where that cannot be known from here."""
        return is_dead(worker)


_present = Machine()


def present() -> Machine:
    """The machine of this process."""
    return _present


@contextmanager
def in_place_of_real(other: Machine) -> Iterator[None]:
    """Within the block, everything runs on another machine."""
    global _present  # noqa: PLW0603 - a process has one machine
    before, _present = _present, other
    try:
        yield
    finally:
        _present = before
