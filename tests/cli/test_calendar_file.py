"""The days to come as other programs read them, judged by reading the file back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from icalendar import Calendar

from newsletter.cli.calendar_file import calendar_file
from newsletter.publishing.mailing import Mailing
from newsletter.publishing.timetable import Entry, WaveTime
from newsletter.publishing.timing import EVERYONE, ReaderClock, Timing
from newsletter.settings import Newsroom
from newsletter.store.statuses import MailingKind, MailingStatus

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DUE = datetime(2026, 11, 24, 11, tzinfo=UTC)
NEW_YORK = Timing(
    day=date(2026, 11, 24), hour=time(6), zone="America/New_York", limit=timedelta(hours=6), by_reader=True
)
SUBJECT = "Ferries; tolls, \\ “night boats”\nand a very long rest of the line: " + "ä" * 90


def mailing(status=MailingStatus.SCHEDULED, sequence=1):
    return Mailing(
        id=12,
        list_id=1,
        list_name="daily",
        list_title="The Daily",
        local_date=NEW_YORK.day,
        kind=MailingKind.ISSUE,
        sequence=sequence,
        issue="2026-11-24-ferries",
        edition_digest="0" * 64,
        status=status,
        not_later_than=DUE,
        created_at=NOW,
        due_at=DUE,
        timing=NEW_YORK,
    )


def wave(due_at, zone="", readers=3):
    clock = ReaderClock(zone, "") if zone else EVERYONE
    state = {"canary": False, "skipped": False, "past": False, "late": False, "released_at": None}
    return WaveTime(clock=clock, zone=zone or NEW_YORK.zone, due_at=due_at, readers=readers, **state)


def entry(**changes):
    values = {"list_name": "daily", "day": NEW_YORK.day, "zone": NEW_YORK.zone, "due_at": DUE, **changes}
    return Entry(**values)


def full(**changes):
    waves = (wave(DUE - timedelta(hours=5), "Europe/London", 2), wave(DUE))
    return entry(due_at=DUE - timedelta(hours=5), mailing=mailing(**changes), subject=SUBJECT, waves=waves)


@pytest.fixture
def newsroom():
    return Newsroom(name="The Harbour, Letter", url="https://letter.harbour.example")


def test_it_reads_back_as_it_was_written(newsroom):
    written = calendar_file([entry(), full()], newsroom, now=NOW)
    calendar = Calendar.from_ical(written)
    empty, ferry = calendar.walk("VEVENT")
    assert (calendar["version"], str(calendar["x-wr-calname"])) == ("2.0", "The Harbour, Letter")
    assert (ferry.decoded("dtstart"), ferry.decoded("dtend")) == (DUE - timedelta(hours=5), DUE)
    assert {one.decoded("dtstamp") for one in (empty, ferry)} == {NOW}
    assert str(ferry["summary"]) == f"daily: {SUBJECT}"
    assert str(ferry["description"]).splitlines() == [
        "2026-11-24-ferries, mailing 12, scheduled: 5 readers",
        "Tue 24 Nov 06:00 in London (GMT, UTC) 2026-11-24 06:00 UTC 2 readers",
        "Tue 24 Nov 06:00 in New York (EST, UTC−5) 2026-11-24 11:00 UTC 3 readers with those who have no zone",
    ]
    assert (str(empty["summary"]), str(empty["status"])) == ("daily: no issue yet", "TENTATIVE")
    assert "dtend" not in empty


def test_its_form_is_that_of_the_standard(newsroom):
    written = calendar_file([full()], newsroom, now=NOW)
    assert written.count(b"\n") == written.count(b"\r\n")
    assert written.endswith(b"END:VCALENDAR\r\n")
    assert max(map(len, written.split(b"\r\n"))) <= 75
    assert b"DTSTART:20261124T060000Z\r\n" in written
    assert b"DTSTAMP:20261120T120000Z\r\n" in written
    assert rb"SUMMARY:daily: Ferries\; tolls\, \\ " in written.replace(b"\r\n ", b"")


def test_a_slot_keeps_its_identity_when_it_gets_an_issue_and_moves(newsroom):
    moved = entry(mailing=mailing(), subject="x", due_at=DUE + timedelta(hours=1))
    second = entry(mailing=mailing(sequence=2), subject="x")
    files = [calendar_file([one], newsroom, now=NOW + timedelta(days=1)) for one in (entry(), full(), moved, second)]
    uids = [str(Calendar.from_ical(one).walk("VEVENT")[0]["uid"]) for one in files]
    assert uids == ["2026-11-24-daily@letter.harbour.example"] * 3 + ["2026-11-24-daily-2@letter.harbour.example"]


@pytest.mark.parametrize(
    ("status", "shown"),
    [("scheduled", "CONFIRMED"), ("sending", "CONFIRMED"), ("paused", "TENTATIVE"), ("cancelled", "CANCELLED")],
)
def test_how_sure_a_slot_is(newsroom, status, shown):
    (event,) = Calendar.from_ical(calendar_file([full(status=MailingStatus(status))], newsroom, now=NOW)).walk("VEVENT")
    assert (str(event["status"]), str(event["transp"])) == (shown, "TRANSPARENT")


def test_an_empty_timetable_is_an_empty_calendar(newsroom):
    assert Calendar.from_ical(calendar_file([], newsroom, now=NOW)).walk("VEVENT") == []
