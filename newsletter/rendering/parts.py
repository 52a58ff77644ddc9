"""What a laid-out issue is made of: the nouns that templates show. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.rendering.attribution import Attribution
from newsletter.settings import Side

NO_ONE_SIDE = frozenset({"both", "other"})
"""Keys that say there is more than one side, or none: quotes under them may carry sides of their own."""
CONTENTS_MINUTES = 2
"""The shortest reading time at which a line of contents is worth its place."""


def one_side(key: str | None) -> bool:
    """Whether the key names one side, rather than several or none."""
    return key is not None and key not in NO_ONE_SIDE


@dataclass(frozen=True, kw_only=True, slots=True)
class SideView:
    """A side as shown. `number` is its place among the newsroom's sides,
    from 0: safe in class names, as its key is not.
    """

    number: int
    key: str
    name: str
    heading: str
    look: Side


@dataclass(frozen=True, kw_only=True, slots=True)
class QuoteView:
    """A quote as shown. `label` is the side to name above it; None where its
    place already says so, or no side is decided.
    """

    paragraphs: tuple[str, ...]
    attribution: Attribution
    label: SideView | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A heading with what stands under it, in one column.

    `label` is the short line in capitals, "" where there is none; `sentences` are the editors' own: a
    heading too long for a label, then the stance. `side` gives the colour.
    """

    label: str
    sentences: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()
    quotes: tuple[QuoteView, ...] = ()
    side: SideView | None = None
    kind: str = "opinions"

    @property
    def one_sided(self) -> bool:
        """Whether all of it stands on one side, and so may be set on that side's ground."""
        return self.side is not None and one_side(self.side.key)

    @property
    def name(self) -> str:
        """What the contents line calls it."""
        return self.label or (self.sentences[0] if self.sentences else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two panels of different sides, next to each other where there is room, in the issue's order."""

    first: Panel
    second: Panel
    kind: str = "pair"

    @property
    def panels(self) -> tuple[Panel, Panel]:
        """Both, in order."""
        return self.first, self.second


@dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """A block of the editors' own. `kind` is the block's kind; `heading` is
    "" where the template's word for it will do.
    """

    kind: str
    heading: str
    paragraphs: tuple[str, ...]
    link: str | None
    link_text: str


Part = Panel | Pair | Extra


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """All that a template shows, in order. `dek` is the sentence under the
    title; "" where it would only repeat the start.
    """

    title: str
    dek: str
    above: tuple[Extra, ...]
    parts: tuple[Part, ...]
    below: tuple[Extra, ...]
    minutes: int
    sides: tuple[SideView, ...]

    @property
    def everything(self) -> tuple[Part, ...]:
        """Extras above, parts, extras below."""
        return (*self.above, *self.parts, *self.below)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels in order, those of pairs too."""
        return tuple(panel for part in self.parts for panel in _panels(part))

    @property
    def sides_shown(self) -> tuple[SideView, ...]:
        """The sides that the issue names somewhere, in the newsroom's order."""
        named = {panel.side for panel in self.panels} | {quote.label for panel in self.panels for quote in panel.quotes}
        return tuple(side for side in self.sides if side in named)

    @property
    def links(self) -> tuple[str, ...]:
        """Every link of quotes and extras in the order shown; one shown twice is listed twice."""
        return tuple(link for part in self.everything for link in _links(part) if link)

    @property
    def long(self) -> bool:
        """Whether a line of contents is worth its place."""
        return self.minutes >= CONTENTS_MINUTES


def _panels(part: Part) -> tuple[Panel, ...]:
    if isinstance(part, Pair):
        return part.panels
    return (part,) if isinstance(part, Panel) else ()


def _links(part: Part) -> Iterator[str | None]:
    if isinstance(part, Extra):
        yield part.link
    for panel in _panels(part):
        for quote in panel.quotes:
            yield quote.attribution.link


def texts_of(part: Part) -> Iterator[str]:
    """Every text of a part in the order read, attributions among them."""
    if isinstance(part, Extra):
        yield from (part.heading, *part.paragraphs, part.link_text)
    for panel in _panels(part):
        yield from (panel.label, *panel.sentences, *panel.prose)
        for quote in panel.quotes:
            yield from (*quote.paragraphs, quote.attribution.words)
