"""Readers whom no wave has met: they went over to a clock whose wave had gone, before that of their old one came.

Everyone's wave takes them along; who strays later goes when all others have gone: who changes clocks on the day loses no
issue. Who joined after the wave of their clock is none of them; their first issue is the next.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, and_, exists, func, not_, or_, select

from newsletter.publishing.timing import EVERYONE
from newsletter.store.parameters import MAILING, given
from newsletter.store.statuses import OPEN
from newsletter.store.tables import delivery, subscriber, subscription, wave


def takes_strays(connection: Connection, row: Row[Any]) -> bool:
    """Whether the wave is one that takes them along."""
    return (
        (row.zone, row.hour) == EVERYONE
        and not (row.canary or row.skipped)
        and _several_clocks(connection, row.mailing_id)
    )


def may_be_left(connection: Connection, mailing_id: int) -> bool:
    """Whether some may be left, now that nothing else of the mailing is."""
    if not _several_clocks(connection, mailing_id):
        return False
    return not connection.execute(_STILL_GOING, {"mailing": mailing_id}).scalar_one()


def astray(row: Row[Any]) -> ColumnElement[bool]:
    """Whether a subscription is that of such a reader, when all of that wave's own are frozen."""
    has_it = exists().where(
        delivery.c.mailing_id == row.mailing_id, delivery.c.subscriber_id == subscription.c.subscriber_id
    )
    own, everyones = wave.alias("own"), wave.alias("everyones")
    theirs = and_(
        own.c.mailing_id == row.mailing_id,
        own.c.zone == func.coalesce(subscriber.c.zone, ""),
        own.c.hour == func.coalesce(subscriber.c.hour, ""),
        (own.c.zone != "") | (own.c.hour != ""),
    )
    of_all = and_(
        everyones.c.mailing_id == row.mailing_id, everyones.c.zone == EVERYONE.zone, everyones.c.hour == EVERYONE.hour
    )
    return and_(
        ~has_it,
        or_(_is_over(own, theirs, row), and_(not_(exists().where(theirs)), _is_over(everyones, of_all, row))),
    )


def _several_clocks(connection: Connection, mailing_id: int) -> bool:
    return len(connection.execute(_TWO_CLOCKS, {"mailing": mailing_id}).all()) > 1


def _is_over(waves: FromClause, which: ColumnElement[bool], row: Row[Any]) -> ColumnElement[bool]:
    """Whether they were subscribed when their clock's waves went, and none of these is to come."""
    met: ColumnElement[bool] = and_(waves.c.released_at >= subscription.c.changed_at, ~waves.c.skipped)
    to_come: ColumnElement[bool] = waves.c.released_at.is_(None)
    if row.released_at is None:
        # The one that takes them along is being released.
        met, to_come = or_(met, waves.c.id == row.id), and_(to_come, waves.c.id != row.id)
    return and_(exists().where(which, met), not_(exists().where(which, to_come)))


_TWO_CLOCKS = select(wave.c.zone, wave.c.hour).where(wave.c.mailing_id == MAILING).distinct().limit(2)
_STILL_GOING = select(
    or_(
        exists().where(wave.c.mailing_id == MAILING, wave.c.released_at.is_(None)),
        exists().where(delivery.c.mailing_id == MAILING, delivery.c.status.in_(given(*OPEN))),
    )
)
