"""Work beside the loop that orders it: one thread at a time, and the loop never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class Beside:
    """A step that may take long, in a thread of its own.

    Args:
        step: what is done.
        name: the thread's, for logs.
    """

    def __init__(self, step: Callable[[], object], *, name: str) -> None:
        self._step = step
        self._name = name
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin the step and return at once; nothing where the last one still runs."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name=self._name)
            self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a step runs."""
        return self._thread is not None and self._thread.is_alive()

    def finish(self) -> None:
        """Let a step that runs come to its end."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._step()
        except Exception as error:  # noqa: BLE001 - the next time may go better, and mailings go on
            log.warning("beside.failed", name=self._name, why=f"{type(error).__name__}: {error}")
