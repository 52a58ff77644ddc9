"""The findings on an issue: the parser's, less what decisions settled, and what only the whole issue shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from newsletter.findings import Finding, Severity
from newsletter.issues.dates import in_words, read_date
from newsletter.issues.decisions import Decisions
from newsletter.issues.joining import SIDE_UNDECIDED, Joined
from newsletter.issues.model import Quote
from newsletter.issues.naming import ISSUE_FILE
from newsletter.issues.reading import Contents, Reading
from newsletter.issues.toml_places import Step
from newsletter.roundups.review import CODES
from newsletter.settings import Settings

RECOMPUTED = frozenset({SIDE_UNDECIDED, "SIDES-FEWER-THAN-TWO", "BALANCE-QUOTES", "BALANCE-WORDS"})
"""What depends on sides and on left-out quotes: the parser's answer is replaced by the issue's."""
SETTLED = frozenset({"TITLE-MISSING", "DATE-MISSING", "DATE-NO-YEAR"})
"""What `issue.toml` settles: an issue always has a date, and a title of its own or a finding of its own."""
NO_TITLE, ORPHAN = "ISSUE-NO-TITLE", "ISSUE-DECISION-ORPHAN"
UNUSED, OTHER_DATE = "ISSUE-FILE-UNUSED", "ISSUE-DATE-DIFFERS"
_SEVERAL = frozenset({"both", "other"})
_EARLIER_LINE = re.compile(r"\bline (\d+)\b")
_WORD = re.compile(r"[\w’'-]+")


def findings_on(
    contents: Contents, joined: Joined, settings: Settings, *, day: date, titled: bool
) -> tuple[Finding, ...]:
    """All findings: those of `issue.toml`, then each roundup's by line, then those on the issue as a whole."""
    found = [*_orphans(contents.decisions, joined), *_unused(contents)]
    if not titled:
        message = "no title stands in the roundup or in issue.toml; the newsroom's name and the date stand in for it"
        why = "Readers choose by the title, and the subject is made from it."
        found.append(
            Finding(code=NO_TITLE, severity=Severity.WARNING, message=message, file=ISSUE_FILE, line=1, why=why)
        )
    quotes = [quote for section in joined.sections for quote in section.quotes]
    for reading in contents.readings:
        own = [*_carried(reading, joined), *_other_date(reading, day)]
        own += [_undecided(quote, reading) for quote in quotes if quote.undecided and quote.file == reading.name]
        found += sorted(own, key=lambda finding: (finding.line or 0, finding.column or 0))
    return (*found, *_whole(quotes, joined, settings))


def _orphans(decisions: Decisions, joined: Joined) -> Iterator[Finding]:
    table = decisions.table
    keyed: list[tuple[str, tuple[Step, ...]]] = [
        *((key, ("order", number)) for number, key in enumerate(table.order)),
        *((key, ("leave_out", number)) for number, key in enumerate(table.leave_out)),
        *((key, ("sides", key)) for key in table.sides),
        *((key, ("links", key)) for key in table.links),
    ]
    for key, path in keyed:
        if key not in joined.ids:
            message = f"{path[0]}: no quote of the roundups has the id {key!r} any more"
            yield _orphan(message, decisions.places.line(*path))
    for heading in table.headings:
        if heading not in joined.headings:
            message = f"headings: no heading of the roundups reads {heading!r}"
            yield _orphan(message, decisions.places.line("headings", heading))


def _orphan(message: str, line: int | None) -> Finding:
    why = "A decision without its quote does nothing; it is kept in case the quote comes back."
    return Finding(
        code=ORPHAN, severity=Severity.WARNING, message=message, file=ISSUE_FILE, line=line, column=1, why=why
    )


def _unused(contents: Contents) -> Iterator[Finding]:
    for name in contents.unused:
        message = "this file is not named under roundups in issue.toml, so it is no part of the issue"
        yield Finding(code=UNUSED, severity=Severity.INFO, message=message, file=name)


def _carried(reading: Reading, joined: Joined) -> Iterator[Finding]:
    """The parser's findings that still hold, with the file's name."""
    gone = [lines for file, lines in joined.left_out if file == reading.name]
    for finding in reading.roundup.findings:
        if finding.code in RECOMPUTED or finding.code in SETTLED:
            continue
        if _within(finding.line, gone) or (finding.code.startswith("TWICE-") and _repeats_what_is_gone(finding, gone)):
            continue
        yield replace(finding, file=reading.name)


def _within(line: int | None, stretches: Sequence[tuple[int, int]]) -> bool:
    return line is not None and any(first <= line <= last for first, last in stretches)


def _repeats_what_is_gone(finding: Finding, gone: Sequence[tuple[int, int]]) -> bool:
    earlier = _EARLIER_LINE.search(finding.message)
    return earlier is not None and _within(int(earlier[1]), gone)


def _other_date(reading: Reading, day: date) -> Iterator[Finding]:
    written = read_date(reading.roundup.date, today=day) if reading.roundup.date else None
    if written and written.day != day:
        message = f"the roundup is dated {in_words(written.day)}, the issue {in_words(day)}"
        yield Finding(code=OTHER_DATE, severity=Severity.INFO, message=message, file=reading.name)


def _undecided(quote: Quote, reading: Reading) -> Finding:
    """The parser's own words where it asked too."""
    for finding in reading.roundup.findings:
        if finding.code == SIDE_UNDECIDED and _within(finding.line, [quote.lines]):
            return replace(finding, file=reading.name)
    severity, why = CODES[SIDE_UNDECIDED]
    message = f"whose side is {quote.attribution or 'this quote'!r} on?"
    return Finding(
        code=SIDE_UNDECIDED,
        severity=severity,
        message=message,
        file=reading.name,
        line=quote.lines[0],
        column=1,
        why=why,
    )


def _whole(quotes: Sequence[Quote], joined: Joined, settings: Settings) -> Iterator[Finding]:
    """What is on the whole: at least two sides, and these in balance."""
    taken = {quote.side for quote in quotes if quote.side and quote.side not in _SEVERAL}
    both = any(section.side == "both" and section.quotes for section in joined.sections)
    if len(taken) < 2 and not both and not any(quote.undecided for quote in quotes):
        only = f"only {settings.sides[next(iter(taken))].name!r} is quoted" if taken else "no side is quoted"
        yield _of("SIDES-FEWER-THAN-TWO", f"{only} in this issue")
    first, second = _main_sides(settings)
    yield from _balance(first, second, quotes, settings)


def _main_sides(settings: Settings) -> tuple[str, str]:
    """Left and right, or the first two sides of a newsroom that has others."""
    keys = [key for key in settings.sides if key not in _SEVERAL]
    main = [key for key in ("left", "right") if key in keys]
    first, second = main if len(main) == 2 else [*keys, "", ""][:2]
    return first, second


def _balance(first: str, second: str, quotes: Sequence[Quote], settings: Settings) -> Iterator[Finding]:
    """Quotes within one of each other, words within one and a half times (the product's rule for balance)."""
    counts = {side: sum(quote.side == side for quote in quotes) for side in (first, second)}
    words = {side: sum(_words(quote) for quote in quotes if quote.side == side) for side in (first, second)}
    if not all(counts.values()):
        return
    names = {side: settings.sides[side].name for side in (first, second)}
    if abs(counts[first] - counts[second]) > 1:
        yield _of("BALANCE-QUOTES", f"{names[first]}: {counts[first]} quotes, {names[second]}: {counts[second]}")
    if max(words.values()) > 1.5 * min(words.values()):
        yield _of("BALANCE-WORDS", f"{names[first]}: {words[first]} words, {names[second]}: {words[second]}")


def _words(quote: Quote) -> int:
    return sum(len(_WORD.findall(text)) for text in quote.paragraphs)


def _of(code: str, message: str) -> Finding:
    severity, why = CODES[code]
    return Finding(code=code, severity=severity, message=message, file=ISSUE_FILE, line=1, column=1, why=why)
