"""What goes to a sender and what comes back.

A sender of whole messages (SMTP, the inbox) gets one `Envelope` a call; a sender of chunks (SendGrid) gets up to
`capabilities.chunk` `Handed` deliveries a call and answers with one outcome for each, in order. Either way the worker
keeps at most `capabilities.connections` calls in the air, on a connection each: in a thread of its own, or all in one
where the connections can share it. Whatever happens on the wire is an outcome, never an exception.
"""

from __future__ import annotations

import math
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from newsletter.delivery import machine
from newsletter.delivery.limits.rules import UNLIMITED, Limits
from newsletter.rendering import Recipient, Substituted
from newsletter.store.statuses import OutcomeKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a sender can do.

    `whole_messages`: it takes envelopes, one a call; otherwise chunks of up to `chunk` deliveries. `connections`: how
    many calls may be in the air at once. `deadline`: seconds after which a call has surely come back; a lease must be
    longer. `return_path`: where bounces go, each to an address of its own that is made from this one; None where they go
    to the From address or the other side sees to them. `limits`: how fast mail may go, of a sender of whole messages.
    """

    whole_messages: bool
    chunk: int
    connections: int
    deadline: float
    return_path: str | None = None
    limits: Limits = UNLIMITED


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One message on its way. `message` is whole: CRLF line ends, no line that begins with a dot."""

    mail_from: str
    rcpt_to: str
    message: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """One delivery for a sender of chunks.

    `body` is the edition compiled for the mailing; deliveries that share one (the same object) may share a request.
    `mailing` and `attempt` come back with every event about this delivery, as does `recipient.delivery`: opaque words,
    `attempt` naming the chunk and the attempt.
    """

    body: Substituted
    recipient: Recipient
    mailing: str
    attempt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How an attempt ended, with the other side's words.

    `code` is the SMTP reply code or the HTTP status, None where there was no reply. `permanent` says that trying again
    is useless. `sender_fault` says that it is about us or the server and not about this recipient: all others would
    fare the same. `of_message` says that it is the answer to the whole message: what that says may be the reason, and
    then too all fare the same. `retry_after` is what the other side asked for, in seconds. `provider_id` is its name
    for what it took.
    """

    kind: OutcomeKind
    code: int | None = None
    reply: str = ""
    permanent: bool = False
    sender_fault: bool = False
    of_message: bool = False
    retry_after: float | None = None
    provider_id: str | None = None

    @classmethod
    def accepted(cls, code: int | None, reply: str, *, provider_id: str | None = None) -> Outcome:
        """The other side has it."""
        return cls(kind=OutcomeKind.ACCEPTED, code=code, reply=reply, provider_id=provider_id)

    @classmethod
    def rejected(cls, code: int | None, reply: str) -> Outcome:
        """The other side does not want it, now or later."""
        return cls(kind=OutcomeKind.REJECTED, code=code, reply=reply, permanent=True)

    @classmethod
    def deferred(
        cls,
        code: int | None,
        reply: str,
        *,
        sender_fault: bool = False,
        permanent: bool = False,
        retry_after: float | None = None,
    ) -> Outcome:
        """Surely not accepted. `permanent` only with `sender_fault`: nobody is reached until somebody mends it."""
        return cls(
            kind=OutcomeKind.DEFERRED,
            code=code,
            reply=reply,
            sender_fault=sender_fault,
            permanent=permanent,
            retry_after=retry_after,
        )

    @classmethod
    def unknown(cls, reply: str, *, code: int | None = None) -> Outcome:
        """The message was on the wire and no answer came, or none that says anything: it may have arrived."""
        return cls(kind=OutcomeKind.UNKNOWN, code=code, reply=reply)


class Connection(ABC):
    """A way to the other side, for one thread at a time. It opens when it is first used, and again when it was closed there."""

    @abstractmethod
    def cut(self) -> None:
        """End the call that another thread waits in, at once; its outcome tells what can be known."""

    def cut_if_overdue(self) -> None:
        """End it where a step of it takes longer than that step may. The call as a whole has its own deadline."""
        return

    @abstractmethod
    def close(self) -> None:
        """Take leave. No call may be in the air."""


class MessageConnection(Connection):
    """A connection that takes whole messages."""

    @abstractmethod
    def send(self, envelope: Envelope) -> Outcome:
        """Hand one message over."""


Elsewhere = Callable[[Callable[[], None]], None]
"""Has something done that takes its time, by another thread. What is given to it never raises."""


class SharedConnection(MessageConnection):
    """One that never makes a thread wait, so that one thread serves many of them.

    After `begin` or `leave`, `go_on` is called until it says that all is over: at first, when `sock` is ready for what
    `wants` says (as `selectors` have it; 0: nothing of it is waited for), when the moment `until` (of `time.monotonic`)
    has passed, and when what was to be done elsewhere is done. `outcome` then tells how the message fared. All of this is
    for the one thread that serves it; `cut` and `cut_if_overdue` are for others, too.
    """

    sock: socket.socket | None = None
    wants: int = 0
    until: float = math.inf
    outcome: Outcome | None = None

    @abstractmethod
    def begin(self, envelope: Envelope, elsewhere: Elsewhere) -> None:
        """Begin to hand one message over. `elsewhere` gets what would make this thread wait."""

    @abstractmethod
    def leave(self) -> None:
        """Begin to take leave of the other side."""

    @abstractmethod
    def go_on(self) -> bool:
        """Do what can be done without waiting; whether all is over."""


class ChunkConnection(Connection):
    """A connection that takes chunks."""

    @abstractmethod
    def send_chunk(self, handed: Sequence[Handed], *, until: float) -> list[Outcome]:
        """Hand the deliveries over, in as many requests as it takes.

        Args:
            handed: at most `capabilities.chunk`.
            until: the moment, of `seconds`, by which the call must be over. It is looked at before the first byte of
                each request; what could not begin in time is deferred.

        Returns:
            An outcome for each, in their order.
        """


class Sender(Protocol):
    """Where mail is handed over. One object serves a whole process; a connection is for one thread at a time."""

    @property
    def name(self) -> str:
        """One word, as in `[sender] kind`."""

    @property
    def place(self) -> str:
        """Where it leads, for a person: a host and port, a URL, a folder."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; `whole_messages` says which kind of connection `open` makes."""

    def check(self, *, stop: threading.Event | None = None) -> None:
        """Ask the other side whether it would take mail from us, until it answers or `stop` is set. Nothing is sent.

        Raises:
            InputError: nobody answers there, or we are refused; with its words.
        """

    def open(self) -> MessageConnection | ChunkConnection:
        """A connection. Where all are `SharedConnection`s, one thread serves them together."""


def seconds() -> float:
    """A clock that nobody sets and that runs on while the machine sleeps: leases and deadlines are measured with it."""
    return machine.present().seconds()
