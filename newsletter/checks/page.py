"""The HTML of an edition as a reader's program would see it: elements, computed looks in light and dark, links, text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from lxml import etree, html
from lxml.cssselect import CSSSelector

from newsletter.checks.contrast import Color, read_color
from newsletter.checks.stylesheet import Declaration, StyleRule, Stylesheet, declarations, read_stylesheet

Element = Any
"""An lxml element; lxml ships no types."""

BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "td", "th", "div", "li", "blockquote", "body", "table"})
_LOOKS = frozenset(
    {"color", "background", "background-color", "font-size", "line-height", "display", "visibility",
     "padding", "padding-top", "padding-bottom"}
)  # fmt: skip
_NUMBER = re.compile(r"([\d.]+)(px|em|rem|%|pt)?$")
_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark")
_LINK_BLUE: Color = (0, 0, 0xEE)
_MONO = {"font-size": 16.0, "line-height": 18.4}


class Scheme(StrEnum):
    """The two ways in which a reader's device shows a page."""

    LIGHT = "light"
    DARK = "dark"


class Look(NamedTuple):
    """What an element looks like: colours, sizes in CSS pixels. `line` is None while it follows from the size."""

    color: Color
    ground: Color
    size: float
    line: float | None
    hidden: bool
    padding: float


class Run(NamedTuple):
    """Text that stands directly in an element, and the element's look."""

    text: str
    element: Element
    look: Look


@dataclass(frozen=True, slots=True)
class Link:
    """A link: where it leads, its words, and its element."""

    href: str
    words: str
    element: Element


class _Weighed(NamedTuple):
    weight: tuple[bool, bool, tuple[int, int, int], int]
    value: str


class Page:
    """One edition's HTML, read once."""

    def __init__(self, source: str) -> None:
        self.source = source
        # lxml would guess another encoding from the meta element of some templates.
        self.root: Element = html.document_fromstring(source.encode(), parser=html.HTMLParser(encoding="utf-8"))
        self._looks: dict[Scheme, dict[Element, Look]] = {}

    @cached_property
    def elements(self) -> list[Element]:
        """All elements in order; comments, conditional ones too, are none."""
        return [element for element in self.root.iter() if isinstance(element.tag, str)]

    @cached_property
    def stylesheet(self) -> Stylesheet:
        """The rules of all style elements."""
        return read_stylesheet([(style.get("media") or "", style.text or "") for style in self.root.iter("style")])

    @cached_property
    def inline(self) -> dict[Element, tuple[Declaration, ...]]:
        """The declarations of the elements that have a style attribute."""
        return {
            element: _declared(element.get("style")) for element in self.elements if element.get("style") is not None
        }

    @property
    def style_bytes(self) -> int:
        """What all style elements hold, in bytes of UTF-8."""
        return sum(len((style.text or "").encode()) for style in self.root.iter("style"))

    @property
    def designed_for_dark(self) -> bool:
        """Whether there are rules for readers whose device is dark."""
        return any(_DARK.search(rule.media) for rule in self.stylesheet.rules)

    @cached_property
    def body(self) -> Element:
        """The body element."""
        found = self.root.find("body")
        return self.root if found is None else found

    @cached_property
    def links(self) -> list[Link]:
        """All links in order; anchors without `href` are none."""
        return [
            Link(element.get("href"), _words(element), element)
            for element in self.body.iter("a")
            if element.get("href") is not None
        ]

    @cached_property
    def words(self) -> str:
        """All text of the body in order, white space folded; a block's end parts words."""
        return _words(self.body)

    @cached_property
    def leaves(self) -> list[tuple[str, Element]]:
        """The innermost blocks with their words."""
        blocks = [element for element in self.body.iter(*BLOCKS) if isinstance(element.tag, str)]
        inner = [
            block for block in blocks if not any(isinstance(each.tag, str) for each in block.iterdescendants(*BLOCKS))
        ]
        return [(_words(block), block) for block in inner]

    def looks(self, scheme: Scheme) -> dict[Element, Look]:
        """Every element of the body with its look on a wide screen."""
        if scheme not in self._looks:
            self._looks[scheme] = self._computed(scheme)
        return self._looks[scheme]

    def runs(self, scheme: Scheme) -> Iterator[Run]:
        """Visible text, element by element."""
        for element, look in self.looks(scheme).items():
            text = " ".join([element.text or "", *(child.tail or "" for child in element)])
            if text.strip() and not look.hidden and element.tag not in {"style", "script", "title"}:
                yield Run(" ".join(text.split()), element, look)

    def _computed(self, scheme: Scheme) -> dict[Element, Look]:
        declared = self._declared(scheme)
        looks: dict[Element, Look] = {}
        above = Look((0, 0, 0), (255, 255, 255), _MONO["font-size"], None, False, 0.0)
        for element in self.body.iter():
            if isinstance(element.tag, str):
                looks[element] = _look(element, looks.get(element.getparent(), above), declared.get(element, {}))
        return looks

    def _declared(self, scheme: Scheme) -> dict[Element, dict[str, str]]:
        """For each element the winning value of each property that a look depends on (CSS Cascade Level 3)."""
        won: dict[Element, dict[str, _Weighed]] = {}
        for rule in self.stylesheet.rules:
            told = [each for each in rule.declarations if each.name in _LOOKS]
            if told and _applies(rule, scheme):
                for element in _matched(rule.selector, self.root):
                    _weigh(won.setdefault(element, {}), told, inline=False, rule=rule)
        for element, inline in self.inline.items():
            _weigh(won.setdefault(element, {}), [each for each in inline if each.name in _LOOKS], inline=True)
        return {element: {name: each.value for name, each in values.items()} for element, values in won.items()}


@lru_cache(maxsize=1024)
def _declared(style: str) -> tuple[Declaration, ...]:
    return tuple(declarations(style))


def _words(element: Element) -> str:
    """The element's text, white space folded, its blocks parted; comments hold no text."""
    pieces: list[str] = []
    for action, each in etree.iterwalk(element, events=("start", "end", "comment")):
        part = " " if each.tag in BLOCKS or each.tag == "br" else ""
        if action == "start":
            pieces += [part, each.text or ""]
        elif each is not element:
            pieces += [part, each.tail or ""]
    return " ".join("".join(pieces).split())


def _applies(rule: StyleRule, scheme: Scheme) -> bool:
    """Whether the rule counts on a wide screen; what depends on a pointer or a mail program does not."""
    media = rule.media.lower()
    if ":" in rule.selector or "print" in media or "max-width" in media:
        return False
    return scheme is Scheme.DARK if _DARK.search(media) else "prefers-color-scheme" not in media


@lru_cache(maxsize=1024)
def _compiled(selector: str) -> CSSSelector | None:
    try:
        return CSSSelector(selector)
    except Exception:  # noqa: BLE001 - cssselect and lxml raise classes of two families; programs drop such rules
        return None


def _matched(selector: str, root: Element) -> Sequence[Element]:
    compiled = _compiled(selector)
    found: Sequence[Element] = compiled(root) if compiled is not None else ()
    return found


def _weigh(
    values: dict[str, _Weighed], told: list[Declaration], *, inline: bool, rule: StyleRule | None = None
) -> None:
    """Let declarations win over what an element has: importance, inline, specificity, order."""
    for place, each in enumerate(told):
        name = "background-color" if each.name == "background" else each.name
        specificity, order = (rule.specificity, rule.order) if rule else ((0, 0, 0), place)
        weight = (each.important, inline, specificity, order)
        if name not in values or values[name].weight <= weight:
            values[name] = _Weighed(weight, each.value)


def _look(element: Element, above: Look, declared: dict[str, str]) -> Look:
    size = _size(declared.get("font-size"), above.size)
    ground = read_color(declared.get("background-color") or element.get("bgcolor") or "") or above.ground
    color = above.color
    if element.tag == "a" and element.get("href") is not None:
        color = _LINK_BLUE
    color = read_color(declared.get("color", "")) or (above.color if declared.get("color") == "inherit" else color)
    hidden = declared.get("display") == "none" or declared.get("visibility") == "hidden"
    line = _line(declared.get("line-height"), size, above.line)
    return Look(color, ground, size, line, above.hidden or hidden, _padding(declared))


def _size(value: str | None, above: float) -> float:
    found = _NUMBER.match(value.lower()) if value else None
    if found is None:
        return above
    number = float(found[1])
    scale = {"em": above, "rem": 16.0, "%": above / 100, "pt": 4 / 3}
    return number * scale.get(found[2] or "px", 1.0)


def _line(value: str | None, size: float, above: float | None) -> float | None:
    found = _NUMBER.match(value.lower()) if value else None
    if found is None:
        return None if value == "normal" else above
    number = float(found[1])
    scale = {"px": 1.0, "pt": 4 / 3, "%": size / 100}
    return number * scale.get(found[2] or "", size)


def _padding(declared: dict[str, str]) -> float:
    """What top and bottom padding add to an element's height."""
    parts = [_size(part, 0.0) for part in declared.get("padding", "").split()]
    top = parts[0] if parts else 0.0
    bottom = parts[2] if len(parts) > 2 else top
    return _size(declared.get("padding-top"), top) + _size(declared.get("padding-bottom"), bottom)
