"""The days to come as a calendar that other programs read (RFC 5545)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from icalendar import Calendar, Event

from newsletter import __version__
from newsletter.cli.clocks import local_time, utc_time, wave_lines
from newsletter.publishing.timetable import Entry
from newsletter.settings import Newsroom
from newsletter.store.statuses import MailingStatus

_SURE = frozenset({MailingStatus.SCHEDULED, MailingStatus.SENDING, MailingStatus.FINISHED})


def calendar_file(entries: Iterable[Entry], newsroom: Newsroom, *, now: datetime) -> bytes:
    """An event a slot, with instants in UTC and the local times of the waves in words; lines end in CRLF.

    A slot keeps its UID when it gets an issue, and when that is moved to another hour of the day, so that a calendar
    that reads the file again changes what it has.

    Args:
        entries: the slots, as `timetable` gives them.
        newsroom: whose.
        now: the instant of the file.
    """
    calendar = Calendar()
    calendar.add("prodid", f"-//newsletter//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("name", newsroom.name)
    calendar.add("x-wr-calname", newsroom.name)
    host = urlsplit(newsroom.url).hostname or "localhost"
    for entry in entries:
        calendar.add_component(_event(entry, host, now))
    written: bytes = calendar.to_ical()
    return written


def _event(entry: Entry, host: str, now: datetime) -> Event:
    mailing, last = entry.mailing, max((wave.due_at for wave in entry.waves), default=entry.due_at)
    again = f"-{mailing.sequence}" if mailing is not None and mailing.sequence > 1 else ""
    event = Event()
    event.add("uid", f"{entry.day}-{entry.list_name}{again}@{host}")
    event.add("dtstamp", now)
    event.add("dtstart", entry.due_at)
    if last > entry.due_at:
        event.add("dtend", last)
    event.add("summary", f"{entry.list_name}: {entry.subject or 'no issue yet'}")
    event.add("description", "\n".join(_lines(entry)))
    sure = mailing is not None and mailing.status in _SURE
    ended = mailing is not None and mailing.status is MailingStatus.CANCELLED
    event.add("status", "CANCELLED" if ended else "CONFIRMED" if sure else "TENTATIVE")
    # Nobody is busy for it.
    event.add("transp", "TRANSPARENT")
    return event


def _lines(entry: Entry) -> Iterator[str]:
    mailing = entry.mailing
    if mailing is None or mailing.timing is None:
        yield f"{local_time(entry.due_at, entry.zone)}, {utc_time(entry.due_at)}"
        return
    yield f"{mailing.issue}, mailing {mailing.id}, {mailing.status.value}: {entry.readers:,} readers"
    for line in wave_lines(entry.waves, mailing.timing):
        yield " ".join(line.split())
