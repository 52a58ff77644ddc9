"""Fixes: the safe edits that findings bring along, planned as whole files, shown as a diff, written all or none.

An edit is safe where it touches marks and characters and no decision of the editors loses its quote: quotes are known by
a hash of their words, so a mark more or less leaves them who they are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from newsletter.errors import InputError
from newsletter.findings import Finding
from newsletter.issues import Issue, find_issue
from newsletter.issues.atomic import locked, replace_file
from newsletter.issues.decisions import read_decisions
from newsletter.issues.joining import quotes_by_id
from newsletter.issues.naming import ISSUE_FILE
from newsletter.issues.reading import Reading, read_roundup
from newsletter.roundups import Outlets
from newsletter.settings import Settings

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_BOM = "\ufeff"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFix:
    """One file with its fixes: the bytes before and after, and the findings that they settle."""

    name: str
    before: bytes
    after: bytes
    settled: tuple[Finding, ...]

    def diff(self, path: str) -> str:
        """The change as a unified diff of the file at `path`."""
        old, new = (data.decode("utf-8-sig").splitlines(keepends=True) for data in (self.before, self.after))
        lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def plan_fixes(issue: Issue, findings: Iterable[Finding], settings: Settings, outlets: Outlets) -> tuple[FileFix, ...]:
    """The files that safe fixes would change.

    Of fixes that overlap the first is taken, and the next run finds the others. A fix that would take the quote away from
    a decision in `issue.toml` is left to the editor.
    """
    fixable = [finding for finding in findings if finding.fix is not None]
    inputs = dict(issue.inputs)
    planned = []
    for name, before in issue.inputs:
        own = [finding for finding in fixable if finding.file == name]
        if name == ISSUE_FILE or not own:
            continue
        settled = _safe(own, name, inputs, settings, outlets)
        after = edited(before, settled)
        if settled and after != before:
            planned.append(FileFix(name=name, before=before, after=after, settled=tuple(settled)))
            inputs[name] = after
    return tuple(planned)


def write_fixes(settings: Settings, slug: str, fixes: Sequence[FileFix]) -> None:
    """Write the planned files, each replaced whole.

    Raises:
        BlockedError: a file changed since the fixes were planned, or somebody else is writing; that file stays as it is.
        InputError: there is no such issue, or the disk refuses.
    """
    folder = find_issue(settings, slug)
    with locked(folder.path):
        for fix in fixes:
            replace_file(folder.path / fix.name, fix.after, expected=fix.before)


def edited(data: bytes, findings: Sequence[Finding]) -> bytes:
    """The bytes with the findings' fixes made; line ends and a byte order mark stay as they are."""
    text = data.decode()
    mark, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    lines = _LINES.findall(text)
    for finding in sorted(findings, key=_position, reverse=True):
        fix = finding.fix
        if fix is not None and 0 < fix.line <= len(lines):
            line = lines[fix.line - 1]
            end = "\r\n" if "\r\n" in line else "\n"
            replacement = fix.replacement.replace("\n", end)
            lines[fix.line - 1] = line[: fix.column - 1] + replacement + line[fix.end_column - 1 :]
    return (mark + "".join(lines)).encode()


def _safe(
    findings: Sequence[Finding], name: str, inputs: dict[str, bytes], settings: Settings, outlets: Outlets
) -> list[Finding]:
    """The fixes that can be made together and leave every decision its quote."""
    apart = _apart(findings)
    needed = _decided(inputs, settings, outlets)
    if needed <= _ids(inputs | {name: edited(inputs[name], apart)}, settings, outlets):
        return apart
    kept: list[Finding] = []
    for finding in apart:
        if needed <= _ids(inputs | {name: edited(inputs[name], [*kept, finding])}, settings, outlets):
            kept.append(finding)
    return kept


def _apart(findings: Sequence[Finding]) -> list[Finding]:
    """In order of place, without those that overlap one before them."""
    kept: list[Finding] = []
    reached = (0, 0)
    for finding in sorted(findings, key=_position):
        fix = finding.fix
        if fix is not None and (fix.line, fix.column) >= reached and fix.column <= fix.end_column:
            kept.append(finding)
            reached = (fix.line, max(fix.end_column, fix.column + 1))
    return kept


def _position(finding: Finding) -> tuple[int, int]:
    return (finding.fix.line, finding.fix.column) if finding.fix else (0, 0)


def _decided(inputs: dict[str, bytes], settings: Settings, outlets: Outlets) -> set[str]:
    """The ids in `issue.toml` that name a quote now."""
    table = read_decisions(inputs[ISSUE_FILE], where=ISSUE_FILE, sides=settings.sides).table
    named = {*table.order, *table.leave_out, *table.sides, *table.links}
    return named & _ids(inputs, settings, outlets)


def _ids(inputs: dict[str, bytes], settings: Settings, outlets: Outlets) -> set[str]:
    readings: list[Reading] = []
    for name, data in inputs.items():
        if name != ISSUE_FILE:
            try:
                readings.append(read_roundup(settings, name, data, outlets))
            except InputError:
                return set()
    return set(quotes_by_id(readings))
