"""The mailbox's files: segments that are only appended to, and the lock on their folder."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from newsletter.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_ENTRY = 4 * 1024 * 1024
_LOCK = "lock"


class Segment:
    """One file of records. Reading is safe from any thread; only the mailbox writes, one message at a time.

    `size` counts its octets, `count` the messages that the mailbox knows of it.
    """

    def __init__(self, path: Path, *, fresh: bool) -> None:
        flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if fresh else 0)
        self.path = path
        self.fd = os.open(path, flags, 0o600)
        self.size = 0 if fresh else path.stat().st_size
        self.count = 0

    def append(self, record: bytes) -> None:
        """Add a record, whole or not at all.

        Raises:
            OSError: the disk is full or failing.
        """
        written = 0
        try:
            while written < len(record):
                written += os.pwrite(self.fd, record[written:], self.size + written)
        except OSError:
            os.ftruncate(self.fd, self.size)
            raise
        self.size += len(record)
        self.count += 1

    def read(self, offset: int, size: int) -> bytes:
        """`size` octets from `offset` on; fewer where the file ends."""
        parts: list[bytes] = []
        while size and (part := os.pread(self.fd, size, offset)):
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return b"".join(parts)

    def records(self) -> Iterator[tuple[dict[str, Any], int]]:
        """The entry of each whole record, with the offset of its message, up to what a kill cut off."""
        with self.path.open("rb") as file:
            while line := file.readline(_LONGEST_ENTRY):
                offset = file.tell()
                try:
                    entry = json.loads(line)
                    end = offset + int(entry["size"])
                except (ValueError, KeyError, TypeError, RecursionError):
                    return
                if not offset <= end < self.size:
                    return
                yield entry, offset
                file.seek(end + 1)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)


def locked(folder: Path) -> IO[bytes]:
    """Make the folder where it is missing, and hold it, so that two inboxes never write the same segments."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("ab")
    except OSError as error:
        raise InputError(
            f"the inbox cannot keep mail here: {error.strerror}", where=str(folder), remedy="Give it another folder"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise InputError(
            "another inbox keeps its mail here", where=str(folder), remedy="Stop it, or use another folder"
        ) from error
    return lock
