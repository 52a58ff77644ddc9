"""`POST /hooks/sendgrid`: SendGrid's signed Event Webhook.

It answers once the events are kept and does nothing else with them; what it cannot keep it refuses with 503, and
SendGrid posts that again for 24 hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from newsletter import events
from newsletter.delivery.senders.sendgrid import SignatureError, Verifier
from newsletter.delivery.senders.sendgrid.webhook import SIGNATURE, TIMESTAMP
from newsletter.errors import InputError
from newsletter.events.sendgrid import events_of

if TYPE_CHECKING:
    from newsletter.app import App

PATH = "/hooks/sendgrid"
MOST_BYTES = 1024 * 1024
"""Of a post. SendGrid's hold up to 768 KB."""


class _Hook:
    def __init__(self, app: App, verifier: Verifier) -> None:
        self._app = app
        self._verifier = verifier

    async def take(self, request: Request) -> Response:
        """204 once the events are kept, 403 where the signature does not hold, 400 where they are no events."""
        body = await request.body()
        signature, timestamp = request.headers.get(SIGNATURE, ""), request.headers.get(TIMESTAMP, "")
        return await run_in_threadpool(self._keep, body, signature, timestamp)

    def _keep(self, body: bytes, signature: str, timestamp: str) -> Response:
        now = self._app.clock()
        try:
            self._verifier.verify(body, signature=signature, timestamp=timestamp, now=now)
            told = events_of(body, now=now)
        except SignatureError:
            return Response(status_code=403)
        except InputError:
            return Response(status_code=400)
        try:
            events.record(self._app.store, told, now=now)
        except InputError:
            return Response(status_code=503, headers={"Retry-After": "10"})
        return Response(status_code=204)


def add_sendgrid_hook(web: FastAPI, app: App) -> None:
    """Add the endpoint, where `[sender] events_key` says by which key events are signed; without it there is none.

    Raises:
        InputError: the key cannot be read.
    """
    if key := app.settings.sender.events_key:
        web.add_api_route(PATH, _Hook(app, Verifier(key)).take, methods=["POST"], response_model=None)
