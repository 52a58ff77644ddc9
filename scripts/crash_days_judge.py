"""Judges the days: what the provider's log says was sent, against who is to get what when by another reckoning."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from crash_days_children import await_
from crash_days_room import Room
from sqlalchemy import func, select

from newsletter import alerts, reports
from newsletter.app import App
from newsletter.publishing import mailings
from newsletter.rehearsal.sendgrid import read_log
from newsletter.store import tables
from newsletter.store.statuses import OPEN


class Judge:
    """`faults` is what ought not to have happened. Times at which it is told something are those of the driven clock.

    `alarms` are the alerts that people ought to be told of, each once: code and subject.
    """

    def __init__(self, app: App, room: Room, log: Path) -> None:
        self._app, self._room, self._log = app, room, log
        self._wanted: set[tuple[str, str]] = set()
        self._got: set[tuple[str, str]] = set()
        self._read = 0
        self._slugs: dict[str, str] = {}
        self._strokes = 0
        self.alarms: list[str] = []
        self.faults: list[str] = []

    def expect(self, hour: datetime) -> None:
        """Wait until exactly those have exactly that who are due at the hour, and everything rests."""
        wanted = {(address, slug) for address, slug, at in self._room.wanted() if at == hour}
        self._wanted |= wanted
        self._strokes += 1

        def is_there() -> bool:
            self.note(hour)
            return wanted <= self._got

        if not await_(is_there):
            self.faults.append(f"{hour}: not sent: {sorted(wanted - self._got)}")
        if not await_(self._is_at_rest):
            self.faults.append(f"{hour}: does not come to rest")

    def note(self, hour: datetime) -> None:
        """What the log says since it was read last was taken at this hour."""
        taken = list(read_log(self._log))
        due = {(address, slug): at for address, slug, at in self._room.wanted()} if taken[self._read :] else {}
        for one in taken[self._read :]:
            key = (one.address, self._slug(one.mailing))
            if key in self._got:
                self.faults.append(f"{hour}: twice: {key}")
            if due.get(key) != hour:
                self.faults.append(f"{hour}: {key} is due at {due.get(key)}")
            self._got.add(key)
        self._read = len(taken)

    def verdict(self) -> dict[str, Any]:
        """By the log, by the reports, and by what people were told of."""
        told = Counter(f"{each.code} {each.subject}" for each in alerts.all_of(self._app.store, limit=1_000))
        for alarm in sorted({*told, *self.alarms}):
            if told[alarm] != self.alarms.count(alarm):
                self.faults.append(f"{alarm}: told {told[alarm]} times, and not {self.alarms.count(alarm)}")
        everything = [reports.of(self._app.store, each.id) for each in mailings.all_of(self._app.store)]
        return {
            "issues": len(self._room.issues),
            "wanted": len(self._wanted),
            "lost": len(self._wanted - self._got),
            "twice": self._read - len(self._got),
            "balanced": all(report.finished for report in everything),
            "alarms": told.total(),
            "strokes": self._strokes,
            "faults": self.faults,
        }

    def _slug(self, number: str) -> str:
        if number not in self._slugs:
            self._slugs[number] = mailings.get(self._app.store, int(number)).issue
        return self._slugs[number]

    def _is_at_rest(self) -> bool:
        open_ones = select(func.count()).where(tables.delivery.c.status.in_(OPEN))
        with self._app.store.reading() as connection:
            return not connection.execute(open_ones).scalar_one()
