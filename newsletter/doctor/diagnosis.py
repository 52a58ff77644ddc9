"""What the doctor has to say: what is fine, what was found, and the records to publish. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from newsletter.checks.registry import RULES
from newsletter.checks.running import at_or_above, counted
from newsletter.errors import NewsletterError
from newsletter.findings import Finding, Severity

_LONGEST_STRING = 255
"""Bytes that one string of a TXT record may have (RFC 1035, section 3.3); longer texts go into several."""


class Area(StrEnum):
    """What is looked at, in the order of looking."""

    SETTINGS = "settings"
    KEYS = "keys"
    DATABASE = "database"
    CLOCK = "clock"
    DISK = "disk"
    SENDER = "sender"
    ALERTS = "alerts"
    DNS = "dns"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A DNS record: `name` without the dot at its end, `text` in one piece."""

    name: str
    text: str
    type: str = "TXT"

    def as_line(self) -> str:
        """The record as a line of a zone file (RFC 1035, section 5)."""
        if self.type != "TXT":
            return f"{self.name}. {self.type} {self.text}"
        parts = [self.text[at : at + _LONGEST_STRING] for at in range(0, len(self.text), _LONGEST_STRING)]
        return f"{self.name}. TXT " + " ".join(f'"{_escaped(part)}"' for part in parts)

    def as_dict(self) -> dict[str, str]:
        """The record as plain data."""
        return {"name": self.name, "type": self.type, "text": self.text, "line": self.as_line()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fine:
    """Something that was looked at and is as it should be, in a few words."""

    area: Area
    text: str

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"area": self.area.value, "text": self.text}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A finding with its place, its remedy for this very case, and the records to publish where that is the remedy."""

    area: Area
    finding: Finding
    where: str
    remedy: str
    records: tuple[Record, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        finding = {key: value for key, value in self.finding.as_dict().items() if key not in {"line", "column"}}
        records = {"records": [record.as_dict() for record in self.records]} if self.records else {}
        return {"area": self.area.value, **finding, "where": self.where or None, "remedy": self.remedy, **records}


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """An area that was not looked at, and why."""

    area: Area
    why: str


Said = Fine | Found | LeftOut


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """All that was said, in the order of looking."""

    newsroom: str
    said: tuple[Said, ...]

    @property
    def found(self) -> list[Found]:
        """What was found."""
        return [each for each in self.said if isinstance(each, Found)]

    @property
    def fine(self) -> list[Fine]:
        """What is as it should be."""
        return [each for each in self.said if isinstance(each, Fine)]

    def of(self, area: Area) -> list[Said]:
        """What was said of one area."""
        return [each for each in self.said if each.area is area]

    def blocks(self, level: Severity) -> bool:
        """Whether anything was found that weighs `level` or more."""
        return bool(at_or_above([each.finding for each in self.found], level))

    def summary(self) -> str:
        """`2 errors, 1 warning, 14 fine`."""
        counts = counted([each.finding for each in self.found])
        words = [f"{count} {name}{'s' if count != 1 else ''}" for name, count in counts.items() if count]
        return ", ".join([*words, f"{len(self.fine)} fine"])

    def as_dict(self) -> dict[str, Any]:
        """The diagnosis as plain data."""
        return {
            "newsroom": self.newsroom,
            "counts": {**counted([each.finding for each in self.found]), "fine": len(self.fine)},
            "findings": [each.as_dict() for each in self.found],
            "fine": [each.as_dict() for each in self.fine],
            "left_out": [{"area": each.area.value, "why": each.why} for each in self.said if isinstance(each, LeftOut)],
        }


def found(
    area: Area,
    code: str,
    message: str,
    *,
    where: str = "",
    remedy: str = "",
    severity: Severity | None = None,
    records: tuple[Record, ...] = (),
) -> Found:
    """A finding by the rule with that code; the rule's remedy unless a better one is given."""
    rule = RULES[code]
    finding = rule.finding(message, severity=severity)
    return Found(area=area, finding=finding, where=where, remedy=remedy or rule.fix, records=records)


def by_error(area: Area, code: str, error: NewsletterError) -> Found:
    """An error of another station as a finding: its words, its place, its remedy."""
    return found(area, code, error.what, where=error.where, remedy=error.remedy)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
