"""HTTP to SendGrid by the `sendgrid` package, with a total deadline.

The package's timeout holds for each operation of the socket, and by default there is none (it hung): a server that
trickles would hold a worker past its lease. So a watchdog shuts the socket at the deadline.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import python_http_client
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from newsletter.delivery.senders.base import seconds
from newsletter.delivery.senders.sendgrid.requests import MOST_BYTES

# Its debug log would hold the key.
logging.getLogger("python_http_client").setLevel(logging.WARNING)

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LONGEST_BODY = 1024 * 1024
"""Of an answer: where it names 1,000 recipients, it takes a quarter of that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back. Header names are in lower case; the body is what came of it.

    `written`: as in `Silence`. Where it is false, the other side answered before it had the whole request.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    written: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """No answer. `written`: the whole request had been handed to the network, so that it may have been taken.

    `lasting`: it will stay so until somebody mends something: the other side's certificate does not fit.
    """

    written: bool
    words: str
    lasting: bool = False


class _Unshown(bytes):
    """Bytes that are not written out: the package formats each body for a log, whether anybody reads it or not (3 ms)."""

    def __str__(self) -> str:
        return f"{len(self)} bytes"

    __repr__ = __str__


class _Payload(str):
    """A body."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return _Unshown(super().encode(encoding, errors))


class TooLargeError(Exception):
    """The request is over 30 MB. Nothing of it was sent."""


class Line:
    """A way to SendGrid, for one thread. Each request opens a connection, as the package does it.

    Args:
        url: where the interface is, without a path.
        key: the API key.
        tls: verifies its certificate; the system's authorities where it is None.
    """

    def __init__(self, *, url: str, key: str, tls: ssl.SSLContext | None = None) -> None:
        self._call: _Call | None = None
        self._key = key.encode()
        client = SendGridAPIClient(api_key=key, host=url)
        self._client = _Client(client.client.request_headers, url=url, tls=tls)

    def post(self, body: Mapping[str, Any], *, until: float) -> Answer | Silence:
        """Mail Send, over by `until` (of `seconds`).

        Raises:
            TooLargeError: the body is over the limit.
        """
        # Built by ourselves, it holds no circle; to look for one takes an eighth of the time.
        payload = _Payload(json.dumps(body, separators=(",", ":"), check_circular=False))
        return self._ask(partial(self._client.mail.send.post, request_body=payload), until)

    def scopes(self, *, until: float) -> Answer | Silence:
        """What the key may do."""
        return self._ask(self._client.scopes.get, until)

    def cut(self) -> None:
        """End the request that is on its way, from another thread."""
        call = self._call
        if call is not None:
            call.cut()

    def _ask(self, ask: Any, until: float) -> Answer | Silence:
        call = self._call = _Call(until)
        # The package makes a client for each part of the path, so the call travels in what they share.
        self._client.share.call = call
        watchdog = threading.Timer(max(until - seconds(), 0), call.cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            response = ask()
            return self._answer(call, response.status_code, response.headers, response.body)
        except HTTPError as error:
            return self._answer(call, error.status_code, error.headers, error.body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # ValueError: urllib reads the Location of a redirect that nobody follows.
            cause = getattr(error, "reason", error)
            lasting = isinstance(cause, ssl.SSLCertVerificationError) and not call.written
            return Silence(written=call.written, words=_words(error, cut=call.was_cut), lasting=lasting)
        finally:
            watchdog.cancel()
            self._call = None
            call.end()

    def _answer(self, call: _Call, status: int, headers: Any, body: bytes | None) -> Answer:
        named = {str(name).lower(): str(value) for name, value in headers.items()}
        # Whoever stands between may repeat what we said: the words are kept, and shown.
        shown = (body or b"").replace(self._key, "…".encode())
        return Answer(status=status, headers=named, body=shown, written=call.written)


class _Call:
    """One request: its deadline, how far it got, and a handle on its socket for the watchdog."""

    def __init__(self, until: float) -> None:
        self._until = until
        self._mutex = threading.Lock()
        self._handle: socket.socket | None = None
        self._sent = 0
        self.length = 0
        self.was_cut = False

    @property
    def written(self) -> bool:
        """Whether all of the body went out. Less than all is no request: its length was announced (RFC 9112, 6.3)."""
        return self._sent > self.length

    def dial(self, address: tuple[str, int], timeout: float, source: tuple[str, int] | None = None) -> socket.socket:
        """Connect; in place of `socket.create_connection`."""
        opened = socket.create_connection(address, self.left(timeout), source)
        with self._mutex:
            # A second descriptor of the same connection: TLS takes the first one over, and threads may close it.
            self._handle = socket.socket(fileno=os.dup(opened.fileno()))
        return opened

    def left(self, most: float) -> float:
        """Seconds left, at most `most`.

        Raises:
            TimeoutError: there are none.
        """
        left = self._until - seconds()
        if left <= 0 or self.was_cut:
            raise TimeoutError("no time was left before the first byte")
        return min(left, most)

    def sent(self, size: int) -> None:
        """So many more bytes are with the network."""
        self._sent += size

    def begun(self) -> bool:
        """Whether any byte went out."""
        return self._sent > 0

    def cut(self) -> None:
        """Shut the connection: whoever waits on it gets an error at once."""
        with self._mutex:
            self.was_cut = True
            if self._handle is not None:
                with suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Let go of the handle."""
        with self._mutex:
            if self._handle is not None:
                self._handle.close()
                self._handle = None


class _Response(http.client.HTTPResponse):
    """An answer whose status counts, whatever becomes of its body."""

    def read(self, amt: int | None = None) -> bytes:
        """The body, or what came of it; nothing is left to be read then."""
        try:
            return super().read(amt or _LONGEST_BODY)
        except http.client.IncompleteRead as error:
            return error.partial
        except (OSError, http.client.HTTPException, ValueError):
            return b""
        finally:
            self.close()


class _Watched(http.client.HTTPConnection):
    """A connection that tells its call what it does."""

    response_class = _Response

    def __init__(self, host: str, *, call: _Call, **options: Any) -> None:
        super().__init__(host, **options)
        self._call = call
        # The attribute that the standard library keeps for this purpose.
        self._create_connection = call.dial

    def send(self, data: Any) -> None:
        """Send, once there is still time for it. Who hangs up on the body may have said why: that is read then."""
        if self.sock is None:
            self.connect()
        begun = self._call.begun()
        if not begun:
            self._call.left(1)
        try:
            super().send(data)
        except TimeoutError:
            raise
        except OSError:
            if not begun:
                raise
        else:
            self._call.sent(len(data))


class _WatchedTls(_Watched, http.client.HTTPSConnection):
    """The same over TLS."""


class _Http(urllib.request.HTTPHandler):
    def __init__(self, call: _Call) -> None:
        super().__init__()
        self._call = call

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_Watched, call=self._call), request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, call: _Call, tls: ssl.SSLContext | None) -> None:
        self._tls = tls or ssl.create_default_context()
        super().__init__(context=self._tls)
        self._call = call

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_WatchedTls, call=self._call), request, context=self._tls)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key goes nowhere else, and a POST never becomes a GET."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(slots=True)
class _Share:
    tls: ssl.SSLContext | None
    call: _Call | None = None


class _Client(python_http_client.Client):  # type: ignore[misc] # the package has no types
    """The package's client over watched connections."""

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        url: str,
        tls: ssl.SSLContext | None = None,
        share: _Share | None = None,
        path: list[str] | None = None,
    ) -> None:
        # With a parameter the package takes the body as it is.
        headers = {**headers, "Content-Type": "application/json; charset=utf-8"}
        super().__init__(host=url, request_headers=headers, version=3, url_path=path)
        self.share = share or _Share(tls)

    def _build_client(self, name: str | None = None) -> _Client:
        path = [*self._url_path, name] if name else self._url_path
        return _Client(self.request_headers, url=self.host, share=self.share, path=path)

    def _make_request(self, opener: object, request: urllib.request.Request, timeout: float | None = None) -> Any:
        del opener, timeout
        call = self.share.call
        if call is None:
            raise RuntimeError("a request outside of a call")
        call.length = len(request.data) if isinstance(request.data, bytes) else 0
        if call.length > MOST_BYTES:
            raise TooLargeError(f"the request is {call.length:,} bytes")
        handlers: list[urllib.request.BaseHandler] = [_Http(call), _NoRedirects()]
        if request.type == "https":
            handlers.append(_Https(call, self.share.tls))
        if urlsplit(self.host).hostname in LOOPBACK:
            handlers.append(urllib.request.ProxyHandler({}))
        watched = urllib.request.build_opener(*handlers)
        return super()._make_request(watched, request, timeout=call.left(3600))


def _words(error: Exception, *, cut: bool) -> str:
    reason = getattr(error, "reason", error)
    if cut or isinstance(reason, TimeoutError):
        return str(reason) if str(reason).startswith("no time") else "timed out"
    return str(reason) or type(reason).__name__
