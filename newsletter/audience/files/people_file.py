"""Opening a file of people: its form, its encoding and its columns are found out, or said by a person."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.audience.files import encodings
from newsletter.audience.files.columns import Mapped
from newsletter.audience.files.csv_rows import CsvRows, read_csv
from newsletter.audience.files.delimited import DELIMITERS
from newsletter.audience.files.encodings import Encoding
from newsletter.audience.files.json_rows import JsonRows, read_json
from newsletter.audience.files.rows import Layout, Row
from newsletter.audience.files.source import SAVE_AS_CSV, Judged, SourceFile, open_source
from newsletter.errors import InputError

_DELIMITER_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "bar": "|", "\\t": "\t"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a person says of a file; what is None or empty is found out.

    `mapped` is `columns.parse_mapped`'s, `encoding` a name that Python knows, `delimiter` a character or its name.
    """

    mapped: Mapped = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleFile:
    """A file of people, open and found readable to its end."""

    path: Path
    layout: Layout
    _source: SourceFile
    _rows: CsvRows | JsonRows

    def rows(self) -> Iterator[Row]:
        """The rows of data, in order. May be called again; one at a time.

        Raises:
            InputError: the file was changed since it was opened.
        """
        try:
            yield from self._rows
        except (csv.Error, UnicodeError, EOFError, OSError) as error:
            raise self._source.changed() from error
        self._source.check_unchanged()


@contextmanager
def open_people(path: Path, said: Said | None = None) -> Iterator[PeopleFile]:
    """Open the file at `path` and read it once to its end, so that nothing surprises later.

    Its form is JSON lines where its first sign is a brace, else separated values. Either may be packed by gzip.

    Raises:
        InputError: it is missing, no regular file, unreadable, empty or binary; a line is too long; no column holds
            addresses; or what is said of it does not fit.
    """
    said = said or Said()
    encoding = encodings.named(said.encoding) if said.encoding else None
    delimiter = _delimiter(said.delimiter) if said.delimiter else None
    with open_source(path) as source:
        judged = source.judge(encoding)
        try:
            rows = _rows(source, judged, said.mapped, delimiter)
        except UnicodeError as error:
            name = judged.encoding.name.upper()
            raise InputError(f"is not valid {name}", where=str(path), remedy=SAVE_AS_CSV) from error
        except InputError as error:
            if error.where:
                raise
            raise InputError(error.what, where=str(path), remedy=error.remedy) from None
        yield PeopleFile(path=path, layout=rows.layout, _source=source, _rows=rows)


def _rows(source: SourceFile, judged: Judged, mapped: Mapped, delimiter: str | None) -> CsvRows | JsonRows:
    begins = _beginning(source, judged.encoding)
    if begins == "[":
        raise InputError("is one JSON array", remedy="Make lines of it: jq -c '.[]' FILE > FILE.jsonl")
    if begins == "{":
        return read_json(source, judged, mapped=mapped)
    return read_csv(source, judged, mapped=mapped, delimiter=delimiter)


def _beginning(source: SourceFile, encoding: Encoding) -> str:
    with source.text(encoding) as text:
        return text.read(4096).lstrip("\ufeff \t\r\n")[:1]


def _delimiter(text: str) -> str:
    found = _DELIMITER_NAMES.get(text.lower(), text)
    if found not in DELIMITERS:
        raise InputError(f"{text[:20]!r} parts no fields", remedy="Give comma, semicolon, tab or pipe")
    return found
