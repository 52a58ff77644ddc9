"""The views of an e-mail: what each takes away, as mail programs do. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from newsletter.rehearsal.preview import Theme

PHONE, DESKTOP = 375, 700
"""Widths in CSS pixels: most phones, and a reading pane with a margin around the 600 of the e-mail."""

LONGEST_SNIPPET = 240
"""Characters. No inbox shows more of a message's beginning."""

_STYLES = re.compile(r"<style\b.*?</style\s*>|<link\b[^>]*>", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2064\ufeff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One way to see the e-mail. `framed` are the views of its HTML, each in a frame of its own; the others are pages."""

    key: str
    label: str
    note: str = ""
    framed: bool = True
    width: int = DESKTOP
    theme: Theme = Theme.LIGHT
    styles: bool = True
    images: bool = True


VIEWS: tuple[View, ...] = (
    View(key="desktop", label="Desktop"),
    View(key="phone", label="Phone", width=PHONE),
    View(
        key="dark",
        label="Dark",
        theme=Theme.DARK,
        note="As in Apple Mail, Samsung Mail and Outlook for Mac. Gmail and Outlook on Windows darken it by rules of their own.",
    ),
    View(key="phone-dark", label="Phone, dark", width=PHONE, theme=Theme.DARK),
    View(
        key="no-images",
        label="Images off",
        images=False,
        note="Many programs load no images until the reader asks: what they say stands in their place.",
    ),
    View(
        key="no-styles",
        label="Styles stripped",
        width=PHONE,
        styles=False,
        note="As in Gmail’s apps for accounts of other providers: style sheets are gone, styles on the elements stay.",
    ),
    View(key="text", label="Text", framed=False),
    View(key="inbox", label="Inbox", framed=False),
    View(key="source", label="Source", framed=False),
)
BY_KEY = {view.key: view for view in VIEWS}


def without_styles(html: str) -> str:
    """The HTML without its style sheets; styles on the elements stay."""
    return _STYLES.sub("", html)


def snippet(html: str) -> str:
    """What an inbox shows behind the subject: the first words of the HTML, hidden ones (the preheader) included."""
    reader = _Words()
    reader.feed(html)
    reader.close()
    words = _UNSEEN.sub("", " ".join(reader.words))
    return " ".join(words.split())[:LONGEST_SNIPPET]


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in {"style", "script", "title"}:
            self._skipped.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._skipped:
            self._skipped.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._skipped and sum(map(len, self.words)) < 4 * LONGEST_SNIPPET:
            self.words.append(data)
