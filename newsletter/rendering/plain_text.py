"""Lines of plain text: wrapped at 72 columns without touching a word, and never a URL divided."""

from __future__ import annotations

import re

WIDTH = 72
_STEPS = re.compile(r" +|[^ ]+")


def wrap(text: str, width: int = WIDTH, indent: str = "", first: str | None = None) -> str:
    """The text in lines of at most `width` columns, broken at spaces only: a longer word has a line of its own.

    Args:
        text: one paragraph; line ends in it count as spaces.
        width: columns a line, the indent counted.
        indent: what each line starts with.
        first: what the first line starts with instead of `indent`.
    """
    lines: list[str] = []
    lead = indent if first is None else first
    line, gap = "", ""
    for step in _STEPS.findall(re.sub(r"[ \t]*\n[ \t]*", " ", text)):
        if step[0] == " ":
            gap = step
        elif line and len(lead) + len(line) + len(gap) + len(step) > width:
            lines.append(lead + line)
            lead, line, gap = indent, step, ""
        else:
            line, gap = line + (gap if line else "") + step, ""
    return "\n".join([*lines, lead + line]) if line else ""


def tidy(text: str) -> str:
    """The text without spaces at line ends, without runs of empty lines, and with one line end at its end."""
    lines = [line.rstrip(" \t") for line in text.strip("\n").split("\n")]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip("\n") + "\n"
