"""Laying an issue out as ordered parts, from which both the HTML and the text part are written. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from newsletter.issues.model import Block, BlockKind, Issue, Quote, Section
from newsletter.rendering.attribution import attribution_of
from newsletter.rendering.cleaning import clean, paragraphs, safe_link
from newsletter.rendering.parts import Extra, Layout, Pair, Panel, Part, QuoteView, SideView, one_side, texts_of
from newsletter.settings import Settings, Side

LABEL_LENGTH = 36
"""A longer heading is a sentence: it is set as one, under its side's name."""
WORDS_A_MINUTE = 238
"""Silent reading of English non-fiction (Brysbaert 2019, meta-analysis of 190 studies)."""
ABOVE = frozenset({BlockKind.NOTE, BlockKind.CORRECTION})


def lay_out(issue: Issue, settings: Settings) -> Layout:
    """The issue in the order in which it is read. Quotes keep their order; sections are never moved."""
    sides = _sides(settings.sides)
    parts = tuple(_paired(list(_parts(issue.sections, sides)), tuple(settings.sides)[:2]))
    extras = [_extra(block) for block in issue.blocks]
    title = clean(issue.title)
    return Layout(
        title=title,
        dek=_dek(clean(issue.preheader), title, clean(issue.subject), parts),
        above=tuple(extra for extra in extras if BlockKind(extra.kind) in ABOVE),
        parts=parts,
        below=tuple(extra for extra in extras if BlockKind(extra.kind) not in ABOVE),
        minutes=max(1, round(sum(map(_words, (*parts, *extras))) / WORDS_A_MINUTE)),
        sides=tuple(sides.values()),
    )


def _sides(sides: Mapping[str, Side]) -> dict[str, SideView]:
    return {
        key: SideView(number=number, key=key, name=clean(side.name), heading=clean(side.heading), look=side)
        for number, (key, side) in enumerate(sides.items())
    }


def _parts(sections: Sequence[Section], sides: Mapping[str, SideView]) -> Iterator[Part]:
    for section in sections:
        divided = _divided(section)
        if divided:
            heading = _panel(section, sides, quotes=())
            if heading.name or heading.prose:
                yield heading
            first, second = (_run(run, sides) for run in divided)
            yield Pair(first=first, second=second)
        else:
            yield _panel(section, sides, quotes=section.quotes)


def _divided(section: Section) -> tuple[tuple[Quote, ...], tuple[Quote, ...]] | None:
    """The quotes as two runs of different sides, where they are that and worth two columns.

    One quote a side stays in one column: under `Both sides agree` the two are read one after the other.
    """
    if section.introduces or one_side(section.side) or len(section.quotes) < 3:
        return None
    runs = [(side, tuple(run)) for side, run in groupby(section.quotes, key=lambda quote: quote.side)]
    if len(runs) != 2 or not all(one_side(side) for side, _ in runs):
        return None
    return runs[0][1], runs[1][1]


def _run(quotes: tuple[Quote, ...], sides: Mapping[str, SideView]) -> Panel:
    side = _known(sides, quotes[0].side)
    return Panel(label=side.heading if side else "", side=side, quotes=tuple(_quote(quote, None) for quote in quotes))


def _panel(section: Section, sides: Mapping[str, SideView], *, quotes: Sequence[Quote]) -> Panel:
    side = _known(sides, section.side)
    label, sentence = _heading(clean(section.heading).strip(), side)
    stance = clean(section.stance or "").strip()

    def shown(quote: Quote) -> QuoteView:
        own = quote.side != section.side and one_side(quote.side) and not section.introduces
        return _quote(quote, _known(sides, quote.side) if own else None)

    return Panel(
        label=label,
        sentences=tuple(line for line in (sentence, stance) if line),
        prose=tuple(clean(line) for line in section.prose),
        quotes=tuple(map(shown, quotes)),
        side=side,
        kind="introduction" if section.introduces else "opinions",
    )


def _known(sides: Mapping[str, SideView], key: str | None) -> SideView | None:
    return sides.get(key) if key is not None else None


def _heading(heading: str, side: SideView | None) -> tuple[str, str]:
    """The heading as (label, sentence): a short one is a label, a long one a sentence under its side's name."""
    if len(heading) <= LABEL_LENGTH:
        return heading.rstrip(".: ") or (side.heading if side else ""), ""
    return (side.heading if side else ""), heading


def _quote(quote: Quote, label: SideView | None) -> QuoteView:
    return QuoteView(
        paragraphs=tuple(clean(text) for text in quote.paragraphs), attribution=attribution_of(quote), label=label
    )


def _paired(parts: list[Part], main: tuple[str, ...]) -> Iterator[Part]:
    """Neighbouring panels of different sides, joined.

    In a longer row of sides the newsroom's first two find each other first; of what remains between them only a row
    of exactly two becomes a pair: three sides in a row stay equal, one under the other.
    """
    row: list[Panel] = []
    for part in parts:
        if isinstance(part, Panel) and part.one_sided:
            row.append(part)
            continue
        yield from _pairs_in(row, main)
        row = []
        yield part
    yield from _pairs_in(row, main)


def _pairs_in(panels: list[Panel], main: tuple[str, ...]) -> Iterator[Part]:
    keys = [panel.side.key if panel.side else "" for panel in panels]
    for place, (one, other) in enumerate(pairwise(keys)):
        if {one, other} == set(main):
            yield from _pairs_in(panels[:place], ())
            yield Pair(first=panels[place], second=panels[place + 1])
            yield from _pairs_in(panels[place + 2 :], main)
            return
    if len(panels) == 2 and keys[0] != keys[1]:
        yield Pair(first=panels[0], second=panels[1])
    else:
        yield from panels


def _extra(block: Block) -> Extra:
    link = safe_link(block.link)
    return Extra(
        kind=block.kind.value,
        heading=clean(block.heading).strip(),
        paragraphs=paragraphs(block.text),
        link=link,
        link_text=clean(block.link_text or "").strip() or (clean(block.link or "") if link else ""),
    )


def _dek(preheader: str, title: str, subject: str, parts: Sequence[Part]) -> str:
    folded = _folded(preheader)
    start = " ".join(
        text
        for part in parts
        if isinstance(part, Panel) and part.kind == "introduction"
        for text in (*part.prose, *(line for quote in part.quotes for line in quote.paragraphs))
    )
    if not folded or folded in {_folded(title), _folded(subject)} or folded in _folded(start):
        return ""
    return preheader


def _folded(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _words(part: Part) -> int:
    return sum(len(text.split()) for text in texts_of(part))
