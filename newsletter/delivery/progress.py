"""How far a mailing is, as the one who sends it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from newsletter.delivery.ledger import Claimed, Settled
from newsletter.store.statuses import OPEN, DeliveryStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a mailing is: deliveries by state. `done` of `total` have come to an end.

    `trouble` says in words what holds it up; "" where nothing does.
    """

    counts: Mapping[DeliveryStatus, int]
    trouble: str = ""

    @property
    def total(self) -> int:
        """All deliveries."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Those that nothing more follows on."""
        return sum(count for status, count in self.counts.items() if status not in OPEN)


OnProgress = Callable[[Progress], None]


class Tally:
    """Deliveries by state, kept up between two counts of the table, and told to `on_progress`."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._counts: Counter[DeliveryStatus] = Counter()

    @property
    def open(self) -> bool:
        """Whether anything has still to follow."""
        return any(self._counts[status] for status in OPEN)

    def set(self, counts: Mapping[DeliveryStatus, int]) -> None:
        """What was counted just now."""
        self._counts = Counter(counts)

    def claimed(self, claimed: Iterable[Claimed]) -> None:
        """These are being sent now."""
        for was, number in Counter(claim.was for claim in claimed).items():
            self._move(number, was, DeliveryStatus.SENDING)

    def settled(self, settled: Iterable[Settled]) -> None:
        """These have come back."""
        for kind, number in Counter(one.outcome.kind for one in settled).items():
            self._move(number, DeliveryStatus.SENDING, DeliveryStatus(kind))

    def put_off(self, refused: Sequence[Claimed]) -> None:
        """These are not rejected after all."""
        self._move(len(refused), DeliveryStatus.REJECTED, DeliveryStatus.DEFERRED)

    def set_aside(self, number: int) -> None:
        """So many new ones wait for their turn."""
        self._move(number, DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)

    def tell(self, *, trouble: str = "") -> None:
        """Tell how far it is."""
        try:
            self._on_progress(Progress(counts=dict(self._counts), trouble=trouble))
        except OSError:
            # The terminal is gone: the mail is not to wait for it.
            self._on_progress = lambda _: None

    def _move(self, number: int, before: DeliveryStatus, after: DeliveryStatus) -> None:
        self._counts[before] -= number
        self._counts[after] += number
