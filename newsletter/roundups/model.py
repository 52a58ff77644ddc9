"""What a roundup file holds once it is read. Every text in here is verbatim the file's."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from newsletter.findings import Finding


class Lean(StrEnum):
    """The side a heading, a quote or an outlet stands on."""

    LEFT = "left"
    RIGHT = "right"
    CENTER = "center"
    LIBERTARIAN = "libertarian"
    BOTH = "both"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A proposed side, with the reason in words. It never becomes a decision by itself."""

    lean: Lean
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """A quoted text with its source.

    `paragraphs` keep their outer marks, minus an inline source. `attribution` is exactly what stands in the file ("" where
    there is none); `author` and `outlet` are read from it, never invented. `lean` is set only where the text names a side.
    `id` is a hash of the quote's own words, so that decisions survive a re-parse. `lines` are the first and last line, from 1.
    `attribution_before` tells that the attribution stands above the quote in the file.
    """

    id: str
    paragraphs: tuple[str, ...]
    author: str | None
    outlet: str | None
    attribution: str
    lean: Lean | None
    lean_source: str | None
    lines: tuple[int, int]
    link: str | None = None
    suggestion: Suggestion | None = None
    attribution_before: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The quote in the shape of `roundup parse --json`."""
        data: dict[str, Any] = {
            "paragraphs": list(self.paragraphs),
            "author": self.author,
            "outlet": self.outlet,
            "attribution": self.attribution,
            "lean": self.lean.value if self.lean else None,
            "lean_source": self.lean_source,
            "id": self.id,
            "lines": list(self.lines),
        }
        if self.link is not None:
            data["link"] = self.link
        if self.suggestion is not None:
            data["lean_suggested"] = self.suggestion.lean.value
            data["lean_reason"] = self.suggestion.reason
        return data


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading ("" before the first) and what stands under it. `summary` is the editors' stance line."""

    heading: str
    lean: Lean | None
    summary: str | None
    quotes: tuple[Quote, ...] = ()
    prose: tuple[str, ...] = ()
    line: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The section in the shape of `roundup parse --json`."""
        return {
            "heading": self.heading,
            "lean": self.lean.value if self.lean else None,
            "summary": self.summary,
            "quotes": [quote.as_dict() for quote in self.quotes],
            "prose": list(self.prose),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Roundup:
    """A roundup file, read. `title` and `date` as written, or None; `furniture` is what was set aside, in order."""

    title: str | None
    date: str | None
    sections: tuple[Section, ...]
    furniture: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """All quotes in the file's order."""
        return tuple(quote for section in self.sections for quote in section.quotes)

    def as_dict(self) -> dict[str, Any]:
        """The roundup in the shape of `roundup parse --json`."""
        return {
            "title": self.title,
            "date": self.date,
            "sections": [section.as_dict() for section in self.sections],
            "furniture": list(self.furniture),
            "findings": [finding.as_dict() for finding in self.findings],
        }
