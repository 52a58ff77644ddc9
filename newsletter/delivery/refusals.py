"""When every message is refused for what it says, sending on would only give up everybody. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.senders.base import Outcome
from newsletter.store.statuses import OutcomeKind

MOST = 20
"""Refusals in a row. Even of a list that nobody has cleaned for years, fewer than one in three is refused: twenty in a row
come about once in three thousand million times."""


class Refusals:
    """Counts refusals of whole messages with no acceptance between them.

    `broken` is the last of `most`: a content filter is at work. `run` is who was refused.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.run: list[Claimed] = []
        self.broken: Outcome | None = None

    def note(self, settled: Iterable[Settled]) -> None:
        """Learn from what came back."""
        for one in settled:
            if one.outcome.kind is OutcomeKind.ACCEPTED and self.broken is None:
                self.run.clear()
            elif one.outcome.kind is OutcomeKind.REJECTED and one.outcome.of_message:
                self.run.append(one.claimed)
                if len(self.run) >= self._most:
                    self.broken = one.outcome
