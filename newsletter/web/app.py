"""The web application of a newsroom."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from newsletter.errors import InputError
from newsletter.web.cross_site import CrossSite
from newsletter.web.guards import BodyLimit, FewWrites, SecurityHeaders, page_policy
from newsletter.web.hooks import MOST_BYTES as MOST_HOOK_BYTES
from newsletter.web.hooks import PATH as HOOK
from newsletter.web.hooks import add_sendgrid_hook
from newsletter.web.pages import answer_faults, serve_assets
from newsletter.web.public import Site, add_public_pages
from newsletter.web.public.past import NotReadyError
from newsletter.web.requests import RequestIds

if TYPE_CHECKING:
    from newsletter.app import App

PATIENCE = 1.0
"""Seconds that a page waits for another writer, before it answers 503: a reader tries again, and no thread is used up."""
ONE_CLICK = "/leave/"
"""Where mailbox providers post to (RFC 8058), with the token that follows as their only right."""


def create_app(app: App) -> FastAPI:
    """The pages that anybody may read, and those that readers' links lead to; run it with `serving.Server`.

    Mount the inbox's viewer into it for a demo. Only a POST changes anything. `state.warm()` makes the archive ready to be
    searched, in a thread of its own.
    """
    app = replace(app, store=app.store.impatient(PATIENCE))
    web = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    site = Site(app)
    add_public_pages(web, site)
    add_sendgrid_hook(web, app)
    serve_assets(web)
    answer = answer_faults(web, "public/fault.html", {**site.shared, "findable": False}, tongue=site.tongue)
    # The last one stands first.
    web.add_middleware(FewWrites, answer=answer)
    web.add_middleware(CrossSite, origins=[site.url], exempt=[ONE_CLICK, HOOK], answer=answer)
    web.add_middleware(BodyLimit, larger={HOOK: MOST_HOOK_BYTES})
    web.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    web.add_middleware(RequestIds, answer=answer)
    web.add_middleware(SecurityHeaders, policy=page_policy(), encrypted=site.url.startswith("https:"))
    web.state.warm = partial(_warm, site)
    return web


def _warm(site: Site) -> threading.Thread:
    """Read the archive beside everything else; who searches meanwhile is asked to come back."""

    def read() -> None:
        # Whatever is the matter, the page that needs it says so.
        with suppress(InputError, NotReadyError):
            site.archive.warm(now=site.now())

    thread = threading.Thread(target=read, name="archive", daemon=True)
    thread.start()
    return thread
