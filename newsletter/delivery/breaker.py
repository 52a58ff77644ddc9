"""The circuit breaker: a mailing that goes wrong is paused by itself, with the reason, and one alert is raised.

It is judged by what is in the database (deliveries, attempts, events), so that any worker comes to the same verdict. A
person lets it go on; from then on only what comes after counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from newsletter import alerts
from newsletter.alerts.thresholds import Breach, Count, Threshold, breaches
from newsletter.delivery import breaker_counts, history
from newsletter.delivery.breaker_counts import BOUNCES, COMPLAINTS, ERRORS, METRICS, TEMPORARY
from newsletter.delivery.senders.base import seconds
from newsletter.delivery.standing import alert_subject, pause_for
from newsletter.settings import BreakerSettings
from newsletter.store import Store
from newsletter.store.alert_tables import breaker
from newsletter.store.parameters import MAILING

_LOOK = 0.5
_DUTY = 50.0
"""A look that takes a second is followed by the next after fifty: it may cost a fiftieth of a worker's time."""

_OUTAGE = timedelta(minutes=15)
"""So long the provider must fail. Shorter outages mend themselves: workers slow down to a probe and pick up again."""

_WORDS = {
    COMPLAINTS: "complained of it as spam",
    BOUNCES: "addresses do not exist or refuse it for good",
    TEMPORARY: "were put off by their servers for now",
    ERRORS: "calls failed at the provider",
}


def thresholds(limits: BreakerSettings | None = None) -> tuple[Threshold, ...]:
    """When a mailing is paused. The shares are the settings'; the volumes are such that a sound list is left alone.

    A list with half the share allowed passes it by chance in fewer than one mailing of 20: three complaints where one
    and a half are to be expected, ten bounces where five are.
    """
    limits = limits or BreakerSettings()
    return (
        Threshold(metric=COMPLAINTS, share=limits.complaints_percent / 100, volume=1_000, cases=3),
        Threshold(metric=BOUNCES, share=limits.bounces_percent / 100, volume=100, cases=10),
        Threshold(metric=TEMPORARY, share=limits.temporary_percent / 100, volume=100, cases=20),
        Threshold(
            metric=ERRORS,
            share=limits.errors_percent / 100,
            volume=10,
            cases=10,
            window=breaker_counts.WINDOW,
            lasting=_OUTAGE,
        ),
    )


def canary_thresholds(limits: BreakerSettings | None = None) -> tuple[Threshold, ...]:
    """When a canary is not well: the shares of the whole mailing, at the volumes that a hundred readers give."""
    limits = limits or BreakerSettings()
    return (
        Threshold(metric=COMPLAINTS, share=limits.complaints_percent / 100, volume=20, cases=2),
        Threshold(metric=BOUNCES, share=limits.bounces_percent / 100, volume=20, cases=5),
        Threshold(metric=TEMPORARY, share=limits.temporary_percent / 100, volume=20, cases=5),
        Threshold(metric=ERRORS, share=limits.errors_percent / 100, volume=5, cases=5, window=breaker_counts.WINDOW),
    )


class Breaker:
    """Looks at one mailing now and then, on behalf of a worker.

    Args:
        store: the database.
        mailing_id: which.
        limits: of the newsroom; the usual ones where none are given.
    """

    def __init__(self, store: Store, mailing_id: int, limits: BreakerSettings | None = None) -> None:
        self._store = store
        self._mailing_id = mailing_id
        self._limits = thresholds(limits)
        self.canary_limits = canary_thresholds(limits)
        self._since: dict[str, float] = {}
        self._next = 0.0
        self._mark = (0, 0)

    def look(self, *, now: datetime) -> str:
        """Pause the mailing where a threshold is passed; why, empty where none is. Reads often, writes only to pause.

        Raises:
            InputError: the database takes nothing.
        """
        began = seconds()
        if began < self._next:
            return ""
        self._next = began + _LOOK
        with self._store.reading() as connection:
            mark = breaker_counts.mark(connection)
            if mark == self._mark and not self._since:
                return ""
            counts = counted(connection, self._mailing_id, now=now)
        self._mark = mark
        breach = self._standing(breaches(self._limits, counts), began)
        took = seconds() - began
        self._next = seconds() + max(_LOOK, took * _DUTY)
        if breach is None:
            return ""
        with self._store.writing() as connection:
            return trip(connection, self._mailing_id, breach, now=now)

    def _standing(self, found: Sequence[Breach], moment: float) -> Breach | None:
        """The first breach that has stood for as long as its threshold says."""
        passed = {breach.threshold.metric for breach in found}
        self._since = {metric: self._since.get(metric, moment) for metric in passed}
        for breach in found:
            if moment - self._since[breach.threshold.metric] >= breach.threshold.lasting.total_seconds():
                return breach
        return None


def counted(connection: Connection, mailing_id: int, *, now: datetime) -> dict[str, Count]:
    """What the breaker counts of the mailing, metric by metric, since a person last let it go on."""
    row = connection.execute(_BASE, {"mailing": mailing_id}).first()
    base: Mapping[str, Any] = row.base if row else {}
    found = breaker_counts.of(connection, mailing_id, now=now, since=row.base_at if row else None)
    return {metric: count.since(_read(base.get(metric))) for metric, count in found.items()}


def trip(connection: Connection, mailing_id: int, breach: Breach, *, now: datetime) -> str:
    """`sending` → `paused`, with the reason and an alert, all or none; the reason, empty where it was not sending."""
    why, code = reason(breach), f"BREAKER-{breach.threshold.metric.upper()}"
    if not pause_for(connection, mailing_id, why, code=code, now=now):
        return ""
    _keep(connection, mailing_id, tripped_at=now, reason=why)
    return why


def reset(connection: Connection, mailing_id: int, *, actor: str, now: datetime) -> None:
    """A person lets the mailing go on: what has been counted so far counts no more, and its alerts are over."""
    counts = breaker_counts.of(connection, mailing_id, now=now, since=None)
    base = {metric: [count.cases, count.volume] for metric, count in counts.items() if metric != ERRORS}
    _keep(connection, mailing_id, base=base, base_at=now, tripped_at=None, reason="")
    end_alerts(connection, mailing_id, why=f"{actor} resumed it", now=now)


def end_alerts(connection: Connection, mailing_id: int, *, why: str, now: datetime) -> None:
    """Whatever was the matter with the mailing is so no more."""
    alerts.resolve_all(connection, alert_subject(mailing_id), now=now, why=why)


def reason(breach: Breach) -> str:
    """Why a mailing is paused."""
    return f"circuit breaker: {in_words(breach)}"


def in_words(breach: Breach) -> str:
    """The breach with its numbers and its limit."""
    count, threshold = breach.count, breach.threshold
    share = f"{count.share * 100:.3g} %"
    return (
        f"{count.cases:,} of {count.volume:,} {_WORDS[threshold.metric]}, {share}; "
        f"the limit is {threshold.share * 100:g} %"
    )


def passed_canary(connection: Connection, mailing_id: int, *, now: datetime) -> None:
    """The canary is well: that is said once."""
    _keep(connection, mailing_id, canary_passed_at=now)
    history.note(connection, mailing_id, "canary.passed", actor=history.WORKER, now=now)


def has_passed_canary(connection: Connection, mailing_id: int) -> bool:
    """Whether a canary of the mailing was found to be well."""
    found = select(breaker.c.canary_passed_at).where(breaker.c.mailing_id == mailing_id)
    return connection.execute(found).scalar_one_or_none() is not None


def _keep(connection: Connection, mailing_id: int, **values: Any) -> None:
    """Write the mailing's row, which is made on first use."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made = insert(breaker).values(mailing_id=mailing_id, base={}).on_conflict_do_nothing()
    connection.execute(made)
    connection.execute(update(breaker).where(breaker.c.mailing_id == mailing_id).values(values))


def _read(kept: Any) -> Count:
    return Count(cases=kept[0], volume=kept[1]) if kept else Count(cases=0, volume=0)


_BASE = select(breaker.c.base, breaker.c.base_at).where(breaker.c.mailing_id == MAILING)

__all__ = [
    "METRICS",
    "Breaker",
    "canary_thresholds",
    "counted",
    "end_alerts",
    "has_passed_canary",
    "in_words",
    "passed_canary",
    "reason",
    "reset",
    "thresholds",
    "trip",
]
