"""The marker: a file on each machine that says how far it has seen which database come.

It stands outside the database, so that it stays where it is when a backup of that is put back. Losing it does no harm
but that it tells nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MARKER_FILE = "database.seen"
"""Its name in the newsroom's data folder."""

_MOST = 16
"""Databases that are remembered: a newsroom has one, and another after each restore."""

_MOST_BYTES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """The file, which need not be there."""

    path: Path

    def read(self) -> dict[str, int]:
        """The era that each database was seen in, by its identity. What cannot be read tells nothing."""
        try:
            with self.path.open("rb") as file:
                found = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, Mapping):
            return {}
        return {name: era for name, era in found.items() if isinstance(era, int) and not isinstance(era, bool)}

    def write(self, identity: str, era: int) -> None:
        """Note that the database has come so far; it is on the disk afterwards. Never takes a higher number back.

        Raises:
            OSError: the file cannot be written; what was there before stays.
        """
        known = self.read()
        if known.get(identity, -1) >= era:
            return
        known.pop(identity, None)
        kept = dict([*known.items(), (identity, era)][-_MOST:])
        unfinished = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                file.write(json.dumps(kept).encode())
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink()
        _sync(self.path.parent)

    def note(self, identity: str, era: int) -> None:
        """The same within microseconds: whoever kills this process does not take it back, a power cut may.

        Raises:
            OSError: the file cannot be written.
        """
        known = self.read()
        if known.get(identity, -1) >= era:
            return
        if identity not in known:
            self.write(identity, era)
            return
        content = json.dumps(known | {identity: era}).encode()
        opened = os.open(self.path, os.O_WRONLY)
        try:
            # Numbers only rise, so that nothing of the old content is left behind it.
            os.pwrite(opened, content, 0)
        finally:
            os.close(opened)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
