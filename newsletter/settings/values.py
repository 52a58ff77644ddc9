"""What may stand in the settings: kinds of values, each with its own error."""

from __future__ import annotations

import re
from difflib import get_close_matches
from email.utils import parseaddr
from typing import Annotated
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="six hexadecimal digits, such as #1d5c96")]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        close = get_close_matches(name, sorted(available_timezones()), n=1)
        raise ValueError(f"no time zone is called {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    return name


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


Zone = Annotated[str, AfterValidator(_known_zone)]
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
