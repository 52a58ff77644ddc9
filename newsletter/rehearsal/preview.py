"""A message's HTML made ready for a sandboxed frame of its own, and its one-click link looked at. Pure.

Nothing is cleaned away: the frame's policy (no scripts, no forms, nothing from elsewhere) makes the HTML harmless, and
what is shown stays what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from newsletter.rehearsal.reading import Reading

LONGEST_HTML = 2 * 1024 * 1024
"""Characters. Mailbox providers cut messages at a twentieth of that."""

_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_STYLE_END = re.compile(r"</style", re.IGNORECASE)
_SCHEME = re.compile(r"\(\s{0,9}prefers-color-scheme\s{0,9}:\s{0,9}(dark|light)\s{0,9}\)", re.IGNORECASE)
_DECLARES = re.compile(r"color-scheme", re.IGNORECASE)
_HEAD = re.compile(r"<head(?:\s[^>]{0,500})?>|<!doctype[^>]{0,500}>", re.IGNORECASE)
_CID = re.compile(r"""(?<=["'(=\s])cid:([^"'\s)<>]{1,300})""", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")

ONE_CLICK = "List-Unsubscribe=One-Click"
"""The field and the value of a one-click request (RFC 8058 section 3.1)."""


class Theme(StrEnum):
    """Which of the reader's colour schemes to show."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, kw_only=True, slots=True)
class OneClick:
    """The one-click link of a message: `url` to post to, or "" with the reason in `refusal`."""

    url: str = ""
    refusal: str = ""


def framed(html: str, theme: Theme, images: Mapping[str, str]) -> str:
    """The HTML for a frame: links open in a new tab, `theme` holds, `cid:` images come from `images` (id → URL)."""
    shown = _CID.sub(lambda match: images.get(match[1], match[0]), html[:LONGEST_HTML])
    added = f'<base target="_blank"><meta name="color-scheme" content="{theme}">'
    if theme is Theme.LIGHT or _DECLARES.search(shown):
        added += f"<style>:root{{color-scheme:only {theme}!important}}</style>"
    shown = _themed(shown, theme)
    head = _last_of_opening(shown)
    return shown[:head] + added + shown[head:]


def one_click(reading: Reading, base_url: str) -> OneClick:
    """Where a mailbox provider would post for this reader, if that is a page of the newsroom at `base_url`."""
    header = reading.header("List-Unsubscribe")
    if not header:
        return OneClick(refusal="the message has no List-Unsubscribe header")
    if reading.header("List-Unsubscribe-Post").strip() != ONE_CLICK:
        return OneClick(refusal=f"the message has no header “List-Unsubscribe-Post: {ONE_CLICK}”")
    urls = [uri for uri in re.findall(r"<([^<>]*)>", header) if uri.lower().startswith(("http:", "https:"))]
    if not urls:
        return OneClick(refusal="its List-Unsubscribe header names no web address")
    if _origin(urls[0]) is None or _origin(urls[0]) != _origin(base_url):
        return OneClick(refusal="its List-Unsubscribe address is not one of this newsroom")
    return OneClick(url=urls[0])


def origin(url: str) -> str:
    """`scheme://host[:port]` of a URL; "" where it has none that is beyond doubt."""
    found = _origin(url)
    if found is None:
        return ""
    scheme, host, port = found
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port == _DEFAULT_PORTS[scheme] else f":{port}")


_DEFAULT_PORTS = {"http": 80, "https": 443}


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what two programs may read in two ways (backslash, user, space)."""
    if _UNSAFE.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme]


def _last_of_opening(html: str) -> int:
    """Where something may be put first in the head: after `<head>`, else after the doctype, else at the start."""
    found = list(_HEAD.finditer(html[:10_000]))
    return found[-1].end() if found else 0


def _themed(html: str, theme: Theme) -> str:
    """The style sheets with their questions for a colour scheme answered: by media queries always or never true."""

    def answered(question: re.Match[str]) -> str:
        return "(min-width:0px)" if question[1].lower() == theme else "(max-width:0px)"

    pieces: list[str] = []
    position = 0
    while start := _STYLE.search(html, position):
        end = _STYLE_END.search(html, start.end())
        stop = end.start() if end else len(html)
        pieces += [html[position : start.start()], _SCHEME.sub(answered, html[start.start() : stop])]
        position = stop
    return "".join((*pieces, html[position:]))
