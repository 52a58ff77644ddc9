"""A quote's attribution, cut into runs that are set differently; together they are the attribution's words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.issues.model import Quote
from newsletter.rendering.cleaning import clean, safe_link


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A stretch of an attribution. `role` is `author`, `outlet` or `words`; `link` where this stretch is the link."""

    text: str
    role: str
    link: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """Who said it and where, as runs in order; none where the quote has no attribution."""

    runs: tuple[Run, ...]

    @property
    def words(self) -> str:
        """The attribution as plain text."""
        return "".join(run.text for run in self.runs)

    @property
    def link(self) -> str | None:
        """The link that one of the runs carries."""
        return next((run.link for run in self.runs if run.link), None)


def attribution_of(quote: Quote) -> Attribution:
    """What the file's attribution says, author and outlet found in it;
    nothing of it is left out but the link's own URL.
    """
    author, outlet = clean(quote.author or "").strip(), clean(quote.outlet or "").strip()
    text = clean(_without_url(quote.attribution, quote.link if safe_link(quote.link) else None)).strip()
    if not text:
        text = ", ".join(part for part in (author, outlet) if part)
    return Attribution(runs=_linked(_runs(text, author, outlet), safe_link(quote.link)))


def _without_url(attribution: str, link: str | None) -> str:
    if not link or link not in attribution:
        return attribution
    escaped = re.escape(link)
    plain = re.sub(rf"\[([^\[\]]*)\]\({escaped}\)", r"\1", attribution)
    plain = re.sub(rf"[ \t]*(?:\({escaped}\)|<{escaped}>|{escaped})", "", plain)
    return plain.rstrip(" ,;:–—-")


def _runs(text: str, author: str, outlet: str) -> list[Run]:
    start = text.find(author) if author else -1
    end = start + len(author) if start >= 0 else 0
    at = text.rfind(outlet) if outlet else -1
    if 0 <= at < end:
        at = _outside(text, outlet, start, end)
    spans = sorted(
        (place, place + len(word), role)
        for place, word, role in ((start, author, "author"), (at, outlet, "outlet"))
        if place >= 0
    )
    runs, position = [], 0
    for begin, stop, role in spans:
        runs += [Run(text=text[position:begin], role="words"), Run(text=text[begin:stop], role=role)]
        position = stop
    runs.append(Run(text=text[position:], role="words"))
    return [run for run in runs if run.text]


def _outside(text: str, outlet: str, start: int, end: int) -> int:
    """Where the outlet stands before the author, as in `The Lantern: Ilse
    Varga`; -1 where it stands inside the author only.
    """
    before = text.rfind(outlet, 0, start)
    return before if before >= 0 else text.find(outlet, end)


def _linked(runs: list[Run], link: str | None) -> tuple[Run, ...]:
    """The link put on the outlet, or else on the author, or else on the words; a link without words shows itself."""
    if link is None:
        return tuple(runs)
    for role in ("outlet", "author", "words"):
        for place, run in enumerate(runs):
            if run.role == role:
                return (*runs[:place], Run(text=run.text, role=role, link=link), *runs[place + 1 :])
    return (Run(text=link, role="words", link=link),)
