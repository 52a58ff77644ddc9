"""Waivers: a person answers by name for a finding that stays. Pure: whoever keeps them hands them in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from newsletter.findings import Finding, Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """`name` answers for the findings of `code`, for `reason`. Whoever keeps waivers binds them to an edition."""

    code: str
    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waived:
    """A finding that somebody answers for."""

    finding: Finding
    waiver: Waiver


def may_waive(finding: Finding, *, waivable: Collection[str] = ()) -> bool:
    """Whether a person may answer for the finding: anything below an error, and the errors named in `waivable`."""
    return finding.severity is not Severity.ERROR or finding.code in waivable


def apply_waivers(
    findings: Iterable[Finding], waivers: Iterable[Waiver], *, waivable: Collection[str] = ()
) -> tuple[tuple[Finding, ...], tuple[Waived, ...]]:
    """Divide findings into those that stand and those that are waived, both in their order.

    Args:
        findings: from `run`.
        waivers: those of this edition; one without a name or a reason counts for nothing.
        waivable: codes of errors that the newsroom lets people waive (`[checks] waivable`).
    """
    by_code = {waiver.code: waiver for waiver in waivers if waiver.name.strip() and waiver.reason.strip()}
    standing: list[Finding] = []
    waived: list[Waived] = []
    for finding in findings:
        waiver = by_code.get(finding.code)
        if waiver is not None and may_waive(finding, waivable=waivable):
            waived.append(Waived(finding=finding, waiver=waiver))
        else:
            standing.append(finding)
    return tuple(standing), tuple(waived)
