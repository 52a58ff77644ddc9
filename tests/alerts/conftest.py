"""A database, a clock that tests set, and somebody who listens."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from newsletter import store
from newsletter.alerts import Alert, raise_alert, resolve
from newsletter.alerts.announcing import Channels, announce

SIX = datetime(2026, 11, 24, 6, tzinfo=UTC)
CHANNELS = Channels(
    newsroom="The Harbour Letter",
    addresses={"ops@harbour.example": "ops@harbour.example"},
    webhook=True,
    remind_after=timedelta(hours=4),
)


@dataclass
class Newsroom:
    store: store.Store
    now: datetime = SIX

    def later(self, **span):
        self.now += timedelta(**span)

    def raise_one(self, code="HELD-LATE", subject="mailing:12", message="mailing 12 was found late"):
        with self.store.writing() as connection:
            return raise_alert(connection, Alert(code=code, subject=subject, message=message), now=self.now)

    def resolve(self, code="HELD-LATE", subject="mailing:12", why=""):
        with self.store.writing() as connection:
            return resolve(connection, code, subject, now=self.now, why=why)

    def announce(self, channels=CHANNELS):
        with self.store.writing() as connection:
            return announce(connection, channels, now=self.now)


@pytest.fixture
def newsroom(database):
    return Newsroom(database)


@pytest.fixture
def channels():
    return CHANNELS
