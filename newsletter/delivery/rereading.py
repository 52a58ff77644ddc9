"""Settings that change while the scheduler runs: they are read again once their files are others than before.

A file that cannot be used changes nothing: the last good one counts, and people are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from newsletter import alerts
from newsletter import settings as newsroom_settings
from newsletter.alerts import Alert
from newsletter.audience import lists
from newsletter.errors import InputError
from newsletter.issues import newsroom_outlets
from newsletter.issues.folder import OUTLETS_FILE
from newsletter.roundups import Outlets
from newsletter.settings import FILE_NAME, Settings
from newsletter.store import Store

log = structlog.get_logger(__name__)

BROKEN, _SUBJECT = "SETTINGS-BROKEN", "newsroom:settings"

_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fresh:
    """What the newsroom's files say now."""

    settings: Settings
    outlets: Outlets


class Rereading:
    """Looks at `newsletter.toml` and `outlets.toml` of the newsroom in `root`."""

    def __init__(self, store: Store, root: Path) -> None:
        self._store = store
        self._root = root
        self._read: _Stamp | None = None
        self._fault = ""
        self._told = False

    def look(self, *, now: datetime) -> Fresh | None:
        """What the files say, where they have changed since the last look and can be used; the first look reads them."""
        stamp = self._stamp()
        if stamp == self._read:
            self._tell_if_still_broken(now)
            return None
        # Noted before reading: what is written meanwhile is read at the next look.
        self._read = stamp
        try:
            settings = newsroom_settings.load(self._root)
            fresh = Fresh(settings=settings, outlets=newsroom_outlets(settings))
        except InputError as error:
            log.warning("settings.broken", why=str(error))
            self._fault = str(error)
            return None
        lists.follow_settings(self._store, settings.lists, clock=lambda: now)
        self._mended(now)
        return fresh

    def _stamp(self) -> _Stamp:
        return tuple(_of(self._root / name) for name in (FILE_NAME, OUTLETS_FILE))

    def _tell_if_still_broken(self, now: datetime) -> None:
        """At the second look: whoever is writing the file in pieces has done so by then."""
        if not self._fault or self._told:
            return
        said = f"a file of settings cannot be used, and the scheduler goes on with the last good ones: {self._fault}"
        with self._store.writing() as connection:
            alerts.raise_alert(connection, Alert(code=BROKEN, subject=_SUBJECT, message=said), now=now)
        self._told = True

    def _mended(self, now: datetime) -> None:
        """Also what an earlier process has told."""
        with self._store.reading() as connection:
            open_still = alerts.is_open(connection, BROKEN, _SUBJECT)
        if open_still:
            with self._store.writing() as connection:
                alerts.resolve(connection, BROKEN, _SUBJECT, now=now, why="the settings can be read again")
        self._fault, self._told = "", False


def _of(path: Path) -> tuple[int, int, int] | None:
    """Changes whenever the file is written or replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
