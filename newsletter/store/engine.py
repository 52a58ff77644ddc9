"""The connection to the database: opening it, reading and writing in transactions, faults in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from newsletter.errors import InputError
from newsletter.store import schema

_MAGIC = b"SQLite format 3\x00"
_WRITES = "newsletter_writes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """The database. Threads may share it; each `reading()` and `writing()` has a connection of its own."""

    engine: Engine
    place: str

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the database.

        Raises:
            InputError: the database is in use, damaged or gone.
        """
        with self._faults_in_words(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed (and on the disk) at the end of the block, undone if the block raises.

        On SQLite the right to write is taken at the start, so that a reader never has to become a writer half-way:
        there SQLite gives up without waiting.

        Raises:
            InputError: the database is in use, damaged, read-only or the disk is full. Nothing was changed.
        """
        with self._faults_in_words(), self.engine.connect() as plain:
            connection = plain.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Give up all connections."""
        self.engine.dispose()

    @contextmanager
    def _faults_in_words(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            if (explained := _explained(self.place, error)) is None:
                raise
            raise explained from error


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def open(url: str, *, busy_seconds: float = 10.0) -> Store:  # noqa: A001 - read as `store.open(url)`
    """Open the database at `url`; a new one gets its tables, an older one is brought to the present form.

    Args:
        url: `sqlite:///path` or a PostgreSQL URL.
        busy_seconds: how long to wait for another writer before giving up.

    Raises:
        InputError: the file is no database, is in use, cannot be written, or was written by a newer version.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        _check_file(Path(parsed.database))
    # Parameters are readers' addresses: no error that somebody prints may hold them.
    engine = create_engine(parsed, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, busy_seconds)
    store = Store(engine=engine, place=parsed.database or parsed.render_as_string())
    try:
        schema.bring_up_to_date(store)
    except BaseException:
        store.close()
        raise
    return store


def _check_file(path: Path) -> None:
    """Make the folder (personal data: its owner's only), and refuse a file that is something else."""
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


def _prepare_sqlite(engine: Engine, busy_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def connected(dbapi: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: BEGIN is ours, below.
        dbapi.isolation_level = None
        # synchronous=FULL: what is committed survives a power cut, and the ledger's promise rests on it.
        for pragma in (
            f"busy_timeout={round(busy_seconds * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
        ):
            dbapi.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_FAULTS = (
    (
        ("database is locked", "database table is locked"),
        "the database is in use by another process",
        "Wait until that has finished, or end it, and try again",
    ),
    (
        ("not a database", "malformed"),
        "the database is damaged, or no SQLite database",
        "Restore it from a backup",
    ),
    (("disk is full",), "the disk is full", "Make room and try again; nothing was lost"),
    (("disk i/o error",), "the disk does not take what is written", "See that it works and has room, and try again"),
    (
        ("readonly database",),
        "the database cannot be written",
        "Give this user the right to write the file and its folder",
    ),
    (
        ("unable to open",),
        "the database cannot be opened",
        "Check that the folder exists and that this user may use it",
    ),
)


def _explained(place: str, error: DatabaseError) -> InputError | None:
    """The fault in words, where it is one of the database's state and not of our statements."""
    text = str(error.orig).lower()
    for marks, what, remedy in _FAULTS:
        if any(mark in text for mark in marks):
            return InputError(what, where=place, remedy=remedy)
    return None
