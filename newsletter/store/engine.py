"""The connection to the database: opening it, reading and writing in transactions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from newsletter.errors import InputError
from newsletter.store import faults, postgresql, schema, sqlite, urls
from newsletter.store.patience import PATIENCE, heed_on_postgresql
from newsletter.store.queueing import Queue

_T = TypeVar("_T")
BUSY_SECONDS = 10.0
"""How long a writer waits for another one before it gives up."""

_TRIES = 5
"""How often a transaction that collides with others is tried. Two that collide once seldom do so again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """The database. Threads may share it; each `reading()` and `writing()` has a connection of its own.

    `patience` is how many seconds it waits for other writers; None: as it was opened.
    """

    engine: Engine
    place: str
    busy_seconds: float = BUSY_SECONDS
    patience: float | None = None
    _queue: Queue = field(default_factory=Queue, repr=False, compare=False)

    def impatient(self, seconds: float) -> Self:
        """The same database for those who would rather be told that it is in use than wait longer for another writer."""
        return replace(self, patience=seconds)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the database, in which nothing can be written.

        Raises:
            InputError: the database is in use, damaged or gone.
        """
        with self._faults_in_words(reads=True), self.engine.connect() as plain:
            connection = plain.execution_options(**self._options(writes=False))
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self, *, alone: bool = False, beside_alike: bool = False) -> Iterator[Connection]:
        """One transaction, committed (and on the disk) at the end of the block, undone if the block raises.

        On SQLite the right to write is taken at the start, so that a reader never has to become a writer half-way:
        there SQLite gives up without waiting. On PostgreSQL others write at the same time: each statement sees what was
        committed before it, and rows are locked by whoever changed them or read them `with_for_update()`.

        Args:
            alone: on PostgreSQL, too, at most one such block goes on at a time: for those that look whether something
                is there and then add it.
            beside_alike: of those, the ones that say so may go on at once: they know that they are about different
                things, or what to do where the database says that they are not.

        Raises:
            InputError: the database is in use, damaged, read-only, full or gone, or this collided with another
                transaction. Nothing was changed, unless the message says that it may have been.
        """
        with self._faults_in_words(), self._turn(), self.engine.connect() as plain:
            connection = plain.execution_options(**self._options(writes=True))
            with connection.begin() as transaction:
                if not self.is_sqlite:
                    heed_on_postgresql(connection)
                if alone and not self.is_sqlite:
                    postgresql.wait_for_turn(connection, beside_alike=beside_alike)
                yield connection
                with self._faults_in_words(committing=True):
                    transaction.commit()

    def write(self, step: Callable[[Connection], _T], *, alone: bool = False, beside_alike: bool = False) -> _T:
        """What `step` gives, in a transaction that is tried again where it collides with another one.

        Args:
            step: may run several times; nothing of an earlier time was kept.
            alone: as for `writing`.
            beside_alike: as for `writing`.

        Raises:
            InputError: as `writing`.
        """
        for tries in range(1, _TRIES + 1):
            try:
                with self.writing(alone=alone, beside_alike=beside_alike) as connection:
                    return step(connection)
            except InputError as error:
                if tries == _TRIES or error.__cause__ is None or not faults.collided(error.__cause__):
                    raise
                time.sleep(random.uniform(0, 0.02 * 2**tries))
        raise AssertionError("the last try returns or raises")

    def take_stock(self, connection: Connection, table: Table) -> None:
        """Let PostgreSQL count anew what a table holds, after a change to much of it: it plans by what it last knew.

        By itself it does so a minute later, and plans until then as if the rows were not there. SQLite goes by the
        statement alone.
        """
        if not self.is_sqlite:
            connection.execute(text(f"ANALYZE (SKIP_LOCKED) {table.name}"))

    def close(self) -> None:
        """Give up all connections."""
        self.engine.dispose()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite; else it is PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

    def _turn(self) -> AbstractContextManager[None]:
        """On SQLite, this process's threads write one after the other, in the order in which they came."""
        patience = self.busy_seconds if self.patience is None else self.patience
        return self._queue.turn(patience=patience) if self.is_sqlite else nullcontext()

    def _options(self, *, writes: bool) -> dict[str, Any]:
        waits = {} if self.patience is None else {PATIENCE: self.patience}
        if self.is_sqlite:
            return {sqlite.WRITES: writes, **waits}
        return waits if writes else postgresql.READING

    @contextmanager
    def _faults_in_words(self, *, committing: bool = False, reads: bool = False) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if (explained := faults.explained(self.place, error, committing=committing, reads=reads)) is None:
                raise
            raise explained from error
        except NoConnectionLeft as error:
            raise InputError(
                "all connections of this process to the database are in use",
                where=self.place,
                remedy="Try again; where it lasts, something holds them: see the log",
            ) from error


def open(url: str, *, busy_seconds: float = BUSY_SECONDS, any_form: bool = False) -> Store:  # noqa: A001 - read as `store.open(url)`
    """Open the database at `url`; a new one gets its tables, unless any form will do.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
        busy_seconds: how long to wait for another writer (on PostgreSQL: for a lock) before giving up.
        any_form: open a new or older one, too, as it is. For those who bring it up, or only look.

    Raises:
        InputError: there is no database, it cannot be used, is in an older form (`newsletter db upgrade` brings it up)
            or was written by a newer version.
    """
    parsed = urls.parse(url)
    make = sqlite.engine_of if parsed.get_backend_name() == "sqlite" else postgresql.engine_of
    engine = make(parsed, busy_seconds=busy_seconds)
    opened = Store(engine=engine, place=urls.place_of(parsed), busy_seconds=busy_seconds)
    try:
        schema.prepare(opened, any_form=any_form)
    except BaseException:
        opened.close()
        raise
    return opened
