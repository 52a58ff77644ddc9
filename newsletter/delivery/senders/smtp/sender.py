"""Where mail is handed over by SMTP, and as whom: what the settings say, and how a connection comes about."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from newsletter.delivery import return_path
from newsletter.delivery.limits.rules import Limits
from newsletter.delivery.senders.base import Capabilities
from newsletter.delivery.senders.smtp.connection import SmtpConnection
from newsletter.delivery.senders.smtp.dkim import Signer
from newsletter.delivery.senders.smtp.wire import Utf8, greet, helo_name, opened
from newsletter.delivery.senders.watch import watched
from newsletter.errors import InputError
from newsletter.settings import SenderSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ANSWER_SECONDS = 600.0
"""How long a server may think about a message after its end (RFC 5321 section 4.5.3.2.6): who gives up earlier counts as
unknown what arrives, and with a slow content filter that is everybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpSender:
    """Where and how mail is handed over. Certificates are verified against the system's authorities, or `tls` if given.

    `signer` signs each message; None leaves that to the server. `answer_seconds` is how long the server may think about
    a message once it has it.

    Raises:
        InputError: a password would cross the network unencrypted; the return path is too long.
    """

    settings: SenderSettings
    password: str | None = field(default=None, repr=False)
    signer: Signer | None = None
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
        if self.settings.return_path is not None:
            return_path.check(self.settings.return_path)

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
        return Capabilities(
            whole_messages=True,
            chunk=1,
            connections=self.settings.connections,
            deadline=deadline,
            return_path=self.settings.return_path,
            limits=Limits.of(self.settings),
        )

    def open(self) -> SmtpConnection:
        """A connection that can share its thread."""
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
        greet(server)
        if self.settings.security == "starttls":
            server.starttls(context=self._context())
            greet(server)
        if self.settings.username and self.password is not None:
            server.login(Utf8(self.settings.username), Utf8(self.password))

    def _context(self) -> ssl.SSLContext:
        return self.tls or ssl.create_default_context()
