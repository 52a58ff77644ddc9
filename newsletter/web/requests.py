"""Requests by their numbers: what a log may say of one, and what a reader may quote when something went wrong."""

from __future__ import annotations

import secrets
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_KEY = "newsletter_request"
_HERE = str(Path(__file__).parents[1])


def log_fault(kind: str, scope: Scope, **told: str) -> None:
    """Write a line on standard error, for stdout belongs to data."""
    structlog.wrap_logger(structlog.PrintLogger(sys.stderr)).error(kind, **named(scope), **told)


def request_id(scope: Scope) -> str:
    """The request's number, eight bytes in hexadecimal; "" where nobody has given it one."""
    return str(scope.get(_KEY, ""))


def named(scope: Scope) -> dict[str, Any]:
    """What a log may say of a request: its number, and which page, never a token, a query or where it came from."""
    route = scope.get("route")
    return {"request": request_id(scope), "method": scope["method"], "page": getattr(route, "path", "")}


class RequestIds:
    """Gives each request a number, in the header `X-Request-Id`, and writes down what went wrong in one, by that number.

    What was raised is told by its kind and place alone: the text of an exception may hold what somebody typed.

    Args:
        app: what stands behind.
        answer: makes the page for a fault, of the request and the status.
    """

    def __init__(self, app: ASGIApp, *, answer: Callable[[Request, int], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = secrets.token_hex(8)
        scope[_KEY] = number
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            log_fault("page.broken", scope, error=type(error).__name__, at=_place(error))
            if begun:
                raise
            await self._answer(Request(scope, receive), 500)(scope, receive, sending)


def _place(error: BaseException) -> str:
    """Where in our own code it was, innermost; the innermost of all where none of it is ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_HERE)] or list(frames)
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} in {ours[-1].name}" if ours else "nowhere"
