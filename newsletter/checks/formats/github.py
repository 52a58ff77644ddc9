"""Findings as the workflow commands by which GitHub puts notes beside lines. Pure.

The form is that of https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.formats.answer import Answer
from newsletter.checks.registry import RULES
from newsletter.findings import Finding, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def workflow_commands(answer: Answer) -> Iterator[str]:
    """One line a finding; waived ones are not told."""
    for finding in answer.findings:
        rule = RULES.get(finding.code)
        text = f"{finding.message}\n{rule.fix}" if rule else finding.message
        properties = ",".join(f"{name}={_property(value)}" for name, value in _properties(finding, answer))
        yield f"::{_COMMANDS[finding.severity]} {properties}::{_escaped(text)}"


def _properties(finding: Finding, answer: Answer) -> Iterator[tuple[str, str]]:
    if finding.file is not None:
        yield "file", answer.path(finding.file)
        numbers = (("line", finding.line), ("col", finding.column), ("endColumn", finding.end_column))
        yield from ((name, str(number)) for name, number in numbers if number is not None)
    yield "title", finding.code


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
