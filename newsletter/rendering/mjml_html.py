"""What is wrong with the HTML and CSS that stand within MJML: the compiler passes both on as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from newsletter.rendering.mjml_values import is_url

_FETCHES = re.compile(r"@import|url\s*\(|@font-face|image-set\s*\(", re.IGNORECASE)
_STRIPPED = frozenset(
    {"script", "iframe", "object", "embed", "form", "input", "button", "select", "textarea", "svg", "video", "audio"}
    | {"link", "base", "frame", "frameset", "applet", "math"}
)
_LINKS = {"a": "href", "area": "href", "img": "src"}

Fault = tuple[Any, str, str]
"""The element at fault, the code, the words."""


def faults_in_html(element: Any, depth: int, deepest: int) -> Iterator[Fault]:
    """What is wrong below an MJML element that holds HTML, `depth` elements deep itself."""
    for child in element:
        if not isinstance(child.tag, str):
            continue
        tag = child.tag
        if tag.startswith("mj"):
            yield child, "TEMPLATE-CONTENT", f"<{tag}> cannot stand in the text of <{element.tag}>"
        elif depth >= deepest:
            yield child, "TEMPLATE-DEPTH", f"elements are nested more than {deepest} deep"
        elif tag in _STRIPPED:
            yield child, "TEMPLATE-CONTENT", f"<{tag}> is removed or refused by mail programs"
        else:
            yield from _attributes(child, tag)
            yield from faults_in_html(child, depth + 1, deepest)


def _attributes(element: Any, tag: str) -> Iterator[Fault]:
    if tag == "img":
        if element.get("alt") is None:
            yield element, "TEMPLATE-ALT", "<img> needs the attribute 'alt'"
        if not (element.get("width") or "").isdigit():
            yield element, "TEMPLATE-REQUIRED", "<img> needs a 'width' in pixels, without a unit"
    address = element.get(_LINKS[tag]) if tag in _LINKS else None
    if address is not None and not is_url(address):
        yield element, "TEMPLATE-URL", f"{_LINKS[tag]} of <{tag}>: {address!r} is no full address (https://…)"
    if found := _FETCHES.search(element.get("style", "")):
        yield element, "TEMPLATE-FETCHES", f"{found[0]!r} has no place in a style: an edition fetches nothing"
    for name in element.attrib:
        if name.lower().startswith("on"):
            yield element, "TEMPLATE-CONTENT", f"{name!r} is removed or refused by mail programs"


def faults_in_style(css: str) -> tuple[str, str] | None:
    """The code and words of what an `mj-style` would fetch; None where it fetches nothing."""
    if found := _FETCHES.search(css):
        return "TEMPLATE-FETCHES", f"{found[0]!r} has no place in <mj-style>: an edition fetches nothing"
    return None
