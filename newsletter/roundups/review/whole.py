"""The roundup as a whole: title and date, empty headings, length, balance, what was set aside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from newsletter.roundups.furniture import is_ruler
from newsletter.roundups.model import Lean
from newsletter.roundups.review.matter import Matter, Noted, short

_WORDS = re.compile(r"[\w’'-]+")


def head(matter: Matter) -> Iterator[Noted]:
    """Title and date."""
    if matter.draft.title is None:
        yield Noted("TITLE-MISSING", "no title stands above the text", None)
    if matter.draft.date is None:
        yield Noted("DATE-MISSING", "no date stands above the text", None)
    elif not matter.draft.date_has_year:
        yield Noted("DATE-NO-YEAR", f"{matter.draft.date.text!r} has no year", matter.draft.date)


def headings(matter: Matter) -> Iterator[Noted]:
    """Headings with nothing under them."""
    sections = matter.draft.sections
    for section, following in zip_longest(sections, sections[1:]):
        headlines = following is not None and following.lean is None and following.heading is not None
        if section.heading and not section.quotes and not section.prose and not headlines:
            yield Noted("HEADING-EMPTY", f"nothing stands under {short(section.heading.text)!r}", section.heading)


def lengths(matter: Matter) -> Iterator[Noted]:
    """Long quotes, and the balance of left and right."""
    words = {Lean.LEFT: 0, Lean.RIGHT: 0}
    quotes = {Lean.LEFT: 0, Lean.RIGHT: 0}
    for _, quote, finished in matter.pairs():
        count = sum(len(_WORDS.findall(text)) for text in finished.paragraphs)
        if count > matter.longest:
            yield Noted("QUOTE-LONG", f"{count} words; the newsroom's limit is {matter.longest}", quote.paragraphs[0])
        if finished.lean in words:
            words[finished.lean] += count
            quotes[finished.lean] += 1
    yield from balance(quotes[Lean.LEFT], quotes[Lean.RIGHT], words[Lean.LEFT], words[Lean.RIGHT])


def balance(left_quotes: int, right_quotes: int, left_words: int, right_words: int) -> Iterator[Noted]:
    """Whether left and right have about the same room: quotes within one of each other, words within one and a half times."""
    if not left_quotes or not right_quotes:
        return
    if abs(left_quotes - right_quotes) > 1:
        yield Noted("BALANCE-QUOTES", f"{left_quotes} quotes of the left, {right_quotes} of the right", None)
    if max(left_words, right_words) > 1.5 * min(left_words, right_words):
        yield Noted("BALANCE-WORDS", f"{left_words} words of the left, {right_words} of the right", None)


def furniture(matter: Matter) -> Iterator[Noted]:
    """What was set aside, hints and repetitions excepted."""
    repeats = {id(piece) for piece in matter.draft.repeats}
    for piece in matter.draft.furniture:
        if id(piece) not in repeats and not is_ruler(piece.text):
            yield Noted("FURNITURE-LEFT", f"set aside: {short(piece.text)!r}", piece)
