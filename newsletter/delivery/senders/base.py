"""What goes to a sender and what comes back. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.store.statuses import OutcomeKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One message on its way. `message` is whole: CRLF line ends, no line that begins with a dot."""

    mail_from: str
    rcpt_to: str
    message: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How an attempt ended, with the other side's words.

    `code` is the SMTP reply code, None where there was no reply. `permanent` says that trying again is useless.
    `sender_fault` says that it is about us or the server and not about this recipient: all others would fare the same.
    `of_message` says that it is the answer to the whole message: what that says may be the reason, and then too all fare
    the same.
    """

    kind: OutcomeKind
    code: int | None = None
    reply: str = ""
    permanent: bool = False
    sender_fault: bool = False
    of_message: bool = False

    @classmethod
    def accepted(cls, code: int | None, reply: str) -> Outcome:
        """The other side has it."""
        return cls(kind=OutcomeKind.ACCEPTED, code=code, reply=reply)

    @classmethod
    def rejected(cls, code: int | None, reply: str) -> Outcome:
        """The other side does not want it, now or later."""
        return cls(kind=OutcomeKind.REJECTED, code=code, reply=reply, permanent=True)

    @classmethod
    def deferred(cls, code: int | None, reply: str, *, sender_fault: bool = False, permanent: bool = False) -> Outcome:
        """Surely not accepted. `permanent` only with `sender_fault`: nobody is reached until somebody mends it."""
        return cls(kind=OutcomeKind.DEFERRED, code=code, reply=reply, sender_fault=sender_fault, permanent=permanent)

    @classmethod
    def unknown(cls, reply: str) -> Outcome:
        """The message was on the wire and no answer came: it may have arrived."""
        return cls(kind=OutcomeKind.UNKNOWN, reply=reply)
