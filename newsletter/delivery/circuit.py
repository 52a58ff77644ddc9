"""When everything fails alike, sending on would only spend everybody's tries: the circuit slows it down. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from newsletter.delivery.backoff import Backoff
from newsletter.delivery.senders.base import Outcome
from newsletter.store.statuses import OutcomeKind

_WAITS = Backoff(first=1.0, longest=60.0)


class Circuit:
    """Counts failures that are the sender's and not a recipient's.

    After one, nothing goes out for a second, then one message as a probe; with each failed probe the wait doubles, up
    to a minute. Any answer about a recipient closes the circuit. A permanent failure breaks it for good: `broken` is
    its outcome. `trouble` is what the last failure said, empty while all is well. `now` is in seconds of a clock that
    nobody sets, as `senders.base.seconds` gives them.
    """

    def __init__(self, waits: Backoff = _WAITS) -> None:
        self._waits = waits
        self._failures = 0
        self._closed_until: float | None = None
        self._next_probe = -math.inf
        self.broken: Outcome | None = None
        self.trouble = ""

    def note(self, outcomes: Iterable[Outcome], now: float) -> None:
        """Learn from what came back."""
        for outcome in outcomes:
            if outcome.sender_fault and outcome.permanent:
                self.broken = outcome
                self.trouble = outcome.reply
            elif outcome.sender_fault or outcome.kind is OutcomeKind.UNKNOWN:
                self._failed(outcome, now)
            else:
                self._failures = 0
                self._closed_until = None
                self.trouble = ""

    def allows(self, free: int, now: float) -> int:
        """How many of the `free` connections may be used now."""
        if self.broken or self.opens_in(now) > 0:
            return 0
        if not self._failures:
            return free
        return min(free, 1) if now >= self._next_probe else 0

    def sent(self, number: int, now: float) -> None:
        """Learn that so many messages went out: one that nobody answers is followed by no other for a while."""
        if number and self._failures:
            self._next_probe = now + self._waits.wait(self._failures).total_seconds()

    def opens_in(self, now: float) -> float:
        """Seconds until a message may go out again; 0 where one may now."""
        return 0.0 if self._closed_until is None else max(0.0, self._closed_until - now)

    def _failed(self, outcome: Outcome, now: float) -> None:
        self.trouble = outcome.reply
        # All connections fail at once when a server goes: that is one failure.
        if self._closed_until is None or now >= self._closed_until:
            self._failures += 1
            self._closed_until = now + max(self._waits.wait(self._failures).total_seconds(), outcome.retry_after or 0.0)
