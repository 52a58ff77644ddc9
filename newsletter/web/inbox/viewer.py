"""The inbox's viewer: pages that only show. The one button posts to the newsroom's own unsubscribe page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Query, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from newsletter.clock import Clock, system_clock
from newsletter.rehearsal.mailbox import PAGE, Mailbox, Stored
from newsletter.rehearsal.preview import LONGEST_HTML, ONE_CLICK, Theme, framed, one_click, origin
from newsletter.rehearsal.reading import Part, Reading, part_bytes, read
from newsletter.web.guards import LoopbackNames, SecurityHeaders, mail_headers, mail_policy, page_policy
from newsletter.web.pages import READ, Links, answer_faults, page, serve_assets
from newsletter.web.wording import Wording, text_pieces

LONGEST_SOURCE = 400_000
"""Octets shown on the source and text pages; the file has all of them."""

REFRESH_SECONDS = 3
_LONGEST_SEARCH = 200
_LARGEST_ID = 10**12
_TEMPLATE = "inbox/{}.html"
_MAIL_HEADERS = mail_headers(mail_policy(ancestors="'self'"))

MailId = int
Search = Annotated[str, Query(max_length=_LONGEST_SEARCH)]


class _Viewer:
    """The pages of one mailbox."""

    def __init__(self, mailbox: Mailbox, *, newsroom: str, base_url: str, zone: str, clock: Clock) -> None:
        self._mailbox = mailbox
        self._base_url = base_url
        self._wording = Wording(zone=ZoneInfo(zone), clock=clock)
        self.shared: dict[str, Any] = {"newsroom": newsroom, "words": self._wording, "zone": zone}

    def listing(
        self, request: Request, q: Search = "", number: Annotated[int, Query(alias="page")] = 1, live: bool = False
    ) -> Response:
        """The list: newest first, what `q` finds; with `live` it loads itself again every few seconds."""
        found = self._mailbox.page(q, number, size=PAGE)
        values = {
            "found": found,
            "all": self._mailbox.count(),
            "q": q.strip(),
            "live": live,
            "seconds": REFRESH_SECONDS,
            "query": lambda **changes: _query({"q": q.strip(), "live": live, **changes}),
        }
        return self._page(request, "list", values)

    def message(
        self, request: Request, message_id: MailId, width: str = "desktop", theme: Theme = Theme.LIGHT
    ) -> Response:
        """The message's HTML in a frame, or its text where it has none."""
        stored, reading = self._read(message_id)
        if reading.html is None:
            return self._text_page(request, stored, reading, tab="text")
        width = "phone" if width == "phone" else "desktop"
        values = {"width": width, "theme": theme.value, "cut": len(reading.html) > LONGEST_HTML}
        return self._shown(request, stored, reading, tab="html", values=values)

    def text(self, request: Request, message_id: MailId) -> Response:
        """The plain text part, its links made live."""
        stored, reading = self._read(message_id)
        return self._text_page(request, stored, reading, tab="text")

    def source(self, request: Request, message_id: MailId) -> Response:
        """The bytes as they came; bytes that are no UTF-8 are shown in hexadecimal."""
        stored, reading = self._read(message_id)
        raw = self._mailbox.raw(stored)
        values = {"source": raw[:LONGEST_SOURCE].decode("utf-8", "backslashreplace"), "cut": len(raw) > LONGEST_SOURCE}
        return self._shown(request, stored, reading, tab="source", values=values)

    def headers(self, request: Request, message_id: MailId) -> Response:
        """All headers in order."""
        stored, reading = self._read(message_id)
        return self._shown(request, stored, reading, tab="headers")

    def html(self, request: Request, message_id: MailId, theme: Theme = Theme.LIGHT) -> Response:
        """The message's HTML alone, in a sandbox."""
        stored, reading = self._read(message_id)
        if reading.html is None:
            raise HTTPException(404)
        link = Links(request.scope)
        images = {
            part.content_id: link(f"/messages/{stored.id}/parts/{part.number}")
            for part in reading.parts
            if part.content_id and part.shown_inline
        }
        document = framed(reading.html, theme, images).encode("utf-8", "replace")
        return Response(document, media_type="text/html; charset=utf-8", headers=_MAIL_HEADERS)

    def part(self, message_id: MailId, number: int) -> Response:
        """A part's bytes: images to be shown, everything else to be saved."""
        stored, reading = self._read(message_id)
        part = next((part for part in reading.parts if part.number == number), None)
        if part is None:
            raise HTTPException(404)
        content = part_bytes(self._mailbox.raw(stored), number)
        if part.shown_inline:
            return Response(content, media_type=part.content_type, headers=_MAIL_HEADERS)
        return _download(content, part.name or f"part-{number}")

    def eml(self, message_id: MailId) -> Response:
        """The message's bytes as a file."""
        stored = self._stored(message_id)
        return _download(self._mailbox.raw(stored), f"message-{stored.id}.eml", media_type="message/rfc822")

    def _stored(self, message_id: int) -> Stored:
        stored = self._mailbox.get(message_id) if 0 < message_id < _LARGEST_ID else None
        if stored is None:
            raise HTTPException(404)
        return stored

    def _read(self, message_id: int) -> tuple[Stored, Reading]:
        stored = self._stored(message_id)
        return stored, read(self._mailbox.raw(stored))

    def _text_page(self, request: Request, stored: Stored, reading: Reading, *, tab: str) -> Response:
        text = reading.text
        values = {
            "pieces": None if text is None else text_pieces(text[:LONGEST_SOURCE]),
            "cut": text is not None and len(text) > LONGEST_SOURCE,
        }
        return self._shown(request, stored, reading, tab=tab, values=values)

    def _shown(
        self, request: Request, stored: Stored, reading: Reading, *, tab: str, values: dict[str, Any] | None = None
    ) -> Response:
        older, newer = self._mailbox.neighbours(stored.id)
        shared = {
            "message": stored,
            "reading": reading,
            "enclosed": [part for part in reading.parts if not _hidden(part, reading)],
            "tab": tab,
            "cut": False,
            "older": older,
            "newer": newer,
            "one_click": one_click(reading, self._base_url),
            "one_click_field": ONE_CLICK.partition("="),
        }
        return self._page(request, f"message_{tab}", shared | (values or {}))

    def _page(self, request: Request, name: str, values: dict[str, Any]) -> Response:
        return page(request, _TEMPLATE.format(name), self.shared | values)


def create_viewer(
    mailbox: Mailbox, *, base_url: str, newsroom: str = "", zone: str = "UTC", clock: Clock = system_clock
) -> FastAPI:
    """The inbox in the browser, to be served by itself or mounted into another application.

    Args:
        mailbox: what it shows.
        base_url: the newsroom's own URL; only there does it offer to send a one-click unsubscribe.
        newsroom: the name to show.
        zone: the IANA zone in which times are shown.
        clock: tells what day it is.
    """
    viewer = _Viewer(mailbox, newsroom=newsroom, base_url=base_url, zone=zone, clock=clock)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(SecurityHeaders, policy=page_policy(form_targets=origin(base_url))),
            Middleware(LoopbackNames),
        ],
    )
    routes: dict[str, Callable[..., Response]] = {
        "/": viewer.listing,
        "/messages/{message_id}": viewer.message,
        "/messages/{message_id}/text": viewer.text,
        "/messages/{message_id}/source": viewer.source,
        "/messages/{message_id}/headers": viewer.headers,
        "/messages/{message_id}/html": viewer.html,
        "/messages/{message_id}/parts/{number}": viewer.part,
        "/messages/{message_id}/eml": viewer.eml,
    }
    for path, endpoint in routes.items():
        app.add_api_route(path, endpoint, methods=READ, response_model=None)
    serve_assets(app)
    answer_faults(app, _TEMPLATE.format("fault"), viewer.shared)
    return app


def _hidden(part: Part, reading: Reading) -> bool:
    """Whether the part is an image that the HTML shows by itself."""
    return bool(part.shown_inline and part.content_id and part.content_id in (reading.html or ""))


def _query(chosen: dict[str, str | int | bool]) -> str:
    """The list's query string; what is the default is left out."""
    said = {name: int(value) if isinstance(value, bool) else value for name, value in chosen.items() if value}
    if said.get("page") == 1:
        del said["page"]
    return f"?{urlencode(said)}" if said else "?"


def _download(content: bytes, name: str, *, media_type: str = "application/octet-stream") -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})
