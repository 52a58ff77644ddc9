"""The outline within an edition's manifest, read back: what the edition says, without its looks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class QuoteLine:
    """A quote as the edition has it. `place` counts from 1, `section` is the heading that it stands under."""

    id: str
    text: str
    attribution: str
    side: str | None
    link: str | None
    section: str
    place: int

    @property
    def name(self) -> str:
        """What a person calls it: its source, else its first words."""
        if self.attribution:
            return self.attribution
        words = self.text.split()
        return " ".join(words[:6]) + (" …" if len(words) > 6 else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionLine:
    """A section without its quotes. `name` is its heading, or what stands for it."""

    heading: str
    side: str | None
    stance: str
    prose: str

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.heading or "the introduction"


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockLine:
    """A block of the editors' own."""

    kind: str
    heading: str
    text: str
    link: str | None
    link_text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """All of it, in the order shown."""

    sections: tuple[SectionLine, ...]
    quotes: tuple[QuoteLine, ...]
    blocks: tuple[BlockLine, ...]


def outline_of(manifest: Mapping[str, Any]) -> Outline | None:
    """The outline; None in an edition from before there were any."""
    data = manifest.get("outline")
    if data is None:
        return None
    sections = [(section, _section(section)) for section in data["sections"]]
    pairs = [(quote, line.name) for section, line in sections for quote in section["quotes"]]
    return Outline(
        sections=tuple(line for _, line in sections),
        quotes=tuple(_quote(quote, name, place) for place, (quote, name) in enumerate(pairs, start=1)),
        blocks=tuple(_block(block) for block in data["blocks"]),
    )


def _section(data: Mapping[str, Any]) -> SectionLine:
    return SectionLine(
        heading=data["heading"].strip(),
        side=data["side"],
        stance=data["stance"] or "",
        prose="\n".join(data["prose"]),
    )


def _quote(data: Mapping[str, Any], section: str, place: int) -> QuoteLine:
    return QuoteLine(
        id=data["id"],
        text="\n".join(data["paragraphs"]),
        attribution=data["attribution"],
        side=data["side"],
        link=data["link"],
        section=section,
        place=place,
    )


def _block(data: Mapping[str, Any]) -> BlockLine:
    return BlockLine(
        kind=data["kind"],
        heading=data["heading"],
        text="\n".join(data["paragraphs"]),
        link=data["link"],
        link_text=data["link_text"],
    )
