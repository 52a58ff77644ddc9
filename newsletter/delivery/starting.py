"""Starting what is due: a scheduled mailing begins at its hour, within its limit afterwards, or is held for a person.

The claim on the mailing's row decides: of several schedulers one starts it, and one that is killed leaves it as it was.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, update

from newsletter.alerts import Alert, raise_alert
from newsletter.delivery import history, steps
from newsletter.delivery.lateness import HELD, hold_where_only_late_is_left, late, tell_held, too_late_in_words
from newsletter.delivery.trouble import in_the_way
from newsletter.store import Store
from newsletter.store.statuses import MailingStatus
from newsletter.store.tables import mailing, wave


def start_due(store: Store, *, now: datetime) -> list[int]:
    """Start or hold every scheduled mailing whose hour has come; those that this call started, by number."""
    with store.reading() as connection:
        due = list(connection.execute(select(mailing.c.id).where(_is_due(now)).order_by(mailing.c.due_at)).scalars())
    started = []
    for number in due:
        with store.writing() as connection:
            began = _start(connection, number, now) or (_hold(connection, number, now) and False)
        steps.reached("start.committed")
        if began:
            started.append(number)
    return started


def next_due(connection: Connection) -> datetime | None:
    """When the next scheduled mailing is due."""
    waiting = (mailing.c.status == MailingStatus.SCHEDULED) & mailing.c.due_at.is_not(None)
    found: datetime | None = connection.execute(select(func.min(mailing.c.due_at)).where(waiting)).scalar_one()
    return found


def tell_late_waves(store: Store, *, now: datetime) -> None:
    """Waves of mailings that are being sent and were found too late: people are told, and where nothing else is left the
    mailing is held.
    """
    held = exists().where(wave.c.mailing_id == mailing.c.id, wave.c.released_at.is_(None), late(now))
    with store.reading() as connection:
        going = mailing.c.status == MailingStatus.SENDING
        found = list(connection.execute(select(mailing.c.id).where(going, held)).scalars())
    for number in found:
        with store.writing() as connection:
            if not hold_where_only_late_is_left(connection, number, now=now):
                _tell_late(connection, number, now)


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(mailing.c.status == MailingStatus.SCHEDULED, mailing.c.due_at <= now)


def _start(connection: Connection, number: int, now: datetime) -> bool:
    """`scheduled` → `sending` where some wave is in time."""
    in_time = exists().where(wave.c.mailing_id == number, ~wave.c.skipped, ~late(now))
    values = {"status": MailingStatus.SENDING, "started_at": now}
    claimed = update(mailing).where(mailing.c.id == number, _is_due(now), in_time)
    if connection.execute(claimed.values(values)).rowcount != 1:
        return False
    steps.reached("start.writing")
    history.note(connection, number, "mailing.start", actor=history.SCHEDULER, now=now)
    _tell_late(connection, number, now)
    return True


def _hold(connection: Connection, number: int, now: datetime) -> bool:
    """`scheduled` → `paused` where all waves are too late, with an alert."""
    due_at = connection.execute(select(mailing.c.due_at).where(mailing.c.id == number)).scalar_one()
    trouble = f"it {too_late_in_words(due_at, now)}"
    claimed = update(mailing).where(mailing.c.id == number, _is_due(now))
    values = {"status": MailingStatus.PAUSED, **in_the_way(trouble, now)}
    if connection.execute(claimed.values(values)).rowcount != 1:
        return False
    steps.reached("hold.writing")
    tell_held(connection, number, trouble, now=now)
    return True


def _tell_late(connection: Connection, number: int, now: datetime) -> None:
    left = (wave.c.mailing_id == number) & wave.c.released_at.is_(None) & late(now)
    waves, first = connection.execute(select(func.count(), func.min(wave.c.due_at)).where(left)).one()
    if waves:
        one = "one wave" if waves == 1 else f"{waves} waves"
        said = f"{one} of mailing {number} waits for a person: the first {too_late_in_words(first, now)}"
        raise_alert(connection, Alert(code=HELD, subject=f"mailing:{number}", message=said), now=now)
