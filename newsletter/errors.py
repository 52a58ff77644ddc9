"""The errors a person meets. Each says what is wrong, where, and what to do about it.

Nothing below the command line knows exit codes and nothing below the web knows HTTP: those two translate these classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from newsletter.findings import Finding


class NewsletterError(Exception):
    """What went wrong, in one line.

    Args:
        what: the fault in words, without a full stop's worth of jargon.
        where: a file, optionally with line and column (`path:12:4`), a setting's name or a row; "" where there is none.
        remedy: what the reader can do now; "" where nothing can be advised.
        excerpt: lines to show below, such as a text and what underlines the fault in it.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "", excerpt: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.excerpt = tuple(excerpt)

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}. {self.remedy}" if self.remedy else located


class InputError(NewsletterError):
    """What was handed in cannot be used: a file, a setting, an argument. Nothing was changed."""


class BlockedError(NewsletterError):
    """The request is understood and refused, because of `findings` or of the state of things. Nothing was changed."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "", findings: Sequence[Finding] = ()) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.findings = tuple(findings)


def place(path: Path | str, line: int | None = None, column: int | None = None) -> str:
    """`path:line:column`, as compilers write it; the parts that are None are left out."""
    parts = [str(path), *(str(number) for number in (line, column) if number is not None)]
    return ":".join(parts)
