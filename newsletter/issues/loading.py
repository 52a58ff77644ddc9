"""`load`: an issue's folder becomes an `Issue`, with sensible words wherever the editors decided none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from newsletter.errors import InputError, place
from newsletter.issues.dates import date_in_name, in_words, read_date
from newsletter.issues.decisions import IssueTable
from newsletter.issues.folder import find_issue
from newsletter.issues.joining import join, shown_title
from newsletter.issues.model import Issue, Section
from newsletter.issues.naming import ISSUE_FILE
from newsletter.issues.reading import Contents, Reading, read_contents
from newsletter.issues.standing import findings_on
from newsletter.roundups import Outlets
from newsletter.settings import Settings, nearest

LONGEST_PREHEADER = 110
"""Characters: about what the widest inbox rows show behind a subject."""
_OUTER_MARKS = '“”„«»"＂ '


def load(settings: Settings, slug: str, *, outlets: Outlets) -> Issue:
    """The issue in the folder `slug`: its roundups, joined with the decisions in its `issue.toml`.

    Raises:
        InputError: `slug` is no folder's name or names no issue, or a file in it is missing or cannot be used; names
            file and line. Whatever only an editor can settle is a finding of the issue, not an error.
    """
    contents = read_contents(settings, find_issue(settings, slug), outlets)
    table = contents.decisions.table
    _check_lists(contents, settings)
    day = _day(contents)
    own = table.title or _first_title(contents.readings)
    title = own or f"{settings.newsroom.name}, {in_words(day)}"
    joined = join(contents.readings, table, settings.sides, title=title)
    return Issue(
        slug=slug,
        title=title,
        date=day,
        subject=table.subject or title,
        preheader=table.preheader or default_preheader(joined.sections),
        template=table.template,
        lists=tuple(table.lists) if table.lists is not None else tuple(settings.lists)[:1],
        sections=joined.sections,
        blocks=tuple(block.as_block() for block in table.blocks),
        findings=findings_on(contents, joined, settings, day=day, titled=bool(own)),
        inputs=((ISSUE_FILE, contents.issue_file), *((each.name, each.data) for each in contents.readings)),
        author=table.author or None,
    )


def default_preheader(sections: Sequence[Section]) -> str:
    """The first words of the introduction, else the first stance line; cut at a word, within `LONGEST_PREHEADER`.

    The introduction comes first because one side's stance must not speak for the whole issue.
    """
    for section in sections:
        texts = (*(text for quote in section.quotes for text in quote.paragraphs), *section.prose)
        if section.introduces and texts:
            return _cut(texts[0].strip(_OUTER_MARKS))
    return next((_cut(section.stance) for section in sections if section.stance), "")


def _cut(text: str) -> str:
    words = " ".join(text.split())
    if len(words) <= LONGEST_PREHEADER:
        return words
    head = words[:LONGEST_PREHEADER]  # one character is for the ellipsis
    whole = head[: head.rfind(" ")] if " " in head else head[:-1]
    return re.sub(r"[\s,;:.…–—-]+$", "", whole) + "…"


def _day(contents: Contents) -> date:
    """The date decided, else the one in the folder's name, else the first that a roundup names with its year."""
    slug = contents.folder.slug
    if day := contents.decisions.table.date or date_in_name(slug[:10]):
        return day
    for reading in contents.readings:
        written = read_date(reading.roundup.date or "", today=date.min)
        if written and written.doubt is None:
            return written.day
    raise InputError(
        "no date is decided", where=str(contents.folder.issue_file), remedy="Add a line such as date = 2026-11-24"
    )


def _first_title(readings: Sequence[Reading]) -> str:
    return next((title for reading in readings if (title := shown_title(reading.roundup.title))), "")


def _check_lists(contents: Contents, settings: Settings) -> None:
    table: IssueTable = contents.decisions.table
    for number, name in enumerate(table.lists or ()):
        if name not in settings.lists:
            where = place(contents.folder.issue_file, contents.decisions.places.line("lists", number))
            remedy = (
                nearest(name, list(settings.lists)) if settings.lists else "Add a table [lists.NAME] to newsletter.toml"
            )
            raise InputError(f"no list is called {name!r}", where=where, remedy=remedy)
