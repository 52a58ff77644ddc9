"""SQLite's file: on which disk, for whose eyes, whether it is whole and can be written."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from newsletter.doctor.diagnosis import Area, Fine, Said, found
from newsletter.doctor.filesystems import kind_of_disk
from newsletter.doctor.readable import others_reach
from newsletter.errors import InputError
from newsletter.store import Store, sqlite

_AREA = Area.DATABASE
_CHECK_SECONDS = 10.0
"""How long the file is looked through: 100 MB took 0.5 s from memory, so about 2 GB; what is left stays unseen."""

_STEPS = 100_000
"""SQLite's instructions between two looks at the clock: a few milliseconds."""

_NETWORK = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "gpfs",
    "vboxsf",
    "drvfs",
)


def look(file: Path) -> Iterator[Said]:
    """What can be told from outside, and whether the file is whole.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    sqlite.check_file(file)
    kind = kind_of_disk(file)
    if kind in _NETWORK or kind.startswith("fuse."):
        yield found(_AREA, "DATABASE-NETWORK-DISK", f"the database lies on a network disk ({kind})", where=str(file))
    if reached := others_reach(file, file.stat().st_mode):
        yield found(
            _AREA,
            "DATABASE-OPEN",
            f"{reached} can read the readers’ addresses",
            where=str(file),
            remedy=f"Take the rights of the others away: `chmod 700 {file.parent}` and `chmod 600 {file}`",
        )
    yield from whole(file)


def look_at_writing(store: Store) -> Iterator[Said]:
    """Whether somebody holds the right to write for longer than a moment.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        with store.writing():
            pass
    except InputError as error:
        if "in use" not in error.what:
            raise
        yield found(_AREA, "DATABASE-BUSY", "another process holds the right to write", where=store.place)


def whole(file: Path, *, seconds: float = _CHECK_SECONDS) -> Iterator[Said]:
    """Whether the file is undamaged, as far as `seconds` of looking show."""
    size = file.stat().st_size
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=2.0)) as connection:
            until = time.monotonic() + seconds
            connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            faults = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        if str(error) == "interrupted":
            yield Fine(area=_AREA, text=f"no damage in what {seconds:.0f} s show of {_megabytes(size)}")
        elif "locked" not in str(error):
            yield found(_AREA, "DATABASE-DAMAGED", f"the database is damaged: {error}", where=str(file))
        return
    if faults == ["ok"]:
        yield Fine(area=_AREA, text=f"SQLite {sqlite3.sqlite_version}, {_megabytes(size)}, undamaged")
    else:
        yield found(_AREA, "DATABASE-DAMAGED", f"the database is damaged: {faults[0][:200]}", where=str(file))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
