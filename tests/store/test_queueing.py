"""Who writes next, of several threads of one process."""

from __future__ import annotations

import threading
import time

import pytest

from newsletter.store.queueing import Queue


class Waiting:
    """Threads that want their turn, each told of once it waits."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.came: list[str] = []
        self.threads: list[threading.Thread] = []

    def join(self, name: str, *, patience: float = 30.0) -> threading.Thread:
        thread = threading.Thread(target=self._come, args=(name, patience))
        thread.start()
        self.threads.append(thread)
        # It cannot come before the turn is passed on: it stands in the queue, or is about to.
        time.sleep(0.05)
        return thread

    def _come(self, name: str, patience: float) -> None:
        with self._queue.turn(patience=patience):
            self.came.append(name)


def test_whoever_came_first_is_served_first_and_the_last_holder_queues_anew() -> None:
    queue = Queue()
    waiting = Waiting(queue)
    with queue.turn(patience=1):
        for name in ("ann", "bob", "cyd"):
            waiting.join(name)
    with queue.turn(patience=30):
        assert waiting.came == ["ann", "bob", "cyd"]
    for thread in waiting.threads:
        thread.join()


def test_whoever_loses_patience_goes_on_and_holds_up_nobody() -> None:
    queue = Queue()
    waiting = Waiting(queue)
    with queue.turn(patience=1):
        waiting.join("ann", patience=0.01).join()
        assert waiting.came == ["ann"]
        waiting.join("bob")
        assert waiting.came == ["ann"]
    waiting.threads[-1].join()
    assert waiting.came == ["ann", "bob"]


def test_a_block_that_fails_passes_its_turn_on() -> None:
    queue = Queue()
    with pytest.raises(KeyError), queue.turn(patience=1):
        raise KeyError
    begun = time.monotonic()
    with queue.turn(patience=30):
        assert time.monotonic() - begun < 10
