"""What stands before every page: headers for browsers, a limit on what is sent, the names we answer to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from newsletter.web.cross_site import SAFE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 16 * 1024
"""Of a request's body. The longest form of these pages has under 1 KB."""

MOST_SECONDS = 10.0
"""For a request's body to arrive. Servers in front hand over a form whole; some, Caddy for one, as it comes."""

MOST_WRITES = 16
"""Of the 40 threads that pages have (anyio's default)."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def page_policy(*, form_targets: str = "", nonce: str = "", styles: str = "") -> str:
    """The Content-Security-Policy of our own pages: forms to ourselves (and `form_targets`), and no scripts but those that
    carry `nonce`, which may ask our own server; none at all where it is left out. `styles` is the hash (CSP 3 section
    2.3.1) of the one style element of the page.
    """
    targets = f"'self' {form_targets}".rstrip()
    scripts = f"script-src 'nonce-{nonce}'; connect-src 'self'; " if nonce else ""
    sheets = f"'self' '{styles}'" if styles else "'self'"
    return (
        f"default-src 'none'; {scripts}style-src {sheets}; img-src 'self'; frame-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


def mail_policy(*, ancestors: str, images: str = "'self' data:", sandbox: bool = True) -> str:
    """The policy of a mail's HTML: a sandbox without scripts and forms, links in new tabs, nothing from elsewhere.

    `images` are the sources of images. Without the `sandbox`, which makes the page a stranger to our own, the page around
    can measure it; scripts and forms stay off.
    """
    fence = "sandbox allow-popups allow-popups-to-escape-sandbox; " if sandbox else ""
    return (
        f"{fence}default-src 'none'; style-src 'unsafe-inline'; "
        f"img-src {images}; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )


def mail_headers(policy: str) -> dict[str, str]:
    """The headers of a mail's HTML under `policy`."""
    # A sandboxed page must not ask for a browsing context group of its own: Chromium refuses to show it.
    return {"Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": "unsafe-none"}


def security_headers(policy: str) -> dict[str, str]:
    """What goes with every response; `policy` is its Content-Security-Policy."""
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        # Not `no-referrer`: with that, browsers send `Origin: null` with our own forms, and older ones send nothing else.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


class SecurityHeaders:
    """Adds to each response the headers that it does not set by itself.

    `encrypted`: the pages are served by TLS, and browsers are told to stay with that for a year (RFC 6797).
    """

    def __init__(self, app: ASGIApp, *, policy: str, encrypted: bool = False) -> None:
        self._app = app
        stay = {"Strict-Transport-Security": "max-age=31536000"} if encrypted else {}
        self._headers = security_headers(policy) | stay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)


class BodyLimit:
    """Refuses requests that carry more than `MOST_BYTES`, or drag on for longer than `seconds`, before anything reads them.

    `larger`: paths with limits of their own.
    """

    def __init__(self, app: ASGIApp, *, larger: Mapping[str, int] | None = None, seconds: float = MOST_SECONDS) -> None:
        self._app = app
        self._larger = larger or {}
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._larger.get(scope["path"], MOST_BYTES)
        try:
            async with asyncio.timeout(self._seconds):
                body = await _body(receive, most)
        except TimeoutError:
            refusal = PlainTextResponse("This request took too long to arrive.\n", status_code=408)
            # The rest of it is not waited for.
            refusal.headers["Connection"] = "close"
            await refusal(scope, receive, send)
            return
        if len(body) > most:
            refusal = PlainTextResponse("This request carries more than these pages ever need.\n", status_code=413)
            await refusal(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)


async def _body(receive: Receive, most: int) -> bytes:
    """What the request carries, or a piece more than `most` of it."""
    body = bytearray()
    while len(body) <= most:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


class FewWrites:
    """Answers 503 at once where already `MOST_WRITES` requests that may change something are being served.

    Each waits in a thread for the right to write; the pages that only read must not run out of threads behind them.
    `answer` makes the page that says so, of the request, the status and headers.
    """

    def __init__(self, app: ASGIApp, *, answer: Callable[..., Response], most: int = MOST_WRITES) -> None:
        self._app = app
        self._answer = answer
        self._most = most
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self._app(scope, receive, send)
            return
        if self._now >= self._most:
            busy = self._answer(Request(scope, receive), 503, {"Retry-After": "2"})
            await busy(scope, receive, send)
            return
        self._now += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._now -= 1


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The whole body as one message, then whatever the connection says."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


class LoopbackNames:
    """Answers only to names of this machine, so that no web site gets at the pages through a name of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not _named_here(Headers(scope=scope).get("host", "")):
            refusal = PlainTextResponse(
                "These pages answer on this machine only. Open them as http://localhost.\n", status_code=421
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _named_here(host: str) -> bool:
    name, separator, port = host.rpartition(":")
    if not separator or not port.isdigit():
        name = host
    return name.lower() in LOOPBACK_NAMES
