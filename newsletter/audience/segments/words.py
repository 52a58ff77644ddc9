"""A filter's text as words, each with its place. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from newsletter.audience.segments.filters import LONGEST
from newsletter.errors import InputError

_SIGNS = ("<=", ">=", ":", "<", ">")
_ENDS_NAME = frozenset('()":<>=')
_ENDS_VALUE = frozenset('()"')
_AROUND = 60
"""Characters of a long filter that are shown on each side of the fault."""


class Kind(Enum):
    """What a word is."""

    NAME = auto()
    SIGN = auto()
    VALUE = auto()
    QUOTED = auto()
    OPEN = auto()
    CLOSE = auto()
    END = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """`text` is what it says, without quotation marks; it stands at `start` up to `end` in the filter."""

    kind: Kind
    text: str
    start: int
    end: int


class FilterError(InputError):
    """A filter that cannot be read: what is wrong at which character, with that place underlined in `excerpt`."""

    def __init__(self, what: str, *, text: str, start: int, end: int, remedy: str = "") -> None:
        super().__init__(
            what, where=f"filter, character {start + 1}", remedy=remedy, excerpt=_excerpt(text, start, end)
        )
        self.start = start


def words(text: str) -> list[Word]:
    """The filter's words; the last one is its end.

    Raises:
        FilterError: it is too long, or holds what is no word.
    """
    if len(text) > LONGEST:
        raise FilterError(
            f"the filter is longer than {LONGEST:,} characters",
            text=text,
            start=LONGEST,
            end=LONGEST + 1,
            remedy="Give readers a tag instead of naming them one by one",
        )
    return list(_words(text))


def _words(text: str) -> Iterator[Word]:
    place, after_sign = 0, False
    while (place := _skip_blanks(text, place)) < len(text):
        word = _next(text, place, after_sign=after_sign)
        yield word
        after_sign, place = word.kind is Kind.SIGN, word.end
    yield Word(kind=Kind.END, text="", start=len(text), end=len(text) + 1)


def _skip_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _next(text: str, place: int, *, after_sign: bool) -> Word:
    if text[place] in "()":
        return Word(kind=Kind.OPEN if text[place] == "(" else Kind.CLOSE, text=text[place], start=place, end=place + 1)
    if text[place] == '"':
        return _quoted(text, place)
    if after_sign:
        return _run(text, place, Kind.VALUE, _ENDS_VALUE)
    for sign in _SIGNS:
        if text.startswith(sign, place):
            return Word(kind=Kind.SIGN, text=sign, start=place, end=place + len(sign))
    if text[place] == "=":
        raise FilterError("`=` is no sign here", text=text, start=place, end=place + 1, remedy="Write country:US")
    return _run(text, place, Kind.NAME, _ENDS_NAME)


def _run(text: str, place: int, kind: Kind, ends: frozenset[str]) -> Word:
    end = place
    while end < len(text) and not text[end].isspace() and text[end] not in ends:
        end += 1
    return Word(kind=kind, text=text[place:end], start=place, end=end)


def _quoted(text: str, start: int) -> Word:
    said: list[str] = []
    place = start + 1
    while place < len(text):
        if text[place] == '"':
            return Word(kind=Kind.QUOTED, text="".join(said), start=start, end=place + 1)
        if text[place] == "\\" and text[place + 1 : place + 2] in {'"', "\\"}:
            place += 1
        said.append(text[place])
        place += 1
    raise FilterError(
        "a quotation mark is opened and never closed",
        text=text,
        start=start,
        end=start + 1,
        remedy='Close it, as in country:"New Zealand"',
    )


def _excerpt(text: str, start: int, end: int) -> tuple[str, ...]:
    """The filter, or what is around the fault, and a line that underlines it; each character a cell or two wide."""
    first, last = max(0, start - _AROUND), min(len(text), start + _AROUND)
    shown = "".join(character if character.isprintable() else " " for character in text[first:last])
    before = sum(map(_cells, shown[: start - first]))
    under = sum(map(_cells, shown[start - first : end - first])) or 1
    lead, tail = ("…" if first else ""), ("…" if last < len(text) else "")
    return f"{lead}{shown}{tail}", " " * (len(lead) + before) + "^" * under


def _cells(character: str) -> int:
    """How many cells of a terminal it takes: UAX 11."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
