"""RSS, Atom and JSON feeds of the public issues: the latest, whole, for programs that fetch them again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Self

from fastapi import FastAPI, Request, Response

from newsletter.web.pages import READ, asset_path
from newsletter.web.public.feed_forms import Entry, Feed, atom, json_feed, rss
from newsletter.web.public.past import PastIssue
from newsletter.web.public.site import A_MINUTE, Site

LATEST = 15
"""Issues in a feed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """A feed as it is sent. `of` are the issues that it was made from, `changed` when one of them last did."""

    of: tuple[PastIssue, ...]
    content: bytes
    tag: str
    changed: datetime | None

    @classmethod
    def of_feed(cls, feed: Feed, form: Callable[[Feed], bytes], issues: tuple[PastIssue, ...]) -> Self:
        content = form(feed)
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return cls(of=issues, content=content, tag=tag, changed=feed.updated if feed.entries else None)


class _Feeds:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._made: dict[str, _Made] = {}

    def rss(self, request: Request) -> Response:
        """RSS 2.0."""
        return self._answer(request, "/feed.xml", rss, "application/rss+xml; charset=utf-8")

    def atom(self, request: Request) -> Response:
        """Atom 1.0 (RFC 4287)."""
        return self._answer(request, "/feed.atom", atom, "application/atom+xml; charset=utf-8")

    def json(self, request: Request) -> Response:
        """JSON Feed 1.1."""
        return self._answer(request, "/feed.json", json_feed, "application/feed+json; charset=utf-8")

    def _answer(self, request: Request, path: str, form: Callable[[Feed], bytes], kind: str) -> Response:
        made = self._feed(path, form)
        headers = {"Cache-Control": A_MINUTE, "ETag": made.tag}
        if made.changed is not None:
            headers["Last-Modified"] = format_datetime(made.changed.astimezone(UTC), usegmt=True)
        if _is_known(request, headers):
            return Response(status_code=304, headers=headers)
        return Response(made.content, media_type=kind, headers=headers)

    def _feed(self, path: str, form: Callable[[Feed], bytes]) -> _Made:
        """The feed, made anew where an issue has come, gone or changed since the last time."""
        site = self._site
        issues = site.archive.issues(now=site.now())
        known = self._made.get(path)
        if known is None or known.of is not issues:
            newsroom = site.app.settings.newsroom
            feed = Feed(
                title=newsroom.name,
                language=newsroom.language,
                home=f"{site.url}/",
                own=site.url + path,
                icon=site.url + asset_path("icon.svg"),
                entries=self._entries(issues[:LATEST]),
            )
            known = self._made[path] = _Made.of_feed(feed, form, issues)
        return known

    def _entries(self, issues: Sequence[PastIssue]) -> Sequence[Entry]:
        archive, url = self._site.archive, self._site.url
        told = ((issue, archive.told(issue)) for issue in issues)
        return tuple(
            Entry(
                url=f"{url}/archive/{issue.slug}",
                title=said.title,
                summary=said.summary,
                html=archive.bare(issue),
                language=said.language,
                published=issue.at,
                updated=issue.corrected_at or issue.at,
            )
            for issue, said in told
        )


def _is_known(request: Request, headers: dict[str, str]) -> bool:
    """Whether whoever asks has this very feed (RFC 9110 section 13.1): the tag decides where there is one."""
    if (tags := request.headers.get("if-none-match")) is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return headers["ETag"] in known or "*" in known
    since = request.headers.get("if-modified-since")
    return since is not None and since == headers.get("Last-Modified")


def add_feeds(web: FastAPI, site: Site) -> None:
    """Add the feeds to `web`."""
    feeds = _Feeds(site)
    for path, endpoint in {"/feed.xml": feeds.rss, "/feed.atom": feeds.atom, "/feed.json": feeds.json}.items():
        web.add_api_route(path, endpoint, methods=READ, response_model=None)
