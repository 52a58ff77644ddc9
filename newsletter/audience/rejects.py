"""The file of rows that an import did not take: to be mended and imported again."""

from __future__ import annotations

import csv
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from newsletter.audience.read_csv import Layout, Row
from newsletter.errors import InputError

_OWN = ("row", "line", "reason")
_REMEDY = "Name a place for the rejected rows that can be written"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """A row that was not taken. `row` counts rows of data and `line` lines of the file, both from 1."""

    row: int
    line: int
    reason: str


class RejectFile:
    """Collects rejected rows beside `path` and puts them there only when `keep` is called, and only if there are any.

    Each row has its number, its line and the reason in front, then its fields just as they were: nothing is guarded
    against spreadsheets here, because the file is made to be imported again and a guarded field would be another
    field. It is UTF-8 with a mark (so that spreadsheets show it right), always has a heading, and is its owner's only
    to read.
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
        self._file = os.fdopen(handle, "w", encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._writer = csv.writer(self._file)
        heading = _heading(layout)
        # A reject file imported again has our columns already; the old numbers would only mislead.
        self._skipped = len(_OWN) if heading[: len(_OWN)] == _OWN else 0
        self._writer.writerow((*_OWN, *heading[self._skipped :]))

    def add(self, row: Row, reason: str) -> Reject:
        """Write one row.

        Raises:
            InputError: the disk is full.
        """
        try:
            self._writer.writerow((row.number, row.line, reason, *row.fields[self._skipped :]))
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
            self.path = _free_place(self.path, self._part.read_bytes())
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


def _free_place(path: Path, contents: bytes) -> Path:
    """`path`, or the first of `path-2`, `path-3` … where nothing else stands."""
    place, number = path, 1
    while place.exists() and place.read_bytes() != contents:
        number += 1
        place = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return place


def _heading(layout: Layout) -> tuple[str, ...]:
    if layout.header is not None:
        return layout.header
    places = {place: meaning for meaning, place in layout.columns.places().items()}
    width = max(places) + 1
    return tuple(places.get(place, f"column {place + 1}") for place in range(width))
