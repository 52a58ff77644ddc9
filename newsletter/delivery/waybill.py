"""What goes between a worker and the processes that carry for it: small plain data, pickled.

The worker sends the `Fitting` first, then sends editions, parcels, and the order to cut or to leave; a carrier says that it
is ready, and then what has come back. Both ends are ours, over a pipe that nobody else has.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, auto
from multiprocessing.connection import Connection
from typing import Any

from newsletter.delivery.chunks import Chunk
from newsletter.delivery.copies import Copies
from newsletter.delivery.lanes import Parcel, Returned
from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.senders.base import Outcome, Sender
from newsletter.store.statuses import DeliveryStatus, OutcomeKind

Entry = tuple[Any, ...]
"""A parcel or its outcome, in words and numbers: a tenth of the work that the objects would be."""

Ticket = tuple[int, int]


class Word(IntEnum):
    """What a message is about."""

    COPIES = auto()
    PARCELS = auto()
    CUT = auto()
    LEAVE = auto()
    FITTING = auto()
    READY = auto()
    BACK = auto()
    CRASH = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitting:
    """What a carrier has to know: the sender, and how many connections are its part."""

    sender: Sender
    lanes: int


def say(pipe: Connection, word: Word, what: object = None) -> None:
    """Send one message.

    Raises:
        OSError: nobody is there any more; the message has not arrived as a whole, and so not at all.
    """
    pipe.send_bytes(pickle.dumps((int(word), what), pickle.HIGHEST_PROTOCOL))


def heard(pipe: Connection) -> tuple[Word, Any]:
    """The next message.

    Raises:
        EOFError, OSError: nobody is there any more.
    """
    word, what = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own process
    return Word(word), what


def ticket(parcel: Parcel) -> Ticket:
    """Tells a parcel of a single message from all others that are on their way: its delivery, and the attempt."""
    (one,) = parcel.claims
    return one.delivery_id, one.fence


def listed(parcel: Parcel, copies: int) -> Entry:
    """A parcel of a single message, whose copies are known by that number."""
    (one,) = parcel.claims
    claimed = (
        one.delivery_id,
        one.subscriber_id,
        one.fence,
        one.address,
        one.name,
        one.since,
        one.was.value,
        one.domain,
    )
    return (copies, parcel.chunk.id, parcel.chunk.fence, parcel.until, *claimed)


def unlisted(entry: Entry, copies: dict[int, Copies]) -> Parcel:
    """The parcel."""
    which, chunk_id, chunk_fence, until, number, subscriber_id, fence, address, name, since, was, domain = entry
    claimed = Claimed(
        delivery_id=number,
        subscriber_id=subscriber_id,
        fence=fence,
        chunk_id=chunk_id,
        address=address,
        name=name,
        since=since,
        was=DeliveryStatus(was),
        domain=domain,
    )
    return Parcel(chunk=Chunk(id=chunk_id, fence=chunk_fence), claims=(claimed,), copies=copies[which], until=until)


def receipt(back: Returned) -> Entry:
    """How it went, its ticket first. The instants are those of the carrier's clock."""
    (one,) = back.settled
    of = one.outcome
    flags = (of.permanent, of.sender_fault, of.of_message)
    ends = (one.started_at, one.ended_at)
    return (ticket(back.parcel), *ends, of.kind.value, of.code, of.reply, *flags, of.retry_after, of.provider_id)


def returned(entry: Entry, parcel: Parcel, *, ahead: timedelta) -> Returned:
    """The parcel with its outcome; `ahead` is by how much the worker's clock is ahead of the carrier's."""
    _, started, ended, kind, code, reply, permanent, sender_fault, of_message, retry_after, provider_id = entry
    outcome = Outcome(
        kind=OutcomeKind(kind),
        code=code,
        reply=reply,
        permanent=permanent,
        sender_fault=sender_fault,
        of_message=of_message,
        retry_after=retry_after,
        provider_id=provider_id,
    )
    (claimed,) = parcel.claims
    settled = Settled(claimed=claimed, outcome=outcome, started_at=started + ahead, ended_at=ended + ahead)
    return Returned(parcel=parcel, settled=(settled,))
