"""The values of a filter's terms, as they are compared. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from datetime import date as Date  # noqa: N812 - as everywhere

from newsletter.audience.addresses import domain_key
from newsletter.audience.labels import clean_tag, clean_value
from newsletter.audience.people import check_hour, check_language
from newsletter.audience.segments.filters import DOMAIN, HOUR, JOINED, LANGUAGE, TAG, ZONE, Sign
from newsletter.errors import InputError
from newsletter.settings.values import known_zone

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def clean(field: str, text: str) -> str:
    """The value of a term as it is kept and shown.

    Raises:
        InputError: no reader could have it.
    """
    if field == JOINED:
        return _day(text)
    if field == ZONE:
        return _zone(text)
    known = {TAG: clean_tag, LANGUAGE: check_language, HOUR: check_hour, DOMAIN: domain_key}
    value = known.get(field, clean_value)(text)
    if not value:
        raise InputError(f"`{field}:` has no value", remedy="Give one")
    return value


def span(sign: Sign, day: str) -> tuple[datetime | None, datetime | None]:
    """From when to before when `joined` lies; None where it has no such end. Days are those of UTC."""
    begin = datetime.combine(Date.fromisoformat(day), datetime.min.time(), tzinfo=UTC)
    end = begin + timedelta(days=1)
    return {
        Sign.IS: (begin, end),
        Sign.BEFORE: (None, begin),
        Sign.UP_TO: (None, end),
        Sign.AFTER: (end, None),
        Sign.FROM: (begin, None),
    }[sign]


def _zone(text: str) -> str:
    try:
        return known_zone(text)
    except ValueError as error:
        raise InputError(str(error), remedy="Write it as Europe/Berlin") from None


def _day(text: str) -> str:
    try:
        if _DAY.fullmatch(text) and Date.fromisoformat(text) < Date(9999, 1, 1):
            return text
    except ValueError:
        pass
    raise InputError(f"`{text[:40]}` is no day", remedy="Write it as 2026-01-31")
