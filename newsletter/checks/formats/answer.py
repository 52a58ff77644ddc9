"""The answer of a check: what stands, what is waived, and where the files are for whoever asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from newsletter.checks.registry import RULES
from newsletter.checks.running import at_or_above, counted
from newsletter.checks.waiving import Waived
from newsletter.findings import Finding, Severity
from newsletter.settings import FILE_NAME


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What checking one issue brought.

    Args:
        slug: the issue's.
        edition: the digest of the edition that was checked.
        root: the newsroom's folder as seen from where the answer is read; "" where that is the same.
        findings: those that stand, in order.
        waived: those that somebody answers for.
    """

    slug: str
    edition: str
    root: str
    findings: tuple[Finding, ...]
    waived: tuple[Waived, ...] = ()

    def path(self, name: str) -> str:
        """The path of a file that a finding names: one of the issue's folder, or one of the newsroom."""
        inside = "/" in name or name == FILE_NAME
        return PurePath(self.root, *(() if inside else ("issues", self.slug)), name).as_posix()

    def place(self, finding: Finding) -> str:
        """The path of the finding's file; the issue's folder where it names none."""
        return self.path(finding.file) if finding.file else PurePath(self.root, "issues", self.slug).as_posix()

    def blocks(self, level: Severity) -> bool:
        """Whether anything stands that weighs `level` or more."""
        return bool(at_or_above(self.findings, level))

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain data; files by their paths."""
        return {
            "slug": self.slug,
            "edition": self.edition,
            "counts": {**counted(self.findings), "waived": len(self.waived)},
            "findings": [self._told(finding) for finding in self.findings],
            "waived": [
                {**self._told(each.finding), "waived_by": each.waiver.name, "reason": each.waiver.reason}
                for each in self.waived
            ],
        }

    def summary(self) -> str:
        """`2 errors, 1 warning, 3 infos, 1 waived`; `nothing found` where there is none."""
        counts = [(count, name) for name, count in counted(self.findings).items() if count]
        words = [f"{count} {name}{'s' if count != 1 else ''}" for count, name in counts]
        waived = [f"{len(self.waived)} waived"] if self.waived else []
        return ", ".join([*(words or ["nothing found"]), *waived])

    def _told(self, finding: Finding) -> dict[str, Any]:
        rule = RULES.get(finding.code)
        more = {"group": rule.group.value, "remedy": rule.fix} if rule else {}
        return {**finding.as_dict(), **more, "file": self.place(finding)}
