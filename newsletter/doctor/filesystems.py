"""Disks: of which kind, and how much room they have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What is free for this user: bytes, and files of how many (both 0 where the disk has no such limit)."""

    free_bytes: int
    free_files: int
    files: int
    read_only: bool


def room_at(path: Path) -> Room:
    """The room on the disk of the nearest folder at or above `path` that exists.

    Raises:
        OSError: the disk does not answer.
    """
    while not path.exists() and path != path.parent:
        path = path.parent
    told = os.statvfs(path)
    read_only = bool(told.f_flag & os.ST_RDONLY)
    return Room(
        free_bytes=told.f_bavail * told.f_frsize, free_files=told.f_favail, files=told.f_files, read_only=read_only
    )


def kind_of_disk(path: Path, mounts: Path = _MOUNTS) -> str:
    """The file system's kind as Linux names it, such as `ext4` or `nfs4`; "" where nobody tells."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    # Of mounts on top of each other the last one counts; octal escapes stand for blanks in names.
    rows = [line.split(" ") for line in lines if line.count(" ") >= 3]
    places = [(Path(row[1].encode().decode("unicode_escape")), row[2]) for row in rows]
    resolved = path.resolve()
    under = [
        (len(place.parts), number, kind)
        for number, (place, kind) in enumerate(places)
        if resolved.is_relative_to(place)
    ]
    return max(under)[2] if under else ""
