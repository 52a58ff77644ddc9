"""A newsroom on the disk with an issue made of files, a real inbox, and people with tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.audience import subscribers
from newsletter.issues import Issue, load
from newsletter.publishing import approvals, users
from newsletter.publishing.user import User
from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import load as load_settings
from newsletter.settings.secrets import DATABASE
from newsletter.store.statuses import UserRole

SLUG = "2026-11-24-ferries"
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
