"""The scheduler: a tick with 1,000 scheduled mailings and 100 lists with calendars, and the reckoning beneath it.

Target (issue 5): under 20 ms a tick. A tick that looks round (every half minute) is measured beside the plain one, and
so is reckoning a slot; the naive ways are a cron expression tried minute by minute, and every zone's file read anew.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import bench_schedule_waves
from bench_rows import QUICK, Row, milliseconds, show
from sqlalchemy import insert

from newsletter import store
from newsletter.delivery.scheduler import Scheduler
from newsletter.publishing.calendar import TZDATA, due
from newsletter.roundups import Outlets
from newsletter.settings import MailingList, Newsroom, Settings
from newsletter.store import Store, tables

MAILINGS, LISTS, READERS = 1_000, 100, 2_000 if QUICK else 100_000
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Tokyo", "Pacific/Auckland", "America/St_Johns", "Asia/Kathmandu")


def main() -> None:
    """Measure and print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(store.open(store.sqlite_url(Path(folder) / "n.db"))) as opened,
    ):
        _fill(opened)
        lists = {
            f"list-{number:03}": MailingList(title=f"List {number}", zone=ZONES[number % 6], hour=time(6), local=True)
            for number in range(LISTS)
        }
        settings = Settings(root=Path(folder), newsroom=Newsroom(name="The Harbour Letter"), lists=lists)
        scheduler = Scheduler(store=opened, settings=settings, outlets=Outlets(), clock=lambda: NOW)
        scheduler.tick(NOW)
        plain = milliseconds(lambda: scheduler.tick(NOW), times=200)
        hours = iter(range(1, 100_000))
        rounds = milliseconds(lambda: scheduler.tick(NOW + timedelta(seconds=31 * next(hours))), times=30)
    days = iter(range(1_000_000))
    first = date(2026, 1, 1)
    reckoned = milliseconds(lambda: due(first + timedelta(days=next(days) % 700), time(6), ZONES[0]), times=5_000)
    anew = milliseconds(
        lambda: datetime.combine(first, time(6), ZoneInfo.no_cache(ZONES[0])).astimezone(UTC), times=200
    )
    rows = [
        Row(name="a tick", value=plain, unit="ms", target=20),
        Row(name="a tick that looks round, twice a minute", value=rounds, unit="ms", target=20),
        Row(name="a slot reckoned", value=reckoned * 1000, unit="µs"),
        Row(name="a slot reckoned with the zone's file read anew", value=anew * 1000, unit="µs"),
        Row(name="a slot found minute by minute", value=milliseconds(_minute_by_minute, times=20) * 1000, unit="µs"),
    ]
    rows += bench_schedule_waves.measured()
    show(f"schedule: {MAILINGS:,} scheduled mailings, {LISTS} lists, {READERS:,} readers in {len(ZONES)} zones", rows)


def _minute_by_minute() -> datetime:
    """The next 06:00, as cron tries it."""
    zone, moment = ZoneInfo(ZONES[0]), NOW
    while True:
        moment += timedelta(minutes=1)
        local = moment.astimezone(zone)
        if (local.hour, local.minute) == (6, 0):
            return moment


def _fill(opened: Store) -> None:
    """Lists, readers, and mailings scheduled for the days to come, each with a wave for six zones."""
    with opened.writing() as connection:
        edition = {"digest": "d" * 64, "issue": "i", "subject": "s", "content": b"", "created_at": NOW}
        connection.execute(insert(tables.edition).values(edition))
        names = [{"name": f"list-{number:03}", "title": "L", "created_at": NOW} for number in range(LISTS)]
        connection.execute(insert(tables.mailing_list), names)
        people = [_reader(number) for number in range(READERS)]
        connection.execute(insert(tables.subscriber), people)
        consent = {"consent_text": "yes", "consent_source": "bench", "consent_at": NOW, "changed_at": NOW}
        joined = [
            {"list_id": number % LISTS + 1, "subscriber_id": number + 1, "status": "subscribed", **consent}
            for number in range(READERS)
        ]
        connection.execute(insert(tables.subscription), joined)
        connection.execute(insert(tables.mailing), [_mailing(number) for number in range(MAILINGS)])
        connection.execute(insert(tables.wave), [wave for number in range(MAILINGS) for wave in _waves(number)])


def _reader(number: int) -> dict[str, object]:
    address = f"r{number}@readers.example"
    named = {"address": address, "address_key": address, "domain": "readers.example", "name": ""}
    return {**named, "zone": ZONES[number % 6], "created_at": NOW}


def _mailing(number: int) -> dict[str, object]:
    day = NOW.date() + timedelta(days=1 + number // LISTS)
    return {
        "list_id": number % LISTS + 1,
        "local_date": day,
        "kind": "issue",
        "issue": f"issue-{number}",
        "edition_digest": "d" * 64,
        "status": "scheduled",
        "not_later_than": NOW + timedelta(days=30),
        "excluded": {},
        "created_at": NOW,
        "due_at": due(day, time(6), "Pacific/Auckland"),
        "zone": ZONES[number % 6],
        "hour": "06:00",
        "tzdata": TZDATA,
        "by_reader": True,
        "late_limit": 21_600,
    }


def _waves(number: int) -> list[dict[str, object]]:
    day = NOW.date() + timedelta(days=1 + number // LISTS)
    waves = []
    for zone in ZONES:
        due_at = due(day, time(6), zone)
        key = "" if zone == ZONES[number % 6] else zone
        waves.append({"mailing_id": number + 1, "zone": key, "due_at": due_at, "edition_digest": "d" * 64})
    return waves


if __name__ == "__main__":
    main()
