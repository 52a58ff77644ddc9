"""What the text itself shows: placeholders that nobody filled, and quotes that are not the file's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.rule import Group, Rule
from newsletter.checks.shown_texts import ShownText, quote_spot, shown_texts
from newsletter.checks.subject import Matter
from newsletter.findings import Finding, Severity
from newsletter.roundups.review.matter import short

PLACEHOLDER = Rule(
    code="TEXT-PLACEHOLDER",
    severity=Severity.ERROR,
    group=Group.CONTENT,
    title="placeholder text",
    why="TK, TODO, XXX and lorem ipsum stand for words that are still to come.",
    source="https://en.wikipedia.org/wiki/To_come_(publishing)",
    fix="Write what belongs there. If it is no placeholder, name the code under [checks] waivable and waive it",
    example="“TK percent of voters” becomes “52 percent of voters”",
)
UNRENDERED = Rule(
    code="TEXT-UNRENDERED",
    severity=Severity.ERROR,
    group=Group.CONTENT,
    title="field that was never filled in",
    why="{{ name }}, {% if %} and *|NAME|* are instructions to a program; readers would see them as they stand.",
    source="https://jinja.palletsprojects.com/en/stable/templates/",
    fix="Take the field out, or write the words that it stands for",
    example="“Dear {{ first_name }}” becomes “Dear reader”",
)
QUOTE_ALTERED = Rule(
    code="QUOTE-ALTERED",
    severity=Severity.ERROR,
    group=Group.CONTENT,
    title="quote that is not the file’s",
    why="A quote is printed as it stands in the roundup, letter by letter, or not at all.",
    fix="Report this: no editing of the files leads to it",
    example="The file reads “She laughed”; “She smiled” may not be printed as its words",
)
RULES = (PLACEHOLDER, UNRENDERED, QUOTE_ALTERED)

_PLACEHOLDER = re.compile(
    r"(?<![\w.&’'-])(?:TK(?:TK)*|TODO|TO DO|TBD|FIXME|X{3,})(?![\w&’'-])|(?i:\blorem ipsum\b|\bdolor sit amet\b)"
)
_NUMERAL = re.compile(r"\b[A-Z]\w+\s$")
_COMPANY = re.compile(r"\s?(?:Maxx|Elevator)\b")
_UNRENDERED = re.compile(
    r"\{\{[^{}\n]{0,80}\}\}|\{%[^{}\n]{0,80}%\}|\{#[^{}\n]{0,80}#\}|\*\|[A-Z0-9_:]{1,40}\|\*|%%\w{1,40}%%"
)


def placeholders(matter: Matter) -> Iterator[Finding]:
    """Placeholders in anything shown."""
    for shown in shown_texts(matter.issue, matter.files):
        for found in _PLACEHOLDER.finditer(shown.text):
            if _stands_for_something(shown.text, found):
                message = f"{found[0]!r} in the {shown.kind} stands for words that are missing"
                yield PLACEHOLDER.finding(message, shown.spot(found.start(), found.end()))


def _stands_for_something(text: str, found: re.Match[str]) -> bool:
    """Not `Super Bowl XXX`, and not `TK Maxx`."""
    word = found[0]
    if set(word) == {"X"}:
        return not _NUMERAL.search(text, 0, found.start())
    return not (word == "TK" and _COMPANY.match(text, found.end()))


def unrendered(matter: Matter) -> Iterator[Finding]:
    """Fields of templates in the issue's words, or in the edition where the template left them."""
    told: set[str] = set()
    for shown in shown_texts(matter.issue, matter.files):
        for found in _UNRENDERED.finditer(shown.text):
            told.add(found[0])
            yield UNRENDERED.finding(_unfilled(found[0], shown), shown.spot(found.start(), found.end()))
    for text in (matter.page.words, matter.edition.text):
        for found in _UNRENDERED.finditer(text):
            if found[0] not in told:
                told.add(found[0])
                message = f"the template leaves {found[0]!r} unfilled"
                yield UNRENDERED.finding(message, matter.newsroom.in_template(found[0]))


def _unfilled(field: str, shown: ShownText) -> str:
    return f"{field!r} in the {shown.kind} would reach readers as it stands"


def verbatim(matter: Matter) -> Iterator[Finding]:
    """Every shown paragraph against the bytes of the roundup: it stands there on one line of its quote."""
    for quote in matter.issue.quotes:
        first, last = quote.lines
        lines = matter.files.lines.get(quote.file, [])[first - 1 : last]
        for text in quote.paragraphs:
            if not any(text in line for line in lines):
                message = f"this paragraph is not what stands in {quote.file}: {short(text)!r}"
                yield QUOTE_ALTERED.finding(message, quote_spot(matter.files, quote))
                break
