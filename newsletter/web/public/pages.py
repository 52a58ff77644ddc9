"""All public pages, and the small ones among them: one's own copy, where test mails lead, the health check, robots."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlalchemy import text
from starlette.exceptions import HTTPException

from newsletter.tokens import INERT, TokenError
from newsletter.web.guards import mail_headers, mail_policy
from newsletter.web.pages import READ
from newsletter.web.public.feeds import add_feeds
from newsletter.web.public.joining import add_joining
from newsletter.web.public.leaving import add_leaving
from newsletter.web.public.managing import add_managing
from newsletter.web.public.own_copy import own_copy
from newsletter.web.public.preferences import add_preferences
from newsletter.web.public.reading import add_reading
from newsletter.web.public.site import A_MINUTE, Site, not_ours

_OF_A_TEST = (f"/view/{INERT}", f"/leave/{INERT}", f"/preferences/{INERT}")
_PRIVATE = ("/address/", "/confirm/", "/leave/", "/manage", "/preferences/", "/view/")


class _Small:
    def __init__(self, site: Site) -> None:
        self._site = site

    def health(self) -> Response:
        """Whether the database answers."""
        with self._site.store.reading() as connection:
            connection.execute(text("SELECT 1"))
        return JSONResponse({"status": "ok"})

    def robots(self) -> Response:
        """What search engines are asked to leave alone (RFC 9309); they get nothing there anyway."""
        lines = ["User-agent: *", *(f"Disallow: {path}" for path in _PRIVATE)]
        return PlainTextResponse("\n".join(lines) + "\n", headers={"Cache-Control": A_MINUTE})

    def test_mail(self, request: Request) -> Response:
        """Where the links of a test mail lead, all of them and the one-click POST too. Changes nothing."""
        return self._site.page(request, "test_mail")

    def view(self, track: str) -> Response:
        """The reader's own copy of an edition, in a sandbox."""
        site = self._site
        try:
            subscriber_id, mailing_id = site.keys.read_track(track)
        except TokenError as error:
            raise not_ours(error) from error
        copy = own_copy(site.store, site.keys, subscriber_id, mailing_id)
        if copy is None:
            raise HTTPException(404)
        headers = mail_headers(mail_policy(ancestors="'none'"))
        return Response(copy.html, media_type="text/html; charset=utf-8", headers=headers)


def add_public_pages(web: FastAPI, site: Site) -> None:
    """Add the public pages of `site` to `web`."""
    small = _Small(site)
    shown: dict[str, Callable[..., Response]] = {
        "/healthz": small.health,
        "/robots.txt": small.robots,
        # Before the paths that they would match.
        **dict.fromkeys(_OF_A_TEST, small.test_mail),
        "/view/{track}": small.view,
    }
    for path, endpoint in shown.items():
        web.add_api_route(path, endpoint, methods=READ, response_model=None)
    for path in _OF_A_TEST:
        web.add_api_route(path, small.test_mail, methods=["POST"], response_model=None)
    for add in (add_reading, add_feeds, add_joining, add_leaving, add_preferences, add_managing):
        add(web, site)
