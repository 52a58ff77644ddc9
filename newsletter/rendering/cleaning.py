"""Text and links from outside, made fit for XML, HTML and mail without losing a word."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

import idna

# Characters that XML 1.0 section 2.2 cannot hold, and C1 controls, which
# HTML forbids and mail programs mistake for line ends.
_UNHOLDABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
# Vertical tab, form feed and NEL break lines in some programs and not in others; U+2028 and U+2029 too.
_BREAKS = re.compile("[\x0b\x0c\x85\u2028\u2029]|\r\n?|\n")
_BAD_IN_URL = re.compile('[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\ufffe\uffff<>"\\\\^`{|}]')
REPLACEMENT = "\ufffd"
SCHEMES = frozenset({"http", "https", "mailto"})
_URL_SAFE = "%/:=&?~#+!$,;'@()*[]-._"


def clean(text: str) -> str:
    """The text on one line, with every character that XML cannot hold replaced by U+FFFD, so that the loss shows."""
    return _BREAKS.sub(" ", _UNHOLDABLE.sub(REPLACEMENT, text))


def count_unholdable(text: str) -> int:
    """How many characters `clean` would replace."""
    return len(_UNHOLDABLE.findall(text))


def paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of a text that parts them by blank lines, each on one line and clean."""
    blocks = re.split(r"\n[ \t]*\n", re.sub(r"\r\n?", "\n", text))
    return tuple(clean(block.strip()) for block in blocks if block.strip())


def safe_link(url: str | None) -> str | None:
    """The URL in ASCII where it may stand in an edition (`http`, `https`, `mailto`), else None.

    Hosts become A-labels (RFC 5891) and other characters percent-encoded UTF-8 (RFC 3987,
    section 3.1), so that the HTML and the text part carry the same bytes.
    """
    if not url or _BAD_IN_URL.search(url.strip()):
        return None
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in SCHEMES or (parts.scheme != "mailto" and not host):
        return None
    try:
        netloc = parts.netloc if parts.netloc.isascii() else _ascii_netloc(parts.netloc, host or "")
    except UnicodeError:
        return None
    encoded = (quote(part, safe=_URL_SAFE) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, netloc, *encoded))


def _ascii_netloc(netloc: str, host: str) -> str:
    credentials, at, rest = netloc.rpartition("@")
    port = rest[len(host) :] if rest.lower().startswith(host) else ""
    return quote(credentials, safe=_URL_SAFE) + at + idna.encode(host, uts46=True).decode("ascii") + port
