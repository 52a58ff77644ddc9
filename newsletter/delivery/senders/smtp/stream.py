"""The bytes of a connection: what is still to be sent, and answers that have come. Nothing here ever waits."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from selectors import EVENT_READ, EVENT_WRITE
from typing import Self

_AT_ONCE = 65_536
_LONGEST_LINE = 8_192
"""Of an answer, with its end. RFC 5321 section 4.5.3.1.5 allows 512, and some servers know no bounds: as in smtplib."""

_LONGEST_ANSWER = 65_536
"""Octets in all lines of one answer. Those that list what went wrong, and how to mend it, have a few hundred."""

Reply = tuple[int, bytes]
"""A reply code (-1 where there is none) and the words of all lines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offers:
    """What the server has offered in EHLO, as far as it matters to messages."""

    pipelining: bool
    size: bool
    eight_bit: bool
    utf8: bool

    @classmethod
    def of(cls, server: smtplib.SMTP) -> Self:
        """Of a server that has greeted."""
        return cls(
            pipelining=server.has_extn("pipelining"),
            size=server.has_extn("size"),
            eight_bit=server.has_extn("8bitmime"),
            utf8=server.has_extn("smtputf8"),
        )


class Stream:
    """The connection of a server that has greeted. Encrypted or not, only who waits for the socket has to look at `wants`.

    Raises:
        OSError: from every function: the connection is of no more use.
    """

    __slots__ = ("_encrypted", "_in", "_out", "_server", "offers", "sock", "wants")

    def __init__(self, server: smtplib.SMTP) -> None:
        if server.sock is None:
            raise ConnectionResetError("the connection is closed")
        self._server = server
        self.sock: socket.socket = server.sock
        self._encrypted = isinstance(server.sock, ssl.SSLSocket)
        self.offers = Offers.of(server)
        self.wants = 0
        self._out: bytes | memoryview = b""
        self.sock.setblocking(False)
        self._in = _read_ahead(server)

    @property
    def pending(self) -> bool:
        """Whether something has come that was decrypted and not read: the socket itself says nothing of it."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    @property
    def unread(self) -> bool:
        """Whether more has come than was asked for."""
        return bool(self._in)

    def speaks(self) -> bool:
        """The same, and looks whether something is coming in."""
        return self.unread or self.receive()

    def last_words(self) -> Reply | None:
        """What it said before it hung up; None where that is no answer."""
        with suppress(OSError):
            self.receive()
        with suppress(OSError):
            return self.reply()
        return None

    @property
    def left(self) -> int:
        """Bytes that the system has not taken yet."""
        return len(self._out)

    def put(self, data: bytes) -> None:
        """Take what is to be sent next; all before it is gone."""
        self._out = data

    def flush(self) -> bool:
        """Send what the system takes just now; whether that was all."""
        try:
            while self._out:
                sent = self.sock.send(self._out)
                self._out = memoryview(self._out)[sent:] if sent < len(self._out) else b""
                if self._out and not self._encrypted:
                    # A plain socket is full now; an encrypted one takes a record at a time.
                    self.wants = EVENT_WRITE
                    return False
        except (BlockingIOError, ssl.SSLWantWriteError):
            self.wants = EVENT_WRITE
        except ssl.SSLWantReadError:
            # The other side wants new keys first (RFC 8446 section 4.6.3; in TLS 1.2, to negotiate anew).
            self.wants = EVENT_READ
        else:
            return True
        return False

    def receive(self) -> bool:
        """Take in what has come; whether there was anything."""
        try:
            data = self.sock.recv(_AT_ONCE)
        except (BlockingIOError, ssl.SSLWantReadError):
            self.wants = EVENT_READ
            return False
        except ssl.SSLWantWriteError:
            self.wants = EVENT_WRITE
            return False
        if not data:
            raise ConnectionResetError("Connection unexpectedly closed")
        self._in += data
        return True

    def reply(self) -> Reply | None:
        """The next answer; None where not all of it is there."""
        start, words, first = 0, b"", 0
        while (end := self._in.find(b"\n", start)) >= 0:
            line = self._in[start : end + 1]
            if len(line) > _LONGEST_LINE or end >= _LONGEST_ANSWER:
                break
            start = end + 1
            code = _code(line)
            first = first or code
            words = words + b"\n" + line[4:].strip(b" \t\r\n") if words else line[4:].strip(b" \t\r\n")
            if code < 0 or line[3:4] != b"-":
                self._in = self._in[start:]
                # One that says yes and no at once says nothing (RFC 5321 section 4.2.1: the same code in all lines).
                return code if code // 100 == first // 100 else -1, words
        if end >= 0 or len(self._in) - start > _LONGEST_LINE or len(self._in) > _LONGEST_ANSWER:
            raise ConnectionAbortedError("the server's answer is too long")
        return None

    def close(self) -> None:
        """Hang up."""
        self._server.close()


def _code(line: bytes) -> int:
    return int(line[:3]) if line[:3].isdigit() else -1


def _read_ahead(server: smtplib.SMTP) -> bytes:
    """What smtplib has read beyond the last answer: an answer that came too early must not be lost, but be out of step."""
    file = server.file
    if file is None:
        return b""
    with suppress(OSError):
        return bytes(file.read1(len(file.peek())))
    return b""
