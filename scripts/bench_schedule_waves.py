"""Small waves that come due while a mailing of a million goes out: how late they are.

Target (issue 5): within a second of their instant. One scheduler and one worker on one SQLite file; SendGrid's stand-in
takes what they send. The small waves are those of another list, one every few seconds from the million's freeze on, and
one of the million's own list, whose readers chose a later hour.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from bench_newsroom import Newsroom, Process, ended, long_edition, newsroom, people, start_mailing
from bench_provider import provider
from bench_rows import QUICK, Row
from sqlalchemy import func, insert, literal, select, update

from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.publishing import Mailing, mailings
from newsletter.publishing.calendar import TZDATA
from newsletter.store import tables

MANY, FEW, WAVES = (2_000, 50, 2) if QUICK else (1_000_000, 100, 12)
FIRST, EVERY = timedelta(seconds=4), timedelta(seconds=3)
_PATIENCE = 600.0


def measured() -> Iterator[Row]:
    """Rows of how late the latest small wave was."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        provider(Path(folder)) as fake,
        newsroom(fake.sender, secrets=fake.secrets) as here,
    ):
        people(here.store, MANY)
        hours = _choose_hours(here)
        small = _small(here, hours[1:])
        scheduler = _scheduler(here)
        worker = here.worker(until_ready=True)
        big = start_mailing(here.store, long_edition())
        began = system_clock()
        _set_waves(here, small, hours[1:], began + FIRST)
        own = _own_wave(here, big, hours[0], began + FIRST + EVERY * (WAVES // 2))
        until = time.monotonic() + _PATIENCE
        while not (ended(here.store, small) and ended(here.store, big)):
            if time.monotonic() > until:
                raise SystemExit("the mailings do not come to their end")
            time.sleep(0.1)
        for process in (scheduler, worker):
            process.stop()
            process.wait()
        lasted = (mailings.get(here.store, big.id).finished_at or began) - began
        started = mailings.get(here.store, small.id).started_at or began
        waves = _lateness(here, small.id)
        (late_own, sent_own) = _lateness(here, big.id, only=own)[0]
    name = f"{WAVES} small waves beside {MANY:,} readers"
    yield Row(
        name=f"{name}: the mailing of the first began", value=_ms(started - began - FIRST), unit="ms", target=1000
    )
    yield Row(name=f"{name}: the latest released", value=_ms(max(each[0] for each in waves)), unit="ms", target=1000)
    yield Row(name=f"{name}: the latest first message", value=_ms(max(each[1] for each in waves)), unit="ms")
    yield Row(name="a later wave of the million's own: released", value=_ms(late_own), unit="ms", target=1000)
    yield Row(name="a later wave of the million's own: its first message", value=_ms(sent_own), unit="ms")
    yield Row(name="the million meanwhile", value=lasted.total_seconds(), unit="s")


def _ms(late: timedelta) -> float:
    return late.total_seconds() * 1000


def _scheduler(here: Newsroom) -> Process:
    command = [sys.executable, "-m", "newsletter", "scheduler"]
    return Process.start(command, here.root, here.environ, ready=b"Waiting")


def _choose_hours(here: Newsroom) -> list[str]:
    """A few readers have each chosen an hour of their own."""
    hours = [f"{6 + number // 60:02}:{number % 60:02}" for number in range(1, WAVES + 2)]
    with here.store.writing() as connection:
        for number, hour in enumerate(hours):
            ids = tables.subscriber.c.id.between(number * FEW + 1, (number + 1) * FEW)
            connection.execute(update(tables.subscriber).where(ids).values(hour=hour))
    return hours


def _small(here: Newsroom, hours: list[str]) -> Mailing:
    """Another list's mailing, which nothing is due of yet; its readers are those with these hours."""
    now = system_clock()
    with here.store.writing() as connection:
        values = {"name": "small", "title": "Small", "created_at": now}
        number = connection.execute(insert(tables.mailing_list).values(values).returning(tables.mailing_list.c.id))
        consent = tables.subscription.c
        copied = [each for each in consent if each.name not in {"id", "list_id"}]
        chosen = select(literal(number.scalar_one()), *copied).join(
            tables.subscriber, tables.subscriber.c.id == consent.subscriber_id
        )
        columns = ["list_id", *(each.name for each in copied)]
        wanted = chosen.where(tables.subscriber.c.hour.in_(hours))
        connection.execute(insert(tables.subscription).from_select(columns, wanted))
    order = mailings.Order(
        issue="2026-11-24-small",
        edition=long_edition(),
        target=lists.require(here.store, "small"),
        local_date=now.date(),
        not_later_than=now + timedelta(hours=6),
        actor="a benchmark",
    )
    return mailings.create(here.store, order, now=now + timedelta(days=1))


def _set_waves(here: Newsroom, small: Mailing, hours: list[str], first: datetime) -> None:
    with here.store.writing() as connection:
        of_it = tables.wave.c.mailing_id == small.id
        connection.execute(tables.wave.delete().where(of_it))
        rows = [
            {
                "mailing_id": small.id,
                "hour": hour,
                "due_at": first + EVERY * number,
                "edition_digest": small.edition_digest,
            }
            for number, hour in enumerate(hours)
        ]
        connection.execute(insert(tables.wave), rows)
        values = {"due_at": first, "zone": "UTC", "hour": "06:00", "tzdata": TZDATA, "late_limit": 21_600}
        connection.execute(update(tables.mailing).where(tables.mailing.c.id == small.id).values(values))


def _own_wave(here: Newsroom, big: Mailing, hour: str, due_at: datetime) -> int:
    values = {"mailing_id": big.id, "hour": hour, "due_at": due_at, "edition_digest": big.edition_digest}
    with here.store.writing() as connection:
        made = connection.execute(insert(tables.wave).values(values).returning(tables.wave.c.id))
        number: int = made.scalar_one()
        return number


def _lateness(here: Newsroom, mailing_id: int, *, only: int | None = None) -> list[tuple[timedelta, timedelta]]:
    """Of each wave: how late it was released, and how late its first message began."""
    wave, chunk, attempt = tables.wave, tables.chunk, tables.attempt
    first = select(func.min(attempt.c.started_at)).join(chunk, chunk.c.id == attempt.c.chunk_id)
    begun = first.where(chunk.c.wave_id == wave.c.id).scalar_subquery().label("begun")
    which = wave.c.mailing_id == mailing_id if only is None else wave.c.id == only
    with here.store.reading() as connection:
        rows = connection.execute(select(wave.c.due_at, wave.c.released_at, begun).where(which)).all()
    return [(row.released_at - row.due_at, row.begun - row.due_at) for row in rows]
