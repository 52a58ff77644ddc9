"""The SMTP sender (RFC 5321): connections that stay open, one message at a time on each.

smtplib connects, greets, encrypts and signs in; the transaction is written here, because smtplib looks at every line of
the message again to stuff dots, which costs 20 times what making the message costs.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from newsletter.delivery.senders.base import Capabilities, Envelope, MessageConnection, Outcome
from newsletter.delivery.senders.replies import judged, no_connection, text, words
from newsletter.delivery.senders.transaction import Refused, announce
from newsletter.delivery.senders.watch import WATCH_SECONDS, watched
from newsletter.delivery.senders.wire import helo_name, opened
from newsletter.errors import InputError
from newsletter.settings import SenderSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ANSWER_SECONDS = 600.0
"""How long a server may think about a message after its end (RFC 5321 section 4.5.3.2.6): who gives up earlier counts as
unknown what arrives, and with a slow content filter that is everybody."""

_QUIT_SECONDS = 2.0
"""How long a leave-taking may last: nothing depends on its answer."""

# What may stand between the angle brackets of MAIL and RCPT; quoted local parts are refused when addresses come in.
_PATH = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpSender:
    """Where and how mail is handed over. Certificates are verified against the system's authorities, or `tls` if given.

    `answer_seconds` is how long the server may think about a message once it has it.

    Raises:
        InputError: a password would cross the network unencrypted.
    """

    settings: SenderSettings
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    answer_seconds: float = _ANSWER_SECONDS

    def __post_init__(self) -> None:
        name = self.settings.username
        if name and self.password is None:
            raise InputError(
                "[sender] has a username and there is no password", remedy="Set NEWSLETTER_SMTP_PASSWORD or _FILE"
            )
        if name and self.settings.security == "none" and self.settings.host not in _LOOPBACK:
            raise InputError(
                f"the password would cross the network to {self.settings.host} unencrypted",
                where="newsletter.toml",
                remedy='Set security = "starttls" or "tls" under [sender]',
            )

    @property
    def place(self) -> str:
        """host:port."""
        return f"{self.settings.host}:{self.settings.port}"

    @property
    def name(self) -> str:
        """As in `[sender] kind`."""
        return "smtp"

    @property
    def deadline_seconds(self) -> float:
        """How long everything up to the end of a message may take, however lively the server trickles.

        Longer than a server may think about each of the five steps, shorter than anybody would wait.
        """
        return 4 * self.settings.timeout_seconds

    @property
    def capabilities(self) -> Capabilities:
        """One message a call."""
        deadline = 2 * self.deadline_seconds + self.answer_seconds
        return Capabilities(whole_messages=True, chunk=1, connections=self.settings.connections, deadline=deadline)

    def open(self) -> SmtpConnection:
        """A connection for one thread."""
        return SmtpConnection(self)

    def connect(self, *, on_open: Callable[[smtplib.SMTP], None] = lambda _: None) -> smtplib.SMTP:
        """A connection that has greeted, encrypted and signed in as the settings say.

        Args:
            on_open: gets the connection before its first byte, so that another thread can end it while it greets.

        Raises:
            OSError: nobody answers, or not in time; the certificate does not fit.
            smtplib.SMTPException: the server refuses us.
        """
        server = opened(self.settings, self._context, on_open)
        try:
            self._greet(server)
        except BaseException:
            server.close()
            raise
        return server

    def check(self, *, stop: threading.Event | None = None) -> None:
        """Connect once and leave, within `deadline_seconds`, or as soon as `stop` is set.

        Raises:
            InputError: nobody answers there, or the server refuses us; with its words.
        """
        connection = SmtpConnection(self)
        try:
            with watched(connection, stop=stop):
                outcome = connection.open()
        finally:
            connection.close()
        if outcome is not None:
            raise InputError(
                f"mail cannot be handed over: {outcome.reply}",
                where=self.place,
                remedy="Check [sender] in newsletter.toml and that the server runs; to rehearse, start `newsletter inbox`",
            )

    def _greet(self, server: smtplib.SMTP) -> None:
        if server.sock is not None:
            server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.local_hostname = helo_name(server.sock)
        server.ehlo_or_helo_if_needed()
        if self.settings.security == "starttls":
            server.starttls(context=self._context())
            server.ehlo()
        if self.settings.username and self.password is not None:
            server.login(self.settings.username, self.password)

    def _context(self) -> ssl.SSLContext:
        return self.tls or ssl.create_default_context()


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
        except (OSError, smtplib.SMTPException) as error:
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
            announce(self._server, envelope)
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
