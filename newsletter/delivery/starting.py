"""Starting what is due: a scheduled mailing begins at its hour, within its limit afterwards, or is held for a person.

The claim on the mailing's row decides: of several schedulers one starts it, and one that is killed leaves it as it was.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, String, and_, cast, exists, func, literal, select, update

from newsletter.alerts import Alert, raise_alert
from newsletter.delivery import history, steps
from newsletter.delivery.lateness import HELD, hold_where_only_late_is_left, late, tell_held, too_late_in_words
from newsletter.delivery.trouble import in_the_way
from newsletter.store import Store, lineage
from newsletter.store.alert_tables import alert
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


def tell_still_held(store: Store, *, now: datetime) -> None:
    """Mailings whose hour has come, and that are held since a backup was put back: nobody has resumed them, nor cancelled
    them, and people are told once. While the database itself waits for a word, that is told.
    """
    key = literal(f"{HELD} mailing:") + cast(mailing.c.id, String)
    told = exists().where(alert.c.open_key == key)
    held = (
        (mailing.c.status == MailingStatus.PAUSED) & mailing.c.started_at.is_(None) & mailing.c.restored_at.is_not(None)
    )
    with store.reading() as connection:
        known = lineage.read(connection)
        if known is None or known.waits:
            return
        found = list(connection.execute(select(mailing.c.id).where(held, mailing.c.due_at <= now, ~told)).scalars())
    for number in found:
        said = (
            f"mailing {number} is due, and is held because a backup was put back: "
            f"`newsletter mailing resume {number} --yes` sends it all the same"
        )
        with store.writing() as connection:
            # Somebody may have decided meanwhile.
            still = select(mailing.c.id).where(mailing.c.id == number, held).with_for_update()
            if connection.execute(still).first() is not None:
                raise_alert(connection, Alert(code=HELD, subject=f"mailing:{number}", message=said), now=now)


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
    """Once for so many waves: the next look, and the next scheduler, find the same."""
    left = (wave.c.mailing_id == number) & wave.c.released_at.is_(None) & late(now)
    waves, first = connection.execute(select(func.count(), func.min(wave.c.due_at)).where(left)).one()
    if not waves:
        return
    who = (
        f"{'one wave' if waves == 1 else f'{waves} waves'} of mailing {number} {'waits' if waves == 1 else 'wait'} for"
    )
    about = Alert(
        code=HELD,
        subject=f"mailing:{number}",
        message=f"{who} a person: the first {too_late_in_words(first, now)}",
    )
    told = connection.execute(select(alert.c.message).where(alert.c.open_key == about.key)).scalar()
    if told is None or not told.startswith(f"{who} "):
        raise_alert(connection, about, now=now)
