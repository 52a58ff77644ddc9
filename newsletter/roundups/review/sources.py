"""Who is quoted: attributions, outlets, sides, and text that belongs to nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from newsletter.roundups.headings import is_bright_side
from newsletter.roundups.model import Lean, Quote
from newsletter.roundups.outlets import Outlets
from newsletter.roundups.review.matter import MOST_OF_A_CODE, Matter, Noted, short


def attributions(matter: Matter) -> Iterator[Noted]:
    """Quotes without an attribution, attributions without a quote."""
    for _, quote, _ in matter.pairs():
        if quote.source is None:
            yield Noted(
                "QUOTE-NO-ATTRIBUTION",
                "this quote has no attribution: add `Author, Outlet` under it",
                quote.paragraphs[0],
            )
    for piece in matter.draft.orphans:
        yield Noted("ATTRIBUTION-NO-QUOTE", f"no quote belongs to {short(piece.text)!r}", piece)


def roles(matter: Matter) -> Iterator[Noted]:
    """Text under a heading that is nothing known."""
    orphans = {id(piece) for piece in matter.draft.orphans}
    for section in matter.draft.sections:
        if section.introduces or (section.heading and is_bright_side(section.heading.text)):
            continue
        for piece in section.prose:
            if id(piece) not in orphans:
                message = f"what is {short(piece.text)!r}? It is no quote, heading, stance line or attribution"
                yield Noted("TEXT-NO-ROLE", message, piece)


def sides(matter: Matter) -> Iterator[Noted]:
    """Opinions whose side the text leaves open, and fewer than two sides in all."""
    undecided = 0
    sides: set[Lean] = set()
    for section, quote, finished in matter.pairs():
        if finished.lean is not None:
            sides.add(finished.lean)
        elif matter.is_opinion(quote):
            undecided += 1
            hint = ""
            if finished.suggestion:
                hint = f"; {finished.suggestion.lean} is suggested: {finished.suggestion.reason}"
            yield Noted(
                "SIDE-UNDECIDED",
                f"whose side is {finished.attribution or 'this quote'!r} on{hint}",
                quote.paragraphs[0],
            )
        if section.lean is Lean.BOTH:
            sides |= {Lean.LEFT, Lean.RIGHT}
    if len(sides) + undecided < 2:
        only = f"only the {next(iter(sides))} is" if sides else "no side, or a single quote at most, is"
        yield Noted("SIDES-FEWER-THAN-TWO", f"{only} quoted here", None)


def outlets(matter: Matter) -> Iterator[Noted]:
    """Outlets nobody knows, and opinions without an author."""
    hints: dict[
        str, str
    ] = {}  # looking for the nearest is slow: once an outlet, and no more often than findings are shown
    for _, quote, finished in matter.pairs():
        if not finished.outlet:
            continue
        piece = quote.attribution[0]
        offset = max(piece.text.find(finished.outlet), 0)
        if len(matter.outlets) and not _known(finished.outlet, matter.outlets):
            if finished.outlet not in hints and len(hints) < MOST_OF_A_CODE:
                near = matter.outlets.nearest(finished.outlet)
                hints[finished.outlet] = (
                    f"; did you mean {near.name!r}?" if near else ": add it to outlets.toml, or correct it"
                )
            message = f"the outlet {finished.outlet!r} is not known{hints.get(finished.outlet, '')}"
            yield Noted("OUTLET-UNKNOWN", message, piece, offset=offset)
        if finished.author is None and matter.is_opinion(quote):
            yield Noted(
                "OUTLET-ALONE", f"{finished.outlet!r} stands alone: who wrote this opinion?", piece, offset=offset
            )


def _known(outlet: str, outlets: Outlets) -> bool:
    return outlets.find(outlet) is not None or all(
        outlets.find(part) for part in re.split(r",\s+|\s+and\s+|\s*[&;/+]\s*", outlet)
    )


def repetitions(matter: Matter) -> Iterator[Noted]:
    """The same line, quote, author or outlet twice."""
    sources = {id(piece) for quote in matter.draft.quotes for piece in quote.attribution}
    seen: dict[str, int] = {}
    split = {piece.line for quote in matter.draft.quotes for piece in quote.attribution if id(piece) in sources}
    for piece in matter.lines:
        if piece.line in split or len(piece.text) < 12:
            continue
        if piece.text in seen:
            yield Noted("TWICE-LINE", f"line {seen[piece.text]} again", piece)
        seen.setdefault(piece.text, piece.line)
    yield from _twice(matter, "TWICE-QUOTE", "quote", lambda quote: quote.id)
    yield from _twice(matter, "TWICE-AUTHOR", "author", _author)
    yield from _twice(matter, "TWICE-OUTLET", "outlet", lambda quote: _outlet_name(quote, matter.outlets))


def _author(quote: Quote) -> str | None:
    if quote.author is None or quote.author.casefold().startswith(("editorial", "the editor", "editors")):
        return None
    return quote.author.casefold()


def _outlet_name(quote: Quote, outlets: Outlets) -> str | None:
    if quote.outlet is None:
        return None
    known = outlets.find(quote.outlet)
    return (known.name if known else quote.outlet).casefold().removeprefix("the ")


def _twice(matter: Matter, code: str, what: str, key: Callable[[Quote], str | None]) -> Iterator[Noted]:
    seen: dict[str, int] = {}
    for _, quote, finished in matter.pairs():
        value = key(finished)
        if value is None or (code != "TWICE-QUOTE" and not matter.is_opinion(quote)):
            continue
        place = quote.paragraphs[0] if code == "TWICE-QUOTE" else quote.attribution[0]
        if value in seen:
            yield Noted(code, f"the same {what} as in line {seen[value]}", place)
        seen.setdefault(value, place.line)
