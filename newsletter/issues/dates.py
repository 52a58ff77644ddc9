"""Dates as editors write them, turned into days. Pure: a date without a year is read by the `today` handed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY = r"(?P<weekday>mon|tue|wed|thu|fri|sat|sun)(?:s|nes|rs?|ur)?(?:day)?\b\.?"
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
_YEAR = r"(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?"
_LEAD = (
    rf"[\s#>*_|\-–—•]*(?:date\s*[:=]\s*|(?:published|posted|updated)(?:\s+on)?\s*:?\s+)?(?:{_WEEKDAY},?\s+)?(?:the\s+)?"
)
_FORMS = tuple(
    re.compile(rf"{_LEAD}{body}[\s#*_|:.]*", re.IGNORECASE)
    for body in (
        rf"{_MONTH}\s+{_DAY}{_YEAR}",
        rf"{_DAY}(?:\s+of)?\s+{_MONTH}{_YEAR}",
        r"(?P<year>(?:19|20)\d\d)[-/.](?P<number>\d{1,2})[-/.](?P<day>\d{1,2})",
        r"(?P<first>\d{1,2})[-/.](?P<second>\d{1,2})[-/.](?P<year>(?:19|20)?\d\d)",
        _DAY,
    )
)
_IN_NAME = re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)")
_LONGEST = 100
_YEARS_AROUND = 8
"""A weekday comes back to the same day of the year within 6 years, or 11 around February 29 and skipped leap years."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenDate:
    """A day that a text names. `doubt` says in words what had to be guessed; None where the text left nothing open."""

    day: date
    doubt: str | None = None


def read_date(text: str, *, today: date) -> WrittenDate | None:
    """The day that `text` names, or None where it names none.

    `Tuesday 24 November 2026`, `June 20, 2024`, `Nov. 24`, `24th of November`, `2026-11-24`, `11/24/2026`,
    `Tuesday 24`, each also after `Date:`. Where the year (or the month) is left out, it is the nearest such date to
    `today`, before or after.
    """
    if len(text) > _LONGEST:
        return None
    for form in _FORMS:
        if found := form.fullmatch(text.strip()):
            return _resolve(found.groupdict(), today)
    return None


def date_in_name(name: str) -> date | None:
    """The first day written as YYYY-MM-DD in a file's name, or None."""
    for found in _IN_NAME.finditer(name):
        if day := _day(int(found["year"]), int(found["month"]), int(found["day"])):
            return day
    return None


def today_in(zone: str, now: datetime) -> date:
    """The calendar day at the instant `now` (aware) in the time zone called `zone`."""
    return now.astimezone(ZoneInfo(zone)).date()


def in_words(day: date) -> str:
    """`Tuesday 24 November 2026`, in English whatever the machine's locale is."""
    weekdays = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    months = (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    )  # fmt: skip
    return f"{weekdays[day.weekday()]} {day.day} {months[day.month - 1]} {day.year}"


def _resolve(parts: dict[str, str | None], today: date) -> WrittenDate | None:
    weekday = _WEEKDAYS.index(parts["weekday"].casefold()) if parts.get("weekday") else None  # type: ignore[union-attr]
    if parts.get("first"):
        return _numeric(int(parts["first"] or 0), int(parts["second"] or 0), parts["year"] or "", weekday)
    month = _month(parts)
    number = int(parts["day"] or 0)
    if parts.get("year") and month:
        return _fixed(_day(int(parts["year"] or 0), month, number), weekday)
    if month is None and weekday is None:
        return None
    return _nearest(month, number, weekday, today)


def _month(parts: dict[str, str | None]) -> int | None:
    if name := parts.get("month"):
        return _MONTHS.index(name.casefold()[:3]) + 1
    number = parts.get("number")
    return int(number) if number else None


def _numeric(first: int, second: int, year: str, weekday: int | None) -> WrittenDate | None:
    """`11/24/2026` or `24/11/2026`: month first, unless only the other order is a date or fits the weekday."""
    full = int(year) + (2000 if len(year) == 2 else 0)
    orders = [day for day in (_day(full, first, second), _day(full, second, first)) if day]
    fitting = [day for day in orders if weekday is None or day.weekday() == weekday]
    if not orders:
        return None
    if len(set(fitting)) == 2:
        return WrittenDate(day=fitting[0], doubt="it may be month and day, or day and month")
    return _fixed((fitting or orders)[0], weekday)


def _fixed(day: date | None, weekday: int | None) -> WrittenDate | None:
    if day is None:
        return None
    wrong = weekday is not None and day.weekday() != weekday
    return WrittenDate(day=day, doubt=f"that day is a {in_words(day).split()[0]}" if wrong else None)


def _nearest(month: int | None, number: int, weekday: int | None, today: date) -> WrittenDate | None:
    days = list(_days_around(month, number, today))
    fitting = [day for day in days if weekday is None or day.weekday() == weekday]
    if not days:
        return None
    missing = "a year" if month else "a month and a year"
    doubt = f"it stands without {missing}; this is the nearest such date"
    if not fitting:
        doubt = f"{doubt}, and its weekday does not fit"
    return WrittenDate(day=min(fitting or days, key=lambda day: (abs(day - today), day < today)), doubt=doubt)


def _days_around(month: int | None, number: int, today: date) -> Iterator[date]:
    for year in range(max(1, today.year - _YEARS_AROUND), today.year + _YEARS_AROUND + 1):
        for each in (month,) if month else range(1, 13):
            if day := _day(year, each, number):
                yield day


def _day(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None
