"""One connection to a mail server, through everything that can happen to it."""

from __future__ import annotations

import re
import smtplib
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.delivery.senders.base import Envelope, MessageConnection, Outcome
from newsletter.delivery.senders.smtp.replies import judged, no_connection, text, words
from newsletter.delivery.senders.smtp.transaction import Refused, announce
from newsletter.delivery.senders.watch import WATCH_SECONDS

if TYPE_CHECKING:
    from newsletter.delivery.senders.smtp.sender import SmtpSender

_QUIT_SECONDS = 2.0
"""How long a leave-taking may last: nothing depends on its answer."""

# What may stand between the angle brackets of MAIL and RCPT; quoted local parts are refused when addresses come in.
_PATH = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")


class SmtpConnection(MessageConnection):
    """One connection, for one thread; opened when first needed and again when the server has closed it.

    `cut` and `cut_if_overdue` are for other threads.
    """

    def __init__(self, sender: SmtpSender) -> None:
        self._sender = sender
        self._server: smtplib.SMTP | None = None
        # The last one opened, known here before it has greeted.
        self._wire: smtplib.SMTP | None = None
        self._deadline: float | None = None
        self._was_cut = False
        self._guard = threading.Lock()

    def open(self) -> Outcome | None:
        """Connect, where that is still to be done; what stood in the way, None where nothing did."""
        self._allow(self._sender.deadline_seconds)
        try:
            return self._open()
        finally:
            self._allow(None)

    def send(self, envelope: Envelope) -> Outcome:
        """Hand one message over. Whatever happens on the wire is an outcome, never an exception."""
        if not _PATH.fullmatch(envelope.rcpt_to):
            return Outcome.rejected(None, "the address cannot stand in an SMTP command")
        if envelope.mail_from and not _PATH.fullmatch(envelope.mail_from):
            return Outcome.deferred(
                None, "our own address cannot stand in an SMTP command", sender_fault=True, permanent=True
            )
        if self._sender.signer is not None:
            envelope = replace(envelope, message=self._sender.signer.signed(envelope.message))
        self._allow(self._sender.deadline_seconds)
        try:
            reused = self._server is not None
            outcome, stale = self._try(envelope)
            if stale and reused and not self._was_cut:
                # Servers close connections that were idle or have carried enough; nothing was handed over yet.
                outcome, _ = self._try(envelope)
            return outcome
        finally:
            self._allow(None)

    def cut(self) -> None:
        """End the connection: the thread that waits on it gets an error at once."""
        with self._guard:
            self._cut()

    def cut_if_overdue(self) -> None:
        """The same, where what it does has taken longer than it may."""
        with self._guard:
            if self._deadline is not None and time.monotonic() > self._deadline:
                self._cut()

    def close(self) -> None:
        """Take leave, if anybody listens, and wait a moment at most for the answer."""
        server, self._server = self._server, None
        if server is not None:
            with suppress(OSError, smtplib.SMTPException):
                if server.sock is not None:
                    server.sock.settimeout(_QUIT_SECONDS)
                server.quit()
            server.close()

    def _allow(self, seconds: float | None) -> None:
        """So long may pass from now on; None: nothing is going on."""
        with self._guard:
            self._deadline = None if seconds is None else time.monotonic() + seconds
            self._was_cut = False

    def _cut(self) -> None:
        self._was_cut = True
        sock = self._wire.sock if self._wire is not None else None
        if sock is not None:
            with suppress(OSError):
                # Not the TLS socket's own: that one takes the encryption away first, while another thread may be writing.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _opened(self, server: smtplib.SMTP) -> None:
        self._wire = server

    def _open(self) -> Outcome | None:
        try:
            if self._server is None:
                self._server = self._sender.connect(on_open=self._opened)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # ValueError: smtplib decodes what the server says while we sign in, and it may be no base64.
            outcome = no_connection(error)
            return replace(outcome, reply=self._why(error)) if self._was_cut else outcome
        return None

    def _why(self, error: Exception) -> str:
        return "it took too long and was cut off" if self._was_cut else words(error)

    def _try(self, envelope: Envelope) -> tuple[Outcome, bool]:
        """The outcome, and whether the connection was gone before the message began."""
        failed = self._open()
        if failed is not None or self._server is None:
            return failed or Outcome.deferred(None, "no connection", sender_fault=True), False
        try:
            announce(self._server, envelope, pipelining=self._sender.settings.pipelining)
        except Refused as refused:
            if refused.hang_up:
                self._drop()
            return refused.outcome, refused.stale
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Outcome.deferred(
                None, f"the connection broke before the message: {self._why(error)}", sender_fault=True
            ), True
        return self._transmit(self._server, envelope), False

    def _transmit(self, server: smtplib.SMTP, envelope: Envelope) -> Outcome:
        """The message, the dot and the answer. Once the dot is out, silence means unknown (RFC 1047)."""
        end = b".\r\n" if envelope.message.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            if server.sock is None:
                raise ConnectionResetError("the connection is closed")
            server.sock.sendall(envelope.message + end)
        except OSError as error:
            # The dot comes last, and something is still here: without it nothing was accepted (RFC 5321 4.1.1.4).
            self._drop()
            return Outcome.deferred(None, f"the connection broke in the message: {self._why(error)}", sender_fault=True)
        try:
            code, reply = self._answer(server)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Outcome.unknown(f"no answer after the message: {self._why(error)}")
        if not (200 <= code < 300 or 400 <= code < 600):
            # No answer, or one to something else: who can say what the next is to.
            self._drop()
            return Outcome.unknown(f"no answer that can be understood after the message: {code} {text(reply)}")
        if code == 421:
            self._drop()
        return replace(judged(code, reply), of_message=True)

    def _answer(self, server: smtplib.SMTP) -> tuple[int, bytes]:
        """The answer to a whole message, which may take long."""
        seconds = self._sender.answer_seconds
        self._allow(seconds + WATCH_SECONDS)
        sock = server.sock
        if sock is not None:
            sock.settimeout(seconds)
        answer = server.getreply()
        if sock is not None:
            sock.settimeout(self._sender.settings.timeout_seconds)
        return answer

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
