"""smtplib's connections, known before they have greeted: a server may take for ever over its greeting."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from newsletter.settings import SenderSettings

OnOpen = Callable[[smtplib.SMTP], None]


class Utf8(str):
    """Text that goes out as UTF-8: smtplib encodes names and passwords as ASCII, and fails (RFC 4616 has UTF-8)."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """As UTF-8, whatever is asked for."""
        del encoding
        return super().encode("utf-8", errors)


class _Plain(smtplib.SMTP):
    def __init__(self, on_open: OnOpen, *where: Any, **more: Any) -> None:
        self._on_open = on_open
        super().__init__(*where, **more)

    def connect(self, *where: Any, **more: Any) -> tuple[int, bytes]:
        self._on_open(self)
        return super().connect(*where, **more)

    def auth(self, mechanism: str, authobject: Callable[..., Any], **more: Any) -> tuple[int, bytes]:
        def said(*challenge: Any) -> Utf8 | None:
            answer = authobject(*challenge)
            return None if answer is None else Utf8(answer)

        return super().auth(mechanism, said, **more)  # type: ignore[arg-type] # typeshed wants a str, RFC 4954 allows none


class _Encrypted(_Plain, smtplib.SMTP_SSL):
    pass


def opened(settings: SenderSettings, context: Callable[[], ssl.SSLContext], on_open: OnOpen) -> smtplib.SMTP:
    """A connection on which the server has spoken first; `on_open` gets it before that.

    Raises:
        OSError: nobody answers, or not in time; the certificate does not fit.
        smtplib.SMTPException: the server refuses us.
    """
    # A name must be given, or smtplib looks for one in DNS, which can take seconds; greeting puts the right one.
    where = (settings.host, settings.port, "-")
    if settings.security == "tls":
        return _Encrypted(on_open, *where, timeout=settings.timeout_seconds, context=context())
    return _Plain(on_open, *where, timeout=settings.timeout_seconds)


def greet(server: smtplib.SMTP) -> None:
    """Say EHLO, or HELO where the server does not know that.

    smtplib looks at no code, and says HELO to whoever is busy: without extensions it then lacks STARTTLS and AUTH for
    good, as it seems.

    Raises:
        OSError: the connection broke.
        smtplib.SMTPException: the server refuses us, for now or for good.
    """
    code, reply = server.ehlo()
    if 500 <= code < 600:
        code, reply = server.helo()
    if not 200 <= code < 300:
        raise smtplib.SMTPHeloError(code, reply)


def helo_name(sock: socket.socket) -> str:
    """Our name in EHLO: the host's where it is a full one, else the address (RFC 5321 section 4.1.4)."""
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    address = sock.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
