"""RSS, Atom and JSON feeds of the public issues, and of those of each public list: the latest, whole, for programs that
fetch them again and again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Self
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from newsletter.web.pages import READ, asset_path
from newsletter.web.public.feed_forms import Entry, Feed, atom, json_feed, rss
from newsletter.web.public.past import Archive, PastIssue
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Form:
    """How a feed is written: the end of its path, and the kind of content."""

    ending: str
    kind: str
    write: Callable[[Feed], bytes]


_FORMS = (
    _Form(ending="xml", kind="application/rss+xml; charset=utf-8", write=rss),
    _Form(ending="atom", kind="application/atom+xml; charset=utf-8", write=atom),
    _Form(ending="json", kind="application/feed+json; charset=utf-8", write=json_feed),
)


class _Feeds:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._of_lists = {name: Archive(site.store, [name]) for name in site.lists}
        self._made: dict[str, _Made] = {}

    def of_all(self, form: _Form) -> Callable[[Request], Response]:
        """What answers with the issues of all public lists."""

        def answer(request: Request) -> Response:
            newsroom = self._site.app.settings.newsroom
            return self._answer(request, form, f"/feed.{form.ending}", self._site.archive, title=newsroom.name)

        return answer

    def of_list(self, form: _Form) -> Callable[[Request, str], Response]:
        """What answers with the issues of one list; a list that is not public is none."""

        def answer(request: Request, name: str) -> Response:
            if (archive := self._of_lists.get(name)) is None:
                raise HTTPException(404)
            title = f"{self._site.app.settings.newsroom.name}: {self._site.lists[name].title}"
            path = f"/feed/{quote(name)}"
            return self._answer(request, form, f"{path}.{form.ending}", archive, title=title, name=path)

        return answer

    def _answer(
        self, request: Request, form: _Form, path: str, archive: Archive, *, title: str, name: str = ""
    ) -> Response:
        made = self._feed(form, path, archive, title, name)
        headers = {"Cache-Control": A_MINUTE, "ETag": made.tag}
        if made.changed is not None:
            headers["Last-Modified"] = format_datetime(made.changed.astimezone(UTC), usegmt=True)
        if _is_known(request, headers):
            return Response(status_code=304, headers=headers)
        return Response(made.content, media_type=form.kind, headers=headers)

    def _feed(self, form: _Form, path: str, archive: Archive, title: str, name: str) -> _Made:
        """The feed, made anew where an issue has come, gone or changed since the last time."""
        site = self._site
        issues = archive.issues(now=site.now())
        known = self._made.get(path)
        if known is None or known.of is not issues:
            feed = Feed(
                title=title,
                language=site.app.settings.newsroom.language,
                home=f"{site.url}/",
                own=site.url + path,
                icon=site.url + asset_path("icon.svg"),
                entries=self._entries(archive, issues[:LATEST]),
                name=site.url + name if name else "",
            )
            known = self._made[path] = _Made.of_feed(feed, form.write, issues)
        return known

    def _entries(self, archive: Archive, issues: Sequence[PastIssue]) -> Sequence[Entry]:
        url = self._site.url
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
    for form in _FORMS:
        web.add_api_route(f"/feed.{form.ending}", feeds.of_all(form), methods=READ, response_model=None)
        web.add_api_route(f"/feed/{{name}}.{form.ending}", feeds.of_list(form), methods=READ, response_model=None)
