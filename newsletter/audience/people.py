"""A person who can be subscribed, and what may be said of one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import available_timezones

from newsletter.audience.addresses import Address
from newsletter.errors import InputError

_HOUR = re.compile(r"(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # the shape of RFC 5646, as in the settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Someone who may be subscribed. `zone` is an IANA name, `hour` the local hour that they chose for the newsletter such
    as 07:00, `language` a BCP 47 tag; None where unknown. Tags and attributes are clean, as `labels` says.
    """

    address: Address
    name: str = ""
    zone: str | None = None
    hour: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


def check_zone(text: str) -> str | None:
    """The zone's name in its own spelling, whatever case it is given in; None for "".

    Raises:
        InputError: no zone has that name.
    """
    if not text:
        return None
    zone = _zones().get(text.casefold())
    if zone is None:
        raise InputError(f"no time zone is called {text[:40]!r}")
    return zone


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


@cache
def _zones() -> Mapping[str, str]:
    # Some tools write America/New_york.
    return {name.casefold(): name for name in available_timezones()}
