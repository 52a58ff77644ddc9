"""The part of a transaction that comes before the message: MAIL, RCPT, DATA (RFC 5321 section 3.3)."""

from __future__ import annotations

import smtplib
from enum import Enum, auto

from newsletter.delivery.senders.base import Envelope, Outcome
from newsletter.delivery.senders.replies import judged, text


class _About(Enum):
    """Whom a refusal is about: us, the one reader, or this message."""

    US = auto()
    READER = auto()
    MESSAGE = auto()


class Refused(Exception):  # noqa: N818 - it carries an outcome, it is not a fault of the program
    """The transaction ended early with this outcome.

    `hang_up`: the connection is of no more use. `stale`: it was so before, and another may do better.
    """

    def __init__(self, outcome: Outcome, *, hang_up: bool = False, stale: bool = False) -> None:
        super().__init__(outcome.reply)
        self.outcome = outcome
        self.hang_up = hang_up
        self.stale = stale


def announce(server: smtplib.SMTP, envelope: Envelope) -> None:
    """MAIL, RCPT, DATA; returns once the server waits for the message.

    Raises:
        Refused: it will not be sent now.
        OSError, smtplib.SMTPException: the connection broke.
    """
    options = ""
    if not (envelope.rcpt_to + envelope.mail_from).isascii():
        if not server.has_extn("smtputf8"):
            raise Refused(Outcome.rejected(None, "the server takes no addresses with letters beyond ASCII (SMTPUTF8)"))
        server.command_encoding = "utf-8"
        options = " SMTPUTF8"
    _command(server, f"MAIL FROM:<{envelope.mail_from}>{options}", (250,), about=_About.US)
    _command(server, f"RCPT TO:<{envelope.rcpt_to}>", (250, 251, 252), about=_About.READER)
    _command(server, "DATA", (354,), about=_About.MESSAGE)


def _command(server: smtplib.SMTP, command: str, wanted: tuple[int, ...], *, about: _About) -> None:
    """Send a command of the transaction. `about` says whom a refusal of it is about."""
    code, reply = server.docmd(command)
    if code in wanted:
        return
    said = text(reply)
    if code == 421:
        # To RCPT, servers say it of the reader's domain (RFC 5321 section 4.2.3 only says that they then hang up).
        ours = about is not _About.READER
        raise Refused(Outcome.deferred(code, said, sender_fault=ours), hang_up=True, stale=True)
    if not 400 <= code < 600:
        # An answer to something else: taken for one to this, the next would be misread too.
        raise Refused(Outcome.deferred(code, f"out of step: {said}", sender_fault=True), hang_up=True)
    outcome = judged(code, reply)
    if about is _About.US:
        outcome = Outcome.deferred(code, said, sender_fault=True, permanent=code >= 500)
    # What a refused transaction leaves behind must not meet the next (RFC 5321 section 4.1.1.5).
    try:
        in_step = server.docmd("RSET")[0] == 250
    except (OSError, smtplib.SMTPException):
        in_step = False
    raise Refused(outcome, hang_up=not in_step)
