"""What goes over a connection in one call, and comes back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.clock import Clock
from newsletter.delivery.chunks import Chunk
from newsletter.delivery.copies import Copies
from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.senders.base import Envelope, Handed, Outcome, seconds
from newsletter.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What one call carries: one delivery, or as many as the sender takes. `until`: it must not begin later, in `seconds`."""

    chunk: Chunk
    claims: tuple[Claimed, ...]
    copies: Copies
    until: float

    @property
    def is_late(self) -> bool:
        """Whether it may not begin any more: others may take this worker for dead."""
        return seconds() > self.until

    def all(self, outcome: Outcome) -> list[Outcome]:
        """The outcome, for each of its deliveries."""
        return [outcome] * len(self.claims)


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """A parcel that came back, with an outcome for each of its deliveries."""

    parcel: Parcel
    settled: tuple[Settled, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """Makes of parcels what goes out, and notes what comes back.

    `clock` stamps the attempts; `bounces` is where bounces go; `in_chunk`: all of a parcel goes out in one call.
    """

    clock: Clock
    bounces: str | None
    in_chunk: bool

    def envelope(self, parcel: Parcel) -> Envelope | Outcome:
        """The message of a parcel that carries one; or the outcome, where none can be made."""
        try:
            return parcel.copies.envelope(parcel.claims[0], bounces=self.bounces)
        except InputError as error:
            return _unmakeable(error)

    def handed(self, parcel: Parcel) -> list[Handed | Outcome]:
        """What a sender of chunks gets for each delivery; or the outcome, where nothing can be made."""
        return [_handed(parcel.copies, claimed) for claimed in parcel.claims]

    def returned(self, parcel: Parcel, outcomes: Sequence[Outcome], *, started: datetime, ended: datetime) -> Returned:
        """The parcel with its outcomes."""
        return Returned(
            parcel=parcel,
            settled=tuple(
                Settled(claimed=claimed, outcome=outcome, started_at=started, ended_at=ended, in_chunk=self.in_chunk)
                for claimed, outcome in zip(parcel.claims, outcomes, strict=True)
            ),
        )


SLEPT = Outcome.deferred(None, "this worker slept past its lease: nothing was handed over")


def failed(fault: BaseException) -> Outcome:
    """Of a call in which this program failed: who knows how far it came."""
    return Outcome.unknown(f"this program failed: {type(fault).__name__}")


def settled_of(returned: Iterable[Returned]) -> list[Settled]:
    """The deliveries of parcels that came back."""
    return [one for each in returned for one in each.settled]


def _handed(copies: Copies, claimed: Claimed) -> Handed | Outcome:
    try:
        return copies.handed(claimed)
    except InputError as error:
        return _unmakeable(error)


def _unmakeable(error: InputError) -> Outcome:
    return Outcome.rejected(None, f"no message can be made: {error.what}")
