"""The line that a finding stands on, cut to what fits, with carets under what is meant. Pure."""

from __future__ import annotations

import unicodedata

WIDTH = 100
"""Columns of a line that are shown: paragraphs of roundups are single lines of a thousand."""
_BEFORE = 30
_GAP = "…"


def excerpt(line: str, column: int, end_column: int | None = None, *, width: int = WIDTH) -> tuple[str, str]:
    """The line around `column`, and the carets to print under it.

    Control characters become U+FFFD, so that no file steers a terminal; wide characters count as two columns.

    Args:
        line: the whole line, without its end.
        column: where what is meant starts, from 1; may be one behind the line's last character.
        end_column: behind its last character; None where one character is meant.
        width: columns of the terminal that may be used.
    """
    text = "".join(_visible(character) for character in line)
    start = min(max(column - 1, 0), len(text))
    end = max(start + 1, min((end_column or 0) - 1, len(text)))
    first = 0 if len(text) <= width else max(0, min(start - _BEFORE, len(text) - width))
    last = min(len(text), first + width)
    head, tail = (_GAP if first else ""), (_GAP if last < len(text) else "")
    shown = f"{head}{text[first:last]}{tail}"
    space = columns(head + text[first:start])
    marked = columns(text[start : min(end, last)]) if start < len(text) else 1
    return shown, " " * space + "^" * max(1, marked)


def columns(text: str) -> int:
    """How many columns a terminal gives the text (Unicode Standard Annex 11)."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    turning = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return "\ufffd" if turning or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} else character
