"""Retention: what is old becomes counts, or goes, in short transactions beside everything else that is going on.

Never touched are mailings that have not ended or of which anything is open or unknown, suppressions (among them what
erasure leaves), consent, and the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, Connection, Table, Text, cast, delete, exists, func, select, update

from newsletter.delivery import batches
from newsletter.reports import rolled_up
from newsletter.settings import RetentionSettings
from newsletter.store import Store
from newsletter.store.alert_tables import announcement_notice
from newsletter.store.statuses import OPEN, DeliveryStatus, MailingStatus
from newsletter.store.tables import delivery, event, mailing, notice

BATCH = 5_000
"""Rows a transaction: on SQLite another writer waits for one (0.2 s, measured on a million deliveries)."""

_ENDED = (MailingStatus.FINISHED, MailingStatus.CANCELLED)
_UNSETTLED = (*OPEN, DeliveryStatus.UNKNOWN)
_SETTLED_NOTICES = tuple(status for status in DeliveryStatus if status not in _UNSETTLED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """What there was to do, or was done: rows of each kind. `unknown_in`: mailings left alone for what is unknown there."""

    mailings: int = 0
    deliveries: int = 0
    event_bodies: int = 0
    events: int = 0
    notices: int = 0
    unknown_in: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return {
            "mailings": self.mailings,
            "deliveries": self.deliveries,
            "event_bodies": self.event_bodies,
            "events": self.events,
            "notices": self.notices,
            "unknown_in": list(self.unknown_in),
        }


def survey(store: Store, policy: RetentionSettings, *, now: datetime) -> Pruned:
    """What `prune` would do now. Nothing is written."""
    with store.reading() as connection:
        ripe = _ripe(connection, policy.deliveries_days, now)
        of_ripe = select(func.count()).where(delivery.c.mailing_id.in_(ripe))
        bodies = _span(connection, event, policy.event_bodies_days, now)
        old_events = _span(connection, event, policy.events_days, now)
        return Pruned(
            mailings=len(ripe),
            deliveries=connection.execute(of_ripe).scalar_one() if ripe else 0,
            event_bodies=_count(connection, event.c.id <= bodies, _has_body()),
            events=_count(connection, event.c.id <= old_events, ~_has_delivery()),
            notices=_count_notices(connection, policy.notices_days, now),
            unknown_in=_left_alone(connection, policy.deliveries_days, now),
        )


def prune(
    store: Store,
    policy: RetentionSettings,
    *,
    now: datetime,
    batch: int = BATCH,
    on_progress: Callable[[str, int], None] = lambda _what, _rows: None,
    stop: Callable[[], bool] = lambda: False,
) -> Pruned:
    """Carry the policy out, batch by batch; what was done stays done wherever it is cut off.

    Args:
        store: the database.
        policy: the settings' `[retention]`.
        now: the instant that ages are counted to.
        batch: rows a transaction.
        on_progress: told after each batch what it was and how many rows.
        stop: asked before each batch whether to leave.

    Raises:
        InputError: the database is in use, full or gone. The batches before were done.
    """
    with store.reading() as connection:
        ripe = _ripe(connection, policy.deliveries_days, now)
        bodies = _span(connection, event, policy.event_bodies_days, now)
        left_alone = _left_alone(connection, policy.deliveries_days, now)
    done = {"mailings": 0, "deliveries": 0, "event_bodies": 0, "events": 0, "notices": 0}

    def run(what: str, steps: Iterator[int]) -> None:
        for rows in steps:
            done[what] += rows
            on_progress(what, rows)
            if stop():
                return
            batches.breathe(store)

    for mailing_id in ripe:
        if not stop():
            run("deliveries", _rolled_up(store, mailing_id, policy, now, batch))
            done["mailings"] += 1
    run("event_bodies", _walk(store, bodies, batch, _empty_bodies))
    with store.reading() as connection:
        old_events = _span(connection, event, policy.events_days, now)
    run("events", _walk(store, old_events, batch, _delete_events))
    run("notices", _batches(store, partial(_delete_notices, days=policy.notices_days, now=now, limit=batch)))
    return Pruned(**done, unknown_in=left_alone)


def _batches(store: Store, step: Callable[[Connection], int]) -> Iterator[int]:
    while rows := store.write(step):
        yield rows


# --- Deliveries ----------------------------------------------------------------------------------------------------


def _ripe(connection: Connection, days: int, now: datetime) -> list[int]:
    """The mailings that ended that long ago, with deliveries of which nothing is open or unknown; the oldest first."""
    if not days:
        return []
    rest = exists().where(delivery.c.mailing_id == mailing.c.id)
    ripe = select(mailing.c.id).where(_is_ripe(days, now), rest).order_by(mailing.c.id)
    return list(connection.execute(ripe).scalars())


def _is_ripe(days: int, now: datetime) -> ColumnElement[bool]:
    unsettled = (
        exists().where(delivery.c.mailing_id == mailing.c.id, delivery.c.status.in_(_UNSETTLED)).correlate(mailing)
    )
    ended = mailing.c.status.in_(_ENDED) & (mailing.c.finished_at < now - timedelta(days=days))
    return ended & ~unsettled


def _is_ripe_still(connection: Connection, mailing_id: int, days: int, now: datetime) -> bool:
    """The same of one mailing. State by state: each is a look into an index, where PostgreSQL would read all deliveries."""
    ended = mailing.c.status.in_(_ENDED) & (mailing.c.finished_at < now - timedelta(days=days))
    if not connection.execute(select(mailing.c.id).where(mailing.c.id == mailing_id, ended)).first():
        return False
    of_it = select(delivery.c.id).where(delivery.c.mailing_id == mailing_id).order_by(delivery.c.id).limit(1)
    return not any(connection.execute(of_it.where(delivery.c.status == status)).first() for status in _UNSETTLED)


def _left_alone(connection: Connection, days: int, now: datetime) -> tuple[int, ...]:
    if not days:
        return ()
    unknown = exists().where(delivery.c.mailing_id == mailing.c.id, delivery.c.status == DeliveryStatus.UNKNOWN)
    ended = mailing.c.status.in_(_ENDED) & (mailing.c.finished_at < now - timedelta(days=days))
    return tuple(connection.execute(select(mailing.c.id).where(ended, unknown).order_by(mailing.c.id)).scalars())


def _rolled_up(store: Store, mailing_id: int, policy: RetentionSettings, now: datetime, batch: int) -> Iterator[int]:
    with store.reading() as connection:
        large = rolled_up.large_domains(connection, mailing_id)
    after: dict[DeliveryStatus, int] = {}

    def step(connection: Connection) -> rolled_up.Rolled | None:
        # Looked at anew in each batch: a person may have begun a retry meanwhile.
        connection.execute(select(mailing.c.id).where(mailing.c.id == mailing_id).with_for_update())
        if not _is_ripe_still(connection, mailing_id, policy.deliveries_days, now):
            return None
        done = rolled_up.roll_up(connection, mailing_id, large=large, after=after, limit=batch)
        if done is None:
            rolled_up.forget_requests(connection, mailing_id)
        return done

    while (done := store.write(step)) is not None:
        after[done.status] = done.last
        yield done.rows


# --- Events and notices --------------------------------------------------------------------------------------------


def _span(connection: Connection, table: Table, days: int, now: datetime) -> int:
    """The last id of what arrived that long ago; 0 where there is none.

    Rows are numbered as they arrive, so that halving finds it in some thirty looks at the key and no index is needed.
    """
    newest = connection.execute(select(func.max(table.c.id))).scalar_one()
    if not days or newest is None:
        return 0
    cutoff = now - timedelta(days=days)
    low, high = 0, int(newest)
    while low < high:
        middle = (low + high + 1) // 2
        at_or_before = select(table.c.received_at).where(table.c.id <= middle).order_by(table.c.id.desc()).limit(1)
        found = connection.execute(at_or_before).scalar_one_or_none()
        if found is None or found < cutoff:
            low = middle
        else:
            high = middle - 1
    return low


def _walk(store: Store, last: int, batch: int, step: Callable[[Connection, int, int], int]) -> Iterator[int]:
    """`step(connection, after, upto)` along the events' numbers up to `last`; the rows that each has changed."""
    after = 0
    while after < last:
        with store.reading() as connection:
            walked = select(event.c.id).where(event.c.id > after, event.c.id <= last).order_by(event.c.id).limit(batch)
            upto = connection.execute(select(func.max(walked.subquery().c.id))).scalar_one()
        if upto is None:
            return
        if rows := store.write(_between(step, after, upto)):
            yield rows
        after = upto


def _between(step: Callable[[Connection, int, int], int], after: int, upto: int) -> Callable[[Connection], int]:
    return lambda connection: step(connection, after, upto)


def _empty_bodies(connection: Connection, after: int, upto: int) -> int:
    where = (event.c.id > after) & (event.c.id <= upto) & _has_body()
    return connection.execute(update(event).where(where).values(raw={})).rowcount


def _delete_events(connection: Connection, after: int, upto: int) -> int:
    """Those whose deliveries have gone: the others may yet prove something."""
    where = (event.c.id > after) & (event.c.id <= upto) & ~_has_delivery()
    return connection.execute(delete(event).where(where)).rowcount


def _has_body() -> ColumnElement[bool]:
    return cast(event.c.raw, Text) != "{}"


def _has_delivery() -> ColumnElement[bool]:
    return exists().where(delivery.c.id == event.c.delivery_id).correlate(event)


def _count(connection: Connection, *where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(event).where(*where)).scalar_one()


def _old_notices(days: int, now: datetime) -> ColumnElement[bool]:
    return notice.c.status.in_(_SETTLED_NOTICES) & (notice.c.changed_at < now - timedelta(days=days))


def _count_notices(connection: Connection, days: int, now: datetime) -> int:
    where = _old_notices(days, now)
    return connection.execute(select(func.count()).select_from(notice).where(where)).scalar_one() if days else 0


def _delete_notices(connection: Connection, *, days: int, now: datetime, limit: int) -> int:
    if not days:
        return 0
    some = select(notice.c.id).where(_old_notices(days, now)).order_by(notice.c.id).limit(limit)
    numbers = list(connection.execute(some).scalars())
    connection.execute(delete(announcement_notice).where(announcement_notice.c.notice_id.in_(numbers)))
    return connection.execute(delete(notice).where(notice.c.id.in_(numbers))).rowcount
