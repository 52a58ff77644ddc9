"""Who belongs to a wave: everybody to exactly one, by the clock they go by and by lot."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, bindparam, exists, func, select

from newsletter.publishing.timing import EVERYONE, OF_ALL, SPREAD, TURN, ReaderClock
from newsletter.store.parameters import MAILING
from newsletter.store.tables import BigId, delivery, mailing, subscriber, subscription, wave


def of_wave(connection: Connection, row: Row[Any]) -> list[ColumnElement[bool]]:
    """Conditions on the subscribers of the wave's clock: of everyone's wave, those of no other's; of a canary, some.

    Where there are several waves, who has moved since an earlier one is not taken again.
    """
    found = [tuple(other) for other in connection.execute(_OTHERS, {"mailing": row.mailing_id, "wave": row.id})]
    if not found:
        return []
    conditions = []
    if (row.zone, row.hour) == EVERYONE and any((zone, hour) != EVERYONE for zone, hour, _ in found):
        conditions.append(~_has_own_wave(row))
    if row.canary or (row.zone, row.hour, True) in found:
        conditions.append(_by_lot(connection, row))
    has_it = exists().where(
        delivery.c.mailing_id == row.mailing_id, delivery.c.subscriber_id == subscription.c.subscriber_id
    )
    return [*conditions, ~has_it]


def by_clock(clock: ReaderClock, *, of: FromClause = subscriber) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Subscribers who go by that clock; an index finds them. `of` is their table, or a name for it."""
    return (
        of.c.zone == clock.zone if clock.zone else of.c.zone.is_(None),
        of.c.hour == clock.hour if clock.hour else of.c.hour.is_(None),
    )


def _has_own_wave(row: Row[Any]) -> ColumnElement[bool]:
    """Whether a subscriber's clock has a wave of its own in the mailing."""
    own = wave.alias("own")
    return exists().where(
        own.c.mailing_id == row.mailing_id,
        own.c.id != row.id,
        own.c.zone == func.coalesce(subscriber.c.zone, ""),
        own.c.hour == func.coalesce(subscriber.c.hour, ""),
        (own.c.zone != "") | (own.c.hour != ""),
    )


def _by_lot(connection: Connection, row: Row[Any]) -> ColumnElement[bool]:
    """The few for a canary wave, the rest for its other half: what `timing.canary_rank` reckons, in SQL."""
    few = connection.execute(select(mailing.c.canary).where(mailing.c.id == row.mailing_id)).scalar_one()
    rank: ColumnElement[int] = (subscription.c.subscriber_id * SPREAD + row.mailing_id * TURN) % OF_ALL
    ahead: ColumnElement[bool] = rank < few
    return ahead if row.canary else ~ahead


_OTHERS = select(wave.c.zone, wave.c.hour, wave.c.canary).where(
    wave.c.mailing_id == MAILING, wave.c.id != bindparam("wave", type_=BigId)
)
