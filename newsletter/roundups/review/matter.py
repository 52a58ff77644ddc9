"""What every review looks at, the codes it may use, and how a finding on a piece of text is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from newsletter.findings import Finding, Fix, Severity
from newsletter.roundups.draft import Draft, QuoteDraft, SectionDraft
from newsletter.roundups.lines import Piece
from newsletter.roundups.model import Quote, Section
from newsletter.roundups.outlets import Outlets

MOST_OF_A_CODE = 50
"""Findings of one code that are listed one by one; a hostile file could have a million."""

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
CODES: dict[str, tuple[Severity, str]] = {
    "QUOTE-NO-ATTRIBUTION": (_E, "A quote without a source cannot be printed."),
    "ATTRIBUTION-NO-QUOTE": (_E, "A source with nothing to stand under means that a quote is missing or split."),
    "TEXT-NO-ROLE": (_E, "Text that is no quote, heading or stance line would be lost or misread; a person must say what it is."),
    "SIDE-UNDECIDED": (_E, "Whose side an unlabelled quote is on is an editor's decision, never a guess."),
    "SIDES-FEWER-THAN-TWO": (_E, "The newsletter's promise is several sides of a question."),
    "QUOTE-OPENER-MISSING": (_W, "Every paragraph of a quote opens with a mark; it is often lost in pasting."),
    "QUOTE-UNCLOSED": (_W, "The last paragraph of a quote closes it; a missing mark may mean that text is missing."),
    "QUOTE-CLOSED-EARLY": (_W, "A closed paragraph and then another, no source between: one mark too many, or one source too few."),
    "QUOTE-ENDS-ELLIPSIS": (_W, "An ellipsis promises more of the quote, but the source follows."),
    "MARKS-COLLIDE": (_W, "Marks that touch within a line are what a lost paragraph break leaves behind."),
    "MARKS-MIXED": (_W, "Straight and curly quotation marks in one text look careless."),
    "OUTLET-UNKNOWN": (_W, "An outlet that outlets.toml does not know has no rating and may be misspelt."),
    "OUTLET-ALONE": (_W, "An opinion has an author, or an editorial board that stands for it."),
    "HEADING-EMPTY": (_W, "A heading with nothing under it."),
    "TWICE-LINE": (_W, "The same line twice is usually a slip of pasting."),
    "TWICE-QUOTE": (_W, "The same quote twice is usually a slip of pasting."),
    "TWICE-AUTHOR": (_W, "Two quotes of one author narrow the view."),
    "TWICE-OUTLET": (_W, "Two quotes of one outlet narrow the view."),
    "QUOTE-LONG": (_W, "A long quote tires the reader and strains fair use; the limit is the newsroom's setting."),
    "BALANCE-QUOTES": (_W, "Left and right differ by more than one quote."),
    "BALANCE-WORDS": (_W, "One side has more than one and a half times the words of the other."),
    "TITLE-MISSING": (_W, "The issue needs a title; the editor can give one."),
    "DATE-MISSING": (_W, "The issue needs a date; the editor can give one."),
    "DATE-NO-YEAR": (_W, "A date without a year is completed with the nearest one, which may be wrong."),
    "FURNITURE-LEFT": (_W, "Sign-up lines, promotions and the like are set aside and not printed."),
    "TEXT-MISDECODED": (_W, "UTF-8 was read as Windows-1252 or Latin-1 on its way into this file."),
    "BRACKET-UNMATCHED": (_W, "An editor's bracket that never closes, or was never opened."),
    "BRACKET-CAPITAL": (_W, "After a bracketed edit in mid-sentence the next word is small."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Matter:
    """What every review looks at: the draft, the finished sections beside its own, the opinions among the quotes."""

    lines: list[Piece]
    draft: Draft
    sections: tuple[Section, ...]
    opinions: frozenset[int]
    outlets: Outlets
    longest: int

    def pairs(self) -> Iterator[tuple[SectionDraft, QuoteDraft, Quote]]:
        """Each quote of the draft with its section and its finished form."""
        for section, done in zip(self.draft.sections, self.sections, strict=True):
            for quote, finished in zip(section.quotes, done.quotes, strict=True):
                yield section, quote, finished

    def is_opinion(self, quote: QuoteDraft) -> bool:
        """Whether the quote argues, rather than reports."""
        return id(quote) in self.opinions


class Noted(NamedTuple):
    """A finding on `piece` (on the whole file where None), at `offset` characters into it; not yet made.

    Hostile text has hundreds of thousands of faults of a kind, of which fifty are shown.
    """

    code: str
    message: str
    piece: Piece | None
    offset: int = 0
    severity: Severity | None = None
    fix: Fix | None = None

    def finding(self) -> Finding:
        """The finding itself, with the reason that goes with its code."""
        default, why = CODES[self.code]
        return Finding(
            code=self.code,
            severity=self.severity or default,
            message=self.message,
            line=self.piece.line if self.piece else 1,
            column=self.piece.column + self.offset if self.piece else 1,
            fix=self.fix,
            why=why,
        )


def replace(piece: Piece, start: int, end: int, replacement: str) -> Fix:
    """The edit that puts `replacement` in the place of the characters from `start` to `end` of the piece."""
    return Fix(line=piece.line, column=piece.column + start, end_column=piece.column + end, replacement=replacement)


def short(text: str) -> str:
    """The text, cut where it is long for a message."""
    return text if len(text) <= 60 else text[:57].rstrip() + "…"
