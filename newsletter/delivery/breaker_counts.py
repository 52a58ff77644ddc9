"""What the circuit breaker counts, from deliveries, attempts and events. Every function reads in the caller's transaction.

Each query walks an index: deliveries by mailing and state, a mailing's bounces and complaints by mailing and type, the
last few thousand attempts by number.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, exists, func, or_, select

from newsletter.alerts.thresholds import Count
from newsletter.delivery import ledger
from newsletter.store.parameters import MAILING, given
from newsletter.store.statuses import DeliveryStatus, EventType, OutcomeKind
from newsletter.store.tables import Instant, attempt, chunk, delivery, event, wave

COMPLAINTS, BOUNCES, TEMPORARY, ERRORS = "complaints", "bounces", "temporary", "errors"
METRICS = (COMPLAINTS, BOUNCES, TEMPORARY, ERRORS)

WINDOW = timedelta(minutes=30)
"""Over which the provider's own failures are counted."""

_LAST = 5_000
"""Attempts that are looked at for them, the newest: a bounded walk, however large the mailing."""

_WORTH_A_LOOK, _FEWEST = 0.05, 20
"""Share of deferred deliveries, and how many tried, from which on it is worth finding out why: no threshold is lower."""

_BAD = (EventType.BOUNCED, EventType.COMPLAINED, EventType.DEFERRED)


def of(connection: Connection, mailing_id: int, *, now: datetime, since: datetime | None) -> dict[str, Count]:
    """Everything that is counted of the mailing; of the provider's failures, those after `since`."""
    states = ledger.counts(connection, mailing_id)
    accepted = states[DeliveryStatus.ACCEPTED]
    deferred, rejected = states[DeliveryStatus.DEFERRED], states[DeliveryStatus.REJECTED]
    tried = accepted + rejected + deferred + states[DeliveryStatus.UNKNOWN]
    if deferred >= tried * _WORTH_A_LOOK and tried >= _FEWEST:
        deferred = _deferred_by_receivers(connection, mailing_id)
        tried -= _never_tried(connection, mailing_id)
    # What a sender without events has, and most mailings in their first minute.
    silent = not _told_of(connection, mailing_id)
    after = now - WINDOW if since is None else max(now - WINDOW, since)
    return {
        COMPLAINTS: Count(cases=0 if silent else _complained(connection, mailing_id), volume=accepted),
        BOUNCES: Count(cases=rejected + (0 if silent else _bounced(connection, mailing_id)), volume=tried),
        TEMPORARY: Count(cases=deferred + (0 if silent else _put_off(connection, mailing_id)), volume=tried),
        ERRORS: _errors(connection, mailing_id, after),
    }


def mark(connection: Connection) -> tuple[int, int]:
    """Where attempts and events stand: while that is the same, so are all counts."""
    row = connection.execute(_MARK).one()
    return row.attempts, row.events


def _told_of(connection: Connection, mailing_id: int) -> bool:
    return connection.execute(_TOLD, {"mailing": mailing_id}).first() is not None


def _complained(connection: Connection, mailing_id: int) -> int:
    return _people(connection, mailing_id, event.c.type == EventType.COMPLAINED)


def _bounced(connection: Connection, mailing_id: int) -> int:
    """Whom the other side took and could not deliver to. Who was rejected at once is in the ledger already."""
    rejected = exists().where(delivery.c.id == event.c.delivery_id, delivery.c.status == DeliveryStatus.REJECTED)
    return _people(connection, mailing_id, event.c.type == EventType.BOUNCED, ~_blocked(), ~rejected)


def _put_off(connection: Connection, mailing_id: int) -> int:
    """Whose mail stands deferred at the provider."""
    waiting = or_(event.c.type == EventType.DEFERRED, and_(event.c.type == EventType.BOUNCED, _blocked()))
    later = event.alias("later")
    ended = exists().where(
        later.c.delivery_id == event.c.delivery_id,
        or_(later.c.type == EventType.DELIVERED, and_(later.c.type == EventType.BOUNCED, event.c.type != later.c.type)),
    )
    types = event.c.type.in_((EventType.DEFERRED, EventType.BOUNCED))
    return _people(connection, mailing_id, types, waiting, ~ended)


def _people(connection: Connection, mailing_id: int, *which: ColumnElement[bool]) -> int:
    """Deliveries with such an event: providers post some events twice, and receivers complain again."""
    found = select(func.count(event.c.delivery_id.distinct())).where(event.c.mailing_id == mailing_id, *which)
    return connection.execute(found).scalar_one()


def _blocked() -> ColumnElement[bool]:
    """A bounce that is about us and not about the address, as SendGrid tells them apart (`type` of its event)."""
    return func.coalesce(event.c.raw["type"].as_string(), "") == "blocked"


def _deferred_by_receivers(connection: Connection, mailing_id: int) -> int:
    """Who stands deferred here by a word about them, and not because a sender could not be reached."""
    # 450 to 452 and 471 are about the recipient (RFC 5321 section 4.2.3); 421, 454 and 429 (HTTP) are about us.
    theirs = and_(attempt.c.code.between(450, 499), attempt.c.code != 454)
    last = exists().where(attempt.c.delivery_id == delivery.c.id, attempt.c.fence == delivery.c.fence, theirs)
    where = (delivery.c.mailing_id == mailing_id) & (delivery.c.status == DeliveryStatus.DEFERRED)
    return connection.execute(select(func.count()).select_from(delivery).where(where, last)).scalar_one()


def _never_tried(connection: Connection, mailing_id: int) -> int:
    """Who was set aside, because their domain may have no more just now, before anything was sent to them."""
    set_aside = (delivery.c.status == DeliveryStatus.DEFERRED) & (delivery.c.fence == 0)
    where = (delivery.c.mailing_id == mailing_id) & set_aside
    return connection.execute(select(func.count()).select_from(delivery).where(where)).scalar_one()


def _errors(connection: Connection, mailing_id: int, after: datetime) -> Count:
    """Calls that failed for the provider's own sake, out of the last ones: a request of a thousand is one call."""
    row = connection.execute(_CALLS, {"mailing": mailing_id, "after": after}).one()
    return Count(cases=int(row.failed or 0), volume=row.volume)


def _calls() -> Select[int, int]:
    # What tells one call from the others: a request's chunk and fence, and of single messages the attempt besides.
    own = case((chunk.c.one_request, 0), else_=attempt.c.id).label("own")
    call = (attempt.c.chunk_id, attempt.c.fence, own)
    failed = or_(
        attempt.c.outcome == OutcomeKind.UNKNOWN,
        and_(
            attempt.c.outcome == OutcomeKind.DEFERRED,
            or_(attempt.c.code.is_(None), attempt.c.code == 421, attempt.c.code >= 500),
        ),
    )
    calls = (
        select(*call, func.max(case((failed, 1), else_=0)).label("failed"))
        .select_from(attempt)
        .join(chunk, chunk.c.id == attempt.c.chunk_id)
        .join(wave, wave.c.id == chunk.c.wave_id)
        .where(attempt.c.id > _NEWEST - _LAST, attempt.c.ended_at > _AFTER, wave.c.mailing_id == MAILING)
        .group_by(*call)
        .subquery()
    )
    return select(func.count().label("volume"), func.sum(calls.c.failed).label("failed"))


_AFTER = bindparam("after", type_=Instant)
_NEWEST = select(func.coalesce(func.max(attempt.c.id), 0)).scalar_subquery()
_NEWEST_EVENT = select(func.coalesce(func.max(event.c.id), 0)).scalar_subquery()
_MARK = select(_NEWEST.label("attempts"), _NEWEST_EVENT.label("events"))
_TOLD = select(event.c.id).where(event.c.mailing_id == MAILING, event.c.type.in_(given(*_BAD))).limit(1)
_CALLS = _calls()
