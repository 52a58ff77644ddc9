"""The roundup while it is being read: every stretch of text still knows its line and column."""

from __future__ import annotations

from dataclasses import dataclass, field

from newsletter.roundups.attributions import Attribution, Strength
from newsletter.roundups.lines import Piece, ends_closed, has_mark, is_closed
from newsletter.roundups.model import Lean

_MOST_LINES = 6
SINGLE_SIDES = frozenset({Lean.LEFT, Lean.RIGHT, Lean.CENTER, Lean.LIBERTARIAN})


@dataclass(slots=True)
class QuoteDraft:
    """A quote in the making. `source` is None until an attribution is found."""

    paragraphs: list[Piece] = field(default_factory=list)
    attribution: list[Piece] = field(default_factory=list)
    source: Attribution | None = None
    before: bool = False
    link: str | None = None
    _looked_at: Piece | None = None
    _looks: tuple[bool, bool] = (False, False)

    @property
    def closed(self) -> bool:
        """Whether all that was opened in the last paragraph is closed."""
        return self._last()[0]

    @property
    def marked(self) -> bool:
        """Whether the last paragraph has any mark."""
        return self._last()[1]

    def _last(self) -> tuple[bool, bool]:
        """What the marks of the last paragraph say; looked at once, however many lines follow it."""
        if not self.paragraphs:
            return False, False
        last = self.paragraphs[-1]
        if self._looked_at is not last:
            # Marks that balance close a quote of one paragraph; once one was left open, only an end in a closer does.
            closed = is_closed(last.text) if len(self.paragraphs) == 1 else ends_closed(last.text)
            self._looked_at, self._looks = last, (closed, has_mark(last.text))
        return self._looks

    @property
    def pieces(self) -> list[Piece]:
        """Paragraphs and attribution."""
        return [*self.paragraphs, *self.attribution]

    @property
    def takes_more(self) -> bool:
        """Whether one more line of links and dates may belong to the attribution; a list of links does not."""
        return len(self.attribution) < _MOST_LINES

    def attribute(self, piece: Piece, source: Attribution) -> None:
        """Take an attribution, or a further line of it that completes the first."""
        self.attribution.append(piece)
        self.link = self.link or source.link
        if self.source is None:
            self.source = source
            return
        self.source = Attribution(
            author=self.source.author or source.author,
            outlet=self.source.outlet or source.outlet,
            strength=max(self.source.strength, source.strength),
            link=self.link,
            lean=self.source.lean or source.lean,
        )

    def read_as_name(self, piece: Piece, source: Attribution) -> None:
        """`A Name` on one line and `An Outlet` on the next: the first line was the author after all."""
        name = self.source.outlet if self.source else None
        self.attribution.append(piece)
        self.source = Attribution(author=name, outlet=source.outlet, strength=Strength.MEDIUM, link=source.link)


@dataclass(slots=True)
class SectionDraft:
    """A section in the making."""

    heading: Piece | None = None
    lean: Lean | None = None
    lean_source: str | None = None
    summary: Piece | None = None
    quotes: list[QuoteDraft] = field(default_factory=list)
    prose: list[Piece] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing stands in it, not even a heading."""
        return not (self.heading or self.summary or self.quotes or self.prose)

    @property
    def introduces(self) -> bool:
        """Whether this is the text before the first heading."""
        return self.heading is None and self.lean is None


@dataclass(slots=True)
class Draft:
    """All of a roundup in the making. `orphans` are attributions without a quote; they stand in the prose as well."""

    title: Piece | None = None
    date: Piece | None = None
    date_has_year: bool = False
    sections: list[SectionDraft] = field(default_factory=lambda: [SectionDraft()])
    furniture: list[Piece] = field(default_factory=list)
    repeats: list[Piece] = field(default_factory=list)
    orphans: list[Piece] = field(default_factory=list)

    @property
    def section(self) -> SectionDraft:
        """The section that is being filled."""
        return self.sections[-1]

    @property
    def quotes(self) -> list[QuoteDraft]:
        """All quotes in order."""
        return [quote for section in self.sections for quote in section.quotes]

    @property
    def pieces(self) -> list[Piece]:
        """Everything, in the order of the finished roundup's keys."""
        found = [piece for piece in (self.title, self.date) if piece]
        for section in self.sections:
            found += [piece for piece in (section.heading, section.summary) if piece]
            for quote in section.quotes:
                found += quote.pieces
            found += section.prose
        return found + self.furniture
