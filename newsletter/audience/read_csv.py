"""Reading a file of separated values, whatever wrote it: judged as a whole first, then row by row in flat memory."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from newsletter.audience.addresses import is_plain
from newsletter.audience.columns import Columns, find_columns
from newsletter.audience.delimited import (
    Encoding,
    EncodingJudge,
    guess_delimiter,
    named_delimiter,
    split_rows,
)
from newsletter.errors import InputError, place

_PIECE = 1 << 20
LONGEST_LINE = 1 << 20
"""Characters. A line past it is no row of people, and reading on would take all memory."""
_SAMPLE = 1 << 16
_HEAD = 50
# A last line that cannot occur in the file, for NUL is refused before. Its quotation mark stays only outside quotes.
_SENTINEL = '\0"'
_MAGIC = (
    (b"PK\x03\x04", "a spreadsheet or zip file"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
    (b"\x1f\x8b", "a gzip file"),
)
_SAVE_AS_CSV = "Save it as “CSV UTF-8” and import that file"


class Row(NamedTuple):
    """A row that is not blank. `number` counts rows of data from 1, `line` is its first line in the file, from 1.

    `fault` says why the row cannot be what its writer meant; "" for all others.
    """

    number: int
    line: int
    fields: list[str]
    fault: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What the file turned out to be. `header` is None where the first row is data; `rows` counts rows of data."""

    sha256: str
    encoding: Encoding
    delimiter: str
    header: tuple[str, ...] | None
    columns: Columns
    rows: int


class CsvFile:
    """A file of separated values, open and found readable to its end. Made by `open_csv`."""

    def __init__(self, path: Path, file: BinaryIO, layout: Layout, first_line: int) -> None:
        self.path = path
        self.layout = layout
        self._file = file
        self._first_line = first_line
        self._state = _state(file)

    def rows(self) -> Iterator[Row]:
        """The rows of data, in order. May be called again; one at a time.

        Raises:
            InputError: the file was changed since it was opened.
        """
        with _text(self._file, self.layout.encoding) as text:
            lines = _lines(text, self.path)
            for _ in range(self._first_line - 1):
                next(lines, "")
            try:
                yield from self._numbered(lines)
            except (csv.Error, UnicodeDecodeError) as error:
                raise self._changed() from error
        if _state(self._file) != self._state:
            raise self._changed()

    def _numbered(self, lines: Iterator[str]) -> Iterator[Row]:
        layout, skipped, number, line = self.layout, self._first_line - 1, 0, self._first_line
        rows = split_rows(lines, layout.delimiter)
        heading = layout.header is not None
        for fields in rows:
            ends = rows.line_num + skipped
            if any(fields) and not _is_blank(fields):
                if heading:
                    heading = False
                else:
                    number += 1
                    rare = ends > line or layout.encoding.broken
                    yield Row(number, line, fields, self._fault(fields, line, ends) if rare else "")
            line = ends + 1

    def _fault(self, fields: list[str], line: int, ends: int) -> str:
        if self.layout.encoding.broken and any(not _is_text(field) for field in fields):
            return f"holds bytes that are not {self.layout.encoding.name.removesuffix('-sig').upper()}"
        if any(self._swallows(field) for field in fields if "\n" in field or "\r" in field):
            return f"a quotation mark opens a field that runs from line {line} to {ends} and takes other rows with it"
        return ""

    def _swallows(self, field: str) -> bool:
        """Whether a line inside `field` is a row by itself: an address stands where addresses stand in this file."""
        column = self.layout.columns.address
        later = list(split_rows(field.splitlines()[1:], self.layout.delimiter))
        return any(len(row) > column and is_plain(row[column]) for row in later)

    def _changed(self) -> InputError:
        return InputError("was changed while it was read", where=str(self.path), remedy="Run the import again")


@contextmanager
def open_csv(path: Path) -> Iterator[CsvFile]:
    """Open the file of separated values at `path` and read it once to its end, so that nothing surprises later.

    Raises:
        InputError: it is missing, no regular file, unreadable, empty or binary; a line or field is too long; a
            quotation mark is never closed; no column holds addresses.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("is no regular file", where=str(path), remedy="Name a CSV file")
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot be read: {reason}", where=str(path), remedy="Name a CSV file that you may read"
        ) from error
    with file:
        sha256, encoding = _judge_bytes(path, file)
        yield _judge_text(path, file, sha256, encoding)


def _judge_bytes(path: Path, file: BinaryIO) -> tuple[str, Encoding]:
    digest, judge, nul, size = hashlib.sha256(), EncodingJudge(), False, 0
    while piece := file.read(_PIECE):
        if not size:
            _refuse_magic(path, piece)
        size += len(piece)
        nul = nul or b"\0" in piece
        digest.update(piece)
        judge.look_at(piece)
    judge.look_at(b"", final=True)
    encoding = judge.verdict()
    if not size:
        raise InputError("is empty", where=str(path), remedy="Name a file with one address a line")
    if nul and not encoding.name.startswith(("utf-16", "utf-32")):
        raise InputError(
            "holds NUL bytes: it is binary, or UTF-16 without its mark", where=str(path), remedy=_SAVE_AS_CSV
        )
    return digest.hexdigest(), encoding


def _refuse_magic(path: Path, start: bytes) -> None:
    for magic, what in _MAGIC:
        if start.startswith(magic):
            raise InputError(f"is {what}, not CSV", where=str(path), remedy=_SAVE_AS_CSV)


def _judge_text(path: Path, file: BinaryIO, sha256: str, encoding: Encoding) -> CsvFile:
    try:
        with _text(file, encoding) as text:
            sample = text.read(_SAMPLE)
        delimiter = guess_delimiter(sample if len(sample) < _SAMPLE else sample.rpartition("\n")[0] or sample)
        first_line = 2 if named_delimiter(sample.partition("\n")[0]) else 1
        with _text(file, encoding) as text:
            lines = _lines(text, path)
            for _ in range(first_line - 1):
                next(lines)
            head, rows = _read_through(path, lines, delimiter, first_line)
    except UnicodeDecodeError as error:
        raise InputError(f"is not valid {encoding.name.upper()}", where=str(path), remedy=_SAVE_AS_CSV) from error
    try:
        columns, headed = find_columns(head)
    except InputError as error:
        raise InputError(error.what, where=str(path), remedy=error.remedy) from None
    layout = Layout(
        sha256=sha256,
        encoding=encoding,
        delimiter=delimiter,
        header=tuple(head[0]) if headed else None,
        columns=columns,
        rows=rows - headed,
    )
    return CsvFile(path, file, layout, first_line)


def _read_through(path: Path, lines: Iterable[str], delimiter: str, first_line: int) -> tuple[list[list[str]], int]:
    """The first rows that are not blank, and how many there are."""
    head: list[list[str]] = []
    count, line, started = 0, first_line, first_line
    rows = split_rows(chain(lines, [_SENTINEL]), delimiter)
    fields: list[str] = []
    try:
        for fields in rows:
            started, line = line, rows.line_num + first_line
            if any(fields) and not _is_blank(fields):
                count += 1
                if len(head) < _HEAD:
                    head.append(fields)
    except csv.Error as error:
        where = place(path, line)
        raise InputError(
            f"cannot be read as CSV: {error}", where=where, remedy="Look for a lost quotation mark"
        ) from error
    if fields != [_SENTINEL]:
        raise InputError(
            "a quotation mark opens a field that is never closed",
            where=place(path, started),
            remedy="Close or remove it",
        )
    if count == 1:
        raise InputError("is empty", where=str(path), remedy="Name a file with one address a line")
    return [row for row in head if row != [_SENTINEL]], count - 1


@contextmanager
def _text(file: BinaryIO, encoding: Encoding) -> Iterator[io.TextIOWrapper]:
    file.seek(0)
    errors = "surrogateescape" if encoding.broken else "strict"
    text = io.TextIOWrapper(file, encoding=encoding.name, errors=errors, newline="")
    try:
        yield text
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    read, number = text.readline, 0
    while line := read(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise InputError(
                f"a line is longer than {LONGEST_LINE:,} characters",
                where=place(path, number),
                remedy="Name a CSV file with one reader a line",
            )
        if "\0" in line:
            raise InputError("holds NUL characters: it is binary", where=place(path, number), remedy=_SAVE_AS_CSV)
        yield line


def _is_blank(fields: list[str]) -> bool:
    return not any(field and not field.isspace() for field in fields)


def _is_text(field: str) -> bool:
    return field.isascii() or not any("\udc80" <= character <= "\udcff" for character in field)


def _state(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
