"""The web application of a newsroom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware import Middleware

from newsletter.web.guards import BodyLimit, SecurityHeaders, page_policy
from newsletter.web.hooks import MOST_BYTES as MOST_HOOK_BYTES
from newsletter.web.hooks import PATH as HOOK
from newsletter.web.hooks import add_sendgrid_hook
from newsletter.web.pages import answer_faults, serve_assets
from newsletter.web.public import add_public_pages

if TYPE_CHECKING:
    from newsletter.app import App


def create_app(app: App) -> FastAPI:
    """The pages that readers' links lead to; run it with `serving.Server`, mount the inbox's viewer into it for a demo.

    `/view/TRACK` shows a reader's own copy, `/preferences/LEAVE` their lists, `/leave/LEAVE` unsubscribes (RFC 8058).
    Only a POST changes anything.
    """
    web = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(SecurityHeaders, policy=page_policy()),
            Middleware(BodyLimit, larger={HOOK: MOST_HOOK_BYTES}),
        ],
    )
    newsroom = app.settings.newsroom
    shared = {"newsroom": newsroom, "contact": newsroom.reply_to or newsroom.from_address}
    add_public_pages(web, app, shared)
    add_sendgrid_hook(web, app)
    serve_assets(web)
    answer_faults(web, "public/fault.html", shared)
    return web
