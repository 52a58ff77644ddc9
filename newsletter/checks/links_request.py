"""One HTTP request to one vetted address: little is said, little is read, and a deadline holds for all of it."""

from __future__ import annotations

import http.client
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar, cast

from newsletter.checks.link_target import Target

Resolve = Callable[[str, int], Sequence[str]]
"""Gives a name's addresses (host, port → addresses as text); raises socket.gaierror."""

Connect = Callable[[str, int, float], socket.socket]
"""Connects to an address (address, port, seconds → connected socket); raises OSError."""

MOST_OCTETS = 64 * 1024
"""Read of one answer: its head, and what came along with it. Bodies are never asked for."""

_STEP_SECONDS = 3.0
"""For one of several addresses of a host to take the connection before the next is tried (RFC 8305 would not wait)."""

_T = TypeVar("_T")


NO_ANSWER = (OSError, http.client.HTTPException)
"""What `ask` raises where there is no answer, or none that is HTTP."""


class TooLongError(http.client.HTTPException):
    """The head of the answer does not end."""


class Deadline:
    """Until when everything about one link must be done."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0.

        Raises:
            TimeoutError: there are none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        return left

    def extend(self, seconds: float) -> None:
        """Give back what was spent waiting for our own turn."""
        self._end += seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The head of an answer: status, its words, and the Location where there is one."""

    status: int
    reason: str
    location: str | None


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of `host` by the machine's resolver, in the order it prefers."""
    # The dot at the end keeps the resolver from trying the name within the machine's own domain.
    found = socket.getaddrinfo(host + ".", port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection to `address`, which is no name."""
    return socket.create_connection((address, port), timeout=seconds)


def in_time(call: Callable[[], _T], deadline: Deadline) -> _T:
    """What `call` gives; it may be a call that cannot be interrupted, such as the system's resolver.

    Raises:
        TimeoutError: it takes too long. It ends by itself in a thread that nobody waits for.
    """
    answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((True, call()))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            answers.put((False, error))

    threading.Thread(target=run, name="lookup", daemon=True).start()
    try:
        fine, value = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError("the name was not looked up in time") from None
    if not fine:
        raise value
    return cast("_T", value)


def ask(
    target: Target,
    method: str,
    *,
    addresses: Sequence[str],
    connect: Connect,
    tls: ssl.SSLContext,
    user_agent: str,
    deadline: Deadline,
    headers: Mapping[str, str] = MappingProxyType({}),
    body: bytes = b"",
) -> Answer:
    """Send `method` for `target` to one of `addresses` (vetted ones) and read the head of the answer.

    `headers` and `body` are for a POST; its Content-Length is added.

    The name in the URL is what the certificate must hold; no other look-up happens.

    Raises:
        OSError: no connection, TLS faults (ssl.SSLError) and TimeoutError among them.
        http.client.HTTPException: the answer is no HTTP.
    """
    connected = _connected(target, addresses, connect, deadline)
    try:
        if target.scheme == "https":
            connected.settimeout(deadline.left())
            connected = tls.wrap_socket(connected, server_hostname=target.host)
        said = {"User-Agent": user_agent, **headers}
        return _exchange(_Metered(connected, deadline), target, method, said, body)
    finally:
        connected.close()


def _connected(target: Target, addresses: Sequence[str], connect: Connect, deadline: Deadline) -> socket.socket:
    *others, last = addresses[:4]
    for address in others:
        try:
            return connect(address, target.port, min(_STEP_SECONDS, deadline.left()))
        except OSError:
            continue
    return connect(last, target.port, deadline.left())


def _exchange(line: _Metered, target: Target, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = cast("socket.socket", line)  # connected already: it must not look the name up again
    try:
        connection.putrequest(method, target.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", target.authority)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        connection.putheader("Accept-Encoding", "identity")
        connection.putheader("Connection", "close")
        connection.endheaders(body or None)
        with connection.getresponse() as response:
            location = response.headers.get_all("Location", [None])[0]
            return Answer(status=response.status, reason=response.reason.strip()[:80], location=location)
    finally:
        connection.close()


class _Metered:
    """As much of a socket as http.client needs, with the deadline before each read and an end to what is read."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._socket, self._deadline), buffer_size=4096)

    def close(self) -> None:
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._socket = connected
        self._deadline = deadline
        self._octets = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._octets >= MOST_OCTETS:
            raise TooLongError("the head of the answer does not end")
        self._socket.settimeout(self._deadline.left())
        count = self._socket.recv_into(buffer)
        self._octets += count
        return count
