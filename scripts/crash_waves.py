"""The crash test's waves: readers in many zones and with hours of their own, who change them while their issue goes out.

The waves come seconds after one another, and not when clocks on earth would have them: which wave takes whom is what is
tested here, and `--days` tests when.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import Connection, delete, func, select, update

from newsletter.app import App
from newsletter.publishing import Mailing, scheduling
from newsletter.publishing.calendar import TZDATA
from newsletter.publishing.timing import EVERYONE, PlannedWave, ReaderClock
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus

_ZONES = ("Pacific/Auckland", "Asia/Tokyo", "Asia/Kathmandu", "Europe/Berlin", "Africa/Casablanca", "America/New_York")
_LIMIT = timedelta(hours=6)
_BEGIN = timedelta(seconds=4)
"""Until the first wave: schedulers are to be there."""

MOVING = 0.01
"""The share of readers who choose another clock at each move."""


def clocks(number: int) -> list[ReaderClock]:
    """So many different ones. Everyone's is in the middle: waves go before and after it."""
    own = [ReaderClock(_ZONES[each % len(_ZONES)], f"{5 + each // len(_ZONES):02}:15") for each in range(number - 1)]
    return [*own[: number // 2], EVERYONE, *own[number // 2 :]]


def part(app: App, mailing: Mailing, *, number: int, length: timedelta, now: datetime) -> None:
    """Readers go by so many clocks, and the mailing waits for its hour, with a wave for each within `length`."""
    wanted = clocks(number)
    with app.store.writing() as connection:
        ids = connection.execute(select(tables.subscriber.c.id).order_by(tables.subscriber.c.id)).scalars().all()
        for place, clock in enumerate(wanted):
            _go_by(connection, ids[place::number], clock)
        waves = [_wave(clock, now + _BEGIN + length * place / number) for place, clock in enumerate(wanted)]
        connection.execute(delete(tables.wave).where(tables.wave.c.mailing_id == mailing.id))
        scheduling.insert_waves(connection, mailing.id, mailing.edition_digest, waves)
        values = {
            "status": MailingStatus.SCHEDULED,
            "due_at": waves[0].due_at,
            "not_later_than": waves[-1].not_later_than,
            "zone": "UTC",
            "hour": f"{time(6):%H:%M}",
            "tzdata": TZDATA,
            "by_reader": True,
            "canary": 0,
            "late_limit": round(_LIMIT.total_seconds()),
            "skips_past": False,
        }
        connection.execute(update(tables.mailing).where(tables.mailing.c.id == mailing.id).values(values))


def move_some(app: App, *, number: int, recipients: int, dice: random.Random) -> None:
    """Some readers choose another of the clocks: one whose wave is to come, or one whose wave has gone."""
    with app.store.reading() as connection:
        first = connection.execute(select(func.min(tables.subscriber.c.id))).scalar_one()
    some = dice.sample(range(first, first + recipients), max(1, round(recipients * MOVING)))
    with app.store.writing() as connection:
        _go_by(connection, some, dice.choice(clocks(number)))


def _go_by(connection: Connection, ids: Sequence[int], clock: ReaderClock) -> None:
    values = {"zone": clock.zone or None, "hour": clock.hour or None}
    for start in range(0, len(ids), 500):
        which = tables.subscriber.c.id.in_(ids[start : start + 500])
        connection.execute(update(tables.subscriber).where(which).values(values))


def _wave(clock: ReaderClock, due_at: datetime) -> PlannedWave:
    return PlannedWave(clock=clock, due_at=due_at, not_later_than=due_at + _LIMIT, readers=0)
