"""The database: the real one on SQLite, with accidents at the edges of its transactions."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from newsletter import store
from newsletter.store import Store
from newsletter.store.marker import Marker


class Edge(Protocol):
    """What happens at the edges of a transaction; each may raise, or take its time."""

    def before(self, *, writes: bool) -> None: ...
    def committing(self) -> None: ...
    def committed(self) -> None: ...
    def read(self) -> None: ...
    def undone(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Database(Store):
    """The store of one process."""

    edge: Edge

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self.edge.before(writes=False)
        try:
            with Store.reading(self) as connection:
                yield connection
        finally:
            self.edge.read()

    @contextmanager
    def writing(self, *, alone: bool = False, beside_alike: bool = False) -> Iterator[Connection]:
        self.edge.before(writes=True)
        try:
            with Store.writing(self, alone=alone, beside_alike=beside_alike) as connection:
                yield connection
                self.edge.committing()
        except BaseException:
            self.edge.undone()
            raise
        self.edge.committed()


def open_database(file: Path, edge: Edge) -> Database:
    """The store of a process. All share one engine, also those of other runs: it keeps the statements that it has made."""
    opened = _opened(file)
    return Database(engine=opened.engine, place=opened.place, edge=edge)


def forget(file: Path) -> None:
    """The file is about to be replaced."""
    _opened(file).engine.dispose()


@cache
def _opened(file: Path) -> Store:
    opened = store.open(store.sqlite_url(file), busy_seconds=0.0)

    @event.listens_for(opened.engine, "connect")
    def connected(dbapi: sqlite3.Connection, _record: object) -> None:
        # The folder is in memory, or thrown away: what a power cut leaves is not what is simulated.
        dbapi.execute("PRAGMA synchronous=OFF").close()

    opened.engine.dispose()
    return opened


def full_disk() -> OperationalError:
    """As the driver says it."""
    return OperationalError("COMMIT", None, sqlite3.OperationalError("database or disk is full"))


def busy() -> OperationalError:
    """As the driver says it after waiting for another writer."""
    return OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))


def copy(file: Path, target: Path) -> None:
    """As a person copies a database: whole, and with everything in it."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as made:
        source.backup(made)


def put_back(backup: Path, file: Path) -> None:
    """A backup in the place of the database, as a person does it once all processes are stopped."""
    forget(file)
    for end in ("-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    shutil.copyfile(backup, file)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptMarker(Marker):
    """The machine's marker, in mind and not in a file: what a power cut does to a file is not simulated."""

    known: dict[str, int] = field(default_factory=dict)

    def read(self) -> dict[str, int]:
        return dict(self.known)

    def write(self, identity: str, era: int) -> None:
        self.known[identity] = max(era, self.known.get(identity, era))

    def note(self, identity: str, era: int) -> None:
        self.write(identity, era)
