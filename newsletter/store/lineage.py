"""Whether this is the database that was worked with last, or an older state of it that was put back.

A backup that is put back looks like any other database, and what went out after it was made is still to be sent in it.
Three things tell:

- A copy made by `newsletter db backup` lacks the row of the table `lineage`.
- The row's *era* rises while anything is sent. Each machine keeps the highest that it has seen in its marker; a database
  that is behind it was put back.
- The row says where the database is kept. One that is elsewhere was copied; the marker tells whether it has lost
  anything since.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, delete, func, insert, literal, select, text, update
from sqlalchemy.exc import DBAPIError

from newsletter.errors import BlockedError
from newsletter.store.lineage_table import lineage as table
from newsletter.store.parameters import NOW
from newsletter.store.tables import audit, mailing, notice, subscriber

if TYPE_CHECKING:
    from newsletter.store.engine import Store

ACCEPT = "newsletter db accept-restore"
GAP = 10_000_000
"""Numbers that are left out after a restore: more people than can have joined between two backups."""


class Origin(StrEnum):
    """What a database is: the one that was worked with, a new one, one that has moved, or a backup that was put back."""

    OURS = "ours"
    NEW = "new"
    MOVED = "moved"
    RESTORED = "restored"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """The row. Instants are UTC; `restored_to` is the last of which a restored database knows."""

    identity: str
    era: int
    seen_at: datetime | None = None
    place: str | None = None
    restored_at: datetime | None = None
    restored_why: str = ""
    restored_to: datetime | None = None
    accepted_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether it was restored, and nobody has given their word since that sending may go on."""
        return self.restored_at is not None and self.accepted_at is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What the database is, and for one that was put back, what tells so, in half a sentence."""

    origin: Origin
    place: str
    lineage: Lineage | None
    why: str = ""


def judge(found: Lineage | None, *, place: str, known: Mapping[str, int], used: bool) -> Judged:
    """What a database is. Pure.

    Args:
        found: its row; None where it has none.
        place: where it is.
        known: the eras that were seen on this machine, by identity.
        used: whether it holds mailings.
    """

    def judged(origin: Origin, why: str = "") -> Judged:
        return Judged(origin=origin, place=place, lineage=found, why=why)

    if found is None:
        return judged(Origin.RESTORED, "it is a copy made by `newsletter db backup`")
    seen = known.get(found.identity)
    if seen is not None and found.era < seen:
        return judged(Origin.RESTORED, "this machine has seen a later state of it")
    if found.place == place:
        return judged(Origin.OURS)
    if found.place is None:
        # Older versions knew no lineage: one of theirs, where a later one was at work, was put back.
        older = used and any(name != found.identity for name in known)
        return (
            judged(Origin.RESTORED, "this machine has worked with a later form of it") if older else judged(Origin.NEW)
        )
    if seen is None:
        return judged(Origin.RESTORED, "it is a copy of a database that was used elsewhere, new to this machine")
    return judged(Origin.MOVED, "it was copied from elsewhere")


def read(connection: Connection) -> Lineage | None:
    """The row; None where there is none."""
    row = connection.execute(_ROW).mappings().one_or_none()
    return None if row is None else Lineage(**row)


def look(store: Store, connection: Connection, known: Mapping[str, int]) -> Judged:
    """What the database is, by itself and by what this machine has seen."""
    found = read(connection)
    used = found is None or found.place is not None or _holds_mailings(connection)
    return judge(found, place=place_of(store, connection), known=known, used=used)


def settle_in(connection: Connection, place: str) -> None:
    """The database is kept here from now on."""
    connection.execute(update(table).values(place=place))


def begin_anew(connection: Connection, *, identity: str, place: str, why: str, now: datetime) -> Lineage:
    """Write down that it was restored: from now on it is another database than the one whose backup it is."""
    row = {
        "identity": identity,
        "era": 0,
        "place": place,
        "seen_at": now,
        "restored_at": now,
        "restored_why": why,
        "restored_to": known_up_to(connection),
    }
    connection.execute(delete(table))
    connection.execute(insert(table).values(row))
    for numbered in (subscriber, notice):
        _leave_a_gap(connection, numbered)
    return Lineage(**row)  # type: ignore[arg-type]  # the columns are named as its fields


def _leave_a_gap(connection: Connection, numbered: Table) -> None:
    """Numbers that were given after the backup are not given again: the links in those people's mail would open the pages
    of whoever got their number.
    """
    if connection.dialect.name == "sqlite":
        statement = text("UPDATE sqlite_sequence SET seq = seq + :gap WHERE name = :name")
        if connection.execute(statement, {"gap": GAP, "name": numbered.name}).rowcount == 0:
            statement = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :gap)")
            connection.execute(statement, {"gap": GAP, "name": numbered.name})
        return
    raised = "SELECT setval(pg_get_serial_sequence(:name, 'id'), nextval(pg_get_serial_sequence(:name, 'id')) + :gap)"
    # Who may write the tables and not set their sequences holds the mailings all the same: that weighs more.
    with suppress(DBAPIError), connection.begin_nested():
        connection.execute(text(raised), {"name": numbered.name, "gap": GAP})


def rise(connection: Connection, *, now: datetime) -> tuple[str, int]:
    """Raise the era; the identity and the new era."""
    row = connection.execute(_RISE, {"now": now}).one()
    return row.identity, row.era


def rise_with(connection: Connection) -> tuple[str, int]:
    """The same, with what the caller's transaction claims; quick, for it is done for each."""
    row = connection.exec_driver_sql("UPDATE lineage SET era = era + 1 RETURNING identity, era").one()
    return row.identity, row.era


def accept(connection: Connection, *, actor: str, now: datetime) -> None:
    """A person has given their word that sending may go on."""
    connection.execute(update(table).values(accepted_at=now, accepted_by=actor))


def refuse_while_restored(connection: Connection) -> None:
    """Nothing new is begun in a restored database before a person has given their word.

    Raises:
        BlockedError: nobody has.
    """
    found = read(connection)
    if found is not None and not found.waits:
        return
    to = f" of {found.restored_to:%Y-%m-%d %H:%M} UTC" if found is not None and found.restored_to else ""
    raise BlockedError(
        f"the database is a backup{to} that was put back: who was mailed after that is not known",
        remedy=f"Find out what has gone out since, then run `{ACCEPT}`",
    )


def known_up_to(connection: Connection) -> datetime | None:
    """The last instant of which anything is in the database."""
    last: datetime | None = connection.execute(select(func.max(audit.c.at))).scalar_one()
    seen: datetime | None = connection.execute(select(func.max(table.c.seen_at))).scalar_one()
    return max((moment for moment in (last, seen) if moment is not None), default=None)


def place_of(store: Store, connection: Connection) -> str:
    """Where the database is kept: changes when it is copied or put back, and not while it is worked with.

    SQLite: the numbers of the file system and of the file in it, whatever path leads there. PostgreSQL: the numbers of
    server, database and table, which a restore from a dump gives anew, and the timeline, which a recovery from the log
    begins anew.
    """
    if store.is_sqlite:
        path = Path(store.place)
        return f"{os.statvfs(path).f_fsid:x} {path.stat().st_ino}"
    numbers = connection.execute(_NUMBERS).one()
    return " ".join(map(str, (_server(connection), *numbers, _timeline(connection))))


_ROW = select(
    table.c.identity,
    table.c.era,
    table.c.seen_at,
    table.c.place,
    table.c.restored_at,
    table.c.restored_why,
    table.c.restored_to,
    table.c.accepted_at,
)
_RISE = update(table).values(era=table.c.era + 1, seen_at=NOW).returning(table.c.identity, table.c.era)
_NUMBERS = text(
    "SELECT (SELECT oid FROM pg_database WHERE datname = current_database()), CAST(CAST('lineage' AS regclass) AS oid)"
)


def _holds_mailings(connection: Connection) -> bool:
    return connection.execute(select(literal(1)).select_from(mailing).limit(1)).first() is not None


def _server(connection: Connection) -> str:
    return _if_allowed(connection, "SELECT system_identifier FROM pg_control_system()")


def _timeline(connection: Connection) -> str:
    # The log's files are named after it; what the control file says may be older.
    return _if_allowed(connection, "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")


def _if_allowed(connection: Connection, statement: str) -> str:
    """What the server says; "-" where a hosted one keeps it to itself."""
    try:
        with connection.begin_nested():
            return str(connection.execute(text(statement)).scalar_one())
    except DBAPIError:
        return "-"
