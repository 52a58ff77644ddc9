"""What was found too late: it does not begin by itself, it is held until a person decides."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, select, update

from newsletter.alerts import Alert, raise_alert
from newsletter.delivery import history
from newsletter.delivery.trouble import in_the_way
from newsletter.store.parameters import MAILING, NOW, given
from newsletter.store.statuses import OPEN, MailingStatus
from newsletter.store.tables import delivery, mailing, wave

HELD = "HELD-LATE"


def late(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether a wave is too late to begin by itself. One without a limit of its own never is."""
    return and_(~wave.c.skipped, wave.c.not_later_than.is_not(None), wave.c.not_later_than < now)


def hold_where_only_late_is_left(connection: Connection, mailing_id: int, *, now: datetime) -> bool:
    """`sending` → `paused` where nothing is left but waves that are too late, with an alert; whether it was so."""
    asked = {"mailing": mailing_id, "now": now}
    zones = connection.execute(_LATE_WAVES, asked).all()
    if not zones:
        return False
    trouble = _waves_in_words([row.zone for row in zones], zones[0].due_at, now)
    values = {"status": MailingStatus.PAUSED, **in_the_way(trouble, now)}
    if connection.execute(_NOTHING_ELSE_LEFT.values(values), asked).rowcount != 1:
        return False
    tell_held(connection, mailing_id, trouble, now=now)
    return True


def tell_held(connection: Connection, mailing_id: int, trouble: str, *, now: datetime) -> None:
    """In the mailing's history, and to people."""
    history.note(connection, mailing_id, "mailing.hold", actor=history.SCHEDULER, now=now, why=trouble)
    said = f"mailing {mailing_id}: {trouble}; `newsletter mailing resume {mailing_id} --hours N` sends it all the same"
    raise_alert(connection, Alert(code=HELD, subject=f"mailing:{mailing_id}", message=said), now=now)


def prolong(connection: Connection, mailing_id: int, until: datetime) -> None:
    """A person gives a mailing time: its waves have at least that long too."""
    short = (wave.c.mailing_id == mailing_id) & (wave.c.not_later_than < until)
    connection.execute(update(wave).where(short).values(not_later_than=until))


def too_late_in_words(due_at: datetime, now: datetime) -> str:
    """Since when something waits: `was due at 2026-11-24 11:00 UTC and found 9 h 5 min late`."""
    minutes = int((now - due_at).total_seconds() // 60)
    length = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    return f"was due at {due_at:%Y-%m-%d %H:%M} UTC and found {length} late"


def _waves_in_words(zones: list[str], first: datetime, now: datetime) -> str:
    who = ", ".join(zone or "everyone else" for zone in zones[:4]) + (" and others" if len(zones) > 4 else "")
    return f"the wave of {who} {too_late_in_words(first, now)}"


_LEFT = and_(wave.c.mailing_id == MAILING, wave.c.released_at.is_(None))
_LATE_WAVES = select(wave.c.zone, wave.c.due_at).where(_LEFT, late(NOW)).order_by(wave.c.due_at)
_NOTHING_ELSE_LEFT = update(mailing).where(
    mailing.c.id == MAILING,
    mailing.c.status == MailingStatus.SENDING,
    ~exists().where(delivery.c.mailing_id == MAILING, delivery.c.status.in_(given(*OPEN))),
    ~exists().where(_LEFT, ~late(NOW)),
)
