"""First come, first served, among the threads of one process that write to the same file of SQLite.

SQLite's own waiting writers do not queue: each looks again after 1 to 100 ms, and one that writes all the time hardly ever
leaves the right to them. Measured beside a mailing of a million: another mailing's wave waited 2.1 s for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Queue:
    """Who waits for the right to write, in order."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def turn(self, *, patience: float) -> Iterator[None]:
        """The right to write, for as long as the block lasts.

        Whoever waits for longer than `patience` seconds goes on without it: SQLite itself decides then, and says what is
        in the way.
        """
        mine = self._take(patience)
        try:
            yield
        finally:
            if mine:
                self._pass_on()

    def _take(self, patience: float) -> bool:
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(patience):
            return True
        with self._guard:
            # It may have come just now.
            if turn.is_set():
                return True
            self._waiting.remove(turn)
            return False

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
