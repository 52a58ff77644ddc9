"""Whether somebody is at every mailing that is being sent, and at the notices to readers: without a worker they stand
still and say nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from newsletter import alerts
from newsletter.alerts import Alert
from newsletter.delivery import canary
from newsletter.delivery.correspondence import left_waiting
from newsletter.delivery.lateness import late
from newsletter.delivery.senders.base import seconds
from newsletter.delivery.standing import alert_subject
from newsletter.store import Store
from newsletter.store.alert_tables import alert
from newsletter.store.parameters import NOW
from newsletter.store.statuses import ChunkStatus, DeliveryStatus, MailingStatus
from newsletter.store.tables import chunk, delivery, mailing, wave

NOBODY = "NOBODY-SENDS"
READERS = "notices:readers"
PATIENCE = timedelta(minutes=3)
"""How long nobody need be there: a worker that died is started again within half a minute, and its lease ends in one."""


class Attendance:
    """Looks now and then, on behalf of a scheduler."""

    def __init__(self, store: Store, *, patience: timedelta = PATIENCE) -> None:
        self._store = store
        self._patience = patience.total_seconds()
        self._since: dict[int, float] = {}

    def look(self, *, now: datetime) -> None:
        """Raise an alert on a mailing at which nobody has been for a while, or on notices that nobody has taken up; end it
        where somebody is there again.

        Raises:
            InputError: the database takes nothing.
        """
        with self._store.reading() as connection:
            alone = _unattended(connection, now)
            subjects = _told(connection)
            waiting = left_waiting(connection, since=now - timedelta(seconds=self._patience))
        told = {int(subject.partition(":")[2]) for subject in subjects - {READERS}}
        moment = seconds()
        self._since = {number: self._since.get(number, moment) for number in alone}
        long = {number for number, since in self._since.items() if moment - since >= self._patience}
        new, over = long - told, told - set(alone)
        if new or over:
            with self._store.writing() as connection:
                _write(connection, new, over, now)
        if waiting != (READERS in subjects):
            with self._store.writing() as connection:
                _write_of_notices(connection, waiting, now)


def _write_of_notices(connection: Connection, waiting: bool, now: datetime) -> None:
    said = "readers wait for a confirmation or another mail that they asked for, and no worker sends it"
    if waiting:
        alerts.raise_alert(connection, Alert(code=NOBODY, subject=READERS, message=said), now=now)
    else:
        alerts.resolve(connection, NOBODY, READERS, now=now, why="a worker has taken them up")


def _write(connection: Connection, new: Collection[int], over: Collection[int], now: datetime) -> None:
    for number in sorted(new):
        said = f"mailing {number} is being sent, and no worker is at it"
        alerts.raise_alert(connection, Alert(code=NOBODY, subject=alert_subject(number), message=said), now=now)
    for number in sorted(over):
        alerts.resolve(connection, NOBODY, alert_subject(number), now=now, why="a worker is at it, or it has ended")


def _unattended(connection: Connection, now: datetime) -> list[int]:
    """The mailings that have something to do now and that no worker holds anything of."""
    return list(connection.execute(_UNATTENDED, {"now": now, **canary.well_since(now)}).scalars())


def _told(connection: Connection) -> set[str]:
    """The subjects of the alerts that are open."""
    return set(connection.execute(_TOLD).scalars())


def _has_work() -> ColumnElement[bool]:
    waiting = delivery.c.mailing_id == mailing.c.id
    # Whoever waits for their turn has no instant.
    come = or_(delivery.c.due_at <= NOW, delivery.c.pace_id.is_not(None))
    deferred = and_(waiting, delivery.c.status == DeliveryStatus.DEFERRED, come)
    unfrozen = and_(wave.c.mailing_id == mailing.c.id, wave.c.released_at.is_(None), wave.c.due_at <= NOW)
    return or_(
        exists().where(waiting, delivery.c.status == DeliveryStatus.PENDING),
        exists().where(deferred),
        exists().where(unfrozen, ~late(NOW), canary.MAY_FOLLOW),
    )


_TOLD = select(alert.c.subject).where(alert.c.code == NOBODY, alert.c.open_key.is_not(None))
_HELD = exists().where(
    wave.c.mailing_id == mailing.c.id,
    chunk.c.wave_id == wave.c.id,
    chunk.c.status == ChunkStatus.OPEN,
    chunk.c.lease_until > NOW,
)
_UNATTENDED = select(mailing.c.id).where(mailing.c.status == MailingStatus.SENDING, ~_HELD, _has_work())
