from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from newsletter.app import App
from newsletter.audience import lists, subscribers
from newsletter.audience.answering import Answer, NoMailError, answer
from newsletter.issues.model import Issue, Quote, Section
from newsletter.publishing import mailings
from newsletter.rehearsal.envelope import Envelope
from newsletter.rehearsal.mailbox import Mailbox
from newsletter.rendering import Edition, render
from newsletter.settings import MailingList, Newsroom, Settings
from newsletter.store.tables import audit, metadata, notice, subscription
from newsletter.web.app import create_app
from newsletter.web.inbox import create_viewer
from newsletter.web.preview import Watch, create_preview
from newsletter.web.serving import Server

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
BASE = "http://localhost"

Receive = Callable[[bytes], int]


@dataclass(frozen=True, kw_only=True)
class Room:
    """A newsroom with one reader, two lists and one mailing."""

    app: App
    reader: int
    daily: int
    weekly: int
    mailing: int

    @property
    def leave(self) -> str:
        return self.app.keys.leave(self.reader, self.daily)

    @property
    def track(self) -> str:
        return self.app.keys.track(self.reader, self.mailing)

    def post_of_the_day(self) -> list[Answer]:
        """What a worker would mail now, with the tokens of the links."""
        with self.app.store.writing() as connection:
            rows = connection.execute(select(notice).where(notice.c.status == "pending").order_by(notice.c.id)).all()
            mailed = []
            for row in rows:
                values = {"status": "accepted"}
                with suppress(NoMailError):
                    told = answer(connection, row, self.app.keys, now=self.app.clock())
                    mailed.append(told)
                    values |= {"kind": told.kind, "subscriber_id": told.subscriber_id}
                connection.execute(update(notice).where(notice.c.id == row.id).values(values))
        return mailed

    def dump(self) -> dict[str, list[Any]]:
        """Everything that the database holds."""
        with self.app.store.reading() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(select(table)))) for table in metadata.sorted_tables
            }

    def statuses(self) -> dict[int, str]:
        with self.app.store.reading() as connection:
            rows = connection.execute(select(subscription.c.list_id, subscription.c.status))
            return {row.list_id: row.status for row in rows}

    def audited(self) -> list[str]:
        with self.app.store.reading() as connection:
            rows = connection.execute(select(audit.c.action).where(audit.c.action.like("subscription.%")))
            return list(rows.scalars())


class Direct(httpx.BaseTransport):
    """Asks an application in this process; the tests of `serving` and of the browser go through a real server."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return asyncio.run(self._ask(request))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        again = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        answer = await httpx.ASGITransport(self._app).handle_async_request(again)
        content = await answer.aread()
        # It is unpacked by now.
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-encoding"]
        return httpx.Response(answer.status_code, headers=headers, content=content)


@pytest.fixture(scope="session")
def issue() -> Issue:
    quote = Quote(
        id="q1",
        paragraphs=("“A ferry is not a luxury to be earned by daylight…”",),
        author="Ilse Varga",
        outlet="The Lantern",
        attribution="Ilse Varga, The Lantern",
        side="left",
        side_source="heading",
        link="https://lantern.example/ferry",
        suggestion=None,
        file="roundup.txt",
        lines=(1, 2),
    )
    section = Section(heading="From the left", side="left", stance="The town works at night.", quotes=(quote,))
    return Issue(
        slug="2026-11-24-night-ferry",
        title="Should the night ferry come back?",
        date=date(2026, 11, 24),
        subject="Should the night ferry come back?",
        preheader="",
        template="daily",
        lists=("daily",),
        sections=(section,),
        blocks=(),
        findings=(),
        inputs=(("roundup.txt", b"invented"),),
    )


def settings_in(root: Path) -> Settings:
    return Settings(
        root=root,
        newsroom=Newsroom(name="The Harbour Letter", postal_address="4 Quay Street, Port Alder", url=BASE),
        lists={"daily": MailingList(title="The Daily"), "weekly": MailingList(title="The <Weekly> & more")},
    )


@pytest.fixture(scope="session")
def edition(issue: Issue) -> Edition:
    return render(issue, settings_in(REPOSITORY))


@pytest.fixture
def room(tmp_path: Path, issue: Issue, edition: Edition) -> Iterator[Room]:
    settings = settings_in(tmp_path)
    shutil.copy(REPOSITORY / "outlets.toml", tmp_path)
    with App.open(settings, clock=lambda: NOW) as app:
        for name in ("daily", "weekly"):
            known, _ = subscribers.add(
                app.store, "ada@example.org", list_name=name, consent="asked for it", clock=app.clock, name="Ada <Lin>"
            )
        daily, weekly = (lists.require(app.store, name) for name in ("daily", "weekly"))
        order = mailings.Order(
            issue=issue.slug,
            edition=edition,
            target=daily,
            local_date=issue.date,
            not_later_than=NOW + timedelta(hours=6),
            actor="test",
        )
        made = mailings.create(app.store, order, now=NOW)
        yield Room(app=app, reader=known.id, daily=daily.id, weekly=weekly.id, mailing=made.id)


Ask = Callable[[FastAPI], httpx.Client]


@pytest.fixture
def ask() -> Ask:
    """A client of an application in this process."""
    return lambda app: httpx.Client(transport=Direct(app), base_url=BASE)


@pytest.fixture
def web(room: Room) -> Iterator[httpx.Client]:
    with httpx.Client(transport=Direct(create_app(room.app)), base_url=BASE) as client:
        yield client


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox(tmp_path / "inbox", clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def receive(mailbox: Mailbox) -> Receive:
    def receive(raw: bytes) -> int:
        envelope = Envelope(mail_from="desk@harbour.example", rcpt_tos=("ada@example.org",))
        return mailbox.add(raw, envelope).id

    return receive


@pytest.fixture
def viewer_app(mailbox: Mailbox) -> FastAPI:
    return create_viewer(mailbox, base_url=BASE, newsroom="The Harbour Letter", zone="Europe/Oslo", clock=lambda: NOW)


@pytest.fixture
def viewer(viewer_app: FastAPI) -> Iterator[httpx.Client]:
    with httpx.Client(transport=Direct(viewer_app), base_url=BASE) as client:
        yield client


SHOWN = "2026-11-24-should-the-night-ferry-come-back"


@pytest.fixture
def own_newsroom(tmp_path: Path) -> Path:
    """A newsroom of its own on the disk, with the sample issues and templates, to change files in."""
    folder = tmp_path / "newsroom"
    for name in ("issues", "templates"):
        shutil.copytree(REPOSITORY / name, folder / name)
    for name in ("newsletter.toml", "outlets.toml"):
        shutil.copy(REPOSITORY / name, folder)
    return folder


@pytest.fixture
def preview(own_newsroom: Path) -> Iterator[httpx.Client]:
    """The preview of one of its issues, asked in this process."""
    app = create_preview(Watch(own_newsroom, SHOWN))
    with httpx.Client(transport=Direct(app), base_url=BASE) as client:
        yield client


@pytest.fixture
def preview_url(own_newsroom: Path) -> Iterator[str]:
    """The preview of one of its issues, served."""
    with Server(create_preview(Watch(own_newsroom, SHOWN))) as server:
        yield server.url
