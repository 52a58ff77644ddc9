"""Findings as SARIF 2.1.0, the form that code hosts and editors read (OASIS Standard, 27 March 2020). Pure."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from newsletter import __version__
from newsletter.checks.formats.answer import Answer
from newsletter.checks.registry import RULES
from newsletter.checks.rule import Rule
from newsletter.checks.waiving import Waiver
from newsletter.findings import Finding, Fix, Severity
from newsletter.issues.naming import ISSUE_FILE

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif_log(answer: Answer) -> dict[str, Any]:
    """The whole log with one run. Waived findings are in it as suppressed results, with name and reason."""
    told = [(finding, None) for finding in answer.findings]
    waived = [(each.finding, each.waiver) for each in answer.waived]
    codes = sorted({finding.code for finding, _ in (*told, *waived)})
    rules = [_rule(RULES[code]) if code in RULES else {"id": code} for code in codes]
    run = {
        "tool": {"driver": {"name": "newsletter", "version": __version__, "rules": rules}},
        "automationDetails": {"id": f"newsletter/{answer.slug}"},
        "columnKind": "unicodeCodePoints",
        "properties": {"issue": answer.slug, "edition": answer.edition},
        "results": [_result(finding, waiver, codes, answer) for finding, waiver in (*told, *waived)],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    described = {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.fix}."},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [rule.group.value], "source": rule.source},
    }
    return described | ({"helpUri": rule.source} if rule.source.startswith("https://") else {})


def _result(finding: Finding, waiver: Waiver | None, codes: list[str], answer: Answer) -> dict[str, Any]:
    path = answer.path(finding.file or ISSUE_FILE)
    told = f"{finding.code}\n{path}\n{finding.message}"
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(path), "region": _region(finding)}}],
        "partialFingerprints": {"newsletter/v1": hashlib.sha256(told.encode()).hexdigest()},
    }
    if finding.fix is not None:
        result["fixes"] = [_fix(finding.fix, path)]
    if waiver is not None:
        justification = f"{waiver.name}: {waiver.reason}"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": justification}]
    return result


def _region(finding: Finding) -> dict[str, int]:
    columns = (("startColumn", finding.column), ("endColumn", finding.end_column if finding.column else None))
    return {"startLine": finding.line or 1, **{name: number for name, number in columns if number is not None}}


def _fix(fix: Fix, path: str) -> dict[str, Any]:
    region = {"startLine": fix.line, "startColumn": fix.column, "endColumn": fix.end_column}
    replacement = {"deletedRegion": region, "insertedContent": {"text": fix.replacement}}
    return {"artifactChanges": [{"artifactLocation": _artifact(path), "replacements": [replacement]}]}


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(path)}
