"""Roundups and decisions become sections: sides, links, headings, order, what is left out. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.issues.decisions import IssueTable, web_link
from newsletter.issues.model import Quote, Section
from newsletter.issues.reading import Reading
from newsletter.roundups.headings import is_bright_side, undecorated
from newsletter.roundups.model import Quote as RoundupQuote
from newsletter.roundups.model import Roundup
from newsletter.roundups.model import Section as RoundupSection
from newsletter.settings import Side

SIDE_UNDECIDED = "SIDE-UNDECIDED"
_TITLE_HINT = re.compile(r"^(?:title|headline)[*_]*\s*[:=]\s*[*_]*\s*", re.IGNORECASE)
_LINK_LINE = re.compile(
    r"[\s*_]*(?:(?:link|url|read more|full (?:article|text|story))[*_]*\s*[:=]?\s*)?"
    r"(?:[\[(<*_]*https?://[^\s<>\"]+[\s\])>*_.,;]*|\[[^\[\]]*\]\(\s*https?://[^\s()]+\s*\)\.?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """The sections as shown, and what findings need: every quote id and heading of the files, and what was left out."""

    sections: tuple[Section, ...]
    ids: frozenset[str]
    headings: frozenset[str]
    left_out: tuple[tuple[str, tuple[int, int]], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A quote of a file with the id that it has in this issue."""

    id: str
    quote: RoundupQuote
    file: str
    undecided: bool


def join(readings: Sequence[Reading], table: IssueTable, sides: Mapping[str, Side], *, title: str) -> Joined:
    """Join the roundups with the decisions.

    A quote that stands in the files twice is known by its id and then by `id-2`, so that each can be decided by
    itself. Of several roundups, a title that is not the issue's own becomes a heading over its roundup's sections.
    """
    seen: dict[str, int] = {}
    sections: list[Section] = []
    headings: set[str] = set()
    left_out: list[tuple[str, tuple[int, int]]] = []
    for reading in readings:
        if len(readings) > 1 and (own := shown_title(reading.roundup.title)) and own != title:
            headings.add(own)
            sections.append(Section(heading=table.headings.get(own, own), side=None, stance=None, quotes=()))
        for section in reading.roundup.sections:
            found = [_found(quote, section, reading, seen) for quote in section.quotes]
            kept = [each for each in found if each.id not in table.leave_out]
            left_out += [(each.file, each.quote.lines) for each in found if each.id in table.leave_out]
            headings |= {section.heading, undecorated(section.heading)} - {""}
            if kept or section.prose or not found:
                sections.append(_section(section, kept, table, sides))
    ids = frozenset(
        f"{key}-{number}" if number > 1 else key for key, count in seen.items() for number in range(1, count + 1)
    )
    return Joined(sections=tuple(sections), ids=ids, headings=frozenset(headings), left_out=tuple(left_out))


def quotes_by_id(readings: Sequence[Reading]) -> dict[str, RoundupQuote]:
    """Every quote of the roundups, left out or not, by the id that it has in the issue."""
    seen: dict[str, int] = {}
    return {_unique(quote, seen): quote for reading in readings for quote in reading.roundup.quotes}


def shown_title(written: str | None) -> str:
    """A roundup's title without Markdown and without `Title:`; "" where it has none."""
    return " ".join(undecorated(_TITLE_HINT.sub("", undecorated(written or ""))).split())


def _found(quote: RoundupQuote, section: RoundupSection, reading: Reading, seen: dict[str, int]) -> _Found:
    return _Found(
        id=_unique(quote, seen), quote=quote, file=reading.name, undecided=_argues(quote, section, reading.roundup)
    )


def _unique(quote: RoundupQuote, seen: dict[str, int]) -> str:
    count = seen[quote.id] = seen.get(quote.id, 0) + 1
    return quote.id if count == 1 else f"{quote.id}-{count}"


def _argues(quote: RoundupQuote, section: RoundupSection, roundup: Roundup) -> bool:
    """Whether the quote needs a side: its heading is not the bright side's, or, without one, the parser asks."""
    if section.heading or section.lean is not None:
        return not is_bright_side(section.heading)
    first, last = quote.lines
    asked = (
        finding.line for finding in roundup.findings if finding.code == SIDE_UNDECIDED and finding.line is not None
    )
    return any(first <= line <= last for line in asked)


def _section(section: RoundupSection, found: Sequence[_Found], table: IssueTable, sides: Mapping[str, Side]) -> Section:
    side = section.lean.value if section.lean and section.lean.value in sides else None
    return Section(
        heading=_heading(section, side, table, sides),
        side=side,
        stance=undecorated(section.summary) if section.summary else None,
        quotes=tuple(_quote(each, table, sides) for each in _ordered(found, table.order)),
        prose=section.prose,
    )


def _heading(section: RoundupSection, side: str | None, table: IssueTable, sides: Mapping[str, Side]) -> str:
    plain = undecorated(section.heading)
    for written in (section.heading, plain):
        if written and written in table.headings:
            return table.headings[written]
    return plain or (sides[side].heading if side else "")


def _ordered(found: Sequence[_Found], order: Sequence[str]) -> list[_Found]:
    """Those that `order` names first and in its order, then the others as they stand in the file."""
    places = {key: number for number, key in reversed(list(enumerate(order)))}
    return sorted(found, key=lambda each: places.get(each.id, len(order)))


def _quote(found: _Found, table: IssueTable, sides: Mapping[str, Side]) -> Quote:
    quote = found.quote
    side, source = _side(found, table, sides)
    return Quote(
        id=found.id,
        paragraphs=quote.paragraphs,
        author=quote.author,
        outlet=quote.outlet,
        attribution=_attribution(quote),
        side=side,
        side_source=source,
        link=table.links.get(found.id) or _safe(quote.link),
        suggestion=quote.suggestion if found.undecided and side is None else None,
        file=found.file,
        lines=quote.lines,
        undecided=found.undecided and side is None,
    )


def _side(found: _Found, table: IssueTable, sides: Mapping[str, Side]) -> tuple[str | None, str | None]:
    if decided := table.sides.get(found.id):
        return decided, "decision"
    lean = found.quote.lean
    return (lean.value, found.quote.lean_source) if lean and lean.value in sides else (None, None)


def _attribution(quote: RoundupQuote) -> str:
    """The attribution without the lines that only carry its link."""
    lines = quote.attribution.split("\n")
    return (
        "\n".join(line for line in lines if not _LINK_LINE.fullmatch(line.strip())) if quote.link else quote.attribution
    )


def _safe(link: str | None) -> str | None:
    try:
        return web_link(link) if link else None
    except ValueError:
        return None
