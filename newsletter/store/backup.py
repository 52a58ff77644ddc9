"""A backup: one file that holds the whole database as it was at one moment, made while everything goes on.

SQLite's is an SQLite file, to be put in the database's place. PostgreSQL's is what `pg_dump` writes in its custom format,
for `pg_restore`. Either is complete and looked through before it has its name, and only its owner may read it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import make_conninfo

from newsletter.errors import InputError
from newsletter.store.engine import Store

_PREFIX = "newsletter-"
_OWNERS_ONLY = 0o600
_WAIT_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """A finished backup. `size` in bytes; `removed` are the older ones that it has taken the place of."""

    file: Path
    size: int
    removed: tuple[Path, ...] = ()


def make(store: Store, target: Path, *, now: datetime) -> Backup:
    """Write a backup; other processes read and write meanwhile.

    Args:
        store: the database.
        target: a new file, or a folder, in which the file's name tells the instant.
        now: that instant.

    Raises:
        InputError: the file exists, the disk is full, `pg_dump` is missing or fails. Nothing is left behind.
    """
    file = target / _name(store, now) if target.is_dir() else target
    if file.exists():
        raise InputError("there is a file of this name already", where=str(file), remedy="Name another, or a folder")
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        # Made with its final rights: there is no moment at which others may read it.
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNERS_ONLY))
        if store.is_sqlite:
            _copy_sqlite(Path(store.place), unfinished)
        else:
            _dump_postgresql(store, unfinished)
        _settle(unfinished, file)
    except OSError as error:
        raise InputError(
            f"the backup cannot be written: {error.strerror or error}",
            where=str(file),
            remedy="See that the folder exists, that you may write there, and that its disk has room",
        ) from error
    finally:
        for rest in (
            unfinished,
            *(unfinished.with_name(unfinished.name + end) for end in ("-wal", "-shm", "-journal")),
        ):
            with suppress(OSError):
                rest.unlink()
    return Backup(file=file, size=file.stat().st_size)


def rotate(folder: Path, *, keep: int) -> tuple[Path, ...]:
    """Remove all but the newest `keep` backups whose names we have given; which were removed.

    Raises:
        InputError: one cannot be removed.
    """
    # The names begin with the instant, so that their order is that of time.
    ours = sorted(path for end in ("db", "dump") for path in folder.glob(f"{_PREFIX}[0-9]*Z.{end}"))
    old = ours[: max(len(ours) - keep, 0)]
    for path in old:
        try:
            path.unlink()
        except OSError as error:
            what = f"this old backup cannot be removed: {error.strerror}"
            raise InputError(what, where=str(path), remedy="Remove it yourself") from error
    return tuple(old)


def _name(store: Store, now: datetime) -> str:
    end = "db" if store.is_sqlite else "dump"
    return f"{_PREFIX}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.{end}"


def _settle(unfinished: Path, file: Path) -> None:
    """On the disk, and only then under its name, which another backup may have taken in the meantime.

    Raises:
        FileExistsError: it has.
    """
    _sync(unfinished)
    os.link(unfinished, file)
    _sync(file.parent)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _copy_sqlite(database: Path, target: Path) -> None:
    """One step and not many: in small ones SQLite begins again whenever somebody writes in between."""
    try:
        with (
            closing(
                sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=_WAIT_SECONDS)
            ) as source,
            closing(sqlite3.connect(target, timeout=_WAIT_SECONDS)) as copy,
        ):
            source.backup(copy, pages=-1)
            # Otherwise whoever opens the backup makes two more files beside it.
            copy.execute("PRAGMA journal_mode=DELETE").close()
            _know_for_a_copy(copy)
            faults = [row[0] for row in copy.execute("PRAGMA quick_check(1)")]
    except sqlite3.Error as error:
        raise InputError(
            f"the backup failed: {error}",
            where=str(database),
            remedy="See that the database is whole (`newsletter doctor`) and that the disk has room",
        ) from error
    if faults != ["ok"]:
        raise InputError(
            f"the database is damaged: {faults[0]}", where=str(database), remedy="Keep the backups that you have"
        )


def _know_for_a_copy(copy: sqlite3.Connection) -> None:
    """A database without this row was put back: `lineage` tells why. Older forms have no such table."""
    if copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'lineage'").fetchone():
        with copy:
            copy.execute("DELETE FROM lineage").close()


def _dump_postgresql(store: Store, target: Path) -> None:
    dump, restore = _program("pg_dump"), _program("pg_restore")
    url = store.engine.url
    # The password goes by the environment, which other users of the machine cannot see; the arguments they can.
    environ = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    if "sslpassword" in url.query:
        what = "pg_dump takes the password of a client's key only where every user of the machine sees it"
        raise InputError(
            what, where="DATABASE_URL", remedy="Take the password off the key's file, and sslpassword away"
        )
    arguments = store.engine.dialect.create_connect_args(url)[1]
    shown = {name: value for name, value in arguments.items() if isinstance(value, str | int) and name != "password"}
    given = make_conninfo("application_name='newsletter backup'", **shown)
    command = [
        dump,
        "--format=custom",
        "--no-password",
        "--no-owner",
        "--no-privileges",
        # As for SQLite's: without this row it is known for a copy.
        "--exclude-table-data=*.lineage",
        f"--file={target}",
        "-d",
        given,
    ]
    _run(command, environ, store.place)
    _run([restore, "--list", str(target)], environ, str(target))


def _program(name: str) -> str:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(installed[-1]) if installed else None)
    if found is None:
        raise InputError(
            f"{name} is not installed, which backs PostgreSQL up",
            where="PATH",
            remedy="Install PostgreSQL's client programs (Debian: apt-get install postgresql-client)",
        )
    return found


def _run(command: list[str], environ: dict[str, str], where: str) -> None:
    ran = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, errors="replace"
    )
    if ran.returncode == 0:
        return
    said = " / ".join(line.strip() for line in ran.stderr.splitlines() if line.strip())[:400]
    remedy = "See that the server runs, and that the disk has room"
    if "server version mismatch" in said:
        remedy = "Install the client programs of the server's version, or newer ones"
    raise InputError(f"{Path(command[0]).name} failed: {said or ran.returncode}", where=where, remedy=remedy)
