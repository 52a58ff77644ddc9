"""The SMTP sender (RFC 5321): connections that stay open, one message at a time on each.

smtplib connects, greets, encrypts and signs in; the transaction is written here, because smtplib looks at every line of
the message again to stuff dots, which costs 20 times what making the message costs.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field

from newsletter.delivery.senders.base import Capabilities, Envelope, MessageConnection, Outcome
from newsletter.errors import InputError
from newsletter.settings import SenderSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LONGEST_REPLY = 500
# What may stand between the angle brackets of MAIL and RCPT; quoted local parts are refused when addresses come in.
_PATH = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")


class _Refused(Exception):  # noqa: N818 - it carries an outcome, it is not a fault of the program
    """The transaction ended early with this outcome.

    `hang_up`: the connection is of no more use. `stale`: it was so before, and another may do better.
    """

    def __init__(self, outcome: Outcome, *, hang_up: bool = False, stale: bool = False) -> None:
        super().__init__(outcome.reply)
        self.outcome = outcome
        self.hang_up = hang_up
        self.stale = stale


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpSender:
    """Where and how mail is handed over. Certificates are verified against the system's authorities, or `tls` if given.

    Raises:
        InputError: a password would cross the network unencrypted.
    """

    settings: SenderSettings
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None

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
    def capabilities(self) -> Capabilities:
        """One message a call."""
        settings = self.settings
        # Longer than a server may think about each of the five steps, shorter than anybody would wait.
        deadline = 4 * settings.timeout_seconds
        return Capabilities(whole_messages=True, chunk=1, connections=settings.connections, deadline=deadline)

    def open(self) -> SmtpConnection:
        """A connection for one thread."""
        return SmtpConnection(self)

    def connect(self) -> smtplib.SMTP:
        """A connection that has greeted, encrypted and signed in as the settings say.

        Raises:
            OSError: nobody answers, or not in time; the certificate does not fit.
            smtplib.SMTPException: the server refuses us.
        """
        settings = self.settings
        # A name must be given, or smtplib looks for one in DNS, which can take seconds; `_greet` puts the right one.
        server: smtplib.SMTP
        if settings.security == "tls":
            server = smtplib.SMTP_SSL(
                settings.host, settings.port, "-", timeout=settings.timeout_seconds, context=self._context()
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, "-", timeout=settings.timeout_seconds)
        try:
            self._greet(server)
        except BaseException:
            server.close()
            raise
        return server

    def check(self) -> None:
        """Connect once and leave.

        Raises:
            InputError: nobody answers there, or the server refuses us; with its words.
        """
        try:
            server = self.connect()
        except (OSError, smtplib.SMTPException) as error:
            outcome = _no_connection(error)
            raise InputError(
                f"mail cannot be handed over: {outcome.reply}",
                where=self.place,
                remedy="Check [sender] in newsletter.toml and that the server runs",
            ) from error
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
        server.close()

    def _greet(self, server: smtplib.SMTP) -> None:
        if server.sock is not None:
            server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.local_hostname = _helo_name(server.sock)
        server.ehlo_or_helo_if_needed()
        if self.settings.security == "starttls":
            server.starttls(context=self._context())
            server.ehlo()
        if self.settings.username and self.password is not None:
            server.login(self.settings.username, self.password)

    def _context(self) -> ssl.SSLContext:
        return self.tls or ssl.create_default_context()


class SmtpConnection(MessageConnection):
    """One connection, for one thread; opened when first needed and again when the server has closed it."""

    def __init__(self, sender: SmtpSender) -> None:
        self._sender = sender
        self._server: smtplib.SMTP | None = None

    def send(self, envelope: Envelope) -> Outcome:
        """Hand one message over. Whatever happens on the wire is an outcome, never an exception."""
        if not _PATH.fullmatch(envelope.rcpt_to):
            return Outcome.rejected(None, "the address cannot stand in an SMTP command")
        reused = self._server is not None
        outcome, stale = self._try(envelope)
        if stale and reused:
            # Servers close connections that were idle or have carried enough; nothing was handed over yet.
            outcome, _ = self._try(envelope)
        return outcome

    def cut(self) -> None:
        """End the connection from another thread: the one that waits on it gets an error at once."""
        server = self._server
        if server is not None and server.sock is not None:
            with suppress(OSError):
                server.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take leave, if anybody listens."""
        server, self._server = self._server, None
        if server is not None:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _try(self, envelope: Envelope) -> tuple[Outcome, bool]:
        """The outcome, and whether the connection was gone before the message began."""
        try:
            if self._server is None:
                self._server = self._sender.connect()
        except (OSError, smtplib.SMTPException) as error:
            return _no_connection(error), False
        try:
            self._announce(self._server, envelope)
        except _Refused as refused:
            if refused.hang_up:
                self._drop()
            return refused.outcome, refused.stale
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Outcome.deferred(
                None, f"the connection broke before the message: {_words(error)}", sender_fault=True
            ), True
        return self._transmit(self._server, envelope), False

    def _announce(self, server: smtplib.SMTP, envelope: Envelope) -> None:
        """MAIL, RCPT, DATA; returns once the server waits for the message."""
        options = ""
        if not (envelope.rcpt_to + envelope.mail_from).isascii():
            if not server.has_extn("smtputf8"):
                raise _Refused(
                    Outcome.rejected(None, "the server takes no addresses with letters beyond ASCII (SMTPUTF8)")
                )
            server.command_encoding = "utf-8"
            options = " SMTPUTF8"
        _command(server, f"MAIL FROM:<{envelope.mail_from}>{options}", (250,), about_us=True)
        _command(server, f"RCPT TO:<{envelope.rcpt_to}>", (250, 251, 252))
        _command(server, "DATA", (354,))

    def _transmit(self, server: smtplib.SMTP, envelope: Envelope) -> Outcome:
        """The message, the dot and the answer. From here on silence means unknown (RFC 1047)."""
        end = b".\r\n" if envelope.message.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            if server.sock is None:
                raise ConnectionResetError("the connection is closed")
            server.sock.sendall(envelope.message + end)
            code, reply = server.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Outcome.unknown(f"no answer after the message: {_words(error)}")
        if code == 421:
            self._drop()
        return _judged(code, reply)

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()


def _command(server: smtplib.SMTP, command: str, wanted: tuple[int, ...], *, about_us: bool = False) -> None:
    """Send a command of the transaction. `about_us`: a refusal is about the sender and not about this recipient."""
    code, reply = server.docmd(command)
    if code in wanted:
        return
    words = _text(reply)
    if code == 421:
        raise _Refused(Outcome.deferred(code, words, sender_fault=True), hang_up=True, stale=True)
    outcome = _judged(code, reply)
    if about_us:
        outcome = Outcome.deferred(code, words, sender_fault=True, permanent=code >= 500)
    # What a refused transaction leaves behind must not meet the next (RFC 5321 section 4.1.1.5).
    try:
        server.docmd("RSET")
    except (OSError, smtplib.SMTPException):
        raise _Refused(outcome, hang_up=True) from None
    raise _Refused(outcome)


def _judged(code: int, reply: bytes) -> Outcome:
    """A reply code as an outcome (RFC 5321 section 4.2.1)."""
    words = _text(reply)
    if 200 <= code < 300:
        return Outcome.accepted(code, words)
    return Outcome.rejected(code, words) if 500 <= code < 600 else Outcome.deferred(code, words)


def _no_connection(error: Exception) -> Outcome:
    """Nothing left the house. Permanent where the server, or its certificate, says that it will stay so."""
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None
    lasting = isinstance(error, ssl.SSLCertVerificationError | smtplib.SMTPNotSupportedError) or (
        isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500
    )
    return Outcome.deferred(code, _words(error), sender_fault=True, permanent=lasting)


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        return f"{error.smtp_code} {_text(reply) if isinstance(reply, bytes) else reply}"[:_LONGEST_REPLY]
    if isinstance(error, TimeoutError):
        return "timed out"
    return (str(error) or type(error).__name__)[:_LONGEST_REPLY]


def _text(reply: bytes) -> str:
    """The server's words in one printable line: they are a stranger's."""
    text = reply.decode("utf-8", "replace")[:_LONGEST_REPLY]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _helo_name(sock: socket.socket) -> str:
    """Our name in EHLO: the host's where it is a full one, else the address (RFC 5321 section 4.1.4)."""
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    address = sock.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
