"""The proof that nothing was lost: every non-blank line of the file stands in the roundup exactly once, verbatim."""

from __future__ import annotations

from collections import Counter

from newsletter.errors import InputError
from newsletter.roundups.lines import Piece
from newsletter.roundups.model import Roundup


def prove(name: str, lines: list[Piece], landed: list[Piece], roundup: Roundup) -> None:
    """Compare the file's lines with the pieces that landed, and those with the words of the finished roundup.

    Raises:
        InputError: a line is missing, doubled or changed. It means a fault of the parser, and no answer is better than a wrong one.
    """
    by_line: dict[int, list[Piece]] = {}
    for piece in landed:
        by_line.setdefault(piece.line, []).append(piece)
    for line in lines:
        parts = sorted(by_line.pop(line.line, []), key=lambda piece: piece.column)
        if not _tiles(line, parts):
            raise _lost(name, line.line)
    if by_line:
        raise _lost(name, min(by_line))
    if Counter(piece.text for piece in landed) != Counter(_texts(roundup)):
        raise _lost(name, 1)


def _tiles(line: Piece, parts: list[Piece]) -> bool:
    """Whether the parts together are the line, with nothing but white space between them."""
    position = 0
    for part in parts:
        start = part.column - line.column
        if (
            start < position
            or line.text[position:start].strip()
            or line.text[start : start + len(part.text)] != part.text
        ):
            return False
        position = start + len(part.text)
    return bool(parts) and not line.text[position:].strip()


def _texts(roundup: Roundup) -> list[str]:
    texts = [text for text in (roundup.title, roundup.date) if text is not None]
    for section in roundup.sections:
        texts += [text for text in (section.heading, section.summary) if text]
        for quote in section.quotes:
            texts += quote.paragraphs
            texts += quote.attribution.split("\n") if quote.attribution else []
        texts += section.prose
    return texts + list(roundup.furniture)


def _lost(name: str, line: int) -> InputError:
    return InputError(
        "this line would not be kept as it is",
        where=f"{name}:{line}",
        remedy="That is a fault of the parser: please report it with the file; nothing was changed",
    )
