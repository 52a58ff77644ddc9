"""The names of issue folders and of the roundup files in them. Pure; what comes in is hostile."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from pathlib import PurePath

from slugify import slugify

ISSUE_FILE = "issue.toml"
_LONGEST_SLUG = 60
_LONGEST_NAME = 80
_LONGEST_COMPONENT = 255
"""Bytes in one name on the usual file systems (ext4, APFS, NTFS)."""
_NO_NAME = re.compile(r"[^\w.]+")
_DAY = re.compile(r"(?<!\d)(?:19|20)\d\d-\d\d-\d\d(?!\d)")


def folder_name(day: date, title: str | None, stem: str) -> str:
    """`2026-11-24-should-the-night-ferry-come-back`: from the title, else from the file's stem (its date left out)."""
    for words in (title or "", _DAY.sub(" ", stem)):
        if slug := _slug(words):
            return f"{day.isoformat()}-{slug}"
    return f"{day.isoformat()}-issue"


def file_names(names: Iterable[str]) -> list[str]:
    """Names that are safe inside an issue folder, near to those given, no two alike (case does not count)."""
    taken = {ISSUE_FILE}
    kept = []
    for name in names:
        safe = _distinct(_safe(name), taken)
        taken.add(safe.casefold())
        kept.append(safe)
    return kept


def is_component(name: str) -> bool:
    """Whether `name` can name one thing inside a folder: no path, nothing hidden, no control characters."""
    return (
        bool(name)
        and not name.startswith(".")
        and not any(character in "/\\" or unicodedata.category(character) in {"Cc", "Cs"} for character in name)
        and len(name.encode("utf-8", "surrogatepass")) <= _LONGEST_COMPONENT
    )


def _slug(words: str) -> str:
    plain = words.replace("’", "").replace("'", "")
    return slugify(plain, max_length=_LONGEST_SLUG, word_boundary=True, save_order=True)


def _safe(name: str) -> str:
    composed = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    plain = _NO_NAME.sub("-", composed).strip("-.")
    path = PurePath(plain or "roundup.txt")
    suffix = path.suffix if 1 < len(path.suffix) <= 10 else ""
    stem = plain.removesuffix(suffix)[:_LONGEST_NAME].rstrip("-.") or "roundup"
    while len((stem + suffix).encode()) > _LONGEST_COMPONENT - 10:  # leaves room for a number
        stem = stem[:-1]
    return stem + (suffix or ".txt")


def _distinct(name: str, taken: set[str]) -> str:
    path = PurePath(name)
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{path.stem}-{number}{path.suffix}"
    return candidate
