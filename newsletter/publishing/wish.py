"""What a person asks for when they schedule, and the timing that comes of it with the list's calendar. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, time, timedelta

from newsletter.errors import InputError
from newsletter.issues.dates import in_words, today_in
from newsletter.publishing.calendar import Calendar, place_of
from newsletter.publishing.timing import OF_ALL, Timing
from newsletter.settings import WEEKDAYS, MailingList, hour_of_day, nearest, share_of_all
from newsletter.settings.values import known_zone

_AT = re.compile(r"(?:(?P<day>\d{4}-\d\d-\d\d)[ T]?)?(?P<hour>\d\d:\d\d)?")
_FARTHEST = timedelta(days=366)
"""A slip in the year is likelier than an issue that is ready a year ahead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """As typed; None where nothing was: then the list's settings say it.

    `at` is a day and a local time, or one of the two; `canary` a share such as `1%`.
    """

    at: str | None = None
    zone: str | None = None
    local: bool | None = None
    canary: str | None = None


def calendar_of(wanted: MailingList, *, zone: str) -> Calendar | None:
    """The list's calendar; None where its settings name no hour. `zone` is the newsroom's, for a list without its own."""
    if wanted.hour is None:
        return None
    return Calendar(
        hour=wanted.hour,
        zone=wanted.zone or zone,
        weekdays=frozenset(WEEKDAYS.index(day) for day in wanted.days),
        skip=frozenset(wanted.skip),
        ready_by=wanted.ready_by,
    )


def timing_of(wish: Wish, wanted: MailingList, *, list_name: str, zone: str, day: Date, now: datetime) -> Timing:
    """The timing that is asked for.

    Args:
        wish: what was typed.
        wanted: the list's settings, for all that was not.
        list_name: for the errors.
        zone: the newsroom's.
        day: the issue's own.
        now: the hour; a day more than a year ahead is refused.

    Raises:
        InputError: there is no such day, time or zone, or nothing says when.
    """
    given_day, given_hour = _at(wish.at)
    hour = given_hour or wanted.hour
    if hour is None:
        raise InputError(
            f"nothing says at what time of day list {list_name!r} goes out",
            where="--at" if wish.at else f"lists.{list_name}",
            remedy=f'Give --at "{(given_day or day).isoformat()} 06:00", or add hour = "06:00" to [lists.{list_name}]',
        )
    calendar = calendar_of(wanted, zone=zone)
    if wish.at is None and calendar is not None and not calendar.includes(day):
        raise InputError(
            f"list {list_name!r} has no slot on {in_words(day)}, the issue's date",
            where=f"lists.{list_name}",
            remedy=f'To send it all the same, give --at "{day.isoformat()} {hour:%H:%M}"',
        )
    timing = Timing(
        day=given_day or day,
        hour=hour,
        zone=_zone(wish.zone) or wanted.zone or zone,
        limit=wanted.not_later_than,
        by_reader=wanted.local if wish.local is None else wish.local,
        canary=round(_share(wish.canary, wanted.canary) * OF_ALL),
        skips_past=wanted.past_waves == "skip",
    )
    _check_day(timing, now)
    return timing


def _check_day(timing: Timing, now: datetime) -> None:
    if timing.own is None:
        raise InputError(
            f"{place_of(timing.zone)} leaves out {in_words(timing.day)}", where="--at", remedy="Choose another day"
        )
    if timing.day - today_in(timing.zone, now) > _FARTHEST:
        raise InputError(
            f"{in_words(timing.day)} is more than a year ahead", where="--at", remedy="Check the year that you gave"
        )


def _at(text: str | None) -> tuple[Date | None, time | None]:
    if text is None:
        return None, None
    fault = InputError(
        f"{text[:40]!r} is no day and time of day", where="--at", remedy='Write it as "2026-11-24 06:00"'
    )
    found = _AT.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise fault
    try:
        day = Date.fromisoformat(found["day"]) if found["day"] else None
        return day, hour_of_day(found["hour"]) if found["hour"] else None
    except ValueError as error:
        raise fault from error


def _zone(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return known_zone(name)
    except ValueError as error:
        raise InputError(str(error), where="--zone", remedy="Give an IANA name such as America/New_York") from error


def _share(text: str | None, usual: float) -> float:
    if text is None:
        return usual
    try:
        return share_of_all(text)
    except ValueError as error:
        raise InputError(str(error), where="--canary", remedy="Write it as 1%") from error


def configured(lists: dict[str, MailingList], name: str) -> MailingList:
    """The settings of a list.

    Raises:
        InputError: the settings name no such list.
    """
    if name not in lists:
        remedy = nearest(name, sorted(lists)) if lists else "Add a table [lists.NAME] to newsletter.toml"
        raise InputError(f"no list is called {name!r}", where="newsletter.toml", remedy=remedy)
    return lists[name]
