"""SQLite: the file, and what each connection to it is told."""

from __future__ import annotations

import time
from pathlib import Path
from sqlite3 import SQLITE_BUSY, OperationalError
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from newsletter.errors import InputError
from newsletter.store.patience import heed_on_sqlite

_MAGIC = b"SQLite format 3\x00"
WRITES = "newsletter_writes"
"""The execution option of transactions that will write."""


def engine_of(url: URL, *, busy_seconds: float) -> Engine:
    """An engine for the file, whose folder is made where there is none.

    Raises:
        InputError: the file is something else, or cannot be read.
    """
    check_file(Path(str(url.database)))
    # Parameters are readers' addresses: no error that somebody prints may hold them.
    engine = create_engine(url, hide_parameters=True)
    _prepare(engine, busy_seconds)
    return engine


def check_file(path: Path) -> None:
    """Make the folder (personal data: its owner's only), and refuse a file that is something else.

    Raises:
        InputError: see `engine_of`.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            return
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except OSError as error:
        raise InputError(
            f"the database cannot be opened: {error.strerror}",
            where=str(path),
            remedy="See that this is a file that you may read and write, in such a folder",
        ) from error
    if start and start != _MAGIC:
        raise InputError(
            "this file is no SQLite database",
            where=str(path),
            remedy="Move it away, or restore the database from a backup",
        )


def _prepare(engine: Engine, busy_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def connected(dbapi: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: BEGIN is ours, below.
        dbapi.isolation_level = None
        # synchronous=FULL: what is committed survives a power cut, and the ledger's promise rests on it.
        for pragma in (
            f"busy_timeout={round(busy_seconds * 1000)}",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
        ):
            dbapi.execute(f"PRAGMA {pragma}").close()
        _write_ahead(dbapi, busy_seconds)

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        heed_on_sqlite(connection, usual=busy_seconds)
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _write_ahead(dbapi: Any, busy_seconds: float) -> None:
    """Set the journal's mode. Of several that do it to a new file at once, all but one are refused without a wait."""
    until = time.monotonic() + busy_seconds
    while True:
        try:
            dbapi.execute("PRAGMA journal_mode=WAL").close()
        except OperationalError as error:
            if error.sqlite_errorcode & 0xFF != SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(0.01)
        else:
            return


def scrub(engine: Engine, place: str) -> None:
    """Write the file anew, so that no byte of what was deleted is left in it, and empty the write-ahead log.

    What is deleted stays in free pages and in the gaps of others, and in the log until it is written over: only VACUUM
    and an empty log rule that out.

    Raises:
        InputError: others read or write the database all the time.
    """
    raw = engine.raw_connection()
    try:
        # The copy is as large as the file: on disk, not in memory as other temporary things.
        raw.execute("PRAGMA temp_store=FILE").close()
        raw.execute("VACUUM").close()
        busy, *_ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except OperationalError as error:
        raise InputError(
            f"the database cannot be written anew: {error}",
            where=place,
            remedy="Stop what uses it, and see that its disk has room for it once more",
        ) from error
    finally:
        # It has settings of its own now.
        raw.invalidate()
    if busy:
        raise InputError(
            "somebody reads the database, and its log cannot be emptied", where=place, remedy="Do it once more later"
        )
