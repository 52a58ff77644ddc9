"""The file of rows that an import did not take: to be mended and imported again, so in the form that they came in."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

from newsletter.audience.files.rows import Form, Layout, Row
from newsletter.errors import InputError

OWN = ("row", "line", "reason")
"""What stands in front of each rejected row."""
_REMEDY = "Name a place for the rejected rows that can be written"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """A row that was not taken. `row` counts rows of data and `line` lines of the file, both from 1."""

    row: int
    line: int
    reason: str


def place_beside(path: Path) -> Path:
    """Where the rejected rows of the file at `path` are kept: `readers.rejects.csv` for `readers.csv` and for
    `readers.csv.gz`.
    """
    plain = path.with_name(path.name.removesuffix(".gz"))
    return plain.with_name(f"{plain.stem}.rejects{plain.suffix or '.csv'}")


class RejectFile:
    """Collects rejected rows beside `path` and puts them there only when `keep` is called, and only if there are any.

    Each row has its number, its line and the reason in front, then its fields just as they were: nothing is guarded
    against spreadsheets here, because the file is made to be imported again and a guarded field would be another
    field. Separated values keep their delimiter and always have a heading. It is UTF-8 (with a mark where it is CSV, so
    that spreadsheets show it right), never packed, and its owner's only to read.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        self.count = 0
        if path.exists() and not path.is_file():
            raise InputError("is no regular file", where=str(path), remedy=_REMEDY)
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot be written: {reason}", where=str(path), remedy=_REMEDY) from error
        self._part = Path(name)
        encoding = "utf-8-sig" if layout.form is Form.CSV else "utf-8"
        self._file = os.fdopen(handle, "w", encoding=encoding, errors="surrogateescape", newline="")
        self._writer: _Writer = _CsvWriter(self._file, layout) if layout.form is Form.CSV else _JsonWriter(self._file)

    def add(self, row: Row, reason: str) -> Reject:
        """Write one row.

        Raises:
            InputError: the disk is full.
        """
        try:
            self._writer.write(row, reason)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(self.path), remedy=_REMEDY) from error
        self.count += 1
        return Reject(row=row.number, line=row.line, reason=reason)

    def keep(self) -> Path | None:
        """Put the file in its place, whole and on the disk; None, and no file, where no row was rejected.

        Somebody may be mending the file of an earlier run there: one with other contents stays, and a number is added.

        Raises:
            InputError: the disk is full, or the place cannot be written any more.
        """
        if not self.count:
            return None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self.path = _free_place(self.path, self._part)
            self._part.replace(self.path)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(self.path), remedy=_REMEDY) from error
        return self.path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What closing still has to write belongs to a file that nobody keeps: a full disk here is no news.
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)


class _Writer(Protocol):
    def write(self, row: Row, reason: str) -> None: ...


class _CsvWriter:
    def __init__(self, file: TextIO, layout: Layout) -> None:
        self._csv = csv.writer(file, delimiter=layout.delimiter)
        heading = _heading(layout)
        # A reject file imported again has our columns already; the old numbers would only mislead.
        self._skipped = len(OWN) if heading[: len(OWN)] == OWN else 0
        self._csv.writerow((*OWN, *heading[self._skipped :]))

    def write(self, row: Row, reason: str) -> None:
        self._csv.writerow((row.number, row.line, reason, *row.fields[self._skipped :]))


class _JsonWriter:
    """The row's own line follows our keys as it is, unless it has such keys already."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: Row, reason: str) -> None:
        ours = {"row": row.number, "line": row.line, "reason": reason}
        own = _own_values(row)
        if own is None:
            ours["written"] = row.written
            line = _dumped(ours)
        elif own.keys() >= set(OWN):
            line = _dumped(ours | {key: value for key, value in own.items() if key not in OWN})
        else:
            rest = row.written[1:].lstrip()
            line = _dumped(ours)[:-1] + ("" if rest.startswith("}") else ", ") + rest
        self._file.write(line + "\n")


def _own_values(row: Row) -> dict[str, object] | None:
    """The object in the row; None where there is none that could be written again."""
    try:
        value = json.loads(row.written)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _dumped(value: dict[str, object] | dict[str, int | str]) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # Lone surrogates have no form in UTF-8, but one in JSON; those that stand for stray bytes go out as the bytes.
    escapes = any("\ud800" <= character <= "\udfff" and not "\udc80" <= character <= "\udcff" for character in text)
    return json.dumps(value) if escapes else text


def _free_place(path: Path, part: Path) -> Path:
    """`path`, or the first of `path-2`, `path-3` … where nothing else stands."""
    place, number = path, 1
    while place.exists() and not _same(place, part):
        number += 1
        place = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return place


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while piece := left.read(1 << 20):
            if piece != right.read(1 << 20):
                return False
    return True


def _heading(layout: Layout) -> tuple[str, ...]:
    if layout.header is not None:
        return layout.header
    meanings = layout.columns.meanings()
    width = max(meanings) + 1
    return tuple(meanings.get(place, f"column {place + 1}") for place in range(width))
