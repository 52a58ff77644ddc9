"""What is read from a file of people: its layout, and its rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from newsletter.audience.files.columns import Columns
from newsletter.audience.files.encodings import Encoding


class Form(StrEnum):
    """How rows are written down."""

    CSV = "csv"
    JSONL = "jsonl"


class Row(NamedTuple):
    """A row that is not blank. `number` counts rows of data from 1, `line` is its first line in the file, from 1.

    `fault` says why the row cannot be what its writer meant; "" for all others. `written` is the row as it stands in the
    file, where the form is JSON lines.
    """

    number: int
    line: int
    fields: list[str]
    fault: str = ""
    written: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What the file turned out to be. `header` is None where the first row is data; `rows` counts rows of data.

    `delimiter` is "" for JSON lines. `sha256` is that of the file as it lies on the disk.
    """

    form: Form
    sha256: str
    encoding: Encoding
    delimiter: str
    header: tuple[str, ...] | None
    columns: Columns
    rows: int
    packed: bool = False

    @property
    def width(self) -> int | None:
        """How many fields a row has at most; None where nothing says it."""
        return len(self.header) if self.header is not None and self.form is Form.CSV else None

    def named(self) -> dict[str, str]:
        """What each column that means something is called, by its meaning."""
        return {meaning: self.heading(place) for place, meaning in sorted(self.columns.meanings().items())}

    def left_out(self) -> list[str]:
        """The headings that mean nothing to us."""
        known = self.columns.meanings()
        return [heading.strip() for place, heading in enumerate(self.header or ()) if place not in known]

    def heading(self, place: int) -> str:
        """What the column at `place` is called."""
        return self.header[place].strip() if self.header is not None else f"column {place + 1}"
