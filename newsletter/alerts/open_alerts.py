"""Alerts in the database: raised once however often they are noticed, acknowledged by a person, resolved.

The functions that take a connection are one step of the caller's transaction: what is the matter and the word about it
are kept together, or neither is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.alerts.alert import Alert, Raised
from newsletter.errors import BlockedError, InputError
from newsletter.store import Store, audit
from newsletter.store.alert_tables import alert as table
from newsletter.store.statuses import AlertSeverity, AlertStep


def raise_alert(connection: Connection, alert: Alert, *, now: datetime) -> int:
    """Raise it, or note that it was noticed again where it is open; its number.

    The message is the newest; who has acknowledged it has done so for as long as it is open.
    """
    row = {
        "code": alert.code,
        "subject": alert.subject,
        "severity": alert.weight,
        "message": alert.message,
        "open_key": alert.key,
        "raised_at": now,
        "seen_at": now,
    }
    # The two databases agree on the statement, and SQLAlchemy has it for each of them alone.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    again = {"message": alert.message, "severity": alert.weight, "seen_at": now, "times": table.c.times + 1}
    statement = insert(table).values(row).on_conflict_do_update(index_elements=["open_key"], set_=again)
    number: int = connection.execute(statement.returning(table.c.id)).scalar_one()
    return number


def resolve(connection: Connection, code: str, subject: str, *, now: datetime, why: str = "") -> bool:
    """It is so no more; whether it was open. `why` is a few words, such as who has mended it."""
    return _resolve(connection, table.c.open_key == f"{code} {subject}", now, why) == 1


def is_open(connection: Connection, code: str, subject: str) -> bool:
    """Whether it is so, as far as is known."""
    found = select(table.c.id).where(table.c.open_key == f"{code} {subject}")
    return connection.execute(found).first() is not None


def resolve_all(connection: Connection, subject: str, *, now: datetime, why: str = "") -> int:
    """The same for every open alert on the subject; how many there were."""
    return _resolve(connection, (table.c.subject == subject) & table.c.open_key.is_not(None), now, why)


def acknowledge(store: Store, number: int, *, actor: str, now: datetime) -> Raised:
    """Somebody has it in hand: nobody is reminded of it any more.

    Raises:
        InputError: there is no such alert.
        BlockedError: it is over.
    """
    with store.writing() as connection:
        found = _require(connection, number)
        if not found.open:
            raise BlockedError(f"alert {number} is over since {found.resolved_at:%Y-%m-%d %H:%M} UTC")
        if found.acknowledged_at is None:
            values = {"acknowledged_at": now, "acknowledged_by": actor}
            connection.execute(update(table).where(table.c.id == number).values(values))
            audit.note(connection, "alert.acknowledge", f"alert:{number}", {}, actor=actor, at=now)
        return _require(connection, number)


def require(store: Store, number: int) -> Raised:
    """The alert with this number.

    Raises:
        InputError: there is none.
    """
    with store.reading() as connection:
        return _require(connection, number)


def all_of(store: Store, *, only_open: bool = False, limit: int = 50) -> list[Raised]:
    """The latest alerts, the newest first."""
    found = select(table).order_by(table.c.id.desc()).limit(limit)
    if only_open:
        found = found.where(table.c.open_key.is_not(None))
    with store.reading() as connection:
        return [of_row(row) for row in connection.execute(found)]


def of_row(row: Row[Any]) -> Raised:
    """The alert that a row of the table holds."""
    return Raised(
        id=row.id,
        code=row.code,
        subject=row.subject,
        severity=AlertSeverity(row.severity),
        message=row.message,
        times=row.times,
        raised_at=row.raised_at,
        seen_at=row.seen_at,
        resolved_at=row.resolved_at,
        resolution=row.resolution,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        told=AlertStep(row.told) if row.told else None,
        told_at=row.told_at,
    )


def _resolve(connection: Connection, which: ColumnElement[bool], now: datetime, why: str) -> int:
    values = {"resolved_at": now, "resolution": why, "open_key": None}
    return connection.execute(update(table).where(which).values(values)).rowcount


def _require(connection: Connection, number: int) -> Raised:
    row = connection.execute(select(table).where(table.c.id == number)).one_or_none()
    if row is None:
        raise InputError(f"there is no alert {number}", remedy="See them with `newsletter alert list`")
    return of_row(row)
