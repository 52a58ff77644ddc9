"""What may stand in the settings: kinds of values, each with its own error."""

from __future__ import annotations

import re
from datetime import time, timedelta
from difflib import get_close_matches
from email.utils import parseaddr
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="six hexadecimal digits, such as #1d5c96")]


def known_zone(name: str) -> str:
    """The name, where it is a time zone's.

    Raises:
        ValueError: it is none; names the nearest.
    """
    if name not in _zones():
        close = get_close_matches(name, sorted(_zones()), n=1)
        raise ValueError(f"no time zone is called {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    return name


@cache
def _zones() -> frozenset[str]:
    """All there are. Python looks through hundreds of files for them each time (15 ms)."""
    return frozenset(available_timezones())


def _one_address(address: str) -> str:
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"{address!r} is no e-mail address: {error}") from error
    if parseaddr(address)[1] != address:
        raise ValueError(f"{address!r} must be one bare address, without a name")
    return address


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")) or any(c.isspace() or c in "\"'<>" for c in url):
        raise ValueError(f"{url!r} must be a URL that starts with https:// or http://")
    return url.rstrip("/")


def _one_line(text: str) -> str:
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("control characters and line breaks cannot stand here")
    return text.strip()


def _domain(name: str) -> str:
    labels = name.lower().split(".")
    if name and (
        len(name) > 253 or not all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", each) for each in labels)
    ):
        raise ValueError(f"{name!r} is no domain name in ASCII letters, such as news.example")
    return name.lower()


_LENGTH = re.compile(r"(?:(?P<hours>\d{1,3}) ?h)?(?:(?:^| ?)(?P<minutes>\d{1,4}) ?min)?")


def length_of_time(text: Any) -> timedelta:
    """A length of time as people write it: `6 h`, `90 min`, `1 h 30 min`.

    Raises:
        ValueError: it is none.
    """
    if isinstance(text, timedelta):
        return text
    found = _LENGTH.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or not any(found.groups()):
        raise ValueError(f'{text!r} is no length of time, such as "6 h", "90 min" or "1 h 30 min"')
    return timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))


def written_length(length: timedelta) -> str:
    """The same in words: `6 h`, `1 h 30 min`, `45 min`."""
    hours, minutes = divmod(round(length.total_seconds() / 60), 60)
    return " ".join(([f"{hours} h"] if hours else []) + ([f"{minutes} min"] if minutes or not hours else []))


def _limit(text: Any) -> timedelta:
    length = length_of_time(text)
    # Past a day, what is found late would be yesterday's issue.
    if not timedelta(minutes=1) <= length <= timedelta(hours=23):
        raise ValueError(f"{text!r} must be from 1 min to 23 h")
    return length


def hour_of_day(text: Any) -> time:
    """A time of day, to the minute, as clocks show it: `06:00`. TOML's own times are taken too.

    Raises:
        ValueError: it is none.
    """
    if isinstance(text, time) and not (text.second or text.microsecond or text.tzinfo):
        return text
    if not isinstance(text, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text.strip()):
        raise ValueError(f'{str(text)!r} is no time of day, such as "06:00" or "18:30"')
    return time.fromisoformat(text.strip())


def share_of_all(text: Any) -> float:
    """A share, as people write it (`1%`, `2.5 %`, `none`), from 0 to 0.5.

    Raises:
        ValueError: it is none.
    """
    if isinstance(text, float) and 0 <= text <= 0.5:
        return text
    if text == "none":
        return 0.0
    found = re.fullmatch(r"(\d{1,2}(?:\.\d{1,2})?) ?%", text.strip()) if isinstance(text, str) else None
    if found is None or float(found[1]) > 50:
        raise ValueError(f'{text!r} is no share up to 50 %, such as "1%" or "none"')
    return round(float(found[1]) / 100, 4)


Zone = Annotated[str, AfterValidator(known_zone)]
Hour = Annotated[time, BeforeValidator(hour_of_day)]
Length = Annotated[timedelta, BeforeValidator(_limit)]
Share = Annotated[float, BeforeValidator(share_of_all)]
Address = Annotated[str, AfterValidator(_one_address)]
Url = Annotated[str, AfterValidator(_http_url)]
Line = Annotated[str, AfterValidator(_one_line)]
Domain = Annotated[str, AfterValidator(_domain)]


class Table(BaseModel):
    """A table of the file: unknown keys are errors, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def nearest(unknown: str, known: list[str]) -> str:
    """A remedy that names the nearest known word, or all of them."""
    close = get_close_matches(unknown, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known are: {', '.join(known)}"
