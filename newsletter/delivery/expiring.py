"""Giving up, in short transactions, what is too late."""

from __future__ import annotations

import math
from datetime import datetime

from newsletter.delivery import batches, ledger
from newsletter.delivery.senders.base import seconds
from newsletter.store import Store


def expire_all(store: Store, mailing_id: int, *, now: datetime, at_most: float = math.inf) -> bool:
    """Give up what is still to be sent where its time has passed; whether that was all of it.

    Args:
        store: the database.
        mailing_id: which mailing.
        now: the hour.
        at_most: seconds after which it leaves the rest for the next time.
    """
    with store.reading() as connection:
        if not ledger.is_late(connection, mailing_id, now=now):
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
