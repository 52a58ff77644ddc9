"""An issue: roundups joined with the editors' decisions. Frozen; composing makes it, rendering reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - `date` is a field of the issue
from enum import StrEnum

from newsletter.findings import Finding
from newsletter.roundups.model import Suggestion


class BlockKind(StrEnum):
    """What an extra block is."""

    NOTE = "note"
    BRIGHT_SIDE = "bright_side"
    SPONSOR = "sponsor"
    POLL = "poll"
    CORRECTION = "correction"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """A quote as the issue shows it.

    `side` is a key of the newsroom's sides, or None while undecided; `side_source` is "heading", "stance"
    or "label" where the file says so, "decision", or None.
    `undecided` tells that an editor still has to choose a side (what introduces the news, or closes it, needs none).
    `file` and `lines` say where it stands in the roundup (first and last line, from 1).
    """

    id: str
    paragraphs: tuple[str, ...]
    author: str | None
    outlet: str | None
    attribution: str
    side: str | None
    side_source: str | None
    link: str | None
    suggestion: Suggestion | None
    file: str
    lines: tuple[int, int]
    undecided: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading as shown ("" for the introduction), its side where it names one, the stance line, quotes and prose."""

    heading: str
    side: str | None
    stance: str | None
    quotes: tuple[Quote, ...]
    prose: tuple[str, ...] = ()

    @property
    def introduces(self) -> bool:
        """Whether this is the news that comes before the opinions."""
        return not self.heading and self.side is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """An extra of the editors' own: `text` may have several paragraphs, parted by blank lines."""

    kind: BlockKind
    heading: str
    text: str
    link: str | None = None
    link_text: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """One issue, ready to render. `inputs` are the names and bytes of the files it was read from, in order.

    `author` is who composed it, a user's name; None where nobody is named.
    """

    slug: str
    title: str
    date: Date
    subject: str
    preheader: str
    template: str
    lists: tuple[str, ...]
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]
    findings: tuple[Finding, ...]
    inputs: tuple[tuple[str, bytes], ...]
    author: str | None = None

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """All quotes in the order shown."""
        return tuple(quote for section in self.sections for quote in section.quotes)

    @property
    def undecided(self) -> tuple[Quote, ...]:
        """The quotes that still wait for a side, in the order shown, each with its suggestion where there is one."""
        return tuple(quote for quote in self.quotes if quote.undecided)
