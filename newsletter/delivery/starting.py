"""Starting what is due: a scheduled mailing begins at its hour, within its limit afterwards, or is held for a person.

The claim on the mailing's row decides: of several schedulers one starts it, and one that is killed leaves it as it was.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, String, cast, exists, func, literal, select, update

from newsletter.alerts import Alert, raise_alert
from newsletter.delivery import history, steps
from newsletter.delivery.lateness import HELD, hold_where_only_late_is_left, late, tell_held, too_late_in_words
from newsletter.delivery.trouble import in_the_way
from newsletter.store import Store, lineage
from newsletter.store.alert_tables import alert
from newsletter.store.parameters import MAILING, NOW
from newsletter.store.statuses import MailingStatus
from newsletter.store.tables import mailing, wave


def start_due(store: Store, *, now: datetime) -> list[int]:
    """Start or hold every scheduled mailing whose hour has come; those that this call started, by number."""
    with store.reading() as connection:
        due = list(connection.execute(_DUE, {"now": now}).scalars())
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
    found: datetime | None = connection.execute(_NEXT_DUE).scalar_one()
    return found


def tell_late_waves(store: Store, *, now: datetime) -> None:
    """Waves of mailings that are being sent and were found too late: people are told, and where nothing else is left the
    mailing is held.
    """
    with store.reading() as connection:
        found = list(connection.execute(_WITH_LATE_WAVES, {"now": now}).scalars())
    for number in found:
        with store.writing() as connection:
            if not hold_where_only_late_is_left(connection, number, now=now):
                _tell_late(connection, number, now)


def tell_still_held(store: Store, *, now: datetime) -> None:
    """Mailings whose hour has come, and that are held since a backup was put back: nobody has resumed them, nor cancelled
    them, and people are told once. While the database itself waits for a word, that is told.
    """
    with store.reading() as connection:
        known = lineage.read(connection)
        if known is None or known.waits:
            return
        found = list(connection.execute(_STILL_HELD, {"now": now}).scalars())
    for number in found:
        said = (
            f"mailing {number} is due, and is held because a backup was put back: "
            f"`newsletter mailing resume {number} --yes` sends it all the same"
        )
        with store.writing() as connection:
            # Somebody may have decided meanwhile.
            if connection.execute(_IS_HELD, {"mailing": number}).first() is not None:
                raise_alert(connection, Alert(code=HELD, subject=f"mailing:{number}", message=said), now=now)


def _start(connection: Connection, number: int, now: datetime) -> bool:
    """`scheduled` → `sending` where some wave is in time."""
    if connection.execute(_START, {"mailing": number, "now": now}).rowcount != 1:
        return False
    steps.reached("start.writing")
    history.note(connection, number, "mailing.start", actor=history.SCHEDULER, now=now)
    _tell_late(connection, number, now)
    return True


def _hold(connection: Connection, number: int, now: datetime) -> bool:
    """`scheduled` → `paused` where all waves are too late, with an alert."""
    due_at = connection.execute(select(mailing.c.due_at).where(mailing.c.id == number)).scalar_one()
    trouble = f"it {too_late_in_words(due_at, now)}"
    values = {"status": MailingStatus.PAUSED, **in_the_way(trouble, now)}
    held = update(mailing).where(mailing.c.id == number, *_IS_DUE).values(values)
    if connection.execute(held, {"now": now}).rowcount != 1:
        return False
    steps.reached("hold.writing")
    tell_held(connection, number, trouble, now=now)
    return True


def _tell_late(connection: Connection, number: int, now: datetime) -> None:
    """Once for so many waves: the next look, and the next scheduler, find the same."""
    waves, first = connection.execute(_LATE_WAVES, {"mailing": number, "now": now}).one()
    if not waves:
        return
    who = (
        f"{'one wave' if waves == 1 else f'{waves} waves'} of mailing {number} {'waits' if waves == 1 else 'wait'} for"
    )
    about = Alert(
        code=HELD,
        subject=f"mailing:{number}",
        message=(
            f"{who} a person: the first {too_late_in_words(first, now)}; `newsletter mailing pause {number}`, then "
            f"`newsletter mailing resume {number} --hours N`, sends it all the same"
        ),
    )
    told = connection.execute(select(alert.c.message).where(alert.c.open_key == about.key)).scalar()
    if told is None or not told.startswith(f"{who} "):
        raise_alert(connection, about, now=now)


_IS_DUE = (mailing.c.status == MailingStatus.SCHEDULED, mailing.c.due_at <= NOW)
_DUE = select(mailing.c.id).where(*_IS_DUE).order_by(mailing.c.due_at)
_NEXT_DUE = select(func.min(mailing.c.due_at)).where(
    mailing.c.status == MailingStatus.SCHEDULED, mailing.c.due_at.is_not(None)
)
_START = (
    update(mailing)
    .where(
        mailing.c.id == MAILING,
        *_IS_DUE,
        exists().where(wave.c.mailing_id == MAILING, ~wave.c.skipped, ~late(NOW)),
    )
    .values(status=MailingStatus.SENDING, started_at=NOW)
)
_LATE_WAVES = select(func.count(), func.min(wave.c.due_at)).where(
    wave.c.mailing_id == MAILING, wave.c.released_at.is_(None), late(NOW)
)
_WITH_LATE_WAVES = select(mailing.c.id).where(
    mailing.c.status == MailingStatus.SENDING,
    exists().where(wave.c.mailing_id == mailing.c.id, wave.c.released_at.is_(None), late(NOW)),
)
_HELD = (
    mailing.c.status == MailingStatus.PAUSED,
    mailing.c.started_at.is_(None),
    mailing.c.restored_at.is_not(None),
)
_IS_HELD = select(mailing.c.id).where(mailing.c.id == MAILING, *_HELD).with_for_update()
_STILL_HELD = select(mailing.c.id).where(
    *_HELD,
    mailing.c.due_at <= NOW,
    ~exists().where(alert.c.open_key == literal(f"{HELD} mailing:") + cast(mailing.c.id, String)),
)
