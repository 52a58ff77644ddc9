"""A clock that somebody drives: its hour is in a file, which another process writes."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from newsletter.delivery.two_clocks import TwoClocks


class DrivenClock:
    """Gives the hour that the file says, in UTC. For tests only: what is driven here is taken for granted by all.

    `seen` is the hour at which whoever goes by the clock has looked round last.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._seen = file.with_suffix(".seen")

    def __call__(self) -> datetime:
        return _read(self.file)

    def set(self, hour: datetime) -> None:
        _write(self.file, hour)

    @property
    def seen(self) -> datetime | None:
        return _read(self._seen) if self._seen.exists() else None

    def see(self, hour: datetime) -> None:
        _write(self._seen, hour)

    def forget(self) -> None:
        """Nobody has looked yet."""
        self._seen.unlink(missing_ok=True)

    def seconds(self) -> float:
        """The clock that nobody sets goes along: what is driven is the hour, and not a mistake about it."""
        return self().timestamp()

    def clocks(self) -> TwoClocks:
        return TwoClocks(self, self.seconds)


def _read(file: Path) -> datetime:
    return datetime.fromisoformat(file.read_text(encoding="ascii"))


def _write(file: Path, hour: datetime) -> None:
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    new.write_text(hour.astimezone(UTC).isoformat(), encoding="ascii")
    new.replace(file)
