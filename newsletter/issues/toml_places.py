"""On which line of a TOML file a key or an array's element stands: the parsers of Python keep no places."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

Step = str | int
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n|[\[\]{}=]"
    r"""|[^\n\[\]{}="'\#]+""",
    re.DOTALL,
)


class Places:
    """The lines of a valid TOML text's keys, from 1. Elements of arrays are steps counted from 0, as are [[tables]]."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[Step, ...], int] = {}
        self._tables: dict[tuple[Step, ...], int] = {}
        self._scan(text)

    def line(self, *path: Step) -> int | None:
        """The line on which `path` stands, or the nearest thing around it that has a line; None where nothing has."""
        for length in range(len(path), 0, -1):
            if found := self._lines.get(path[:length]):
                return found
        return None

    def _scan(self, text: str) -> None:
        table: tuple[Step, ...] = ()
        statement, value, depth, element, line = "", None, 0, 0, 1
        for token in _TOKEN.finditer(text):
            raw = token[0]
            if value is not None:
                depth += raw in "[{"
                depth -= raw in "]}"
                if raw == "\n" and depth == 0:
                    statement, value = "", None
                elif depth == 1 and raw[0] in "\"'":
                    self._lines[(*value, element)] = line
                    element += 1
            elif raw == "\n":
                table = self._header(statement, line) if statement.lstrip().startswith("[") else table
                statement = ""
            elif raw == "=" and not statement.lstrip().startswith("["):
                value, depth, element = (*table, *_keys(statement)), 0, 0
                self._lines.setdefault(value, line)
            elif raw[0] != "#":
                statement += raw
            line += raw.count("\n")
        if statement.lstrip().startswith("["):
            self._header(statement, line)

    def _header(self, statement: str, line: int) -> tuple[Step, ...]:
        bare = statement.strip()
        many = bare.startswith("[[")
        path: tuple[Step, ...] = _keys(bare.strip("[]"))
        if many:
            number = self._tables.get(path, 0)
            self._tables[path] = number + 1
            self._lines.setdefault(path, line)
            path = (*path, number)
        self._lines.setdefault(path, line)
        return path


def _keys(written: str) -> tuple[str, ...]:
    """The steps of a dotted key, quotation marks taken off by the parser itself."""
    found: list[str] = []
    table: Any = tomllib.loads(f"{written.strip()} = 0")
    while isinstance(table, Mapping):
        key = next(iter(table))
        found.append(key)
        table = table[key]
    return tuple(found)
