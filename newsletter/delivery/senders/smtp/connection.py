"""One connection to a mail server, through everything that can happen to it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from newsletter.delivery.senders.base import Elsewhere, Envelope, Outcome
from newsletter.delivery.senders.smtp.replies import judged, no_connection, text
from newsletter.delivery.senders.smtp.stream import Reply, Stream
from newsletter.delivery.senders.smtp.talk import ANSWER, Talk, TalkingConnection, here
from newsletter.delivery.senders.smtp.transaction import Refused, announce
from newsletter.delivery.senders.watch import WATCH_SECONDS

if TYPE_CHECKING:
    from newsletter.delivery.senders.smtp.sender import SmtpSender

_AT_ONCE = 65_536
"""Octets of a message that leave together with its end. What is longer takes its time, and the server may speak meanwhile."""

_QUIT_SECONDS = 2.0
"""How long a leave-taking may last: nothing depends on its answer."""

_OF_CONNECTION = (220, 221)
"""They tell of the server, ready or leaving, and never of a message (RFC 5321 section 4.2.3)."""

# What may stand between the angle brackets of MAIL and RCPT; quoted local parts are refused when addresses come in.
_PATH = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")


class SmtpConnection(TalkingConnection):
    """One connection; opened when first needed and again when the server has closed it.

    Either one thread waits for it (`open`, `send`, `close`), or one serves it beside others (`begin`, `leave`, `go_on`).
    `cut` and `cut_if_overdue` are for other threads.
    """

    def __init__(self, sender: SmtpSender) -> None:
        super().__init__(patience=sender.settings.timeout_seconds)
        self._sender = sender

    def open(self) -> Outcome | None:
        """Connect, where that is still to be done; what stood in the way, None where nothing did."""
        self._start(self._open(), here, seconds=self._sender.deadline_seconds)
        return self._waited()

    def send(self, envelope: Envelope) -> Outcome:
        """Hand one message over. Whatever happens on the wire is an outcome, never an exception."""
        self.begin(envelope, here)
        return self._waited() or _NO_CONNECTION

    def close(self) -> None:
        """Take leave, if anybody listens, and wait a moment at most for the answer."""
        self.leave()
        self._waited()

    def begin(self, envelope: Envelope, elsewhere: Elsewhere) -> None:
        """Begin to hand one message over."""
        self._start(self._carry(envelope), elsewhere, seconds=self._sender.deadline_seconds)

    def leave(self) -> None:
        """Begin to take leave, where anybody listens; it is over within a moment."""
        self._start(self._quit(), here, seconds=_QUIT_SECONDS)

    def _carry(self, envelope: Envelope) -> Talk[Outcome]:
        if not _PATH.fullmatch(envelope.rcpt_to):
            return Outcome.rejected(None, "the address cannot stand in an SMTP command")
        if envelope.mail_from and not _PATH.fullmatch(envelope.mail_from):
            return Outcome.deferred(
                None, "our own address cannot stand in an SMTP command", sender_fault=True, permanent=True
            )
        if self._sender.signer is not None:
            signed = yield partial(self._sender.signer.signed, envelope.message)
            envelope = replace(envelope, message=signed)
        reused = self._stream is not None
        outcome, stale = yield from self._try(envelope)
        if stale and reused and not self._was_cut:
            # Servers close connections that were idle or have carried enough; nothing was handed over yet.
            outcome, _ = yield from self._try(envelope)
        return outcome

    def _open(self) -> Talk[Outcome | None]:
        if self._stream is not None:
            return None
        try:
            server = yield partial(self._sender.connect, on_open=self._opened)
            self._stream = Stream(server)
            self.sock = self._stream.sock
        except (OSError, ValueError) as error:
            # ValueError: smtplib decodes what the server says while we sign in, and it may be no base64.
            outcome = no_connection(error)
            return replace(outcome, reply=self._why(error)) if self._was_cut else outcome
        return None

    def _try(self, envelope: Envelope) -> Talk[tuple[Outcome, bool]]:
        """The outcome, and whether the connection was gone before the message began."""
        failed = yield from self._open()
        if failed is not None or self._stream is None:
            return failed or _NO_CONNECTION, False
        try:
            yield from self._announce(self._stream, envelope)
        except Refused as refused:
            if refused.hang_up:
                self._drop()
            return refused.outcome, refused.stale
        except OSError as error:
            self._drop()
            return Outcome.deferred(
                None, f"the connection broke before the message: {self._why(error)}", sender_fault=True
            ), True
        return (yield from self._transmit(self._stream, envelope)), False

    def _announce(self, stream: Stream, envelope: Envelope) -> Talk[None]:
        if stream.speaks():
            # Unasked. Read as an answer, it would shift all that follow: each would be taken for that to the next command.
            raise Refused(_unasked(stream.last_words()), hang_up=True, stale=True)
        yield from announce(stream.offers, envelope, pipelining=self._sender.settings.pipelining)

    def _transmit(self, stream: Stream, envelope: Envelope) -> Talk[Outcome]:
        """The message, the dot and the answer. Once the dot is out, silence means unknown (RFC 1047)."""
        end = b".\r\n" if envelope.message.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            if stream.unread:
                return self._cut_short(stream)
            if len(envelope.message) > _AT_ONCE:
                yield envelope.message
                if stream.speaks():
                    return self._cut_short(stream)
                yield end
            else:
                yield envelope.message + end
        except OSError as error:
            return self._cut_short(stream, self._why(error))
        try:
            code, reply = yield from self._verdict()
        except OSError as error:
            self._drop()
            return Outcome.unknown(f"no answer after the message: {self._why(error)}")
        if not (200 <= code < 300 or 400 <= code < 600) or code in _OF_CONNECTION:
            # No answer, or one to something else: who can say what the next is to.
            self._drop()
            return Outcome.unknown(f"no answer that can be understood after the message: {code} {text(reply)}")
        if code == 421:
            self._drop()
        return judged(code, reply, of_message=True)

    def _cut_short(self, stream: Stream, why: str = "") -> Outcome:
        """Of a message whose dot never left: whatever was said, it was not accepted (RFC 5321 section 4.1.1.4)."""
        said = stream.last_words()
        self._drop()
        if said is not None and 400 <= said[0] < 600:
            return judged(*said, of_message=True)
        if why:
            return Outcome.deferred(None, f"the connection broke in the message: {why}", sender_fault=True)
        return _unasked(said)

    def _verdict(self) -> Talk[Reply]:
        """The answer to a whole message, which may take long."""
        self._patience = self._sender.answer_seconds
        self._allow(self._patience + WATCH_SECONDS)
        try:
            reply: Reply = yield ANSWER
        finally:
            self._patience = self._sender.settings.timeout_seconds
        return reply

    def _quit(self) -> Talk[None]:
        if self._stream is not None:
            with suppress(OSError):
                yield b"quit\r\n"
                yield ANSWER
            self._drop()


def _unasked(said: Reply | None) -> Outcome:
    code, reply = said or (None, b"")
    return Outcome.deferred(code, f"out of step: {text(reply)}", sender_fault=True)


_NO_CONNECTION = Outcome.deferred(None, "no connection", sender_fault=True)
