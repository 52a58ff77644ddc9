"""Refusing what other web sites make a reader's browser send."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""


class CrossSite:
    """Refuses requests that could change something and come from a page that is not ours.

    Browsers say so in `Sec-Fetch-Site` (W3C Fetch Metadata); older ones, and those that came by plain HTTP, in `Origin`
    (RFC 6454), whose host must be the one that was asked. Who sends neither is no browser, and nobody's session is
    lent to it: there are no cookies here.

    Args:
        app: what stands behind.
        origins: other origins that are ours, such as `https://letters.example`: where a server in front changes the
            Host header.
        exempt: beginnings of paths that others post to by right: one-click unsubscription (RFC 8058), signed webhooks.
        answer: makes the page that says so, of the request and the status; without one it is a line of text.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        origins: Iterable[str] = (),
        exempt: Iterable[str] = (),
        answer: Callable[[Request, int], Response] | None = None,
    ) -> None:
        self._app = app
        self._answer = answer or _in_a_line
        self._origins = frozenset(filter(None, map(_origin, origins)))
        self._exempt = tuple(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._concerns(scope) and not self._from_here(Headers(scope=scope)):
            await self._answer(Request(scope, receive), 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _concerns(self, scope: Scope) -> bool:
        return scope["type"] == "http" and scope["method"] not in SAFE and not self._is_exempt(scope["path"])

    def _is_exempt(self, path: str) -> bool:
        # Only the path itself: what lies below it (`/leave/TOKEN/undo`) is nobody else's business.
        return any(path.startswith(start) and "/" not in path[len(start) :] for start in self._exempt)

    def _from_here(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = headers.get("origin")
        if origin is None:
            return True
        return _origin(origin) in self._origins or _host_of(origin) == headers.get("host", "").lower()


def _in_a_line(request: Request, status: int) -> Response:
    del request
    return PlainTextResponse("Nothing was changed: this came from another web site.\n", status_code=status)


def _host_of(origin: str) -> str | None:
    """Host and port of an origin, as a Host header has them; None where it is none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in {"http", "https"} and parts.netloc else None


def _origin(url: str) -> str | None:
    host = _host_of(url)
    return f"{url.partition(':')[0].lower()}://{host}" if host else None
