"""A row of a file as a person who can be subscribed, or the reason why it is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from newsletter.audience.addresses import Address, parse
from newsletter.audience.columns import Columns, refuses
from newsletter.audience.formulas import restored
from newsletter.audience.names import clean_name
from newsletter.errors import InputError

_HOUR = re.compile(r"(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # the shape of RFC 5646, as in the settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Someone who may be subscribed. `zone` is an IANA name, `hour` the local hour that they chose for the newsletter such
    as 07:00, `language` a BCP 47 tag; None where unknown.
    """

    address: Address
    name: str = ""
    zone: str | None = None
    hour: str | None = None
    language: str | None = None


def read_person(fields: Sequence[str], columns: Columns, *, width: int | None) -> Person:
    """The person in a row. `width` is the number of columns that the heading names; None where there is no heading.

    Raises:
        InputError: the row is no person to subscribe; `what` is the reason for the reject file.
    """
    if width is not None and len(fields) > width and any(fields[width:]):
        raise InputError(f"has {len(fields)} fields under {width} headings; is a quotation mark missing?")
    if columns.status is not None and refuses(status := _field(fields, columns.status)):
        raise InputError(f"the status is {status[:40]!r}")
    return Person(
        address=parse(_field(fields, columns.address)),
        name=_name(fields, columns),
        zone=check_zone(_field(fields, columns.zone)),
        hour=check_hour(_field(fields, columns.hour)),
        language=check_language(_field(fields, columns.language)),
    )


def check_zone(text: str) -> str | None:
    """The zone's name; None for "".

    Raises:
        InputError: no zone has that name.
    """
    if text and text not in _zones():
        raise InputError(f"no time zone is called {text[:40]!r}")
    return text or None


def check_hour(text: str) -> str | None:
    """The hour as 07:00; None for "".

    Raises:
        InputError: it is no time of day.
    """
    found = _HOUR.fullmatch(text)
    if text and found is None:
        raise InputError(f"{text[:40]!r} is no time of day such as 07:00")
    return f"{int(found['hour']):02}:{found['minute']}" if found else None


def check_language(text: str) -> str | None:
    """The language tag with dashes (`en_US` becomes `en-US`); None for "".

    Raises:
        InputError: it is no tag.
    """
    tag = text.replace("_", "-")
    if tag and (len(tag) > 35 or not _LANGUAGE.fullmatch(tag)):
        raise InputError(f"{text[:40]!r} is no language tag such as en or pt-BR")
    return tag or None


def _name(fields: Sequence[str], columns: Columns) -> str:
    name = clean_name(_field(fields, columns.name))
    if name or (columns.first_name is None and columns.last_name is None):
        return name
    parts = (_field(fields, columns.first_name), _field(fields, columns.last_name))
    return clean_name(" ".join(part for part in parts if part))


def _field(fields: Sequence[str], place: int | None) -> str:
    if place is None or place >= len(fields):
        return ""
    return restored(fields[place].strip())


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
