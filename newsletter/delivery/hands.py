"""Threads for what takes its time, so that whoever serves many need not wait for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Hands:
    """As many threads as there is to do at once, up to `most`; what is more waits for one of them.

    Jobs must not raise.
    """

    def __init__(self, most: int, *, name: str) -> None:
        self._most = most
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._guard = threading.Lock()
        self._busy = 0

    def give(self, job: Job) -> None:
        """Have it done by one of them."""
        with self._guard:
            self._busy += 1
            if len(self._threads) < min(self._busy, self._most):
                number = len(self._threads)
                thread = threading.Thread(target=self._serve, name=f"{self._name}-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._jobs.put(job)

    def close(self) -> None:
        """Let them go, once what they were given is done. Nobody waits for it."""
        for _ in self._threads:
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            with self._guard:
                self._busy -= 1
