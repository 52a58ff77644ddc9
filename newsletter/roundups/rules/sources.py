"""Attributions on lines of their own: after their quote, before it, in two lines, beside an unmarked paragraph, or of nothing."""

from __future__ import annotations

from newsletter.roundups.attributions import Attribution, Strength
from newsletter.roundups.headings import stance_lean
from newsletter.roundups.lines import Piece, has_mark, starts_open
from newsletter.roundups.reader import Reader
from newsletter.roundups.rules.head import is_dialogue


def attributed(reader: Reader, piece: Piece) -> bool:
    """A line that is an attribution as a whole: after its quote, before it, or of the unmarked paragraph beside it."""
    source = reader.source(piece.text)
    if source is None:
        return False
    if _announces(reader, piece, source):
        return _announce(reader, piece, source)
    if reader.open_quote and reader.open_quote.paragraphs:
        if source.strength is Strength.WEAK and not _may_be_weak_source(reader, piece):
            return False
        reader.open_quote.attribute(piece, source)
        return True
    if _completes(reader, piece, source):
        return True
    found = not _stands_over_sourced(reader, source)
    return found and (_byline(reader, piece, source) or _orphan(reader, piece, source))


def _announces(reader: Reader, piece: Piece, source: Attribution) -> bool:
    following = reader.ahead()
    if not source.before or not (reader.quoteish(following) or reader.bylineless(following)):
        return False
    marked = following is not None and starts_open(following.text)
    return source.strength >= Strength.MEDIUM or (marked and " " in piece.text)


def _stands_over_sourced(reader: Reader, source: Attribution) -> bool:
    """A quote has one source: a doubtful line above a quote that has its own is a heading or prose."""
    known = source.outlet is not None and reader.outlets.find(source.outlet) is not None
    sure = known or source.before or source.strength is Strength.STRONG
    if sure or reader.before_mode or _paragraph_above(reader) is not None:
        return False
    return reader.quoteish(reader.ahead()) and reader.sourced_below()


def _announce(reader: Reader, piece: Piece, source: Attribution) -> bool:
    reader.drop_pending()
    reader.pending = (piece, source)
    return True


def _may_be_weak_source(reader: Reader, piece: Piece) -> bool:
    """A capitalised line nobody knows is a source where a quote has just ended; a title over the next topic is longer."""
    return (
        reader.open_quote is not None
        and (reader.open_quote.closed or len(piece.text.split()) <= 4)
        and not piece.text.endswith(":")
    )


def _completes(reader: Reader, piece: Piece, source: Attribution) -> bool:
    """The second line of an attribution: `Source: O` and then `by X`, or a name and then its outlet."""
    quote = reader.quote
    if quote is None or quote.source is None or not quote.attribution or len(quote.attribution) > 1:
        return False
    if quote.attribution[-1] is not reader.pieces[reader.index - 1] or quote.before:
        return False
    following = reader.ahead()
    if reader.before_mode and reader.quoteish(following):
        return False
    have, adds_author, adds_outlet = quote.source, source.author is not None, source.outlet is not None
    if (have.author is None and adds_author and not adds_outlet) or (
        have.outlet is None and adds_outlet and not adds_author
    ):
        quote.attribute(piece, source)
        return True
    named = have.author is None and " " in (have.outlet or "") and reader.outlets.find(have.outlet or "") is None
    if named and adds_outlet and not adds_author and not source.before:
        quote.read_as_name(piece, source)
        return True
    return False


def _byline(reader: Reader, piece: Piece, source: Attribution) -> bool:
    """A byline makes the paragraph beside it a quote, whatever its marks: the one above, or else the one below."""
    following = reader.ahead()
    if source.strength is Strength.WEAK:
        announces = reader.before_mode and following is not None and starts_open(following.text)
        if announces and not reader.sourced_below():
            return _announce(reader, piece, source)
        return _weak_byline(reader, piece, source)
    above = _paragraph_above(reader)
    stance = above is not None and stance_lean(above.text) is not None
    follows = reader.quoteish(following) or reader.bylineless(following)
    if above is not None and not source.before and not (follows and (stance or reader.before_mode)):
        _quote_above(reader, above, piece, source)
        return True
    return follows and _announce(reader, piece, source)


def _weak_byline(reader: Reader, piece: Piece, source: Attribution) -> bool:
    """An unknown outlet alone makes a quote only of narration that has quoted words in it."""
    above = _paragraph_above(reader)
    if above is None or not has_mark(above.text) or source.before or stance_lean(above.text):
        return False
    _quote_above(reader, above, piece, source)
    return True


def _paragraph_above(reader: Reader) -> Piece | None:
    """The prose or stance line directly above this line."""
    if reader.index == 0:
        return None
    above = reader.pieces[reader.index - 1]
    section = reader.draft.section
    orphaned = bool(reader.draft.orphans) and reader.draft.orphans[-1] is above
    if section.prose and section.prose[-1] is above and not orphaned:
        return above if not is_dialogue(above.text) else None
    return above if section.summary is above else None


def _quote_above(reader: Reader, above: Piece, piece: Piece, source: Attribution) -> None:
    section = reader.draft.section
    if section.summary is above:
        section.summary = None
    else:
        section.prose.pop()
    line, reader.index = reader.index, reader.index - 1
    quote = reader.new_quote(above)
    reader.index = line
    quote.attribute(piece, source)


def _orphan(reader: Reader, piece: Piece, source: Attribution) -> bool:
    """An attribution that has no quote beside it. A line that only might be one is left to the other rules."""
    if source.strength is Strength.WEAK or not reader.content:
        return False
    reader.to_prose(piece)
    reader.draft.orphans.append(piece)
    return True
