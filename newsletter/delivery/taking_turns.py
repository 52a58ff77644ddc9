"""One worker process at a time, where the database takes one writer at a time: the others wait to take over."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

_LOOK = 0.25


@contextmanager
def turn(lock: Path, *, stop: Event, on_wait: Callable[[str], None]) -> Iterator[bool]:
    """Wait until no other process has the turn; True once this one has it, False where `stop` was set first.

    The system itself ends a turn when its process dies, however it dies.

    Args:
        lock: a file of the newsroom; it is made where it is missing, and stays.
        stop: ends the waiting.
        on_wait: told once, where another process has the turn: its number, or "" where that is not known.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        mine, told = _taken(descriptor), False
        while not mine and not stop.is_set():
            if not told:
                on_wait(os.pread(descriptor, 20, 0).decode("ascii", "replace").strip())
                told = True
            stop.wait(_LOOK)
            mine = _taken(descriptor)
        yield mine
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    return True
