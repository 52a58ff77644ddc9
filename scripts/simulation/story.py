"""The story of a run: numbered steps with the simulated instant, who, and what happened."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime


class Story:
    """Told line by line; the hash is over all of them, also those that are no longer kept.

    Args:
        clock: the true instant (UTC).
        keep: how many of the last lines are kept.
    """

    def __init__(self, clock: Callable[[], datetime], *, keep: int = 4_000) -> None:
        self._clock = clock
        self._hash = hashlib.blake2b(digest_size=16)
        self._lines: deque[str] = deque(maxlen=keep)
        self.length = 0
        self.counts: Counter[str] = Counter()

    def tell(self, who: str, what: str) -> None:
        """One step."""
        self.length += 1
        line = f"{self.length:>6}  {self._clock():%a %d %b %H:%M:%S.%f}  {who:<14}  {what}"
        self._hash.update(line.encode())
        self._lines.append(line)

    def hit(self, what: str) -> None:
        """Count a fault, or a step of the protocol, as having come about."""
        self.counts[what] += 1

    @property
    def digest(self) -> str:
        """The same for the same story."""
        return self._hash.hexdigest()

    def lines(self, last: int | None = None) -> list[str]:
        """The last so many steps; all that are kept by default."""
        return list(self._lines)[-last if last else None :]
