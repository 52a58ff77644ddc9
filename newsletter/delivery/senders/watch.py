"""Watching a call from another thread, where no worker does it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from newsletter.delivery.senders.base import Connection

WATCH_SECONDS = 0.5


@contextmanager
def watched(connection: Connection, *, stop: threading.Event | None = None) -> Iterator[None]:
    """Within the block, cut the connection when what it does takes longer than it may, or once `stop` is set."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_SECONDS):
            connection.cut_if_overdue()
            if stop is not None and stop.is_set():
                connection.cut()

    thread = threading.Thread(target=watch, name="sender-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
