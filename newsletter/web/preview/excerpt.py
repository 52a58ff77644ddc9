"""The lines around a fault, as good compilers show them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import InputError
from newsletter.issues.folder import read_plain
from newsletter.rendering.template_folder import packaged_templates

_AROUND = 2
_LONGEST_LINE = 400
_PLACE = re.compile(r"(.*?)(?::(\d{1,9}))?(?::(\d{1,9}))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """Lines of a file with their numbers; `line` is the one meant, `caret` the blanks before its column, None without one."""

    lines: tuple[tuple[int, str], ...]
    line: int
    caret: str | None


def excerpt(where: str, root: Path) -> Excerpt | None:
    """The lines around `where` (`path:line:column`), a place in the newsroom at `root` or in the packaged templates.

    None where it names no line, or a file that is not one of those.
    """
    found = _PLACE.fullmatch(where)
    if found is None or found[2] is None:
        return None
    path = (root / found[1]).resolve()
    if not any(path.is_relative_to(folder.resolve()) for folder in (root, packaged_templates())):
        return None
    try:
        lines = read_plain(path).decode("utf-8", "replace").splitlines()
    except InputError:
        return None
    line = int(found[2])
    if not 1 <= line <= len(lines):
        return None
    first = max(1, line - _AROUND)
    shown = tuple(enumerate((text[:_LONGEST_LINE] for text in lines[first - 1 : line + _AROUND]), start=first))
    return Excerpt(lines=shown, line=line, caret=_caret(lines[line - 1], int(found[3])) if found[3] else None)


def _caret(text: str, column: int) -> str | None:
    if not 1 <= column <= min(len(text) + 1, _LONGEST_LINE):
        return None
    return "".join("\t" if c == "\t" else " " for c in text[: column - 1])


def beside(where: str, root: Path) -> str:
    """`where` as seen from the newsroom's folder, where it lies in it."""
    return where.removeprefix(f"{root}/")
