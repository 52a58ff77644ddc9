"""Reading JSON lines (one object a line, as `jq -c` writes them): judged as a whole first, then row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from newsletter.audience.files.columns import Mapped, find_columns
from newsletter.audience.files.encodings import Encoding, is_text
from newsletter.audience.files.rejects import OWN
from newsletter.audience.files.rows import Form, Layout, Row
from newsletter.audience.files.source import Judged, SourceFile
from newsletter.errors import InputError

MOST_KEYS = 1_000
"""Different keys in one file. A file with more has data for keys."""
_LONGEST_NUMBER = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonRows:
    """A file of JSON lines, found readable to its end. A row's fields stand in the order of the layout's header."""

    source: SourceFile
    layout: Layout

    def __iter__(self) -> Iterator[Row]:
        keys, broken = self.layout.header or (), self.layout.encoding.broken
        for number, (line, written) in enumerate(_objects(self.source, self.layout.encoding), 1):
            value, fault = read_object(written)
            if broken and not is_text(written):
                fault = f"holds bytes that are not {self.layout.encoding.name.removesuffix('-sig').upper()}"
            get = value.get
            yield Row(number, line, [_cell(get(key)) for key in keys], fault, written)


def read_json(source: SourceFile, judged: Judged, *, mapped: Mapped | None) -> JsonRows:
    """The rows of `source`; `mapped` is what a person says of its keys.

    Raises:
        InputError: there are no rows, no key holds addresses, or there are too many keys.
    """
    keys: dict[str, None] = {}
    count = 0
    for _, written in _objects(source, judged.encoding):
        count += 1
        value, _fault = read_object(written)
        if not keys.keys() >= value.keys():
            keys.update(dict.fromkeys(value))
            if len(keys) > MOST_KEYS:
                raise InputError(f"has more than {MOST_KEYS:,} different keys", remedy="Name a file of people")
    if not keys:
        raise InputError("holds no JSON object", remedy='Write one object a line, such as {"email": …}')
    again = keys.keys() >= set(OWN)  # a reject file that was mended
    header = tuple(key for key in keys if not (again and key in OWN))
    columns, _headed = find_columns([header], mapped, titled=True)
    return JsonRows(
        source=source,
        layout=Layout(
            form=Form.JSONL,
            sha256=judged.sha256,
            encoding=judged.encoding,
            delimiter="",
            header=header,
            columns=columns,
            rows=count,
            packed=source.packed,
        ),
    )


def read_object(written: str) -> tuple[dict[str, Any], str]:
    """The object in a line, and "" or what is wrong with it; an empty object then."""
    try:
        value = _DECODE(written)
    except RecursionError:
        return {}, "is JSON nested too deep"
    except ValueError as error:
        return {}, f"is no JSON: {error}"
    if not isinstance(value, dict):
        return {}, "is no JSON object"
    return value, ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands there twice")
    return value


def _number(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number is too long")
    return int(text)


def _constant(text: str) -> None:
    raise ValueError(f"{text} is no number")


_DECODE = json.JSONDecoder(object_pairs_hook=_once, parse_int=_number, parse_constant=_constant).decode


def _cell(value: Any) -> str:
    """A value as the cell of a table would have it: lists and objects stay JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _objects(source: SourceFile, encoding: Encoding) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, each with its number, without blanks around."""
    with source.text(encoding) as text:
        for number, line in enumerate(source.lines(text), 1):
            if written := line.strip():
                yield number, written
