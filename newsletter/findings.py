"""The one shape of everything a check has to say, from the parser's warnings to the gate's refusals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding weighs: an error blocks, a warning may be waived, an info only tells."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fix:
    """An edit that would settle a finding: replace columns `column` to `end_column` (1-based, the end excluded) of `line`."""

    line: int
    column: int
    end_column: int
    replacement: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One observation. `line` and `column` count from 1, columns in characters; None where there is no place.

    `end_column` is the column behind the last character meant, on the same line; None where only the start is known.
    """

    code: str
    severity: Severity
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    fix: Fix | None = None
    why: str | None = None
    end_column: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain data; keys without a value are left out, `line` and `column` excepted."""
        kept = {key: value for key, value in asdict(self).items() if value is not None or key in {"line", "column"}}
        return {**kept, "severity": self.severity.value}


def blocking(findings: tuple[Finding, ...] | list[Finding]) -> list[Finding]:
    """The findings that stop an issue."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]
