"""The rail: the findings in words, by group. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.checks import RULES, Group
from newsletter.errors import place
from newsletter.findings import Finding, Severity
from newsletter.web.preview.excerpt import beside

_ORDER = list(Severity)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One finding as the rail shows it: where it is, and what can be done about it."""

    finding: Finding
    where: str
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RailGroup:
    """The findings on one matter, the heaviest first."""

    name: str
    entries: tuple[Entry, ...]


def group_findings(findings: Sequence[Finding], root: Path) -> tuple[RailGroup, ...]:
    """The findings by the group of their rules, the group with the heaviest finding first."""
    groups: dict[str, list[Entry]] = {}
    for finding in sorted(findings, key=lambda finding: _ORDER.index(finding.severity)):
        rule = RULES.get(finding.code)
        entry = Entry(finding=finding, where=_where(finding, root), remedy=rule.fix if rule else "")
        groups.setdefault(rule.group if rule else Group.CONTENT, []).append(entry)
    return tuple(RailGroup(name=name, entries=tuple(entries)) for name, entries in groups.items())


def count_in_words(findings: Sequence[Finding]) -> str:
    """`2 errors, 1 warning`, or that there is nothing."""
    counts = [(severity, sum(finding.severity is severity for finding in findings)) for severity in _ORDER]
    said = [f"{count} {_noun(severity, count)}" for severity, count in counts if count]
    return ", ".join(said) or "Nothing to mend"


def _noun(severity: Severity, count: int) -> str:
    if severity is Severity.INFO:
        return "hint" if count == 1 else "hints"
    return severity.value if count == 1 else f"{severity.value}s"


def _where(finding: Finding, root: Path) -> str:
    return beside(place(finding.file, finding.line, finding.column), root) if finding.file else ""
