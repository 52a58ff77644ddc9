"""Scheduling, as it is typed: what is said, in words and as data, and the process that starts what is due."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
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
