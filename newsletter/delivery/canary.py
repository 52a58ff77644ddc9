"""The canary: a few readers go ahead, and all others wait until it is known how these fared.

The wait counts from when the canary was in fact released, so that after an outage too nobody follows on its heels.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, exists, or_, select, update

from newsletter.alerts.thresholds import Threshold, breaches
from newsletter.delivery import breaker, ledger
from newsletter.store import Store
from newsletter.store.alert_tables import breaker as kept
from newsletter.store.parameters import MAILING, NOW
from newsletter.store.statuses import OPEN, MailingStatus
from newsletter.store.tables import Instant, mailing, wave

AHEAD = timedelta(minutes=5)
"""How long the others wait: mail providers answer, and tell of bounces, within seconds to minutes."""

WELL_SINCE = bindparam("well_since", type_=Instant)
"""The parameter of `MAY_FOLLOW`: `AHEAD` before the present hour, as `well_since` gives it."""

_AGAIN = timedelta(seconds=10)
_OPEN_OF = 5
"""One in so many of the canary may still be open: before most of it has its end it says nothing about the others."""


def well_since(now: datetime) -> dict[str, datetime]:
    """The parameter that a statement with `MAY_FOLLOW` has beside its own."""
    return {"well_since": now - AHEAD}


def judge(store: Store, mailing_id: int, *, now: datetime, limits: Sequence[Threshold] | None = None) -> None:
    """Look at the canary of waves that are due: let them follow, put them off, or pause the mailing.

    Where no wave waits for a canary nothing is written.

    Raises:
        InputError: the database takes nothing.
    """
    with store.reading() as connection:
        if not _behind(connection, mailing_id, now):
            return
    with store.writing() as connection:
        if connection.execute(_LOCK, {"mailing": mailing_id}).scalar_one() != MailingStatus.SENDING:
            return
        for row in _behind(connection, mailing_id, now):
            until: datetime | None = _until(row.ahead_at, now)
            if until is not None and until <= now and not breaker.has_passed_canary(connection, mailing_id):
                until = _judged(connection, mailing_id, now, limits or breaker.canary_thresholds())
            if until is None:
                return
            if until > now:
                connection.execute(update(wave).where(wave.c.id == row.id).values(due_at=until))


def _until(released_at: datetime | None, now: datetime) -> datetime:
    return now + _AGAIN if released_at is None else released_at + AHEAD


def _judged(connection: Connection, mailing_id: int, now: datetime, limits: Sequence[Threshold]) -> datetime | None:
    """From when on the others may go; None where the mailing is paused instead."""
    found = breaches(limits, breaker.counted(connection, mailing_id, now=now))
    if found:
        breaker.trip(connection, mailing_id, found[0], now=now)
        return None
    # Nobody but the canary's readers has a delivery yet.
    states = ledger.counts(connection, mailing_id)
    everybody, waiting = sum(states.values()), sum(states[status] for status in OPEN)
    if waiting * _OPEN_OF > everybody:
        return now + _AGAIN
    breaker.passed_canary(connection, mailing_id, now=now)
    return now


def _behind(connection: Connection, mailing_id: int, now: datetime) -> list[Row[Any]]:
    """The waves that are due and have a canary, with the hour at which that was released, the earliest first."""
    return list(connection.execute(_BEHIND, {"mailing": mailing_id, "now": now, **well_since(now)}))


def _same_readers(ahead: Any) -> ColumnElement[bool]:
    return and_(
        ahead.c.mailing_id == wave.c.mailing_id,
        ahead.c.zone == wave.c.zone,
        ahead.c.hour == wave.c.hour,
        ahead.c.canary,
    )


def _may_follow(ahead: Any) -> ColumnElement[bool]:
    of_it = _same_readers(ahead)
    waiting = or_(ahead.c.released_at.is_(None), ahead.c.released_at > WELL_SINCE)
    well = exists().where(kept.c.mailing_id == wave.c.mailing_id, kept.c.canary_passed_at.is_not(None))
    return or_(
        wave.c.canary,
        ~exists().where(of_it),
        and_(~exists().where(of_it, waiting), well),
    )


MAY_FOLLOW = _may_follow(wave.alias("ahead"))
"""Whether a wave need not wait for a canary: it is one, it has none, or its own is well."""

_LOCK = select(mailing.c.status).where(mailing.c.id == MAILING).with_for_update()
_AHEAD = wave.alias("before")
_BEHIND = (
    select(wave.c.id, _AHEAD.c.released_at.label("ahead_at"))
    .join(_AHEAD, _same_readers(_AHEAD))
    .where(
        wave.c.mailing_id == MAILING,
        ~wave.c.canary,
        wave.c.released_at.is_(None),
        wave.c.due_at <= NOW,
        ~MAY_FOLLOW,
    )
    .order_by(wave.c.due_at, wave.c.id)
)
