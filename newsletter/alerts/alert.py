"""The nouns of alerts, and the rules on what is told when. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from newsletter.alerts.kinds import KINDS, Kind
from newsletter.store.statuses import AlertSeverity, AlertStep

HOUR = timedelta(hours=1)
"""Between two announcements of one kind at least, so that a bad morning is one mail and not two hundred."""

STALE = timedelta(days=1)
"""After its end an alert that nobody was told of is news for so long."""

_SUBJECT = re.compile(r"[a-z]+(:[A-Za-z0-9._-]+){1,3}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """What is the matter. `subject` is what it is about, such as `mailing:12`; `message` a sentence without addresses.

    `severity` is the kind's own unless another is given.

    Raises:
        ValueError: no such kind, or no such form of subject: a fault of whoever raises.
    """

    code: str
    subject: str
    message: str
    severity: AlertSeverity | None = None

    def __post_init__(self) -> None:
        if self.code not in KINDS:
            raise ValueError(f"no kind of alert is called {self.code!r}")
        if not _SUBJECT.fullmatch(self.subject) or len(self.subject) > 200:
            raise ValueError(f"{self.subject!r} is no subject of an alert, such as mailing:12")

    @property
    def key(self) -> str:
        """What is unique among open alerts."""
        return f"{self.code} {self.subject}"

    @property
    def weight(self) -> AlertSeverity:
        """Its severity."""
        return self.severity or KINDS[self.code].severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    """An alert as it stands. Instants are UTC.

    `times` is how often it was raised since `raised_at`, `seen_at` when last; `told` is the step that was told last.
    """

    id: int
    code: str
    subject: str
    severity: AlertSeverity
    message: str
    times: int
    raised_at: datetime
    seen_at: datetime
    resolved_at: datetime | None = None
    resolution: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    told: AlertStep | None = None
    told_at: datetime | None = None

    @property
    def kind(self) -> Kind:
        """What it means. One that this version does not know explains itself as well as it can."""
        unknown = Kind(code=self.code, severity=self.severity, title=self.code, todo="See `newsletter alert show`.")
        return KINDS.get(self.code, unknown)

    @property
    def open(self) -> bool:
        """Whether it is still so."""
        return self.resolved_at is None

    def as_dict(self) -> dict[str, Any]:
        """Plain data; instants in ISO 8601."""
        return {
            "alert": self.id,
            "code": self.code,
            "subject": self.subject,
            "severity": self.severity.value,
            "title": self.kind.title,
            "message": self.message,
            "todo": self.kind.todo,
            "page": self.kind.page,
            "open": self.open,
            "times": self.times,
            "raised_at": self.raised_at.isoformat(),
            "seen_at": self.seen_at.isoformat(),
            "resolved_at": _iso(self.resolved_at),
            "resolution": self.resolution,
            "acknowledged_at": _iso(self.acknowledged_at),
            "acknowledged_by": self.acknowledged_by,
            "told": self.told.value if self.told else None,
            "told_at": _iso(self.told_at),
        }


def news(alert: Raised, *, now: datetime, remind_after: timedelta) -> AlertStep | None:
    """What there is to tell of the alert; None where nothing is.

    Its end is always told, also of one that came and went between two announcements: somebody may wonder. Reminders
    end once a person has acknowledged it.
    """
    if alert.resolved_at is not None:
        # Nobody was there to be told then, and today it helps nobody.
        stale = alert.told is None and not _within(alert.resolved_at, now, STALE)
        return None if stale or alert.told is AlertStep.RESOLVED else AlertStep.RESOLVED
    if alert.told is None or alert.told_at is None:
        return AlertStep.RAISED
    if alert.acknowledged_at is not None:
        return None
    return AlertStep.REMINDED if not _within(alert.told_at, now, remind_after) else None


def may_announce(last: datetime | None, *, now: datetime) -> bool:
    """Whether another announcement of a kind may be made, `last` being the time of the one before."""
    return last is None or not _within(last, now, HOUR)


def _within(before: datetime, now: datetime, span: timedelta) -> bool:
    # A clock that was ahead and was set back must not silence anything: what is told in the future was told long ago.
    return timedelta(0) <= now - before < span


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
