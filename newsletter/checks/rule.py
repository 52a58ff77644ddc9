"""A rule: what a check holds an issue to, why, by whose word, and what to do where it fails. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from newsletter.checks.spots import NOWHERE, Spot
from newsletter.findings import Finding, Fix, Severity

OWN = "the newsroom's own"
"""The source of a rule that stands in no standard."""


class Group(StrEnum):
    """What a rule is about; the studio's rail is divided by it."""

    CONTENT = "content"
    LINKS = "links"
    IMAGES = "images"
    SIZE = "size"
    CLIENTS = "clients"
    ACCESSIBILITY = "accessibility"
    STRUCTURE = "structure"
    LAW = "law"
    GATE = "gate"
    SET_UP = "set-up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule, known by its code.

    `title` names the fault in a few words, `why` is one sentence, `source` a URL, a section of a standard or `OWN`, `fix`
    says what to do, `example` shows the fault and its mending.
    """

    code: str
    severity: Severity
    group: Group
    title: str
    why: str
    fix: str
    source: str = OWN
    example: str = ""

    def finding(
        self, message: str, spot: Spot = NOWHERE, *, severity: Severity | None = None, fix: Fix | None = None
    ) -> Finding:
        """A finding by this rule at `spot`, with the rule's severity unless another is given."""
        return Finding(
            code=self.code,
            severity=severity or self.severity,
            message=message,
            file=spot.file,
            line=spot.line,
            column=spot.column,
            end_column=spot.end_column,
            fix=fix,
            why=self.reason,
        )

    @property
    def reason(self) -> str:
        """Why, with the source where it is not the newsroom itself."""
        return self.why if self.source == OWN else f"{self.why} ({self.source})"
