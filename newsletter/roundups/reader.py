"""The parser's state: the lines, what has been read of them so far, and what the rules in `rules/` ask and do.

Each line is offered to the rules in order, and the first that takes it decides where it lands. A rule looks at the line, at its
neighbours and at what has been read so far, and never at blank lines: many roundups have none.
"""

from __future__ import annotations

import re

from newsletter.roundups.attributions import Attribution, Strength, attribution
from newsletter.roundups.dates import date_line
from newsletter.roundups.draft import Draft, QuoteDraft, SectionDraft
from newsletter.roundups.furniture import is_furniture
from newsletter.roundups.headings import bias_label, heading_lean
from newsletter.roundups.lines import (
    Piece,
    ends_closed,
    ends_ellipsis,
    first_open,
    has_label,
    has_mark,
    last_close,
    lost_opener,
    starts_open,
)
from newsletter.roundups.model import Lean
from newsletter.roundups.outlets import Outlets
from newsletter.roundups.source_forms import VERB_AT_END

_SENTENCE_END = re.compile(r"[.?!][”\"’)]*\s+")
_LONGEST_TAIL = 120
_LOOK_AHEAD = 12


class Reader:
    """What has been read, and where the next line would land.

    `quote` is the quote read last in this section, `pending` an attribution that announces the next one.
    """

    def __init__(self, pieces: list[Piece], outlets: Outlets) -> None:
        self.pieces = pieces
        self.outlets = outlets
        self.draft = Draft()
        self.index = 0
        self.quote: QuoteDraft | None = None
        self.pending: tuple[Piece, Attribution] | None = None
        self.in_letter = False
        self._sources: dict[str, Attribution | None] = {}
        self._before_mode: bool | None = None

    # -- looking around -----------------------------------------------------------------------------------------------

    def ahead(self, steps: int = 1) -> Piece | None:
        """The line so many steps further on, or None behind the end."""
        position = self.index + steps
        return self.pieces[position] if position < len(self.pieces) else None

    def source(self, text: str) -> Attribution | None:
        """The attribution that a whole line is, remembered: rules and their neighbours ask more than once."""
        if text not in self._sources:
            heading = heading_lean(text)[0] and not bias_label(text) and self.outlets.find(text) is None
            self._sources[text] = None if heading or date_line(text)[0] else attribution(text, self.outlets)
        return self._sources[text]

    @property
    def open_quote(self) -> QuoteDraft | None:
        """The last quote, while it still wants an attribution."""
        return self.quote if self.quote and self.quote.source is None else None

    @property
    def inside(self) -> bool:
        """Whether a quote has been opened and neither closed nor, below it, attributed."""
        quote = self.quote
        if quote is None or not quote.paragraphs or quote.closed:
            return False
        announced = quote.before and quote.attribution[-1].line <= quote.paragraphs[0].line
        return quote.source is None or (announced and quote.marked)

    @property
    def content(self) -> bool:
        """Whether anything but title, date and furniture has been read."""
        return len(self.draft.sections) > 1 or not self.draft.section.empty or self.pending is not None

    def quoteish(self, piece: Piece | None) -> bool:
        """Whether a line begins a quote, or is one by its marks and source."""
        if piece is None:
            return False
        text = piece.text
        return (
            starts_open(text)
            or has_label(text)
            or (has_mark(text) and (self.tail_source(piece) is not None or lost_opener(text)))
        )

    def begins_quote(self, piece: Piece | None, after: Piece | None) -> bool:
        """Whether a quote begins with this line: its own words, or an announcement of the words below it."""
        if piece is None:
            return False
        if self.quoteish(piece) or self.lead_in(piece) is not None:
            return True
        source = self.source(piece.text)
        announces = source is not None and (source.before or self.before_mode)
        return announces and (self.quoteish(after) or self.bylineless(after))

    def sourced_below(self) -> bool:
        """Whether the quote that begins with the next line has a source of its own, in its line or under it."""
        for steps in range(1, _LOOK_AHEAD):
            piece = self.ahead(steps)
            if piece is None or heading_lean(piece.text)[0]:
                return False
            if self.tail_source(piece):
                return True
            source = self.source(piece.text)
            if source is not None:
                return not source.before
        return False

    def lead_in(self, piece: Piece) -> tuple[int, Attribution] | None:
        """Where the quoted words begin behind a lead-in that names their source (`Outlet: “…”`), and that source."""
        start = first_open(piece.text)
        lead = piece.text[:start].rstrip() if start > 0 else ""
        if not lead.endswith((":", ",")) or len(lead) > 240:
            return None
        source = self.source(lead if lead.endswith(":") else lead.rstrip(","))
        if source is None or source.outlet is None or (source.author is None and not lead.endswith(":")):
            return None
        if source.strength < Strength.MEDIUM and len(lead.split()) > 4:
            return None
        return start, source

    def bylined(self, piece: Piece | None, following: Piece | None) -> bool:
        """Whether an unmarked paragraph has a byline under it."""
        if piece is None or following is None or len(piece.text.split()) < 5 or heading_lean(piece.text)[0]:
            return False
        source = self.source(following.text)
        return (
            source is not None
            and source.strength >= Strength.MEDIUM
            and not source.before
            and self.source(piece.text) is None
        )

    def tail_source(self, piece: Piece) -> tuple[Piece, Piece, Attribution] | None:
        """The paragraph and the source behind its closing mark (`… program.” AP News`), where such a source stands there."""
        end = last_close(piece.text)
        if end < 0:
            return None
        tail = piece.text[end:].strip()
        if not tail:
            return None
        if len(tail) > 200 or self.source(tail) is None:
            return self._stopped_source(piece)
        source = self.source(tail)
        if source is None or source.before or (VERB_AT_END.search(tail) and not self.known(source)):
            return None
        stopped = end >= 2 and piece.text[end - 2] in ".?!…—’'*)]"
        if not self.known(source) and not stopped and tail[0] not in "([—–-":
            return None
        return piece.part(0, end), piece.part(end), source

    def _stopped_source(self, piece: Piece) -> tuple[Piece, Piece, Attribution] | None:
        """A known outlet behind the last full stop of narration with quoted words in it."""
        stops = list(_SENTENCE_END.finditer(piece.text, max(len(piece.text) - _LONGEST_TAIL, 0)))
        if not stops:
            return None
        tail = piece.text[stops[-1].end() :]
        source = self.source(tail)
        if (
            source is None
            or source.before
            or source.author
            or not source.outlet
            or not self.outlets.find(source.outlet)
        ):
            return None
        return piece.part(0, stops[-1].end()), piece.part(stops[-1].end()), source

    def known(self, source: Attribution) -> bool:
        """Whether the source is sure by itself: a known outlet, or a form that only attributions have."""
        return bool(source.outlet and self.outlets.find(source.outlet)) or source.strength is Strength.STRONG

    @property
    def before_mode(self) -> bool:
        """Whether in this roundup attributions stand before their quotes, by the evidence of the whole file."""
        if self._before_mode is None:
            self._before_mode = self._announced()
        return self._before_mode

    def _announced(self) -> bool:
        """Weigh every source line: one that stands between a closed quote and the next opener says nothing."""
        last = self.source(self.pieces[-1].text) if self.pieces else None
        if last is not None and not last.before:
            return False  # nothing follows that it could announce
        before = after = 0
        for position, piece in enumerate(self.pieces):
            source = self.source(piece.text) if len(piece.text) <= 240 else None
            if source is None or source.strength < Strength.MEDIUM or starts_open(piece.text):
                continue
            following = self.pieces[position + 1] if position + 1 < len(self.pieces) else None
            opens = following is not None and starts_open(following.text)
            ends = self._ends_quote(position - 1)
            before += source.before or (opens and not ends)
            after += ends and not opens
        return before > after

    def _ends_quote(self, position: int) -> bool:
        """Whether a quote ends on the line at `position`, or one line above where that line is a source of its own."""
        if position < 0:
            return False
        if ends_closed(self.pieces[position].text):
            return True
        above = position > 0 and ends_closed(self.pieces[position - 1].text)
        return above and self.source(self.pieces[position].text) is not None

    # -- landing ------------------------------------------------------------------------------------------------------

    def drop_pending(self) -> None:
        """An announced quote never came: the announcement is an attribution without a quote."""
        if self.pending:
            piece, _ = self.pending
            self.pending = None
            self.draft.section.prose.append(piece)
            self.draft.orphans.append(piece)

    def to_prose(self, piece: Piece) -> bool:
        """Land the line as prose. Always True, so that a rule can end with it."""
        self.drop_pending()
        self.draft.section.prose.append(piece)
        return True

    def new_section(self, heading: Piece | None, lean: Lean | None, lean_source: str | None) -> None:
        """Begin a section; `heading` is None where only a stance line opens it."""
        self.drop_pending()
        self.quote = None
        self.in_letter = False
        self.draft.sections.append(SectionDraft(heading=heading, lean=lean, lean_source=lean_source))

    def new_quote(self, paragraph: Piece | None) -> QuoteDraft:
        """Begin a quote, with the attribution that announced it and the unmarked beginning that trailed off into it."""
        quote = QuoteDraft(paragraphs=self._trailing_prose() if self.pending is None else [])
        if self.pending:
            piece, source = self.pending
            self.pending = None
            quote.before = True
            quote.attribute(piece, source)
        if paragraph:
            quote.paragraphs.append(paragraph)
        self.draft.section.quotes.append(quote)
        self.quote = quote
        return quote

    def _trailing_prose(self) -> list[Piece]:
        """Prose directly above that ends in an ellipsis: the quote began there, and its opener was lost."""
        taken: list[Piece] = []
        prose = self.draft.section.prose
        line = self.index
        while prose and line > 0 and prose[-1] is self.pieces[line - 1] and ends_ellipsis(prose[-1].text):
            taken.insert(0, prose.pop())
            line -= 1
        return taken

    def paragraph(self, piece: Piece) -> QuoteDraft:
        """Add a paragraph to the open quote, or begin a new one."""
        if self.pending is None and self.inside and self.quote:
            self.quote.paragraphs.append(piece)
            return self.quote
        return self.new_quote(piece)

    def bylineless(self, piece: Piece | None) -> bool:
        """Whether a line is a paragraph of text with no marks and no other role."""
        return (
            piece is not None
            and len(piece.text.split()) >= 5
            and self.source(piece.text) is None
            and not heading_lean(piece.text)[0]
            and not is_furniture(piece.text)
        )
