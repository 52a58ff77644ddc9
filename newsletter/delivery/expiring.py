"""Giving up, in short transactions, what is too late."""

from __future__ import annotations

import math
from datetime import datetime

from sqlalchemy import Connection, and_, exists, or_, select

from newsletter.delivery import batches, ledger
from newsletter.delivery.senders.base import seconds
from newsletter.store import Store
from newsletter.store.parameters import MAILING, NOW, given
from newsletter.store.statuses import DeliveryStatus
from newsletter.store.tables import delivery, mailing, wave


def expire_all(store: Store, mailing_id: int, *, now: datetime, at_most: float = math.inf) -> bool:
    """Give up what is still to be sent where its time has passed; whether that was all of it.

    Args:
        store: the database.
        mailing_id: which mailing.
        now: the hour.
        at_most: seconds after which it leaves the rest for the next time.
    """
    with store.reading() as connection:
        if not _is_late(connection, mailing_id, now):
            return True
    until = seconds() + at_most
    while True:
        with store.writing() as connection:
            expired = ledger.expire(connection, mailing_id, now=now, limit=batches.ROWS)
        if expired < batches.ROWS:
            return True
        if seconds() >= until:
            return False
        batches.breathe(store)


def _is_late(connection: Connection, mailing_id: int, now: datetime) -> bool:
    """Whether some are still to be sent while the time of the mailing, or of a wave of it, has passed."""
    return connection.execute(_IS_LATE, {"mailing": mailing_id, "now": now}).scalar_one()


_IS_LATE = select(
    and_(
        or_(
            exists().where(mailing.c.id == MAILING, mailing.c.not_later_than < NOW),
            exists().where(wave.c.mailing_id == MAILING, wave.c.not_later_than < NOW),
        ),
        exists().where(
            delivery.c.mailing_id == MAILING,
            delivery.c.status.in_(given(DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)),
        ),
    )
)
