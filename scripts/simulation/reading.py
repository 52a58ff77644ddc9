"""How the checker reads: by statements of its own, and what people said since it last looked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """What hour it is.

    `truth` is the true instant; `least` the hour that it surely is, by the machine of whoever is running: clocks that were
    set back count. `jumps` is how often clocks were set so far: what was measured across one is not judged.
    """

    truth: Callable[[], datetime]
    least: Callable[[], datetime]
    jumps: Callable[[], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A line of the audit on a mailing."""

    action: str
    mailing: int
    detail: Mapping[str, object]


class Reading:
    """The database's file, never written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._database: sqlite3.Connection | None = None
        self._version = -1
        self._audit = 0

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
            self._version = -1

    def restart(self) -> None:
        """Another file is put in its place: nobody has said anything in it yet."""
        self.close()
        self._audit = 0

    def has_changed(self) -> bool:
        """Whether something was committed since this was last asked."""
        version = self._opened().execute("PRAGMA data_version").fetchone()[0]
        before, self._version = self._version, version
        return bool(before != version)

    @contextmanager
    def one_view(self) -> Iterator[None]:
        """Within the block nothing that is read changes."""
        database = self._opened()
        database.execute("BEGIN")
        try:
            yield
        finally:
            database.execute("COMMIT")

    def all(self, statement: str, *values: object) -> list[Any]:
        """The rows."""
        with closing(self._opened().execute(statement, values)) as found:
            return found.fetchall()

    def said(self) -> list[Said]:
        """What the audit says of mailings since this was last asked."""
        rows = self.all("SELECT id, action, subject, detail FROM audit WHERE id > ? ORDER BY id", self._audit)
        if rows:
            self._audit = rows[-1][0]
        return [
            Said(action=action, mailing=int(subject[8:]), detail=json.loads(detail))
            for _, action, subject, detail in rows
            if subject.startswith("mailing:")
        ]

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True, isolation_level=None)
        return self._database
