"""The newsroom of the ten days: its lists and readers, its issues, and when each of them is due by another reckoning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from newsletter.app import App
from newsletter.audience import subscribers
from newsletter.issues import load
from newsletter.publishing import approvals, mailings, scheduling, users
from newsletter.publishing.user import User
from newsletter.publishing.wish import Wish
from newsletter.store import tables
from newsletter.store.statuses import SubscriptionStatus, UserRole

MORNING, EVENING = "morning", "evening"
FIRST = date(2026, 10, 24)
"""The ten days from here have Europe's change of clocks (25 October) and America's (1 November) in them."""

SKIPPED = {MORNING: date(2026, 10, 27), EVENING: date(2026, 10, 29)}
SETTINGS = """
[newsroom]
name = "The Harbour Letter"
postal_address = "1 Harbour Row"
from_address = "letter@harbour.example"
[approval]
tested = false
[lists.morning]
title = "The Morning"
zone = "Europe/Berlin"
hour = "02:30"
skip = [{morning}]
local = true
recurring = true
past_waves = "skip"
[lists.evening]
title = "The Evening"
zone = "America/New_York"
hour = "18:00"
days = ["mon", "tue", "wed", "thu", "fri"]
skip = [{evening}]
not_later_than = "3h"
[sender]
connections = 2
timeout_seconds = 10
{sender}
"""
OUTLETS = '[[outlet]]\nname = "The Harbour Post"\n[[outlet]]\nname = "Ledger of the Bay"\n'
ZONES = {MORNING: "Europe/Berlin", EVENING: "America/New_York"}
HOURS = {MORNING: time(2, 30), EVENING: time(18)}
LIMIT = timedelta(hours=3)

CLOCKS = (
    ("", ""),
    ("Europe/London", ""),
    ("America/New_York", "01:30"),
    ("America/Los_Angeles", "07:00"),
    ("Pacific/Auckland", ""),
    ("Asia/Kathmandu", "06:15"),
    ("Australia/Lord_Howe", ""),
)
"""Of the morning's readers, three each. New York's 01:30 and Berlin's 02:30 come twice when clocks are set back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A reader: their lists, the clock they go by, and from when to when they are subscribed."""

    address: str
    lists: frozenset[str]
    zone: str = ""
    hour: str = ""
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """An issue of a list's day. `instead`: when it goes out to all after an outage, where it does not at its hour.

    Whose hour had passed when it was signed is left out; `with_everyone` are those who had moved to such an hour.
    """

    list_name: str
    day: date
    signed: datetime
    instead: datetime | None = None
    with_everyone: frozenset[str] = frozenset()

    @property
    def slug(self) -> str:
        return f"{self.day}-{self.list_name}"

    def due(self, reader: Person) -> datetime:
        if self.instead is not None:
            return self.instead
        if self.list_name == EVENING:
            return instant(self.day, HOURS[EVENING], ZONES[EVENING])
        if reader.address in self.with_everyone:
            return instant(self.day, HOURS[MORNING], ZONES[MORNING])
        hour = time.fromisoformat(reader.hour) if reader.hour else HOURS[MORNING]
        return instant(self.day, hour, reader.zone or ZONES[MORNING])


@cache
def instant(day: date, hour: time, zone: str) -> datetime:
    """The first minute at which clocks in the zone show that time or a later one: found by looking at every minute."""
    clock, wanted = ZoneInfo(zone), datetime.combine(day, hour)
    at = (wanted - timedelta(hours=15)).replace(tzinfo=UTC)
    while at.astimezone(clock).replace(tzinfo=None) < wanted:
        at += timedelta(minutes=1)
    return at


def has_slot(list_name: str, day: date) -> bool:
    return day != SKIPPED[list_name] and (list_name == MORNING or day.weekday() < 5)


class Room:
    """The newsroom and its editor."""

    def __init__(self, app: App, *, now: datetime) -> None:
        self._app = app
        self.readers = {each.address: each for each in _readers(now)}
        self.issues: dict[str, Made] = {}
        for each in self.readers.values():
            self._subscribe(each)
        self._editor = self._enter_editor(now)

    @staticmethod
    def lay(root: Path, sender: str) -> None:
        root.mkdir()
        (root / "outlets.toml").write_text(OUTLETS, encoding="utf-8")
        text = SETTINGS.format(sender=sender, **SKIPPED)
        (root / "newsletter.toml").write_text(text, encoding="utf-8")

    def write(self, list_name: str, day: date) -> Made:
        """An issue, signed by the editor."""
        made = Made(list_name=list_name, day=day, signed=self._app.clock())
        folder = self._app.settings.issues / made.slug
        folder.mkdir(parents=True)
        (folder / "roundup.txt").write_text(_roundup(made), encoding="utf-8")
        (folder / "issue.toml").write_text(
            f'subject = "{_subject(made)}"\nroundups = ["roundup.txt"]\nlists = ["{list_name}"]\n', encoding="utf-8"
        )
        examined = self._app.examine(load(self._app.settings, made.slug, outlets=self._app.outlets))
        approvals.approve(self._app.store, examined, user=self._editor, now=self._app.clock())
        self.issues[made.slug] = made
        return made

    def schedule(self, made: Made) -> None:
        """By hand, as for a list that is not recurring."""
        app, now = self._app, self._app.clock()
        examined = app.examine(load(app.settings, made.slug, outlets=app.outlets))
        proposal = scheduling.propose(app.store, app.settings, examined, made.list_name, Wish(), now=now)
        scheduling.schedule(app.store, proposal, actor="the editor", now=now)

    def put_off(self, made: Made, until: datetime) -> None:
        """It will go out then, and not at its hour."""
        self.issues[made.slug] = replace(made, instead=until)

    def too_late(self, made: Made, address: str, zone: str) -> None:
        """The reader goes to a zone whose hour has passed."""
        before = self.issues[made.slug]
        self.issues[made.slug] = replace(before, with_everyone=before.with_everyone | {address})
        self.move(address, zone, "")

    def join(self, address: str, zone: str, now: datetime) -> None:
        self.readers[address] = Person(address=address, lists=frozenset({MORNING}), zone=zone, since=now)
        self._subscribe(self.readers[address])

    def leave(self, address: str, now: datetime) -> None:
        self.readers[address] = replace(self.readers[address], until=now)
        ids = select(tables.subscriber.c.id).where(tables.subscriber.c.address == address)
        with self._app.store.writing() as connection:
            theirs = tables.subscription.c.subscriber_id.in_(ids)
            values = {"status": SubscriptionStatus.UNSUBSCRIBED, "changed_at": now}
            connection.execute(update(tables.subscription).where(theirs).values(values))

    def move(self, address: str, zone: str, hour: str) -> None:
        """The reader chooses another clock."""
        self.readers[address] = replace(self.readers[address], zone=zone, hour=hour)
        values = {"zone": zone or None, "hour": hour or None}
        with self._app.store.writing() as connection:
            connection.execute(update(tables.subscriber).where(tables.subscriber.c.address == address).values(values))

    def wanted(self) -> Iterator[tuple[str, str, datetime]]:
        """Everything that everybody is to get: address, issue, and the instant."""
        for made in self.issues.values():
            for reader in self.readers.values():
                due = made.due(reader)
                there = reader.since < due and made.signed < due <= (reader.until or due)
                if made.list_name in reader.lists and there:
                    yield reader.address, made.slug, due

    def mailing_of(self, slug: str) -> int:
        """The number of the issue's mailing."""
        (found,) = [each for each in mailings.all_of(self._app.store) if each.issue == slug]
        return found.id

    def _subscribe(self, reader: Person) -> None:
        for list_name in sorted(reader.lists):
            subscribers.add(
                self._app.store,
                reader.address,
                list_name=list_name,
                consent="invented",
                clock=self._app.clock,
                zone=reader.zone,
                hour=reader.hour,
            )

    def _enter_editor(self, now: datetime) -> User:
        hashed = self._app.keys.user_hash
        return users.add(self._app.store, "Ada", UserRole.EDITOR, side=None, hashed=hashed, actor="a test", now=now)[0]


def _readers(now: datetime) -> Iterator[Person]:
    for place, (zone, hour) in enumerate(CLOCKS):
        for number in range(3):
            both = {MORNING, EVENING} if number == 2 else {MORNING}
            address = f"m{place}{number}@readers.example"
            yield Person(address=address, lists=frozenset(both), zone=zone, hour=hour, since=now)
    for number in range(4):
        yield Person(address=f"e{number}@readers.example", lists=frozenset({EVENING}), since=now)


def _subject(made: Made) -> str:
    return f"The {made.list_name} of {made.day:%A} {made.day.day} {made.day:%B}"


def _roundup(made: Made) -> str:
    return f"""\
{_subject(made)}

From the left

“On {made.day:%A} {made.day.day} {made.day:%B} a ferry is a street that floats, and nobody pays a toll for a street.”
Ada Marlow, The Harbour Post

From the right

“On {made.day:%A} {made.day.day} {made.day:%B} somebody pays for the diesel, and better those who cross than others.”
Ben Ostler, Ledger of the Bay
"""
