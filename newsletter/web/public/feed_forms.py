"""How feeds are written: RSS 2.0, Atom 1.0 (RFC 4287), JSON Feed 1.1. Pure.

Built as trees and not as text, so that nothing in an issue can break out of its element.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from lxml import etree

_ATOM = "http://www.w3.org/2005/Atom"
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An issue. `html` is its words; `url` names it for good. Instants are in UTC."""

    url: str
    title: str
    summary: str
    html: str
    language: str
    published: datetime
    updated: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """The latest issues, the newest first. `own` is the feed's own address, `home` that of the page for people; `name` is
    the address that it has for good, `home` where that is empty: no two feeds share one.
    """

    title: str
    language: str
    home: str
    own: str
    icon: str
    entries: Sequence[Entry]
    name: str = ""

    @property
    def updated(self) -> datetime:
        """When something in it last changed."""
        return max((entry.updated for entry in self.entries), default=_EPOCH)


def rss(feed: Feed) -> bytes:
    """RSS 2.0, with the whole text as `content:encoded`."""
    root = etree.Element("rss", {"version": "2.0"}, nsmap={"atom": _ATOM, "content": _CONTENT})
    channel = etree.SubElement(root, "channel")
    _add(channel, "title", feed.title)
    _add(channel, "link", feed.home)
    _add(channel, "description", feed.title)
    _add(channel, "language", feed.language)
    if feed.entries:
        _add(channel, "lastBuildDate", _mail_date(feed.updated))
    etree.SubElement(channel, f"{{{_ATOM}}}link", {"href": feed.own, "rel": "self", "type": "application/rss+xml"})
    for entry in feed.entries:
        item = etree.SubElement(channel, "item")
        _add(item, "title", entry.title)
        _add(item, "link", entry.url)
        _add(item, "guid", entry.url, isPermaLink="true")
        _add(item, "pubDate", _mail_date(entry.published))
        _add(item, "description", entry.summary or entry.title)
        _add(item, f"{{{_CONTENT}}}encoded", entry.html)
    return _written(root)


def atom(feed: Feed) -> bytes:
    """Atom 1.0."""
    root = etree.Element(f"{{{_ATOM}}}feed", nsmap={None: _ATOM})
    root.set("{http://www.w3.org/XML/1998/namespace}lang", feed.language)
    _add(root, f"{{{_ATOM}}}title", feed.title)
    _add(root, f"{{{_ATOM}}}id", feed.name or feed.home)
    _add(root, f"{{{_ATOM}}}updated", _instant(feed.updated))
    etree.SubElement(root, f"{{{_ATOM}}}link", {"rel": "self", "type": "application/atom+xml", "href": feed.own})
    etree.SubElement(root, f"{{{_ATOM}}}link", {"rel": "alternate", "type": "text/html", "href": feed.home})
    _add(etree.SubElement(root, f"{{{_ATOM}}}author"), f"{{{_ATOM}}}name", feed.title)
    for entry in feed.entries:
        item = etree.SubElement(root, f"{{{_ATOM}}}entry")
        item.set("{http://www.w3.org/XML/1998/namespace}lang", entry.language)
        _add(item, f"{{{_ATOM}}}title", entry.title)
        _add(item, f"{{{_ATOM}}}id", entry.url)
        _add(item, f"{{{_ATOM}}}published", _instant(entry.published))
        _add(item, f"{{{_ATOM}}}updated", _instant(entry.updated))
        etree.SubElement(item, f"{{{_ATOM}}}link", {"rel": "alternate", "type": "text/html", "href": entry.url})
        if entry.summary:
            _add(item, f"{{{_ATOM}}}summary", entry.summary)
        _add(item, f"{{{_ATOM}}}content", entry.html, type="html")
    return _written(root)


def json_feed(feed: Feed) -> bytes:
    """JSON Feed 1.1."""
    content: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.own,
        "icon": feed.icon,
        "language": feed.language,
        "authors": [{"name": feed.title}],
        "items": [_item(entry) for entry in feed.entries],
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _item(entry: Entry) -> dict[str, Any]:
    item = {
        "id": entry.url,
        "url": entry.url,
        "title": entry.title,
        "summary": entry.summary,
        "content_html": entry.html,
        "language": entry.language,
        "date_published": _instant(entry.published),
        "date_modified": _instant(entry.updated),
    }
    return {name: value for name, value in item.items() if value}


def _add(parent: Any, name: str, text: str, **attributes: str) -> None:
    element = etree.SubElement(parent, name, attributes)
    # XML 1.0 has no way to write most control characters, not even escaped.
    element.text = _NOT_XML.sub("", text)


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _mail_date(instant: datetime) -> str:
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def _written(root: Any) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))
