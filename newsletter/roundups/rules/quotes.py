"""Text in quotation marks: paragraphs, their continuations, sources within the line, narration around quoted words."""

from __future__ import annotations

import re

from newsletter.roundups.attributions import Strength, attribution
from newsletter.roundups.lines import (
    CLOSE,
    OPEN,
    Piece,
    ends_closed,
    ends_ellipsis,
    has_label,
    has_mark,
    is_closed,
    lost_opener,
    only_ellipsis,
    starts_open,
)
from newsletter.roundups.outlets import Outlets
from newsletter.roundups.reader import Reader

_SOURCE_BETWEEN = re.compile(r"(?<=[.?!…,’]”)\s+([^“”\"]{3,120}?)\s+(?=“)")
_HEADLINE_LEAD = re.compile(rf"^({OPEN}[^“”\"]{{1,250}}{CLOSE},?\s+[^“”\"]{{3,140}}:)\s*(?={OPEN})")


def divided(piece: Piece, outlets: Outlets) -> list[Piece]:
    """A line on which a quote and its source are followed by another quote, divided there; else the line as it is."""
    if piece.text.count("“") < 2:
        return [piece]
    parts, start = [], 0
    for found in _SOURCE_BETWEEN.finditer(piece.text):
        source = attribution(found[1], outlets)
        if source and (source.strength is Strength.STRONG or (source.strength is Strength.MEDIUM and "," in found[1])):
            parts.append(piece.part(start, found.end(1)))
            start = found.end(1)
    return [*parts, piece.part(start)]


def opened(reader: Reader, piece: Piece) -> bool:
    """A paragraph that begins with an opening mark (or with a label and then the mark)."""
    text = piece.text
    if not starts_open(text) and not has_label(text):
        return False
    whole = reader.source(text)
    if whole and whole.before and (reader.quoteish(reader.ahead()) or reader.bylineless(reader.ahead())):
        return False  # “Headline” A, O: on a line of its own announces what follows
    if lead := _HEADLINE_LEAD.match(text):
        source = reader.source(lead[1])
        if source:
            reader.drop_pending()
            reader.pending = (piece.part(0, lead.end(1)), source)
            piece = piece.part(lead.end(1))
    tail = reader.tail_source(piece)
    if not tail and _is_narration(reader, piece):
        return reader.to_prose(piece)
    quote = reader.paragraph(tail[0] if tail else piece)
    if tail:
        quote.attribute(tail[1], tail[2])
    return True


def _is_narration(reader: Reader, piece: Piece) -> bool:
    """`“The fare rises in March,” the county said.` in the introduction, with no source in or under it: a report's sentence."""
    text = piece.text
    if (
        not reader.draft.section.introduces
        or reader.pending
        or reader.inside
        or ends_closed(text)
        or not is_closed(text)
    ):
        return False
    following = reader.ahead()
    return following is None or reader.source(following.text) is None


def trailing_off(reader: Reader, piece: Piece) -> bool:
    """An ellipsis alone on its line belongs to the quote around it."""
    if not only_ellipsis(piece.text):
        return False
    if reader.open_quote:
        reader.open_quote.paragraphs.append(piece)
        return True
    return reader.to_prose(piece)


def narrated(reader: Reader, piece: Piece) -> bool:
    """Quoted words within a sentence: a lead-in that names the source, narration with a source behind it, a lost opener."""
    text = piece.text
    if not has_mark(text):
        return False
    if tail := reader.tail_source(piece):
        reader.paragraph(tail[0]).attribute(tail[1], tail[2])
        return True
    if not reader.inside and _led_in(reader, piece):
        return True
    if lost_opener(text) and ends_closed(text):
        reader.paragraph(piece)
        return True
    return False


def _led_in(reader: Reader, piece: Piece) -> bool:
    """`Outlet: “…”`; `A Name writes in An Outlet: “…”`: unless a source of its own stands below."""
    found = reader.lead_in(piece)
    following = reader.ahead()
    under = reader.source(following.text) if following else None
    if found is None or (under and not under.before and under.strength >= Strength.MEDIUM and not reader.before_mode):
        return False
    start, source = found
    reader.drop_pending()
    reader.pending = (piece.part(0, start), source)
    reader.new_quote(piece.part(start))
    return True


def continued(reader: Reader, piece: Piece) -> bool:
    """A paragraph without an opener while a quote is open, or the text that an announcement announced."""
    if reader.inside or (reader.pending and reader.bylineless(piece)):
        reader.paragraph(piece)
        return True
    quote = reader.quote
    if (
        quote
        and quote.before
        and quote.paragraphs[-1] is reader.pieces[reader.index - 1]
        and not has_mark(quote.paragraphs[-1].text)
        and ends_ellipsis(quote.paragraphs[-1].text)
    ):
        quote.paragraphs.append(piece)
        return True
    return False
