"""A newsroom on the disk with an issue made of files, a real inbox, and people with tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.app import App
from newsletter.audience import subscribers
from newsletter.issues import Issue, load
from newsletter.publishing import approvals, scheduling, users
from newsletter.publishing.user import User
from newsletter.publishing.wish import Wish
from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import load as load_settings
from newsletter.settings.secrets import DATABASE
from newsletter.store import tables
from newsletter.store.statuses import UserRole

SLUG = "2026-11-24-ferries"
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
AT = Wish(at="2026-11-24 06:00", zone="America/New_York")
ROUNDUP = """\
Should ferries be free?

From the left

“A ferry is a street that floats, and nobody pays a toll to walk down a street.”
Ada Marlow, The Harbour Post

From the right

“Somebody pays for the diesel. Better those who cross than those who never leave the hill.”
Ben Ostler, Ledger of the Bay
"""


@dataclass(frozen=True, kw_only=True)
class Room:
    """The newsroom, open, and what tests do in it."""

    app: App
    inbox: Inbox

    @property
    def slug(self) -> str:
        return SLUG

    @property
    def roundup(self) -> Path:
        return self.app.settings.issues / SLUG / "roundup.txt"

    def issue(self) -> Issue:
        return load(self.app.settings, SLUG, outlets=self.app.outlets)

    def digest(self) -> str:
        return self.app.examine(self.issue()).digest

    def edit(self, old: str, new: str, *, file: str = "roundup.txt") -> None:
        path = self.roundup.parent / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(text.replace(old, new, 1), encoding="utf-8")
        temporary.replace(path)

    def add_user(self, name: str, role: UserRole = UserRole.EDITOR, *, side: str | None = None) -> User:
        now = self.app.clock()
        return users.add(
            self.app.store, name, role, side=side, hashed=self.app.keys.user_hash, actor="a test", now=now
        )[0]

    def test(self, user: User, *addresses: str) -> None:
        self.app.send_test(self.issue(), addresses or ["ada@newsroom.example"], user=user)

    def approve(self, user: User) -> bool:
        return approvals.approve(self.app.store, self.app.examine(self.issue()), user=user, now=self.app.clock())

    def sign(self, user: User) -> None:
        self.test(user)
        self.approve(user)

    def propose(self, wish=AT, *, list_name="daily", issue=None, **options):
        examined = self.app.examine(issue or self.issue())
        now = self.app.clock()
        return scheduling.propose(self.app.store, self.app.settings, examined, list_name, wish, now=now, **options)

    def schedule(self, wish=AT, **options):
        return scheduling.schedule(self.app.store, self.propose(wish, **options), actor="ada", now=self.app.clock())

    def unschedule(self, issue=SLUG):
        return scheduling.unschedule(self.app.store, issue, "daily", actor="ada", now=self.app.clock())

    def waves(self, mailing):
        with self.app.store.reading() as connection:
            rows = connection.execute(select(tables.wave).where(tables.wave.c.mailing_id == mailing.id))
            return sorted((row.due_at, row.zone, row.hour, row.canary, row.skipped) for row in rows)

    def reader(self, name, **known):
        options = {"list_name": "daily", "consent": "said yes", "clock": self.app.clock, **known}
        subscribers.add(self.app.store, f"{name}@reader.example", **options)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(port=0) as inbox:
        yield inbox


@pytest.fixture
def folder(tmp_path: Path, inbox: Inbox) -> Path:
    issue = tmp_path / "issues" / SLUG
    issue.mkdir(parents=True)
    (issue / "roundup.txt").write_text(ROUNDUP, encoding="utf-8")
    (issue / "issue.toml").write_text('subject = "Should ferries be free?"\nroundups = ["roundup.txt"]\n', "utf-8")
    (tmp_path / "outlets.toml").write_text(
        '[[outlet]]\nname = "The Harbour Post"\n[[outlet]]\nname = "Ledger of the Bay"\n', "utf-8"
    )
    (tmp_path / "newsletter.toml").write_text(
        f"""
        [newsroom]
        name = "The Harbour Letter"
        postal_address = "1 Harbour Row"
        from_address = "letter@harbour.example"
        [lists.daily]
        title = "The Daily"
        [sender]
        port = {inbox.port}
        """,
        "utf-8",
    )
    return tmp_path


@pytest.fixture
def room(folder: Path, inbox: Inbox, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setenv(DATABASE, database_url)
    with App.open(load_settings(folder)) as app:
        subscribers.add(app.store, "ann@reader.example", list_name="daily", consent="said yes", clock=app.clock)
        yield Room(app=app, inbox=inbox)


@pytest.fixture
def ada(room: Room) -> User:
    return room.add_user("Ada Marlow")


@pytest.fixture
def now():
    """The hour, to be set."""
    return [MONDAY]


@pytest.fixture
def newsroom_file(folder):
    return folder / "newsletter.toml"


@pytest.fixture
def open_room(folder, inbox, now, database_url, monkeypatch):
    """Opens the newsroom, with more settings of the list where they are given."""
    opened = []
    monkeypatch.setenv(DATABASE, database_url)

    def open_with(**of_list):
        path = folder / "newsletter.toml"
        lines = "".join(f"{name} = {value}\n" for name, value in of_list.items())
        text = path.read_text("utf-8").replace('title = "The Daily"\n', f'title = "The Daily"\n{lines}')
        path.write_text(text, "utf-8")
        app = App.open(load_settings(folder), clock=lambda: now[0])
        opened.append(app)
        room = Room(app=app, inbox=inbox)
        room.reader("ann")
        return room

    yield open_with
    for app in opened:
        app.close()
