"""Stopping in good order: SIGTERM, SIGINT and SIGHUP finish what is in the air; a second one ends the process at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

# SIGHUP: the terminal or the connection to it is gone, which is no reason to leave mail half-way.
_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_Handler = signal.Handlers | Callable[[int, FrameType | None], object] | int | None


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Within the block, the first SIGTERM, SIGINT or SIGHUP calls `stop`.

    Outside the main thread signals are left alone, and those that the process was started to ignore (`nohup`) always.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in _STOP}
    before = {number: handler for number, handler in found.items() if handler is not signal.SIG_IGN}

    def stop_once(_number: int, _frame: FrameType | None) -> None:
        _restore(before)
        stop()

    for number in before:
        signal.signal(number, stop_once)
    try:
        yield
    finally:
        _restore(before)


def _restore(handlers: Mapping[signal.Signals, _Handler]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
