"""`read`: the station's one way through, from text to the proven roundup."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import replace

from newsletter.roundups.draft import SINGLE_SIDES, Draft, QuoteDraft, SectionDraft
from newsletter.roundups.headings import is_bright_side
from newsletter.roundups.lines import pieces
from newsletter.roundups.model import Lean, Quote, Roundup, Section, Suggestion
from newsletter.roundups.outlets import Outlets
from newsletter.roundups.proof import prove
from newsletter.roundups.review import Matter, review
from newsletter.roundups.rules import read_draft
from newsletter.roundups.suggestions import suggest

_WORDS = re.compile(r"\w+")


def read(text: str, *, outlets: Outlets, longest_quote_words: int = 220, name: str = "roundup") -> Roundup:
    """Read the text of a roundup file.

    Args:
        text: the file's text; any line ends.
        outlets: the newsroom's known outlets, for suggestions and for telling sources from other short lines.
        longest_quote_words: quotes with more words are warned of.
        name: what the file is called in error messages.

    Raises:
        InputError: a line would be lost or changed, which no text should ever bring about.
    """
    lines = pieces(text)
    draft = read_draft(lines, outlets)
    opinions = _opinions(draft)
    sections = tuple(
        _section(section, opinions, outlets, under)
        for section, under in zip(draft.sections, _above(draft), strict=True)
    )
    roundup = Roundup(
        title=draft.title.text if draft.title else None,
        date=draft.date.text if draft.date else None,
        sections=sections,
        furniture=tuple(piece.text for piece in draft.furniture),
        findings=review(Matter(lines, draft, sections, opinions, outlets, longest_quote_words)),
    )
    prove(name, lines, draft.pieces, roundup)
    return roundup


def quote_id(paragraphs: tuple[str, ...]) -> str:
    """A hash of the quote's own words: marks, white space and case do not count. 12 hexadecimal digits."""
    joined = unicodedata.normalize("NFKC", " ".join(paragraphs)).casefold()
    words = " ".join(_WORDS.findall(joined)) or joined
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _opinions(draft: Draft) -> frozenset[int]:
    """Which quotes argue: those under a heading, the closing bright side aside. Where a file has no headings at all, those from
    the first that names an author; where none does, those whose source has a line of its own.
    """
    found: set[int] = set()
    headed = any(section.quotes for section in draft.sections if not section.introduces)
    for position, section in enumerate(draft.sections):
        if section.introduces:
            quotes = [] if headed else _from_first_author(section)
        elif _introduces_topic(draft, position):
            quotes = []
        else:
            quotes = [] if section.heading and is_bright_side(section.heading.text) else section.quotes
        found.update(id(quote) for quote in quotes)
    return frozenset(found)


def _introduces_topic(draft: Draft, position: int) -> bool:
    """Whether the section is a further topic's headline over its news, with the sides below it."""
    section = draft.sections[position]
    if section.lean is not None or position + 1 >= len(draft.sections):
        return False
    following = draft.sections[position + 1]
    reported = all(quote.source is not None and quote.source.author is None for quote in section.quotes)
    return reported and (following.lean in SINGLE_SIDES or following.lean is Lean.BOTH)


def _from_first_author(section: SectionDraft) -> list[QuoteDraft]:
    for position, quote in enumerate(section.quotes):
        if quote.source and quote.source.author:
            return section.quotes[position:]
    return [
        quote
        for quote in section.quotes
        if quote.attribution and quote.attribution[0].line != quote.paragraphs[-1].line
    ]


def _above(draft: Draft) -> list[SectionDraft | None]:
    """For each section without a side of its own the empty side heading that it stands under, if any.

    `From the Left`, then a headline over each quote: the headline makes the section, and the heading above suggests its side.
    """
    found: list[SectionDraft | None] = []
    side: SectionDraft | None = None
    for section in draft.sections:
        if section.lean is not None or section.introduces:
            side = section if section.lean in SINGLE_SIDES and not section.quotes else None
            found.append(None)
        else:
            found.append(side)
    return found


def _section(section: SectionDraft, opinions: frozenset[int], outlets: Outlets, under: SectionDraft | None) -> Section:
    quotes = [_quote(quote, section) for quote in section.quotes]
    argued = [index for index, quote in enumerate(section.quotes) if id(quote) in opinions]
    for index, quote in zip(argued, suggest([quotes[index] for index in argued], outlets), strict=True):
        quotes[index] = quote
    if under and under.lean and under.heading:
        suggestion = Suggestion(lean=under.lean, reason=f"it stands under {under.heading.text!r}")
        quotes = [quote if quote.lean else replace(quote, suggestion=suggestion) for quote in quotes]
    return Section(
        heading=section.heading.text if section.heading else "",
        lean=section.lean,
        summary=section.summary.text if section.summary else None,
        quotes=tuple(quotes),
        prose=tuple(piece.text for piece in section.prose),
        line=section.heading.line if section.heading else None,
    )


def _quote(draft: QuoteDraft, section: SectionDraft) -> Quote:
    paragraphs = tuple(piece.text for piece in draft.paragraphs)
    source = draft.source
    lean, lean_source = None, None
    if section.lean in SINGLE_SIDES:
        lean, lean_source = section.lean, section.lean_source
    elif source and source.lean:
        lean, lean_source = source.lean, "label"
    all_lines = [piece.line for piece in draft.pieces]
    return Quote(
        id=quote_id(paragraphs),
        paragraphs=paragraphs,
        author=source.author if source else None,
        outlet=source.outlet if source else None,
        attribution="\n".join(piece.text for piece in draft.attribution),
        lean=lean,
        lean_source=lean_source,
        lines=(min(all_lines), max(all_lines)),
        link=draft.link,
        attribution_before=draft.before,
    )
