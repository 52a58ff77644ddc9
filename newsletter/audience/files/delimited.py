"""How separated values are parted: the delimiter, and rows whose quotation marks are not trusted. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from newsletter.audience.addresses import is_plain
from newsletter.audience.files.columns import find_columns
from newsletter.errors import InputError

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 50
LONGEST_FIELD = 131_072
"""Characters, as the standard library's `csv` has it."""


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
    records = Records(io.StringIO(sample, newline=""), delimiter)
    rows = list(islice((record.fields for record in records if record.fields), _SAMPLE_ROWS))
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


class Record(NamedTuple):
    """Fields, and the number of lines that they came from. `fault` says why they are not what their writer meant."""

    fields: list[str]
    lines: int
    fault: str = ""


class Records:
    """The records in lines (each with its line end), read leniently: blanks after a delimiter are not content.

    A quotation mark that is never closed would take all rows after it with it. So where a record of several lines is
    not written as RFC 4180 (section 2) asks, or has no end, its first line is taken for a broken record, and reading
    goes on at the second.
    """

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._ended = False

    def __iter__(self) -> Iterator[Record]:
        # What the generator gives to the reader cannot be given twice, and so a broken record needs a new one.
        while not self._ended:
            yield from self._until_broken()

    def _until_broken(self) -> Iterator[Record]:
        taken = self._taken
        reader = _reader(self._feed(), self._delimiter)
        while True:
            taken.clear()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield self._broken()
                return
            if len(taken) == 1 and not self._ended:
                yield Record(fields, 1)
            elif self._is_whole():
                yield Record(fields, len(taken))
            else:
                yield self._broken()
                return

    def _feed(self) -> Iterator[str]:
        """The next line, from those that are read again or from the file."""
        again, taken = self._again, self._taken
        while again:
            taken.append(line := again.popleft())
            yield line
        for line in self._lines:
            taken.append(line)
            yield line
        self._ended = True

    def _is_whole(self) -> bool:
        try:
            return (
                len(list(csv.reader(self._taken, delimiter=self._delimiter, skipinitialspace=True, strict=True))) == 1
            )
        except csv.Error:
            return False

    def _broken(self) -> Record:
        """The first line by itself; the others are read again."""
        first, *others = self._taken
        self._again.extendleft(reversed(others))
        self._ended = self._ended and not self._again
        line = first.rstrip("\r\n")
        if len(line) > LONGEST_FIELD:
            return Record(line.split(self._delimiter), 1, f"a field is longer than {LONGEST_FIELD:,} characters")
        fields = next(_reader([line], self._delimiter), [])
        return Record(fields, 1, "a quotation mark opens a field and nothing closes it")


def split_rows(lines: Iterable[str], delimiter: str) -> list[list[str]]:
    """The rows of a short text."""
    return list(_reader(lines, delimiter))


def _reader(lines: Iterable[str], delimiter: str) -> Reader:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
