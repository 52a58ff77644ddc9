"""What the commands say: data on stdout, notes, findings and faults on stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape

from newsletter.errors import BlockedError, NewsletterError, place
from newsletter.findings import Finding, Severity

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys instead of showing it: controls, and the marks that turn the direction of what follows."""

_COLORS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def errors() -> Console:
    """The console of stderr. Colour only where it is a terminal and NO_COLOR is not set."""
    return _console(stderr=True)


def output() -> Console:
    """The console of stdout, for data laid out for people."""
    return _console(stderr=False)


def _console(*, stderr: bool) -> Console:
    # No emoji: of `roundup.txt:100:3` it would make a picture.
    return Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)


def data(value: Any) -> None:
    """One JSON value on stdout, indented."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def width() -> int | None:
    """How many characters a line of stdout has, where that is a terminal; None where it is not."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def plain(text: str) -> str:
    """Text from outside for stdout, in lines: controls as their escapes, so that no server's words steer a terminal."""
    return "\n".join(_escaped(line) for line in text.split("\n"))


def data_line(text: str) -> None:
    """One line of text on stdout, as it is, and at once: whoever reads a pipe may wait for it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line on stderr about what is being done."""
    errors().print(shown(text))


def shown(text: str) -> str:
    """Text from outside, for a console: no markup, and controls as their escapes, so that no file steers a terminal."""
    return escape(_escaped(text))


def _escaped(text: str) -> str:
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def fault(error: NewsletterError) -> None:
    """The one line on an error: where, what, what to do; an excerpt comes between."""
    where = f"{shown(error.where)}: " if error.where else ""
    stop = "" if error.remedy.endswith(("?", ".", "!")) else "."
    remedy = f"\n  {shown(error.remedy)}{stop}" if error.remedy else ""
    excerpt = "".join(f"\n  {shown(line)}" for line in error.excerpt)
    errors().print(f"{where}[bold red]error:[/] {shown(error.what)}{excerpt}{remedy}")


def refusal(error: BlockedError) -> None:
    """Why something was refused: the findings, each with its reason, and then their number; or the one line."""
    findings(error.findings)
    if error.findings:
        count = f"{len(error.findings)} findings stand" if len(error.findings) > 1 else "a finding stands"
        error = BlockedError(f"{count} in the way", remedy="`newsletter check rule CODE` explains each")
    fault(error)


def findings(found: Iterable[Finding], *, file: str | None = None) -> None:
    """One line a finding on stderr. `file` is named where a finding names none."""
    console = errors()
    for each in found:
        finding(console, each, file=each.file or file)


def finding(console: Console, told: Finding, *, file: str | None) -> None:
    """One line: place, severity, message, code."""
    where = f"{shown(place(file, told.line, told.column))}: " if file else ""
    console.print(f"{where}{severity(told.severity)}: {shown(told.message)} [dim]\\[{told.code}][/]")


def severity(weight: Severity, width: int = 0) -> str:
    """The severity's word in its colour, as markup."""
    return f"[{color(weight)}]{weight.value:{width}}[/]"


def color(weight: Severity) -> str:
    """The colour that a severity has on terminals."""
    return _COLORS[weight]


def on_terminal() -> bool:
    """Whether a person can be asked: both stdin and stderr are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()
