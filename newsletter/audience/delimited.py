"""How a file of separated values is written: its encoding and its delimiter, judged by what is in it. Pure."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from newsletter.audience.addresses import is_plain
from newsletter.audience.columns import find_columns
from newsletter.errors import InputError

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 50
_ESCAPED = re.compile("[\udc80-\udcff]+")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """An encoding by Python's name. `guessed`: nothing in the file proves it; `broken`: some bytes are not in it."""

    name: str
    guessed: bool = False
    broken: bool = False


class EncodingJudge:
    """Looks at all bytes of a file, in pieces of any size, and says what encoding they are in.

    A byte order mark is proof. Without one, text that is UTF-8 throughout is UTF-8; text with more UTF-8 characters
    than stray bytes is UTF-8 with broken rows; anything else is a guess: Windows-1252, or Latin-1 where a byte is
    undefined there.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        self._marked: str | None = None
        self._started = False
        self._whole = self._stray = 0
        self._cp1252 = True

    def look_at(self, piece: bytes, *, final: bool = False) -> None:
        """Take the next piece of the file; the last one, which may be empty, is `final`."""
        if not self._started:
            self._marked = next((name for mark, name in _BOMS if piece.startswith(mark)), None)
            self._started = True
        self._cp1252 = self._cp1252 and (piece.isascii() or not _NOT_IN_CP1252.search(piece))
        text = self._decoder.decode(piece, final)
        if text.isascii():
            return
        outside_ascii = len(text) - len(text.encode("ascii", "ignore"))
        stray = len(text) - len(_ESCAPED.sub("", text))
        self._whole += outside_ascii - stray
        self._stray += stray

    def verdict(self) -> Encoding:
        """The encoding of everything looked at."""
        if self._marked:
            return Encoding(name=self._marked, broken=self._marked == "utf-8-sig" and self._stray > 0)
        if self._whole >= self._stray:
            return Encoding(name="utf-8", broken=self._stray > 0)
        return Encoding(name="cp1252" if self._cp1252 else "latin-1", guessed=True)


def guess_delimiter(sample: str) -> str:
    """The delimiter of a text that begins with `sample`: the one that leaves the most addresses alone in their fields.

    A first line `sep=;`, as spreadsheets write it, decides by itself. Where nothing tells, it is the comma.
    """
    if named := named_delimiter(sample.partition("\n")[0]):
        return named
    return max(DELIMITERS, key=lambda delimiter: _fitness(sample, delimiter))


def named_delimiter(first_line: str) -> str | None:
    """The delimiter in a line `sep=;`; None where the line is no such line."""
    named = re.fullmatch(r'"?sep=([,;\t|])"?\s*', first_line, re.IGNORECASE)
    return named[1] if named else None


def _fitness(sample: str, delimiter: str) -> tuple[int, int, int]:
    """Rows with an address alone in a field, rows as wide as the first (if that has two fields), and that width."""
    try:
        rows = [row for row in islice(split_rows(io.StringIO(sample, newline=""), delimiter), _SAMPLE_ROWS) if row]
    except csv.Error:
        return (0, 0, 0)
    if not rows:
        return (0, 0, 0)
    holding = sum(any(is_plain(field) for field in row) for row in rows) + _is_heading(rows[0])
    width = len(rows[0])
    return (holding, sum(len(row) == width for row in rows) if width > 1 else 0, width)


def _is_heading(row: list[str]) -> bool:
    try:
        return find_columns([row])[1]
    except InputError:
        return False


def split_rows(lines: Iterable[str], delimiter: str) -> Reader:
    """The rows of `lines` (each with its line end), read leniently: blanks after a delimiter are not content."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
