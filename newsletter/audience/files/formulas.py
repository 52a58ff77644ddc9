"""Cells that a spreadsheet would run: guarded on the way out, restored on the way in. Pure.

A name such as `=HYPERLINK(…)` is text to us and a program to a spreadsheet ("CSV injection", OWASP). Exports put one
apostrophe before such a cell, which spreadsheets show as text, and imports take one away again. Cells that already
begin with apostrophes before such a sign get one more, so that `restored(guarded(cell)) == cell` for every text.
"""

from __future__ import annotations

import re

_RUNS = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def guarded(cell: str) -> str:
    """`cell` for a file that may be opened in a spreadsheet."""
    return f"'{cell}" if _RUNS.match(cell) else cell


def restored(cell: str) -> str:
    """`cell` as it was before `guarded`."""
    return cell[1:] if cell.startswith("'") and _GUARDED.match(cell) else cell
