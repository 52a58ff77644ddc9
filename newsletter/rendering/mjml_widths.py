"""Whether the columns of a section fill it: widths written in the template, its defaults and MJML's, added up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_DEFAULTS = {("mj-section", "padding"): "20px 0", ("mj-wrapper", "padding"): "20px 0", ("mj-body", "width"): "600px"}
_COLUMNS = ("mj-column", "mj-group")
_MEASURE = re.compile(r"(\d+(?:\.\d+)?)(px|%)")
SLACK = 0.5
"""Per cent that may be missing or too much: thirds are written 33.33 %."""


class Widths:
    """Reads attributes as the compiler does: the element's own, its classes', its kind's, everybody's, MJML's."""

    def __init__(self, root: Any) -> None:
        self._classes: dict[str, dict[str, str]] = {}
        self._kinds: dict[str, dict[str, str]] = {}
        for element in root.iterfind("mj-head/mj-attributes/*"):
            if not isinstance(element.tag, str):
                continue
            named = self._classes if element.tag == "mj-class" else self._kinds
            named.setdefault(element.get("name", "") if element.tag == "mj-class" else element.tag, {}).update(
                element.attrib
            )

    def faults(self, section: Any, columns: list[Any] | None = None) -> Iterator[tuple[Any, str]]:
        """What is wrong with the widths in a section or group: the element at fault and the words."""
        columns = [child for child in section if child.tag in _COLUMNS] if columns is None else columns
        if not columns or not any(self._attribute(column, "width") for column in columns):
            return
        room = self._room(section)
        widths = [self._percent(column, len(columns), room) for column in columns]
        if None in widths:
            return
        total = sum(width for width in widths if width is not None)
        if total > 100 + SLACK or (len(columns) > 1 and total < 100 - SLACK):
            written = " + ".join(self._attribute(column, "width") or "an equal share" for column in columns)
            yield (
                columns[0] if len(columns) == 1 else section,
                f"the widths of the columns come to {total:.5g} %, not 100 % ({written})",
            )

    def _percent(self, column: Any, columns: int, room: float) -> float | None:
        width = self._attribute(column, "width")
        if not width:
            return 100 / columns
        found = _MEASURE.fullmatch(width)
        if found is None or room <= 0:
            return None
        return float(found[1]) if found[2] == "%" else float(found[1]) / room * 100

    def _room(self, element: Any) -> float:
        """Pixels that the element leaves to its children."""
        if element is None:
            return 600.0
        if element.tag == "mj-body":
            return _pixels(self._attribute(element, "width"), 600.0)
        room = self._room(element.getparent())
        if element.tag == "mj-group":
            return room * (self._percent(element, _siblings(element), room) or 100) / 100
        return room - sum(self._edge(element, side, room) for side in ("left", "right"))

    def _edge(self, element: Any, side: str, room: float) -> float:
        own = self._attribute(element, f"padding-{side}")
        padding = own or _side(self._attribute(element, "padding") or "0", side)
        border = self._attribute(element, f"border-{side}") or self._attribute(element, "border") or "0"
        return _pixels(padding, 0.0, of=room) + _pixels(border.split()[0], 0.0)

    def _attribute(self, element: Any, name: str) -> str | None:
        tag = str(element.tag)
        if (value := element.get(name)) is not None:
            return str(value)
        for known in (element.get("mj-class") or "").split():
            if name in self._classes.get(known, {}):
                return self._classes[known][name]
        for kind in (tag, "mj-all"):
            if name in self._kinds.get(kind, {}):
                return self._kinds[kind][name]
        return _DEFAULTS.get((tag, name))


def _siblings(element: Any) -> int:
    return sum(1 for child in element.getparent() if child.tag in _COLUMNS)


def _side(padding: str, side: str) -> str:
    parts = padding.split()
    index = {1: 0, 2: 1, 3: 1}.get(len(parts), 1 if side == "right" else 3)
    return parts[index] if index < len(parts) else "0"


def _pixels(value: str | None, default: float, *, of: float = 0.0) -> float:
    found = _MEASURE.match(value or "")
    if found is None:
        return default
    return float(found[1]) if found[2] == "px" else float(found[1]) / 100 * of
