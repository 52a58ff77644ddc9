"""The newsroom of a seed: lists with their calendars, readers in many zones, editions with a mark."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path

from plain_edition import plain_edition
from sqlalchemy import insert, select

from newsletter import store
from newsletter.issues import Issue
from newsletter.publishing import users
from newsletter.publishing.examining import Examined
from newsletter.publishing.standing import standing
from newsletter.publishing.user import User
from newsletter.rendering import Edition
from newsletter.settings import ApprovalSettings, MailingList, Newsroom, SenderSettings, Settings
from newsletter.store import Store, tables
from newsletter.store.statuses import UserRole
from newsletter.tokens import TokenKeys
from simulation.chance import Chance
from simulation.store_room import forget

ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Asia/Tokyo",
    "Pacific/Auckland",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Honolulu",
)
NAMES = (
    "daily",
    "evening",
    "ferries",
    "gardens",
    "markets",
    "music",
    "opinion",
    "schools",
    "science",
    "sports",
    "theatre",
    "weekend",
)
HOURS = ("06:00", "07:30", "02:30", "21:00")
DAYS = (
    date(2026, 11, 23),
    date(2026, 3, 7),
    date(2026, 3, 28),
    date(2026, 10, 24),
    date(2026, 10, 31),
    date(2026, 10, 3),
)
"""After most of them comes one on which clocks change somewhere."""

KEYS = TokenKeys({0: b"a key for simulated days only"})
EDITOR = "Ada"


@dataclass(kw_only=True, slots=True)
class Room:
    """The newsroom. `editions` are all that were made, by mark; `readers` is how many there were at the beginning."""

    settings: Settings
    file: Path
    editor: User
    list_ids: dict[str, int]
    readers: int
    editions: dict[str, Edition] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def edition(self, mark: str) -> Edition:
        """The edition with that mark, made when it is first asked for."""
        if mark not in self.editions:
            self.editions[mark] = plain_edition(f"Edition {mark}", f"edition {mark} for")
            self.digests[mark] = self.editions[mark].digest
        return self.editions[mark]

    def examined(self, opened: Store, issue: str, day: date, mark: str) -> Examined:
        """As `examine` gives it, without rendering."""
        made = self.edition(mark)
        with opened.reading() as connection:
            found = standing(connection, issue=issue, digest=self.digests[mark])
        return Examined(
            issue=_issue(issue, day, tuple(self.settings.lists)),
            edition=made,
            open=(),
            waived=(),
            standing=found,
            rules=self.settings.approval,
        )


def lay(place: Path, chance: Chance, *, now: datetime, sender: str) -> Room:
    """A newsroom by chance, in a folder."""
    file = place / "data" / "newsletter.db"
    for before in (file.parent, place / "issues"):
        shutil.rmtree(before, ignore_errors=True)
    file.parent.mkdir(parents=True)
    shutil.copyfile(_template(place), file)
    forget(file)
    settings = Settings(
        root=place,
        newsroom=Newsroom(
            name="The Harbour Letter", postal_address="1 Harbour Row", zone="UTC", url="https://letter.example"
        ),
        lists=_lists(chance),
        sender=SenderSettings(kind="smtp" if sender == "smtp" else "sendgrid"),
        approval=ApprovalSettings(tested=False, needed=1),
    )
    opened = store.open(store.sqlite_url(file))
    try:
        ids = _add_lists(opened, settings.lists, now)
        editor, _ = users.add(
            opened, EDITOR, UserRole.EDITOR, side=None, hashed=KEYS.user_hash, actor="the simulation", now=now
        )
        readers = _people(opened, chance, list(ids.values()), now)
    finally:
        opened.close()
    return Room(settings=settings, file=file, editor=editor, list_ids=ids, readers=readers)


def _lists(chance: Chance) -> dict[str, MailingList]:
    made, recurring = {}, chance.happens(0.2)
    # Most lists of a newsroom are at home where it is, so that several of its mailings go out at once.
    zones, hours = chance.sample(ZONES, 2), chance.sample(HOURS, 2)
    for name in NAMES[: chance.choice((2, 4, 8, 12))]:
        made[name] = MailingList(
            title=name.title(),
            zone=chance.choice(zones),
            hour=time.fromisoformat(chance.choice(hours)),
            local=chance.happens(0.4),
            canary=0.3 if chance.happens(0.15) else 0.0,
            past_waves=chance.choice(("at once", "at once", "skip")),
            resend_unknown_after=chance.choice((None, None, 5, 30)),
        )
    if recurring:
        made["recurring"] = MailingList(title="Recurring", zone=chance.choice(ZONES), hour=time(6), recurring=True)
    return made


def _add_lists(opened: Store, made: Mapping[str, MailingList], now: datetime) -> dict[str, int]:
    rows = [{"name": name, "title": each.title, "created_at": now} for name, each in made.items()]
    with opened.writing() as connection:
        connection.execute(insert(tables.mailing_list), rows)
        found = connection.execute(select(tables.mailing_list.c.name, tables.mailing_list.c.id))
        return {row.name: row.id for row in found}


def _people(opened: Store, chance: Chance, ids: list[int], now: datetime) -> int:
    people = []
    for number in range(chance.randrange(4, 10)):
        address = f"r{number}@mail{number % 3}.example"
        clock: dict[str, str | None] = {"zone": None, "hour": None}
        if chance.happens(0.7):
            clock["zone"] = chance.choice(ZONES)
        if chance.happens(0.2):
            clock["hour"] = chance.choice(HOURS)
        row = {"address": address, "address_key": address, "domain": f"mail{number % 3}.example", "name": ""}
        people.append({**row, **clock, "created_at": now})
    consent = {"consent_text": "yes", "consent_source": "a form", "consent_at": now, "changed_at": now}
    joined = [
        {"list_id": of, "subscriber_id": number + 1, "status": "subscribed", **consent}
        for of in ids
        for number in range(len(people))
        if chance.happens(0.6) or number == 0
    ]
    with opened.writing() as connection:
        connection.execute(insert(tables.subscriber), people)
        connection.execute(insert(tables.subscription), joined)
    return len(people)


PLACE = "NEWSLETTER_SIMULATION"


@contextmanager
def somewhere() -> Iterator[None]:
    """Within the block, this process and those that it begins have a place for their folders."""
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=memory()) as place:
        os.environ[PLACE] = place
        yield


@cache
def folder() -> Path:
    """This process's own."""
    made = Path(os.environ[PLACE]) / str(os.getpid())
    made.mkdir()
    return made


@cache
def _template(place: Path) -> Path:
    """An empty database: to make one takes longer than to copy it."""
    file = place / "template.db"
    store.open(store.sqlite_url(file)).close()
    return file


def memory() -> str | None:
    """A folder in memory where there is one."""
    shared = Path("/dev/shm")  # noqa: S108 - the folders in it are made with names of their own
    return str(shared) if shared.is_dir() and os.access(shared, os.W_OK) else None


def _issue(slug: str, day: date, names: tuple[str, ...]) -> Issue:
    return Issue(
        slug=slug,
        title=slug,
        date=day,
        subject=slug,
        preheader="",
        template="daily",
        lists=names,
        sections=(),
        blocks=(),
        findings=(),
        inputs=(),
    )


def begins(chance: Chance) -> datetime:
    """The instant at which a run begins: half a day before something happens to clocks, as a rule."""
    day = chance.choice(DAYS)
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
