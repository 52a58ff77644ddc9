"""The named steps of the protocol, where the crash test kills a process. In any other process they do nothing.

`NEWSLETTER_CRASH_AT=claim.committed:17` ends the process, as SIGKILL does, when it comes to that step for the 17th time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Lock

CRASH_AT = "NEWSLETTER_CRASH_AT"

STEPS = (
    "freeze.writing",
    "freeze.committed",
    "claim.writing",
    "claim.committed",
    "call.begins",
    "call.returned",
    "record.writing",
    "record.committed",
    "lapse.writing",
    "lapse.committed",
    "finish.writing",
    "finish.committed",
)
"""In the order in which a mailing comes to them. `writing` is inside the transaction, with everything written."""

SCHEDULER_STEPS = ("start.writing", "start.committed", "hold.writing", "waves.writing", "slot.committed")
"""The same of a scheduler: starting, holding, adding waves, scheduling a recurring issue."""

NOTICE_STEPS = ("notice.claiming", "notice.claimed", "notice.frozen", "notice.returned", "notice.settled")
"""The same of a notice to a reader: what mail it is, the edition named, the call over, its outcome kept."""

BATCH_STEPS = ("batch.committed",)
"""The same of whatever is done in many batches: deciding on the unknown, trying again, giving up, pruning."""

_step, _, _times = os.environ.get(CRASH_AT, "").partition(":")
_count = count(1)
_lock = Lock()
_watcher: Callable[[str], None] | None = None


def reached(step: str) -> None:
    """Say that the protocol is at `step`."""
    if _watcher is not None:
        _watcher(step)
    if step != _step:
        return
    with _lock:
        if next(_count) == int(_times or "1"):
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def watched(watcher: Callable[[str], None]) -> Iterator[None]:
    """Within the block, `watcher` is told of every step that the protocol comes to; what it raises ends whoever came there."""
    global _watcher  # noqa: PLW0603 - there is one protocol in a process
    _watcher = watcher
    try:
        yield
    finally:
        _watcher = None
