"""The head of the file and of its sections: title, date, hints, furniture, headings, stance lines."""

from __future__ import annotations

import re

from newsletter.roundups.attributions import Attribution, Strength
from newsletter.roundups.dates import date_line
from newsletter.roundups.furniture import is_furniture, is_ruler, opens_letter
from newsletter.roundups.headings import (
    bias_label,
    heading_lean,
    is_bright_side,
    is_markdown,
    opens_by_stance,
    stance_lean,
)
from newsletter.roundups.lines import (
    Piece,
    ends_closed,
    ends_ellipsis,
    has_mark,
    last_close,
    lost_opener,
    only_ellipsis,
    starts_open,
)
from newsletter.roundups.reader import Reader

_HINT = re.compile(
    r"^[\s*_]*(?P<key>title|headline|date|link|url|read more|full (?:article|text|story))[*_]*\s*[:=]\s*\S",
    re.IGNORECASE,
)
_MAIL_HEADER = re.compile(r"^[>\s*]*(?:from|to|cc|bcc|sent|subject|reply-to|fwd?)\s*:\s+\S", re.IGNORECASE)
_URL_ONLY = re.compile(r"^[\s\[(<*_]*https?://[^\s<>\"]+[\s\])>*_]*$")
_LINK_TEXT = re.compile(r"^\[[^\[\]]*\]\(\s*https?://[^\s()]+\s*\)\.?$")
_URL = re.compile(r"https?://[^\s<>\"\])]+")
_QUESTION = re.compile(r"^[*_\s]*(?:(?:Q|A|Question|Answer|Interviewer)\s*:|Q\.)", re.IGNORECASE)
_SECTION_NUMBER = re.compile(r"^\W*\d+\W*$")
_SENTENCE_STOP = re.compile(r"[.?!…][”\"’]*$")
_SHORT_WORDS = 14
_TITLE_WORDS = 22
_TITLE_LENGTH = 200
_SUMMARY_WORDS = 60
_STOPPED_WORDS = 4
_STOPPED_HEADING_WORDS = 9
_BESIDE_DATE_WORDS = 8
_FURNITURE_WORDS = 32


def is_mail_header(text: str) -> bool:
    """Whether the line is a header of a pasted mail; it may hold an address, and is never printed."""
    return _MAIL_HEADER.match(text) is not None


def may_hint(text: str) -> bool:
    """Whether the line could be a hint or an address."""
    return "http" in text or _HINT.match(text) is not None


def is_dialogue(text: str) -> bool:
    """Whether the line is a question or an answer of an interview."""
    return _QUESTION.match(text) is not None


def may_be_stance(text: str) -> bool:
    """Whether the line is short enough and ends like a sentence."""
    return text.endswith((".", ":", "!", "?", "…")) and len(text) < 2000


def may_be_named(text: str) -> bool:
    """Whether the line could be a heading that names no side."""
    words = len(text.split())
    sentence = text.endswith(".") and not text.endswith("..") and words > _STOPPED_WORDS
    if len(text) > 120 or text.endswith((",", ";")) or sentence:
        return False
    long_ellipsis = words > 6 and ends_ellipsis(text)
    return (
        words <= _SHORT_WORDS
        and not long_ellipsis
        and not has_mark(text)
        and any(character.isalpha() for character in text)
    )


def hint(reader: Reader, piece: Piece) -> bool:
    """`Title: …`, `Date: …` and `Link: …` lines, and addresses on lines of their own."""
    found = _HINT.match(piece.text)
    key = found["key"].casefold() if found else ""
    if key in {"title", "headline"} and reader.draft.title is None and not reader.content:
        reader.draft.title = piece
        return True
    is_link = (
        (found is not None and key not in {"title", "headline", "date"})
        or _URL_ONLY.match(piece.text)
        or _LINK_TEXT.match(piece.text)
    )
    if not found and (named := reader.source(piece.text)) and named.strength >= Strength.MEDIUM and named.link:
        return False  # [A Name, An Outlet](https://…)
    address = _URL.search(piece.text) if is_link else None
    if not address:
        return False
    following = reader.ahead()
    goes_on = reader.inside and following is not None and starts_open(following.text)
    if reader.quote and reader.quote.paragraphs and reader.quote.takes_more and not goes_on:
        reader.quote.attribution.append(piece)
        reader.quote.link = reader.quote.link or address[0].rstrip(".,;")
    else:
        reader.draft.furniture.append(piece)
    return True


def dated(reader: Reader, piece: Piece) -> bool:
    """The issue's date; a later date belongs to the source above it, or is furniture."""
    is_date, has_year = date_line(piece.text)
    if not is_date or reader.inside:
        return False
    if reader.draft.date is None:
        reader.draft.date, reader.draft.date_has_year = piece, has_year
    elif (
        reader.quote and reader.quote.attribution[-1:] == [reader.pieces[reader.index - 1]] and reader.quote.takes_more
    ):
        reader.quote.attribution.append(piece)  # the date of the article, under its source
    else:
        reader.draft.furniture.append(piece)
    return True


def furnishing(reader: Reader, piece: Piece) -> bool:
    """Furniture; the letters of founders and teams begin here."""
    text = piece.text
    if starts_open(text):
        return False
    if is_ruler(text) and reader.inside and not text.startswith(">"):
        return False
    if _MAIL_HEADER.match(text) and reader.content:
        return False
    if opens_letter(text):
        reader.in_letter = True
    elif len(text.split()) > _FURNITURE_WORDS:
        return False
    reader.draft.furniture.append(piece)
    return True


def in_letter(reader: Reader, piece: Piece) -> bool:
    """A further paragraph of such a letter. Marks, headings and sources end it."""
    text = piece.text
    source = reader.source(text)
    sourced = (
        source is not None
        and source.outlet is not None
        and source.strength >= Strength.MEDIUM
        and reader.open_quote is not None
    )
    reader.in_letter = not (
        date_line(text)[0] or starts_open(text) or heading_lean(text)[0] or is_markdown(text) or sourced
    )
    if reader.in_letter:
        reader.draft.furniture.append(piece)
    return reader.in_letter


def titled(reader: Reader, piece: Piece) -> bool:
    """The title: a short line before all content that is nothing else."""
    text = piece.text
    if len(text) > _TITLE_LENGTH or len(text.split()) > _TITLE_WORDS:
        return False
    if _is_other(text, beside_date=_beside_date(reader)):
        return False
    if not is_markdown(text) and (_is_text(reader, piece) or _is_source(reader, text)):
        return False
    reader.draft.title = piece
    return True


def _is_other(text: str, *, beside_date: bool) -> bool:
    """Whether the line by itself is a date, a hint, furniture, a heading or the like.

    Beside the date a line in capitals is a title, also where it begins as furniture does (`Share the Burden`).
    """
    patterns = (_HINT, _URL_ONLY, _QUESTION, _SECTION_NUMBER, _MAIL_HEADER)
    titled_so = beside_date and _in_capitals(text)
    return (
        any(pattern.match(text) for pattern in patterns)
        or date_line(text)[0]
        or is_ruler(text)
        or (is_furniture(text) and not titled_so)
        or opens_letter(text)
        or heading_lean(text)[0]
    )


def _in_capitals(text: str) -> bool:
    """Whether the words of a short line are capitalised as in a title."""
    words = [word for word in text.split() if len(word) > 3]
    return 1 < len(words) <= _BESIDE_DATE_WORDS and all(word[0].isupper() for word in words)


def _beside_date(reader: Reader) -> bool:
    before = reader.pieces[reader.index - 1] if reader.index else None
    return any(piece is not None and date_line(piece.text)[0] for piece in (before, reader.ahead()))


def _is_text(reader: Reader, piece: Piece) -> bool:
    """Whether the line reads as a sentence or a quote."""
    text = piece.text
    if starts_open(text):
        return not _quoted_title(reader, piece)
    stopped = text.endswith(".") and not text.endswith("..") and text[-3:-2] != "."
    stopped = stopped and not (_beside_date(reader) and len(text.split()) <= _BESIDE_DATE_WORDS)
    ended = stopped or text.endswith((":", ",", ";"))
    spoken = ends_closed(text) and (lost_opener(text) or len(text.split()) > _SHORT_WORDS or "," in text)
    return ended or spoken or only_ellipsis(text) or bool(reader.tail_source(piece)) or stance_lean(text) is not None


def _is_source(reader: Reader, text: str) -> bool:
    source = reader.source(text)
    return source is not None and (source.before or (source.strength is Strength.STRONG and not _beside_date(reader)))


def _quoted_title(reader: Reader, piece: Piece) -> bool:
    """A short line in quotation marks with no sentence in it, over a date, a heading or prose, is a title: a quote has a source."""
    text, following = piece.text, reader.ahead()
    if last_close(text) < 0 or following is None or len(text.split()) > _SHORT_WORDS:
        return False
    if _SENTENCE_STOP.search(text) or reader.tail_source(piece):
        return False
    return reader.source(following.text) is None and not starts_open(following.text)


def dialogue(reader: Reader, piece: Piece) -> bool:
    """Questions and answers are nobody's quotes."""
    return not reader.inside and reader.to_prose(piece)


def headed(reader: Reader, piece: Piece) -> bool:
    """A heading by its own words, or by Markdown."""
    text = piece.text
    is_heading, lean = heading_lean(text)
    if not is_heading and not is_markdown(text):
        return False
    if is_heading and bias_label(text) and _sourced_by_label(reader, piece):
        return False
    if reader.open_quote and reader.source(text):
        return False  # The Progressive is a magazine, and stands under its quote
    long = len(text.split()) > _STOPPED_HEADING_WORDS
    if reader.inside and not is_markdown(text) and (long or ends_closed(text)):
        return False
    if long and text.endswith(".") and not text.endswith("..") and not reader.quoteish(reader.ahead()):
        return False  # a sentence is a heading only where it stands over a quote
    split = _outlet_in_heading(reader, piece) if lean else None
    heading = split[0] if split else piece
    reader.new_section(heading, lean, "heading" if lean else None)
    if split:
        reader.pending = (split[1], split[2])
    return True


def _sourced_by_label(reader: Reader, piece: Piece) -> bool:
    """`CNN (Left bias)` under a quote is its source, not a heading."""
    source = reader.source(piece.text)
    return (
        source is not None
        and source.outlet is not None
        and (
            reader.open_quote is not None
            or (source.strength is Strength.STRONG and reader.outlets.find(source.outlet) is not None)
        )
    )


def _outlet_in_heading(reader: Reader, piece: Piece) -> tuple[Piece, Piece, Attribution] | None:
    """`Left: Headline (Outlet)` names the source of what follows."""
    start = piece.text.rfind("(")
    if start < 0 or not piece.text.endswith(")") or ":" not in piece.text[:start] or bias_label(piece.text):
        return None
    source = reader.source(piece.text[start:])
    following, after = reader.ahead(), reader.ahead(2)
    if source is None or source.outlet is None or following is None or heading_lean(following.text)[0]:
        return None
    if not reader.known(source) and after is not None and reader.source(after.text):
        return None
    return piece.part(0, start), piece.part(start), source


def stance(reader: Reader, piece: Piece) -> bool:
    """The editors' sentence on what a side says: under its heading, or in place of one."""
    text = piece.text
    if reader.inside or reader.pending or text.startswith(">") or len(text.split()) > _SUMMARY_WORDS:
        return False
    section = reader.draft.section
    if section.summary is not None and section.summary.text == text:
        reader.draft.furniture.append(piece)
        reader.draft.repeats.append(piece)
        return True
    lean = stance_lean(text)
    fresh = section.summary is None and not section.quotes and not section.prose
    if section.heading is not None and fresh and not is_bright_side(section.heading.text):
        if lean is not None or (section.lean is not None and text.endswith((".", ":", "!", "?", "…", "..."))):
            section.summary = piece
            return True
        return False
    if lean is None or not opens_by_stance(text) or not _opens_section(reader):
        return False
    reader.new_section(None, lean, "stance")
    reader.draft.section.summary = piece
    return True


def _opens_section(reader: Reader) -> bool:
    """Whether a quote follows, a repetition of the line aside."""
    following, after = reader.ahead(), reader.ahead(2)
    if following is not None and following.text == reader.pieces[reader.index].text:
        following, after = after, reader.ahead(3)
    return reader.begins_quote(following, after) or reader.bylined(following, after)


def named(reader: Reader, piece: Piece) -> bool:
    """A short line that stands over quotes is a heading, whatever it says."""
    if reader.pending:
        return False
    following, after = reader.ahead(), reader.ahead(2)
    stance = following is not None and stance_lean(following.text) is not None and reader.quoteish(after)
    if not (reader.begins_quote(following, after) or reader.bylined(following, after) or stance):
        return False
    reader.new_section(piece, None, None)
    return True
