"""An edition as anybody may read it: the mail's own words and look, and nothing of any one reader.

What comes out is written anew from the parsed mail, element by element, from a list of what may stand there: nothing
that runs, nothing that asks for anything, no picture from elsewhere, and no address but those of the quotes' sources.
Readers' slots are filled with what is true of everybody or taken out with the sentence that they stand in. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from lxml import html as lxml_html
from lxml.etree import ParserError
from lxml.html import HtmlElement

from newsletter.rendering import Edition
from newsletter.rendering.slots import NAMES
from newsletter.web.public.plain_styles import Sheet, declarations, renamed

READER = "reader"
"""What stands for a name."""

_VOID = frozenset({"br", "hr", "img"})
_NAME = re.compile(r"\w+")
_WORDS = frozenset(
    _NAME.findall(
        "a abbr b bdi bdo blockquote br cite code em h1 h2 h3 h4 h5 h6 hr i img li ol p pre q s small span strong sub sup u ul"
    )
)
_LAYOUT = frozenset({"div", "table", "tbody", "thead", "tfoot", "tr", "td", "th", "center"})
_DROPPED = frozenset(
    _NAME.findall(
        "script style template title head noscript iframe object embed applet form input button select textarea svg math "
        "link meta base audio video source track canvas"
    )
)
_BLOCKS = frozenset({"p", "div", "td", "th", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS = frozenset({"td", "th"})
_LONGEST_PERSONAL = 300
"""Characters of a sentence about the reader. A longer block is the issue's, and only loses the slot."""

_DEEPEST = 200
_LENGTH = re.compile(r"\d{1,4}(?:px|%)?")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}|#[0-9A-Fa-f]{3}|[a-z]{3,20}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Neutral:
    """`html` goes into an element of the class `issue`, `css` into a sheet; `text` is the plain text part."""

    html: str
    css: str
    text: str


def neutral(edition: Edition, *, list_title: str) -> Neutral:
    """The edition for everybody who follows a link to it."""
    body = _without_reader(edition, list_title)
    sheet = Sheet()
    for style in body.getroottree().iter("style"):
        if not style.get("media"):
            sheet.take(style.text_content())
    writer = _Writer(edition.base_url, sheet)
    return Neutral(html=writer.write(body), css=sheet.text(), text=neutral_text(edition, list_title=list_title))


def bare(edition: Edition, *, list_title: str) -> str:
    """The same for programs that read feeds: words, links and headings, without look and layout."""
    return _Writer(edition.base_url, None).write(_without_reader(edition, list_title))


def neutral_text(edition: Edition, *, list_title: str) -> str:
    """The plain text, without the paragraphs that are about the reader."""
    markers = _markers(edition)
    personal = [markers[name] for name in ("leave", "track", "since", "address")]
    kept = [block for block in edition.text.split("\n\n") if not any(marker in block for marker in personal)]
    return "\n\n".join(kept).replace(markers["name"], READER).replace(markers["list"], list_title)


def _markers(edition: Edition) -> dict[str, str]:
    return {name: edition.slots.marker(name) for name in NAMES}


def _without_reader(edition: Edition, list_title: str) -> HtmlElement:
    try:
        document = lxml_html.document_fromstring(edition.html)
    except ParserError:
        document = lxml_html.document_fromstring("<p></p>")
    body = document.body
    markers = _markers(edition)
    for link in [one for one in body.iter("a") if _has(one.get("href", ""), markers, "leave", "track")]:
        _take_out_link(link)
    for element in list(body.iter()):
        if isinstance(element.tag, str):
            _fill(element, {markers["name"]: READER, markers["list"]: list_title})
    for marker in (markers[name] for name in ("leave", "track", "since", "address")):
        while (holder := _holding(body, marker)) is not None:
            _take_out(holder, marker)
    return body


def _has(text: str, markers: dict[str, str], *names: str) -> bool:
    return any(markers[name] in text for name in names)


def _take_out_link(link: HtmlElement) -> None:
    """A way to the reader's own pages: its words go too, unless they are a heading's, or a picture."""
    block = _block_of(link)
    if (block is not None and block.tag in _HEADINGS) or link.find(".//img") is not None:
        link.drop_tag()
        return
    link.drop_tree()
    if block is not None and not any(letter.isalnum() for letter in block.text_content()):
        _remove(block)


def _fill(element: HtmlElement, values: dict[str, str]) -> None:
    for marker, value in values.items():
        if element.text and marker in element.text:
            element.text = element.text.replace(marker, value)
        if element.tail and marker in element.tail:
            element.tail = element.tail.replace(marker, value)


def _holding(body: HtmlElement, marker: str) -> HtmlElement | None:
    """The smallest block that has the marker in its words, or the element that has it in an attribute."""
    for element in body.iter():
        if isinstance(element.tag, str) and marker in (element.text or ""):
            return _block_of(element, itself=True)
        if marker in (element.tail or "") and (parent := element.getparent()) is not None:
            return _block_of(parent, itself=True)
    return None


def _take_out(block: HtmlElement, marker: str) -> None:
    if block.tag != "body" and len(block.text_content()) <= _LONGEST_PERSONAL:
        _remove(block)
    else:
        for element in block.iter():
            _fill(element, {marker: "…"})


def _remove(block: HtmlElement) -> None:
    """Take a block away; a cell stays, empty, because the row counts on it."""
    if block.tag in _CELLS:
        tail = block.tail
        block.clear()
        block.tail = tail
    else:
        block.drop_tree()


def _block_of(element: HtmlElement, *, itself: bool = False) -> HtmlElement:
    found = element if itself else element.getparent()
    while found.tag not in _BLOCKS and found.tag != "body" and found.getparent() is not None:
        found = found.getparent()
    return found


class _Writer:
    """Writes elements anew: with a sheet as the mail looks, without one as bare words."""

    def __init__(self, base_url: str, sheet: Sheet | None) -> None:
        self._home = _origin(base_url)
        self._sheet = sheet
        self._kept = _WORDS | _LAYOUT if sheet is not None else _WORDS

    def write(self, body: HtmlElement) -> str:
        """What stands in the body."""
        written = "".join(self._inside(body, 0))
        return written if self._sheet is not None else re.sub(r"\s*\n\s*", "\n", written).strip()

    def _inside(self, element: HtmlElement, depth: int) -> Iterator[str]:
        yield escape(element.text or "", quote=False)
        for child in element:
            if isinstance(child.tag, str) and child.tag not in _DROPPED and depth < _DEEPEST:
                yield from self._element(child, depth + 1)
            yield escape(child.tail or "", quote=False)

    def _element(self, element: HtmlElement, depth: int) -> Iterator[str]:
        tag = str(element.tag)
        hidden = "preheader" in element.get("class", "").split()
        if hidden or (tag == "img" and not self._may_show(element)):
            yield escape(element.get("alt", "")) if tag == "img" else ""
            return
        if tag not in self._kept or (tag == "a" and not _is_link(element.get("href", ""))):
            yield "\n" if tag in _BLOCKS else ""
            yield from self._inside(element, depth)
            yield "\n" if tag in _BLOCKS else ""
            return
        written = "div" if tag == "center" else tag
        yield f"<{written}{self._attributes(element)}>"
        if tag not in _VOID:
            yield from self._inside(element, depth)
            yield f"</{written}>"

    def _may_show(self, image: HtmlElement) -> bool:
        """Only our own: a picture from elsewhere tells elsewhere who reads."""
        return self._home is not None and _origin(image.get("src", "")) == self._home

    def _attributes(self, element: HtmlElement) -> str:
        found = dict(_plain_attributes(element))
        if self._sheet is not None:
            style = self._sheet.class_of((*_presented(element), *declarations(element.get("style", ""))))
            classes = " ".join(filter(None, (renamed(element.get("class", "")), style)))
            if classes:
                found["class"] = classes
        return "".join(f' {name}="{escape(value)}"' for name, value in found.items())


def _plain_attributes(element: HtmlElement) -> Iterator[tuple[str, str]]:
    """What an element says, and not how it looks."""
    get: Callable[[str, str], str] = element.get
    if element.tag == "a":
        yield "href", get("href", "").strip()
        yield "rel", "noopener noreferrer"
    if element.tag == "img":
        yield "src", get("src", "").strip()
        yield "alt", get("alt", "")
        yield from ((name, get(name, "")) for name in ("width", "height") if get(name, "").isdigit())
    if element.tag == "table" and get("role", "") in {"presentation", "none"}:
        yield "role", "presentation"
    if _TAG.fullmatch(get("lang", "")):
        yield "lang", get("lang", "")
    if get("dir", "") in {"ltr", "rtl", "auto"}:
        yield "dir", get("dir", "")
    yield from ((name, get(name, "")) for name in ("colspan", "rowspan") if get(name, "").isdigit())


def _presented(element: HtmlElement) -> Iterator[tuple[str, str]]:
    """Attributes of old HTML as the style that they stand for."""
    align, width = element.get("align", "").lower(), element.get("width", "").lower()
    if align in {"left", "right", "center"}:
        if element.tag == "table":
            yield from ((f"margin-{side}", "auto") for side in ("left", "right") if align == "center")
        else:
            yield "text-align", align
    if element.tag != "img" and _LENGTH.fullmatch(width):
        yield "width", width if width.endswith(("%", "px")) else f"{width}px"
    if element.get("valign", "").lower() in {"top", "middle", "bottom", "baseline"}:
        yield "vertical-align", element.get("valign").lower()
    if _COLOR.fullmatch(element.get("bgcolor", "")):
        yield "background-color", element.get("bgcolor")


def _is_link(href: str) -> bool:
    return href.strip().lower().startswith(("http://", "https://", "mailto:")) and not re.search(
        r"[\x00-\x20\x7f]", href.strip()
    )


def _origin(url: str) -> str | None:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme in {"http", "https"} and parts.netloc else None
