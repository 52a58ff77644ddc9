"""Running all checks on one subject. Pure but for the places of faults, which are looked up in the newsroom's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from newsletter.checks.registry import CHECKS
from newsletter.checks.subject import Matter, Subject
from newsletter.findings import Finding, Severity
from newsletter.roundups.review import MOST_OF_A_CODE

SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFO)
"""From the heaviest."""


def run(subject: Subject) -> tuple[Finding, ...]:
    """All findings on the subject: those that the issue carries, and those of every check.

    Sorted by file (`issue.toml`, roundups in their order, then the newsroom's), line, column and weight. Asks nobody: what
    links answered is among the facts. Of one code of the checks' own at most `MOST_OF_A_CODE` are listed.
    """
    matter = Matter(subject)
    found = [*subject.issue.findings]
    for check in CHECKS:
        found += _capped(check(matter))
    files = {name: place for place, (name, _) in enumerate(subject.issue.inputs)}
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: _order(finding, files)))


def at_or_above(findings: Iterable[Finding], level: Severity) -> list[Finding]:
    """The findings that weigh as much as `level` or more."""
    heavy = SEVERITIES[: SEVERITIES.index(level) + 1]
    return [finding for finding in findings if finding.severity in heavy]


def counted(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings there are of each severity, from the heaviest."""
    counts = Counter(finding.severity for finding in findings)
    return {severity.value: counts[severity] for severity in SEVERITIES}


def _capped(found: Iterator[Finding]) -> Iterator[Finding]:
    counts: Counter[str] = Counter()
    for finding in found:
        counts[finding.code] += 1
        if counts[finding.code] <= MOST_OF_A_CODE:
            yield finding


def _order(finding: Finding, files: dict[str, int]) -> tuple[object, ...]:
    place = files.get(finding.file or "", len(files))
    weight = SEVERITIES.index(finding.severity)
    return place, finding.file or "~", finding.line or 0, finding.column or 0, weight, finding.code, finding.message
