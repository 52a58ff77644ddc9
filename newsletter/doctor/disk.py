"""The disk: whether there is room for what the next mailing writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from newsletter.doctor import database
from newsletter.doctor.diagnosis import Area, Fine, Said, found
from newsletter.doctor.filesystems import Room, room_at
from newsletter.doctor.installation import Installation
from newsletter.errors import InputError
from newsletter.findings import Severity
from newsletter.store.statuses import SubscriptionStatus
from newsletter.store.tables import subscription

_AREA = Area.DISK
BYTES_A_DELIVERY = 2_000
"""Measured on SQLite with 100,000 readers: 380 in the ledger (delivery, chunk, attempt) and 490 an event, of which two
come; as much again as half of that in the write-ahead log while a mailing runs."""

_BYTES_A_MESSAGE = 60_000
"""A message with its HTML and text part, where the inbox keeps each as a file."""

_RESERVE = 100_000_000
"""For logs, backups of settings and what else grows."""

_COMFORT = 3
"""Mailings that there should be room for."""

_FEW = 0.05


def look(installation: Installation) -> Iterator[Said]:
    """The disks of the data folder, of the database's file and of the sender's folder, each once."""
    settings = installation.settings
    readers = _readers(installation)
    needs: dict[Path, int] = {settings.data: 0}
    if (file := installation.database_file) is not None:
        needs[file.parent] = readers * BYTES_A_DELIVERY
    if settings.sender.kind == "inbox":
        needs[settings.root / settings.sender.folder] = readers * _BYTES_A_MESSAGE
    for path, need in needs.items():
        try:
            room = room_at(path)
        except OSError as error:
            yield found(_AREA, "DISK-READ-ONLY", f"the disk does not answer: {error.strerror}", where=str(path))
            continue
        yield from judged(room, path, need, readers)


def judged(room: Room, path: Path, need: int, readers: int) -> Iterator[Said]:
    """What the room at `path` means for a mailing to `readers` that writes `need` bytes there."""
    if room.read_only or (path.exists() and not os.access(path, os.W_OK | os.X_OK)):
        yield found(_AREA, "DISK-READ-ONLY", "the folder cannot be written", where=str(path))
    if room.files and room.free_files < _FEW * room.files:
        yield found(_AREA, "DISK-INODES", f"{room.free_files:,} of {room.files:,} files are left", where=str(path))
    free = f"{room.free_bytes / 1e9:,.1f} GB"
    wanted = f"a mailing to {readers:,} writes about {need / 1e9:,.1f} GB" if need else ""
    if room.free_bytes < need + _RESERVE:
        yield found(_AREA, "DISK-FULL", f"{free} are free" + (f", and {wanted}" if need else ""), where=str(path))
    elif room.free_bytes < _COMFORT * need + _RESERVE:
        yield found(_AREA, "DISK-FULL", f"{free} are free, and {wanted}", where=str(path), severity=Severity.WARNING)
    else:
        yield Fine(area=_AREA, text=f"{free} free at {path}")


def _readers(installation: Installation) -> int:
    """Readers of the largest list; 0 where nobody knows."""
    counts = (
        select(func.count().label("readers"))
        .where(subscription.c.status == SubscriptionStatus.SUBSCRIBED)
        .group_by(subscription.c.list_id)
        .subquery()
    )
    try:
        with database.reading(installation) as connection:
            if connection is None:
                return 0
            return connection.execute(select(func.max(counts.c.readers))).scalar_one() or 0
    except InputError:
        return 0  # told with the database
