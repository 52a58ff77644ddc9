"""Voices that readers heard only days ago: the issue's authors and outlets against those of the issues before it."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.rule import Group, Rule
from newsletter.checks.shown_texts import quote_spot
from newsletter.checks.subject import Matter, Recent
from newsletter.errors import InputError
from newsletter.findings import Finding, Severity
from newsletter.issues import Issue, Quote, load, slugs
from newsletter.issues.dates import in_words
from newsletter.roundups import Outlets
from newsletter.settings import Settings

RECENT_AUTHOR = Rule(
    code="RECENT-AUTHOR",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="author quoted in a recent issue",
    why="The same voice within days narrows what readers hear.",
    fix="Choose another voice, or keep it on purpose and waive this; `recent_issues` under [checks] says how far back counts",
    example="A column by the same author on Monday and on Wednesday: on Wednesday let somebody else speak",
)
RECENT_OUTLET = Rule(
    code="RECENT-OUTLET",
    severity=Severity.INFO,
    group=Group.CONTENT,
    title="outlet quoted in a recent issue",
    why="A daily comes back to its outlets; readers notice when it never leaves them.",
    fix="Nothing, if the outlet was chosen on purpose",
    example="The Lantern on Monday and on Tuesday: nothing is wrong, but look whether there is another voice",
)
RULES = (RECENT_AUTHOR, RECENT_OUTLET)
_NOBODY = frozenset({"editorialboard", "theeditorialboard", "editors", "theeditors", "editorial"})


def recent_issues(settings: Settings, issue: Issue, *, outlets: Outlets) -> tuple[Recent, ...]:
    """The issues before this one that the newsroom's `[checks] recent_issues` asks for, the latest first.

    Only the last few folders are read; one that cannot be read is left out: it is not what is being checked.
    """
    before = [slug for slug in slugs(settings) if slug[:10] < issue.date.isoformat() and slug != issue.slug]
    found: list[Recent] = []
    for slug in reversed(before[-settings.checks.recent_issues :] if settings.checks.recent_issues else []):
        try:
            found.append(_recent(load(settings, slug, outlets=outlets), outlets))
        except InputError:
            continue
    return tuple(found)


def folded(name: str) -> str:
    """A name as names are compared: letters and digits only, whatever their case."""
    return "".join(character for character in name.casefold() if character.isalnum())


def repetitions(matter: Matter) -> Iterator[Finding]:
    """Authors and outlets of opinions that recent issues quoted too; each once."""
    told: set[str] = set()
    for quote in _opinions(matter.issue):
        author, outlet = _author(quote), _outlet(quote, matter.subject.outlets)
        for recent in matter.subject.recent:
            if author in recent.authors and f"author {author}" not in told:
                told.add(f"author {author}")
                message = f"{quote.author} was quoted on {in_words(recent.date)} ({recent.slug})"
                yield RECENT_AUTHOR.finding(message, quote_spot(matter.files, quote, quote.author or ""))
            if outlet in recent.outlets and f"outlet {outlet}" not in told:
                told.add(f"outlet {outlet}")
                message = f"{quote.outlet} was quoted on {in_words(recent.date)} ({recent.slug})"
                yield RECENT_OUTLET.finding(message, quote_spot(matter.files, quote, quote.outlet or ""))


def _recent(issue: Issue, outlets: Outlets) -> Recent:
    quotes = _opinions(issue)
    return Recent(
        slug=issue.slug,
        date=issue.date,
        authors=frozenset(_author(quote) for quote in quotes) - {""},
        outlets=frozenset(_outlet(quote, outlets) for quote in quotes) - {""},
    )


def _opinions(issue: Issue) -> list[Quote]:
    """The quotes that argue; agencies report the news every day."""
    return [quote for section in issue.sections if not section.introduces for quote in section.quotes]


def _author(quote: Quote) -> str:
    name = folded(quote.author or "")
    return "" if name in _NOBODY else name


def _outlet(quote: Quote, outlets: Outlets) -> str:
    known = outlets.find(quote.outlet) if quote.outlet else None
    return folded(known.name if known else quote.outlet or "")
