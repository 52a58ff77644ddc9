"""The part of a transaction that comes before the message: MAIL, RCPT, DATA (RFC 5321 section 3.3).

Where the server offers it the three go out in one write (RFC 2920), and one journey to the server and back is waited for
instead of three. The message itself waits for the answer to DATA all the same.
"""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from enum import Enum, auto

from newsletter.delivery.senders.base import Envelope, Outcome
from newsletter.delivery.senders.smtp.replies import judged, text


class _About(Enum):
    """Whom a refusal is about: us, the one reader, or this message."""

    US = auto()
    READER = auto()
    MESSAGE = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """A command, the answers that let the next one follow, and whom a refusal is about."""

    command: str
    wanted: tuple[int, ...]
    about: _About


class Refused(Exception):  # noqa: N818 - it carries an outcome, it is not a fault of the program
    """The transaction ended early with this outcome.

    `hang_up`: the connection is of no more use. `stale`: it was so before, and another may do better.
    """

    def __init__(self, outcome: Outcome, *, hang_up: bool = False, stale: bool = False) -> None:
        super().__init__(outcome.reply)
        self.outcome = outcome
        self.hang_up = hang_up
        self.stale = stale

    def hanging_up(self) -> Refused:
        """The same, and the connection is of no more use."""
        return Refused(self.outcome, hang_up=True, stale=self.stale)


def announce(server: smtplib.SMTP, envelope: Envelope, *, pipelining: bool = True) -> None:
    """MAIL, RCPT, DATA; returns once the server waits for the message.

    Args:
        server: a connection that has greeted.
        envelope: whose message it is.
        pipelining: send all three at once where the server offers that.

    Raises:
        Refused: it will not be sent now.
        OSError, smtplib.SMTPException: the connection broke.
    """
    steps = (
        _Step(command=_mail(server, envelope), wanted=(250,), about=_About.US),
        _Step(command=f"RCPT TO:<{envelope.rcpt_to}>", wanted=(250, 251, 252), about=_About.READER),
        _Step(command="DATA", wanted=(354,), about=_About.MESSAGE),
    )
    if pipelining and server.has_extn("pipelining"):
        _at_once(server, steps)
    else:
        _one_by_one(server, steps)


def _mail(server: smtplib.SMTP, envelope: Envelope) -> str:
    """MAIL with what this message needs and the server offers."""
    options = ""
    if server.has_extn("size"):
        options += f" SIZE={len(envelope.message)}"
    if not envelope.message.isascii():
        if not server.has_extn("8bitmime"):
            raise Refused(_lasting("the server takes no messages with bytes beyond ASCII (8BITMIME)"))
        options += " BODY=8BITMIME"
    if not (envelope.rcpt_to + envelope.mail_from).isascii():
        if not server.has_extn("smtputf8"):
            raise Refused(Outcome.rejected(None, "the server takes no addresses with letters beyond ASCII (SMTPUTF8)"))
        server.command_encoding = "utf-8"
        options += " SMTPUTF8"
    return f"MAIL FROM:<{envelope.mail_from}>{options}"


def _lasting(reply: str) -> Outcome:
    return Outcome.deferred(None, reply, sender_fault=True, permanent=True)


def _one_by_one(server: smtplib.SMTP, steps: tuple[_Step, ...]) -> None:
    for step in steps:
        refused = _refusal(step, *server.docmd(step.command))
        if refused is not None:
            raise refused if refused.hang_up else _reset(server, refused)


def _at_once(server: smtplib.SMTP, steps: tuple[_Step, ...]) -> None:
    """All commands in one write; every answer is read, since each belongs to its command by its place alone."""
    server.send("".join(f"{step.command}\r\n" for step in steps))
    first: Refused | None = None
    taken, code = False, 0
    for step in steps:
        try:
            code, reply = server.getreply()
        except (OSError, smtplib.SMTPException):
            if first is None:
                raise
            # It said why, and hung up.
            raise first.hanging_up() from None
        refused = _refusal(step, code, reply)
        if refused is not None and refused.hang_up:
            # After 421 nothing follows. What is out of step was perhaps so before: nothing said so far can be trusted.
            raise first.hanging_up() if first is not None and code == 421 else refused
        if step.about is _About.READER:
            taken = refused is None
        first = first or refused
    if first is not None:
        raise _ended(server, first, waiting=code == 354, taken=taken)


def _ended(server: smtplib.SMTP, refused: Refused, *, waiting: bool, taken: bool) -> Refused:
    """The refusal, with a server that is ready for the next message, or a connection that is given up.

    `waiting`: the server waits for a message all the same. `taken`: it has taken the recipient.
    """
    if waiting and taken:
        # A dot now would be an empty message for the reader. Without it nothing is delivered (RFC 5321 section 4.1.1.4).
        return refused.hanging_up()
    if waiting and not _confirms(server, ".", range(200, 600)):
        return refused.hanging_up()
    return _reset(server, refused)


def _reset(server: smtplib.SMTP, refused: Refused) -> Refused:
    """What a refused transaction leaves behind must not meet the next (RFC 5321 section 4.1.1.5)."""
    return refused if _confirms(server, "RSET", range(250, 251)) else refused.hanging_up()


def _confirms(server: smtplib.SMTP, command: str, codes: range) -> bool:
    try:
        code = server.docmd(command)[0]
    except (OSError, smtplib.SMTPException):
        return False
    return code in codes and code != 421 and not 300 <= code < 400


def _refusal(step: _Step, code: int, reply: bytes) -> Refused | None:
    """What the answer to a step refuses; None where the next may follow."""
    if code in step.wanted:
        return None
    said = text(reply)
    if code == 421:
        # To RCPT, servers say it of the reader's domain (RFC 5321 section 4.2.3 only says that they then hang up).
        ours = step.about is not _About.READER
        return Refused(Outcome.deferred(code, said, sender_fault=ours), hang_up=True, stale=True)
    if not 400 <= code < 600:
        # An answer to something else: taken for one to this, the next would be misread too.
        return Refused(Outcome.deferred(code, f"out of step: {said}", sender_fault=True), hang_up=True)
    if step.about is _About.US:
        return Refused(Outcome.deferred(code, said, sender_fault=True, permanent=code >= 500))
    return Refused(judged(code, reply))
