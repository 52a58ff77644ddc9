"""What anybody may read: the home page, the archive and its issues."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request, Response
from markupsafe import Markup
from starlette.exceptions import HTTPException

from newsletter.web.guards import page_policy
from newsletter.web.pages import READ
from newsletter.web.public.past import NotReadyError, PastIssue
from newsletter.web.public.site import Site

EARLIER = 5
"""Issues that the home page names besides the last one."""
PAGE = 20
"""Issues on a page of the archive."""
LONGEST_SEARCH = 100


def last_and_earlier(site: Site) -> dict[str, Any]:
    """What the home page shows of the archive."""
    found = site.archive.page(now=site.now(), size=EARLIER + 1)
    return {"last": found.issues[0] if found.issues else None, "earlier": found.issues[1:], "total": found.total}


class _Reading:
    def __init__(self, site: Site) -> None:
        self._site = site

    def home(self, request: Request) -> Response:
        """The last issue and one field."""
        values = {**last_and_earlier(self._site), "fault": ""}
        return self._site.page(request, "home", values, public=True)

    def archive(
        self,
        request: Request,
        q: Annotated[str, Query(max_length=LONGEST_SEARCH)] = "",
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        """All issues, the newest first, or those with the words that were asked for."""
        try:
            found = self._site.archive.page(now=self._site.now(), words=q, first=(page - 1) * PAGE, size=PAGE)
        except NotReadyError as error:
            raise HTTPException(503, headers={"Retry-After": "5"}) from error
        if page > 1 and not found.issues:
            raise HTTPException(404)
        values = {
            "found": found,
            "q": q,
            "number": page,
            "newer": _archive_link(q, page - 1) if page > 1 else None,
            "older": _archive_link(q, page + 1) if page * PAGE < found.total else None,
        }
        return self._site.page(request, "archive", values, public=not q)

    def issue(self, request: Request, slug: str) -> Response:
        """One issue, with its neighbours and the notice of its correction."""
        issues = self._site.archive.issues(now=self._site.now())
        place = next((place for place, one in enumerate(issues) if one.slug == slug), None)
        if place is None:
            raise HTTPException(404)
        told, neutral = self._site.archive.whole(issues[place])
        # No inline style is allowed but this one element, known by its hash.
        digest = base64.b64encode(hashlib.sha256(neutral.css.encode()).digest()).decode("ascii")
        values = {
            "issue": issues[place],
            "told": told,
            "content": Markup(neutral.html),  # noqa: S704 - written anew from a list of what may stand there
            "css": Markup(neutral.css),  # noqa: S704
            "newer": self._named(issues[place - 1]) if place else None,
            "older": self._named(issues[place + 1]) if place + 1 < len(issues) else None,
        }
        headers = {"Content-Security-Policy": page_policy(styles=f"sha256-{digest}")}
        return self._site.page(request, "issue", values, public=True, headers=headers)

    def _named(self, issue: PastIssue) -> tuple[str, str]:
        return f"/archive/{issue.slug}", self._site.archive.told(issue).title


def _archive_link(words: str, number: int) -> str:
    asked = {"q": words} if words else {}
    asked |= {"page": str(number)} if number > 1 else {}
    return "/archive" + (f"?{urlencode(asked)}" if asked else "")


def add_reading(web: FastAPI, site: Site) -> None:
    """Add the pages to `web`."""
    reading = _Reading(site)
    shown: dict[str, Callable[..., Response]] = {
        "/": reading.home,
        "/archive": reading.archive,
        "/archive/{slug}": reading.issue,
    }
    for path, endpoint in shown.items():
        web.add_api_route(path, endpoint, methods=READ, response_model=None)
