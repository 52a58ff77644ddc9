"""Stopping in good order: SIGTERM and SIGINT finish what is in the air; a second one ends the process at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT)
_Handler = signal.Handlers | Callable[[int, FrameType | None], object] | int | None


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Within the block, the first SIGTERM or SIGINT calls `stop`. Outside the main thread signals are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _STOP}

    def stop_once(_number: int, _frame: FrameType | None) -> None:
        _restore(before)
        stop()

    for number in _STOP:
        signal.signal(number, stop_once)
    try:
        yield
    finally:
        _restore(before)


def _restore(handlers: Mapping[signal.Signals, _Handler]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
