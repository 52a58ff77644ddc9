"""What providers tell after a mailing has finished: bounces come minutes later, complaints hours. Nothing is left to
pause then, and somebody should know all the same before the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, exists, or_, select

from newsletter import alerts
from newsletter.alerts import Alert
from newsletter.alerts.thresholds import Breach, Threshold, breaches
from newsletter.delivery import breaker
from newsletter.delivery.breaker_counts import BOUNCES, COMPLAINTS
from newsletter.delivery.standing import alert_subject
from newsletter.store import Store
from newsletter.store.alert_tables import alert
from newsletter.store.parameters import given
from newsletter.store.statuses import EventType, MailingStatus
from newsletter.store.tables import Instant, event, mailing

AFTER = timedelta(days=3)
"""How long after its end a mailing is looked at; by then most complaints have come."""

_CODES = {COMPLAINTS: "LATE-COMPLAINTS", BOUNCES: "LATE-BOUNCES"}


def look_back(store: Store, limits: Sequence[Threshold], *, now: datetime) -> int:
    """Raise an alert for each finished mailing that passes a limit on complaints or bounces, once; how many.

    What was so before a person resumed it counts no more. After `AFTER` its alerts are over.

    Raises:
        InputError: the database takes nothing.
    """
    asked = [each for each in limits if each.metric in _CODES]
    with store.reading() as connection:
        found = [
            (number, breach)
            for number in _recent(connection, now)
            for breach in breaches(asked, breaker.counted(connection, number, now=now))
            if not _was_raised(connection, number, breach)
        ]
        old = _old(connection, now)
    if found or old:
        with store.writing() as connection:
            for number, breach in found:
                alerts.raise_alert(connection, _alert(number, breach), now=now)
            for code, subject in old:
                alerts.resolve(connection, code, subject, now=now, why="it is some days ago")
    return len(found)


def _alert(number: int, breach: Breach) -> Alert:
    said = f"mailing {number}, which has finished: {breaker.in_words(breach)}"
    return Alert(code=_CODES[breach.threshold.metric], subject=alert_subject(number), message=said)


def _recent(connection: Connection, now: datetime) -> list[int]:
    """The mailings that ended lately and of which something bad was told."""
    return list(connection.execute(_RECENT, {"since": now - AFTER}).scalars())


def _was_raised(connection: Connection, number: int, breach: Breach) -> bool:
    """Whether it was raised before, also where that is over."""
    about = (alert.c.subject == alert_subject(number)) & (alert.c.code == _CODES[breach.threshold.metric])
    return connection.execute(select(alert.c.id).where(about).limit(1)).first() is not None


def _old(connection: Connection, now: datetime) -> list[tuple[str, str]]:
    """Code and subject of the alerts that are over by themselves."""
    return [(row.code, row.subject) for row in connection.execute(_OLD, {"since": now - AFTER})]


_SINCE = bindparam("since", type_=Instant)
_BAD = (EventType.BOUNCED, EventType.COMPLAINED)
_RECENT = (
    select(mailing.c.id)
    .where(
        mailing.c.status == MailingStatus.FINISHED,
        mailing.c.finished_at > _SINCE,
        exists().where(event.c.mailing_id == mailing.c.id, event.c.type.in_(given(*_BAD))),
    )
    .order_by(mailing.c.id)
)
_OLD = select(alert.c.code, alert.c.subject).where(
    or_(*(alert.c.code == code for code in _CODES.values())),
    alert.c.open_key.is_not(None),
    alert.c.raised_at < _SINCE,
)
