"""The e-mail on sheets to be photographed: as wide as a view wants it, as high as it is. For screenshots only."""

from __future__ import annotations

import secrets

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from newsletter.web.guards import LoopbackNames, SecurityHeaders, page_policy
from newsletter.web.pages import READ, page
from newsletter.web.preview.look import Shown
from newsletter.web.preview.viewer import framed_mail
from newsletter.web.preview.views import BY_KEY, View


def create_sheets(shown: Shown) -> FastAPI:
    """`/sheets/VIEW` holds the e-mail in a frame and measures it: the height stands in the page as `data-height`.

    The frame is not fenced off from the page around, or that could not measure it; scripts stay off in it.
    """
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(SecurityHeaders, policy=page_policy()), Middleware(LoopbackNames)],
    )

    @app.api_route("/sheets/{key}", methods=READ)
    def sheet(request: Request, key: str) -> Response:
        nonce = secrets.token_urlsafe(16)
        values = {"view": _view(key), "nonce": nonce}
        headers = {"Content-Security-Policy": f"{page_policy(nonce=nonce)}; style-src-elem 'nonce-{nonce}'"}
        return page(request, "preview/sheet.html", values, headers=headers)

    @app.api_route("/mails/{key}", methods=READ)
    def mail(key: str) -> Response:
        return framed_mail(_view(key), shown, sandbox=False)

    return app


def _view(key: str) -> View:
    view = BY_KEY.get(key)
    if view is None or not view.framed:
        raise HTTPException(404)
    return view
