"""Cells that hold more than a word: tags, attributes and instants, as they are written down and as they are read. Pure."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from newsletter.audience.labels import clean_attribute_name, clean_tag, clean_value
from newsletter.errors import InputError

MOST_TAGS, MOST_ATTRIBUTES = 100, 200
"""Of one person."""
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_QUOTED = re.compile(r'[",;|\[\r\n]|^\s|\s$')
_GO = re.compile(r" ([+-]\d{4})( [A-Z]{3,4})?$")


@lru_cache(maxsize=10_000)
def read_tags(cell: str) -> tuple[str, ...]:
    """The tags in a cell, each once: `"VIP","a, b"` as Mailchimp and we write them, `a, b`, `a; b`, or a JSON list.

    Raises:
        InputError: one is none, or there are more than 100.
    """
    if not cell:
        return ()
    tags = tuple(dict.fromkeys(clean_tag(text) for text in _parts(cell) if text.strip()))
    if len(tags) > MOST_TAGS:
        raise InputError(f"has more than {MOST_TAGS} tags")
    return tags


def _parts(cell: str) -> Iterable[str]:
    if cell.startswith("["):
        return _texts(_json(cell, "tags"))
    if '"' in cell:
        try:
            return next(csv.reader([cell], skipinitialspace=True, strict=True), [])
        except csv.Error:
            raise InputError(f"the tags {cell[:40]!r} have a lost quotation mark") from None
    delimiter = next((sign for sign in ",;|" if sign in cell), ",")
    return cell.split(delimiter)


def _texts(value: Any) -> list[str]:
    """A JSON list of tags; some tools write each as an object with its name."""
    if not isinstance(value, list):
        raise InputError("the tags are no JSON list")
    named = [item.get("name") if isinstance(item, dict) else item for item in value]
    texts = [item for item in named if isinstance(item, str)]
    if len(texts) < len(named):
        raise InputError("the tags are no JSON list of texts")
    return texts


def written_tags(tags: Iterable[str]) -> str:
    """The cell that `read_tags` reads back: a line of CSV."""
    return ",".join('"' + tag.replace('"', '""') + '"' if _QUOTED.search(tag) else tag for tag in tags)


def read_attributes(cell: str) -> dict[str, str]:
    """The attributes in a cell, a JSON object such as listmonk and Keila write. Objects within it give `a_b`; lists stay
    JSON; what is null or empty is no attribute.

    Raises:
        InputError: it is no JSON object, or one of them is none.
    """
    if not cell:
        return {}
    value = _json(cell, "attributes")
    if not isinstance(value, dict):
        raise InputError("the attributes are no JSON object")
    attributes = dict(_flat(value, ""))
    if len(attributes) > MOST_ATTRIBUTES:
        raise InputError(f"has more than {MOST_ATTRIBUTES} attributes")
    return attributes


def _flat(value: Mapping[str, Any], above: str) -> Iterable[tuple[str, str]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{above}{key}_")
        elif inner not in (None, "", []):
            text = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
            if clean := clean_value(text):
                yield clean_attribute_name(above + key), clean


def _json(cell: str, what: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        raise InputError(f"the {what} are no JSON: {cell[:40]!r}") from None


def read_instant(cell: str, *, until: datetime) -> datetime | None:
    """An instant in UTC, from ISO 8601 in its usual forms (a date alone is its midnight, no zone means UTC); None for "".

    Raises:
        InputError: it is none, or lies after `until`.
    """
    if not cell:
        return None
    try:
        # Go writes "2006-01-02 15:04:05 +0000 UTC", and so does listmonk.
        found = datetime.fromisoformat(_GO.sub(r"\1", cell))
        instant = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(
            f"{cell[:40]!r} is no date such as 2026-03-01 or 2026-03-01T06:00:00Z (map its column to `ignore` to do without)"
        ) from None
    if not _EARLIEST <= instant <= until:
        raise InputError(f"{cell[:40]!r} is a date too far from now")
    return instant


def written_instant(instant: datetime | None) -> str:
    """The cell that `read_instant` reads back (RFC 3339, UTC), to the microsecond where there are any; "" for None."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z") if instant is not None else ""
