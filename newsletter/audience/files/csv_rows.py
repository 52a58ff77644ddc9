"""Reading separated values, whatever wrote them: judged as a whole first, then row by row in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from newsletter.audience.addresses import is_plain
from newsletter.audience.files.columns import Mapped, find_columns
from newsletter.audience.files.delimited import Record, Records, guess_delimiter, named_delimiter, split_rows
from newsletter.audience.files.encodings import Encoding, is_text
from newsletter.audience.files.rows import Form, Layout, Row
from newsletter.audience.files.source import Judged, SourceFile
from newsletter.errors import InputError

_SAMPLE = 1 << 16
_HEAD = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvRows:
    """A file of separated values, found readable to its end."""

    source: SourceFile
    layout: Layout
    first_line: int
    nul: bool

    def __iter__(self) -> Iterator[Row]:
        layout, heading, number = self.layout, self.layout.header is not None, 0
        dirty = layout.encoding.broken or self.nul
        for line, record in _records(self.source, layout.encoding, layout.delimiter, self.first_line):
            if heading:
                heading = False
                continue
            number += 1
            fault = (dirty or record.lines > 1) and self._fault(line, record)
            yield Row(number, line, record.fields, fault or record.fault)

    def _fault(self, line: int, record: Record) -> str:
        if self.layout.encoding.broken and not all(map(is_text, record.fields)):
            return f"holds bytes that are not {self.layout.encoding.name.removesuffix('-sig').upper()}"
        if any("\0" in field for field in record.fields):
            return "holds a NUL character"
        if record.lines > 1 and any(self._swallows(field) for field in record.fields):
            ends = line + record.lines - 1
            return f"a quotation mark opens a field that runs from line {line} to {ends} and takes other rows with it"
        return ""

    def _swallows(self, field: str) -> bool:
        """Whether a line inside `field` is a row by itself: an address stands where addresses stand in this file."""
        column = self.layout.columns.address
        later = split_rows(field.splitlines()[1:], self.layout.delimiter)
        return any(len(row) > column and is_plain(row[column]) for row in later)


def read_csv(source: SourceFile, judged: Judged, *, mapped: Mapped | None, delimiter: str | None) -> CsvRows:
    """The rows of `source`; `mapped` and `delimiter` are what a person says of it, None for what is to be found out.

    Raises:
        InputError: there are no rows, or no column holds addresses.
    """
    with source.text(judged.encoding) as text:
        sample = text.read(_SAMPLE)
    named = named_delimiter(sample.partition("\n")[0])
    delimiter = delimiter or guess_delimiter(sample if len(sample) < _SAMPLE else _whole_lines(sample))
    first_line = 2 if named else 1
    head = [record.fields for _, record in islice(_records(source, judged.encoding, delimiter, first_line), _HEAD)]
    if not head:
        raise InputError("is empty", remedy="Name a file with one address a line")
    columns, headed = find_columns(head, mapped)
    layout = Layout(
        form=Form.CSV,
        sha256=judged.sha256,
        encoding=judged.encoding,
        delimiter=delimiter,
        header=tuple(head[0]) if headed else None,
        columns=columns,
        rows=sum(1 for _ in _records(source, judged.encoding, delimiter, first_line)) - headed,
        packed=source.packed,
    )
    return CsvRows(source=source, layout=layout, first_line=first_line, nul=judged.nul)


def _records(source: SourceFile, encoding: Encoding, delimiter: str, first_line: int) -> Iterator[tuple[int, Record]]:
    """The records that are not blank, each with the number of its first line."""
    with source.text(encoding) as text:
        lines = source.lines(text)
        for _ in range(first_line - 1):
            next(lines, "")
        at = first_line
        for record in Records(lines, delimiter):
            fields = record.fields
            if any(fields) and (fields[0].strip() or not _is_blank(fields)):
                yield at, record
            at += record.lines


def _is_blank(fields: list[str]) -> bool:
    return not any(field and not field.isspace() for field in fields)


def _whole_lines(sample: str) -> str:
    return sample.rpartition("\n")[0] or sample
