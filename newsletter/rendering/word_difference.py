"""Two texts compared word by word. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

MOST_WORDS = 4000
"""Past this many changed words in a row a text counts as replaced: the comparison takes time by their square (1 s)."""


class Fate(StrEnum):
    """What became of some words."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Words in a row with the same fate, parted by single blanks."""

    fate: Fate
    text: str


def compare_words(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces that both texts are made of, in order; where words were replaced, the removed ones come first."""
    old, new = before.split(), after.split()
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    middle = _compared(old[start : len(old) - end], new[start : len(new) - end])
    pieces = ((Fate.KEPT, old[:start]), *middle, (Fate.KEPT, old[len(old) - end :]))
    return tuple(Piece(fate=fate, text=" ".join(words)) for fate, words in pieces if words)


def changes_in_words(pieces: Sequence[Piece], *, most: int = 6) -> str:
    """The changes as a phrase: `“street” became “road”; “very” was added`; past `most` of them only their number."""
    phrases = list(_phrases(pieces))
    more = len(phrases) - most
    return "; ".join(phrases[:most]) + (f"; and {more} more changes" if more > 0 else "")


def quoted(text: str, *, most: int = 24) -> str:
    """The text within quotation marks, cut after `most` words."""
    words = text.split()
    return f"“{' '.join(words[:most])}{' …' if len(words) > most else ''}”"


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """How many words both begin with."""
    return next(
        (number for number, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]),
        min(len(old), len(new)),
    )


def _compared(old: list[str], new: list[str]) -> Iterator[tuple[Fate, list[str]]]:
    if max(len(old), len(new)) > MOST_WORDS:
        yield from ((Fate.REMOVED, old), (Fate.ADDED, new))
        return
    for _, i1, i2, j1, j2 in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if old[i1:i2] == new[j1:j2]:
            yield Fate.KEPT, old[i1:i2]
        else:
            yield from ((Fate.REMOVED, old[i1:i2]), (Fate.ADDED, new[j1:j2]))


def _phrases(pieces: Sequence[Piece]) -> Iterator[str]:
    waiting: str | None = None
    for piece in pieces:
        if piece.fate is Fate.REMOVED:
            waiting = quoted(piece.text)
            continue
        if piece.fate is Fate.ADDED:
            yield f"{waiting} became {quoted(piece.text)}" if waiting else f"{quoted(piece.text)} was added"
        elif waiting:
            yield f"{waiting} was taken out"
        waiting = None
    if waiting:
        yield f"{waiting} was taken out"
