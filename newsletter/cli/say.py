"""What the commands say: data on stdout, notes, findings and faults on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape

from newsletter.errors import NewsletterError, place
from newsletter.findings import Finding, Severity

_COLORS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def errors() -> Console:
    """The console of stderr. Colour only where it is a terminal and NO_COLOR is not set."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def output() -> Console:
    """The console of stdout, for data laid out for people."""
    return Console(highlight=False, soft_wrap=True)


def data(value: Any) -> None:
    """One JSON value on stdout, indented."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def data_line(text: str) -> None:
    """One line of text on stdout, as it is."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """One line on stderr about what is being done."""
    errors().print(escape(text))


def fault(error: NewsletterError) -> None:
    """The one line on an error: where, what, what to do."""
    where = f"{escape(error.where)}: " if error.where else ""
    stop = "" if error.remedy.endswith(("?", ".", "!")) else "."
    remedy = f"\n  {error.remedy}{stop}" if error.remedy else ""
    errors().print(f"{where}[bold red]error:[/] {escape(error.what)}{escape(remedy)}")


def findings(found: Iterable[Finding], *, file: str | None = None) -> None:
    """One line a finding: place, severity, message, code. `file` is named where a finding names none."""
    console = errors()
    for finding in found:
        name = finding.file or file
        where = f"{escape(place(name, finding.line, finding.column))}: " if name else ""
        color = _COLORS[finding.severity]
        console.print(f"{where}[{color}]{finding.severity}:[/] {escape(finding.message)} [dim]\\[{finding.code}][/]")


def on_terminal() -> bool:
    """Whether a person can be asked: both stdin and stderr are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()
