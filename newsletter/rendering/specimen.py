"""An invented issue that has everything a template can be asked to show, and one that has next to nothing."""

from __future__ import annotations

from datetime import date

from newsletter.issues.model import Block, BlockKind, Issue, Quote, Section
from newsletter.settings import Settings

_NEWS = "“The council voted by a single voice to study a return of the night ferry, four years after the last boat."
_LONG_HEADING = "What those say who have neither crossed by night nor paid for it, and would do either"
_WORDS = (
    "“Ask the bakers and the nurses who sleep in cars until six. A ferry is no luxury to be earned by daylight.”",
    "“Forty riders a night was the best month the line ever had. A minibus would do it for a tenth.”",
    "“Nobody loses by counting first; [the new fare] should be printed on the ticket.”",
    "“A study is what one orders in order to order nothing. Still, it is the first line that mentions the night.”",
)


def specimen(settings: Settings, template: str) -> Issue:
    """An issue with every kind of part: introduction, two sides, labels, prose, links, all blocks; invented throughout."""
    one, other = (list(settings.sides)[:2] * 2)[:2]
    sections = (
        Section(heading="", side=None, stance=None, quotes=(_quote(0, _NEWS, "“It is to report by June.”"),)),
        Section(
            heading="Both welcome the study, and doubt its timetable:",
            side=None,
            stance="A stance of the editors.",
            quotes=(_quote(1, _WORDS[2], side=one, link=True), _quote(2, _WORDS[3], side=other)),
            prose=("A sentence of the editors’ own.",),
        ),
        Section(heading="", side=one, stance="One side argues for it.", quotes=_pair(3, one)),
        Section(heading="", side=other, stance="The other asks who pays.", quotes=_pair(5, other)),
        Section(heading=_LONG_HEADING, side=None, stance=None, quotes=(_quote(7, _WORDS[0]), _quote(8, _WORDS[1]))),
    )
    return _issue(template, sections, tuple(map(_block, BlockKind)), "Seven voted for it, six against.")


def bare_specimen(settings: Settings, template: str) -> Issue:
    """The least that can be sent: one quote a side, no introduction, no block, no preheader."""
    one, other = (list(settings.sides)[:2] * 2)[:2]
    sections = (
        Section(heading="", side=one, stance=None, quotes=(_quote(1, "“Yes.”", side=one),)),
        Section(heading="", side=other, stance=None, quotes=(_quote(2, "“No.”", side=other),)),
    )
    return _issue(template, sections, (), "")


def _issue(template: str, sections: tuple[Section, ...], blocks: tuple[Block, ...], preheader: str) -> Issue:
    return Issue(
        slug="specimen",
        title="Should the night ferry come back?",
        date=date(2026, 11, 24),
        subject="Should the night ferry come back?",
        preheader=preheader,
        template=template,
        lists=(),
        sections=sections,
        blocks=blocks,
        findings=(),
        inputs=(),
    )


def _pair(number: int, side: str) -> tuple[Quote, Quote]:
    long = " ".join(_WORDS).replace("”", "").replace(" “", " ")
    first = _quote(number, f"{long}…", _WORDS[0], side=side, link=True)
    return first, _quote(number + 1, long + "”", side=side)


def _quote(number: int, *paragraphs: str, side: str | None = None, link: bool = False) -> Quote:
    author, outlet = f"Ilse Varga {number}", f"The Lantern {number}"
    return Quote(
        id=f"specimen-{number}",
        paragraphs=paragraphs,
        author=author,
        outlet=outlet,
        attribution=f"{author}, {outlet}",
        side=side,
        side_source="decision" if side else None,
        link=f"https://lantern.example/{number}?a=1&b=2" if link else None,
        suggestion=None,
        file="specimen.txt",
        lines=(number, number),
    )


def _block(kind: BlockKind) -> Block:
    return Block(
        kind=kind,
        heading="",
        text=f"The first paragraph of a {kind.value}.\n\nThe second of it.",
        link=f"https://lantern.example/{kind.value}",
        link_text="Read on",
    )
