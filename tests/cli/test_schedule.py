"""Scheduling, as it is typed: what is said, in words and as data, and the process that starts what is due."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from sqlalchemy import select, update

from newsletter import store
from newsletter.settings import defaults
from newsletter.store import tables

if TYPE_CHECKING:
    from conftest import Newsroom, Terminal

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
TOMORROW = (datetime.now(UTC) + timedelta(days=3)).date()
AT = f"{TOMORROW} 06:00"


def local(newsroom: Newsroom) -> None:
    """Ann is in Berlin and chose 07:00, Bob in Tokyo, Cyd nowhere in particular."""
    database = store.sqlite_url(newsroom.root / "data" / "newsletter.db")
    with closing(store.open(database)) as opened, opened.writing() as connection:
        for name, zone, hour in (("ann", "Europe/Berlin", "07:00"), ("bob", "Asia/Tokyo", None)):
            who = tables.subscriber.c.address == f"{name}@reader.example"
            connection.execute(update(tables.subscriber).where(who).values(zone=zone, hour=hour))


def test_an_issue_is_scheduled_shown_and_taken_back(with_readers: Newsroom) -> None:
    said = with_readers.run("issue", "schedule", FERRY, "--list", "daily", "--at", AT, "--zone", "America/New_York")
    assert said.code == 0, said
    due = datetime.fromisoformat(AT).replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    assert "is scheduled as mailing 1: list daily" in said.out
    assert f"06:00 in New York ({due.astimezone(ZoneInfo('America/New_York')):%Z}, UTC−" in said.out
    assert f"3 readers, {TOMORROW:%A} {TOMORROW.day} {TOMORROW:%B %Y}" in said.out
    assert f"{due:%Y-%m-%d %H:%M} UTC" in said.out
    shown = with_readers.run("schedule", "show")
    assert "mailing 1, scheduled" in shown.out
    assert f"{due:%Y-%m-%d %H:%M} UTC  3 readers" in shown.out
    assert (
        f"Scheduled: it goes out by itself at {due:%Y-%m-%d %H:%M} UTC." in with_readers.run("mailing", "show", "1").out
    )
    back = with_readers.run("issue", "unschedule", FERRY, "--list", "daily")
    assert (back.code, back.out.endswith("Nothing of it was sent.\n")) == (0, True)
    assert "Nothing is scheduled in the next 14 days." in with_readers.run("schedule", "show").err
    assert f"scheduled for {due:%Y-%m-%d %H:%M} UTC (" in with_readers.run("mailing", "show", "1").out
    again = with_readers.run("issue", "unschedule", FERRY, "--list", "daily")
    assert (again.code, "is not scheduled on list 'daily'" in again.err) == (1, True)


def test_by_each_readers_clock_the_waves_are_told_in_words_and_agree_with_zoneinfo(with_readers: Newsroom) -> None:
    local(with_readers)
    options = ("--list", "daily", "--at", AT, "--zone", "America/New_York", "--local")
    trial = with_readers.run("issue", "schedule", FERRY, *options, "--dry-run", "--json")
    planned = json.loads(trial.out)
    assert (planned["mailing"], planned["dry_run"]) == (None, True)
    assert json.loads(with_readers.run("schedule", "show", "--json").out) == []
    said = with_readers.run("issue", "schedule", FERRY, *options)
    assert "3 readers, in 3 waves, the first on" in said.out
    assert "06:00 in Tokyo (JST, UTC+9)" in said.out
    assert "who chose this hour" in said.out
    (entry,) = json.loads(with_readers.run("schedule", "show", "--json").out)
    clocks = [("Asia/Tokyo", "06:00"), ("Europe/Berlin", "07:00"), ("America/New_York", "06:00")]
    assert [(wave["zone"], wave["hour"], wave["readers"]) for wave in entry["waves"]] == [(*each, 1) for each in clocks]
    for wave, (zone, hour) in zip(entry["waves"], clocks, strict=True):
        expected = datetime.fromisoformat(f"{TOMORROW} {hour}").replace(tzinfo=ZoneInfo(zone))
        assert datetime.fromisoformat(wave["due_at"]) == expected
        assert datetime.fromisoformat(wave["local"]).strftime("%Y-%m-%d %H:%M") == f"{TOMORROW} {hour}"


def test_a_list_with_an_hour_shows_its_empty_slots(with_readers: Newsroom) -> None:
    with_readers.change("newsletter.toml", "[lists.daily]\n", '[lists.daily]\nhour = "06:00"\n')
    shown = json.loads(with_readers.run("schedule", "show", "--days", "7", "--json").out)
    assert {entry["status"] for entry in shown} == {"empty"}
    assert len(shown) == 7
    assert "no issue yet" in with_readers.run("schedule", "show").out
    with_readers.run("schedule", "show", "--list", "dayly").refuses("no list is called 'dayly'")


def test_what_would_go_at_once_is_asked_for(with_readers: Newsroom, terminal: Callable[..., Terminal]) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    issue = with_readers.root / "issues" / FERRY / "issue.toml"
    text = issue.read_text("utf-8")
    issue.write_text(
        f"date = {hour_ago.date()}\n"
        + "".join(line for line in text.splitlines(keepends=True) if not line.startswith("date")),
        "utf-8",
    )
    with_readers.change(
        "newsletter.toml", "[lists.daily]\n", f'[lists.daily]\nhour = "{hour_ago:%H:%M}"\nzone = "UTC"\n'
    )
    words = ("issue", "schedule", FERRY, "--list", "daily")
    with_readers.run(*words).refuses("3 readers would get it at once", "--yes")
    there = terminal(with_readers, *words)
    there.waits_for("Send to 3 readers at once?")
    there.type("n\n")
    assert there.ends().code != 0
    said = with_readers.run(*words, "--yes")
    assert "3 readers get it at once: their hour has passed." in said.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--at", "soon"), "'soon' is no day and time of day"),
        (("--at", AT, "--zone", "Mars"), "no time zone is called 'Mars'"),
        (("--at", AT, "--canary", "90%"), "no share"),
        ((), "nothing says at what time of day"),
    ],
)
def test_what_cannot_be_read_is_one_error(with_readers: Newsroom, options: tuple[str, ...], words: str) -> None:
    with_readers.run("issue", "schedule", FERRY, "--list", "daily", *options).refuses(words)


def test_a_scheduler_process_starts_what_is_due_and_leaves_when_asked(with_readers: Newsroom) -> None:
    assert with_readers.run("issue", "schedule", FERRY, "--list", "daily", "--at", AT).code == 0
    command = [sys.executable, "-m", "newsletter", "-C", str(with_readers.root), "scheduler"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    due = datetime.now(UTC) + timedelta(seconds=4)
    try:
        with closing(store.open(store.sqlite_url(with_readers.root / "data" / "newsletter.db"))) as opened:
            with opened.writing() as connection:
                connection.execute(update(tables.mailing).values(due_at=due))
                connection.execute(update(tables.wave).values(due_at=due))
            started = None
            while started is None:
                assert datetime.now(UTC) < due + timedelta(seconds=20)
                time.sleep(0.02)
                with opened.reading() as connection:
                    started = connection.execute(select(tables.mailing.c.started_at)).scalar_one()
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "The scheduler has left." in said
    # The design's second, with room for a machine that others use too.
    assert timedelta(0) <= started - due < timedelta(seconds=1.5)


def test_the_days_to_come_are_a_calendar_for_other_programs(with_readers: Newsroom) -> None:
    with_readers.run("issue", "schedule", FERRY, "--list", "daily", "--at", AT, "--zone", "America/New_York")
    shown = with_readers.run("schedule", "show", "--ics")
    assert shown.code == 0, shown
    (event,) = Calendar.from_ical(shown.out).walk("VEVENT")
    due = datetime.fromisoformat(AT).replace(tzinfo=ZoneInfo("America/New_York"))
    assert event.decoded("dtstart") == due
    assert f"06:00 in New York ({due:%Z}, UTC−" in str(event["description"])
    with_readers.run("schedule", "show", "--ics", "--json").refuses("two forms")


TWELVE = (
    "America/New_York",
    "Pacific/Auckland",
    "Australia/Lord_Howe",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Europe/Berlin",
    "Europe/London",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Chicago",
    "America/Los_Angeles",
)
SIX, GAP = "06:00", "02:30"


def spring_forward() -> date:
    """The next day on which clocks in New York leave out 02:30."""
    zone = ZoneInfo("America/New_York")
    days = ((datetime.now(UTC) + timedelta(days=number)).date() for number in range(3, 380))
    return next(
        day
        for day in days
        if datetime.combine(day, clock_time(1), zone).utcoffset()
        != datetime.combine(day, clock_time(3), zone).utcoffset()
        and day.month < 6
    )


def wave_as_told(day: date, hour: str, zone: str, *, readers: int, remark: str = "") -> tuple[datetime, str, str, str]:
    """Instant, local time in words, UTC and the rest, as `zoneinfo` reckons them."""
    wanted = datetime.combine(day, clock_time.fromisoformat(hour), ZoneInfo(zone))
    at = wanted.astimezone(UTC)
    local = at.astimezone(ZoneInfo(zone))
    minutes, called = int((local.utcoffset() or timedelta(0)).total_seconds()) // 60, local.tzname() or ""
    hours = f"{abs(minutes) // 60}" + (f":{abs(minutes) % 60:02}" if minutes % 60 else "")
    offset = f"UTC{'−' if minutes < 0 else '+'}{hours}" if minutes else "UTC"
    name = f"{called}, " if called.isalpha() else ""
    place = zone.rpartition("/")[2].replace("_", " ")
    words = f"{local:%a} {local.day} {local:%b} {local:%H:%M} in {place} ({name}{offset})"
    many = f"{readers} reader{'s' if readers > 1 else ' '}"
    return at, words, f"{at:%Y-%m-%d %H:%M} UTC", f"{many}  {remark}".rstrip()


@pytest.mark.parametrize("before", [0, 1])
def test_a_list_in_new_york_with_readers_in_twelve_zones_over_a_change_reads_as_zoneinfo_reckons(
    with_readers: Newsroom, before: int
) -> None:
    """The day of the change, and the one before it."""
    day = spring_forward() - timedelta(days=before)
    rows = [f"r{place}@far.example,{zone}," for place, zone in enumerate(TWELVE)]
    rows += [f"early@far.example,,{GAP}", "late@far.example,Europe/Berlin,07:30"]
    (with_readers.root / "far.csv").write_text("\n".join(["email,zone,hour", *rows]) + "\n", encoding="utf-8")
    assert with_readers.run("subscriber", "import", "far.csv", "--list", "daily", "--yes").code == 0
    options = ("--list", "daily", "--at", f"{day} {SIX}", "--zone", "America/New_York", "--local")
    said = with_readers.run("issue", "schedule", FERRY, *options)
    assert said.code == 0, said
    # Ann, Bob and Cyd have no zone.
    own = {"readers": 4, "remark": "with those who have no zone"}
    waves = [wave_as_told(day, SIX, zone, **(own if zone == "America/New_York" else {"readers": 1})) for zone in TWELVE]
    left_out = f"who chose {GAP}, clocks there leave out {GAP} on that day"
    gap = wave_as_told(day, "03:00", "America/New_York", readers=1, remark=left_out)
    chosen = wave_as_told(day, GAP, "America/New_York", readers=1, remark="who chose this hour")
    waves += [chosen if before else gap]
    waves += [wave_as_told(day, "07:30", "Europe/Berlin", readers=1, remark="who chose this hour")]
    # At one instant they stand in the order of their zones' names, who have none first.
    width = max(len(local) for _, local, _, _ in waves)
    lines = {f"  {local:<{width}}  {utc}  {rest}": at for at, local, utc, rest in waves}
    shown = with_readers.run("schedule", "show", "--days", "366").out.splitlines()
    told = [line for line in shown if " UTC  " in line]
    assert set(told) == set(lines)
    assert [lines[line] for line in told] == sorted(lines.values())
    assert set(lines) <= set(said.out.splitlines())
    assert f"{day:%A} {day.day} {day:%B %Y} · daily" in shown
    assert any(line.endswith(": 17 readers in 14 waves") for line in shown)
