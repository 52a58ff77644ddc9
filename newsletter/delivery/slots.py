"""Watching the slots of lists with a calendar: what has to be ready by when, and what is scheduled by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, bindparam, select, update

from newsletter import alerts
from newsletter.alerts import Alert
from newsletter.delivery import steps
from newsletter.publishing import Mailing, mailings
from newsletter.publishing.calendar import Calendar, Slot, hour_in_words
from newsletter.publishing.recurring import Outcome, schedule_approved
from newsletter.publishing.scheduling import Proposal
from newsletter.publishing.wish import calendar_of
from newsletter.roundups import Outlets
from newsletter.settings import Settings
from newsletter.store import Store, lineage
from newsletter.store.alert_tables import alert as alert_table
from newsletter.store.parameters import given
from newsletter.store.statuses import MailingKind
from newsletter.store.tables import mailing, mailing_list

NOT_READY, NOT_BY_ITSELF, MISSED = "NOT-READY", "NOT-SENT-BY-ITSELF", "WAVES-MISSED"

_BACK, _AHEAD = timedelta(hours=24), timedelta(hours=36)
"""Slots that are looked at: past a day, a slot is yesterday's and no alarm of today."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Watched:
    """A list with a calendar; slots before `since` were never promised."""

    id: int
    name: str
    calendar: Calendar
    since: datetime


class SlotWatch:
    """Looks at the slots around the present hour.

    Args:
        store: the database.
        settings: the newsroom's, with the lists' calendars.
        outlets: what issues are read with.
    """

    def __init__(self, store: Store, settings: Settings, *, outlets: Outlets) -> None:
        self._store = store
        self._settings = settings
        self._outlets = outlets
        self._watched: tuple[_Watched, ...] | None = None
        zone = settings.newsroom.zone
        named = ((name, each, calendar_of(each, zone=zone)) for name, each in settings.lists.items())
        self._calendars = {name: calendar for name, _, calendar in named if calendar is not None}
        self._slots: dict[tuple[str, Date], Slot | None] = {}
        # Slots before it fell into the time after a backup: what went out then is not known.
        self._word_given_at: datetime | None = None

    def look(self, *, now: datetime) -> datetime | None:
        """Schedule what goes by itself, raise what is missing, resolve what is there; when the next slot matters."""
        with self._store.reading() as connection:
            known = lineage.read(connection)
        if not self._calendars or known is None or known.waits:
            return None
        self._word_given_at = known.accepted_at
        if self._watched is None:
            self._watched = self._promised(now)
        recurring = {name: self._calendars[name] for name in self._calendars if self._settings.lists[name].recurring}
        outcomes = self._by_itself(recurring, now) if recurring else []
        slots = list(self._around(now))
        self._judge(slots, outcomes, now)
        return min((ready for _, _, ready in slots if ready > now), default=None)

    def _by_itself(self, recurring: Mapping[str, Calendar], now: datetime) -> list[Outcome]:
        also = partial(_tell_missed, now=now)
        outcomes = schedule_approved(
            self._store,
            self._settings,
            recurring,
            outlets=self._outlets,
            now=now,
            known_since=self._word_given_at,
            also=also,
        )
        for made in outcomes:
            if made.mailing is not None:
                steps.reached("slot.committed")
        return outcomes

    def _around(self, now: datetime) -> Iterator[tuple[_Watched, Slot, datetime]]:
        """The slots that matter now, each with the instant by which its mailing has to be there."""
        day, last = (now - _BACK).date() - timedelta(days=1), (now + _AHEAD).date() + timedelta(days=1)
        days = [day + timedelta(days=number) for number in range((last - day).days + 1)]
        self._slots = {key: slot for key, slot in self._slots.items() if key[1] >= day}
        for watched in self._watched or ():
            for each in days:
                slot = self._slot(watched, each)
                since = max(watched.since, self._word_given_at or watched.since)
                if slot is None or not now - _BACK <= slot.due_at <= now + _AHEAD or slot.due_at < since:
                    continue
                ready = watched.calendar.ready_at(each) or slot.due_at
                yield watched, slot, min(ready, slot.due_at)

    def _slot(self, watched: _Watched, day: Date) -> Slot | None:
        key = (watched.name, day)
        if key not in self._slots:
            self._slots[key] = watched.calendar.slot(day)
        return self._slots[key]

    def _judge(
        self, slots: Sequence[tuple[_Watched, Slot, datetime]], outcomes: Sequence[Outcome], now: datetime
    ) -> None:
        days = [slot.day for _, slot, _ in slots]
        with self._store.reading() as connection:
            span = {"first": min(days, default=Date.max), "last": max(days, default=Date.min)}
            taken = {(row.list_id, row.local_date) for row in connection.execute(_TAKEN, span)}
            raised = {(row.code, row.subject) for row in connection.execute(_RAISED)}
        missing = {}
        for watched, slot, ready in slots:
            if (watched.id, slot.day) not in taken and ready <= now:
                subject = _subject(watched.name, watched.id, slot.day)
                code, said = self._missing(watched, slot, outcomes)
                # Once the slot has passed nothing is tried any more, and why it did not go stays as it was told.
                missing[subject] = (NOT_BY_ITSELF if (NOT_BY_ITSELF, subject) in raised else code, said)
        self._write(missing, raised, {_subject(w.name, w.id, s.day) for w, s, _ in slots}, now)

    def _missing(self, watched: _Watched, slot: Slot, outcomes: Sequence[Outcome]) -> tuple[str, str]:
        """Code and message."""
        when = (
            f"the issue of {slot.day} on list {watched.name!r}, due {hour_in_words(slot.due_at, watched.calendar.zone)}"
        )
        for each in outcomes:
            if each.list_name == watched.name and each.day == slot.day and each.why:
                return NOT_BY_ITSELF, f"{when}, is not scheduled: {each.issue}: {each.why}"
        return NOT_READY, f"{when}, is not scheduled, and nothing is sent"

    def _write(
        self,
        missing: Mapping[str, tuple[str, str]],
        raised: set[tuple[str, str]],
        looked_at: set[str],
        now: datetime,
    ) -> None:
        new = [(code, subject, said) for subject, (code, said) in missing.items() if (code, subject) not in raised]
        over = [(code, subject) for code, subject in raised if missing.get(subject, ("",))[0] != code]
        if not new and not over:
            return
        with self._store.writing() as connection:
            for code, subject, said in new:
                alerts.raise_alert(connection, Alert(code=code, subject=subject, message=said), now=now)
            for code, subject in over:
                scheduled = "it is scheduled" if subject in looked_at else "its day is over"
                why = "it is not scheduled still: another alert says why" if subject in missing else scheduled
                alerts.resolve(connection, code, subject, now=now, why=why)

    def _promised(self, now: datetime) -> tuple[_Watched, ...]:
        """The lists with a calendar, and since when each has the one that it has: that is kept in the database."""
        with self._store.reading() as connection:
            known = {row.name: row for row in connection.execute(select(mailing_list))}
        watched = []
        for name, calendar in self._calendars.items():
            row = known.get(name)
            if row is None:
                continue
            since, written = row.calendar_since, _written(calendar)
            if row.calendar != written or since is None:
                since = now
                with self._store.writing() as connection:
                    values = {"calendar": written, "calendar_since": now}
                    connection.execute(update(mailing_list).where(mailing_list.c.id == row.id).values(values))
            watched.append(_Watched(id=row.id, name=name, calendar=calendar, since=since))
        return tuple(watched)


def _tell_missed(connection: Connection, made: Mailing, proposal: Proposal, *, now: datetime) -> None:
    if not proposal.too_late:
        return
    said = (
        f"the hour of {proposal.too_late:,} readers of list {made.list_name!r} had passed when {made.issue} was ready"
    )
    about = Alert(code=MISSED, subject=f"mailing:{made.id}", message=said)
    alerts.raise_alert(connection, about, now=now)


def _written(calendar: Calendar) -> str:
    """What of a calendar promises a slot, in a line."""
    return f"{calendar.hour:%H:%M} {calendar.zone} {','.join(map(str, sorted(calendar.weekdays)))}"


def _subject(name: str, number: int, day: Date) -> str:
    return f"list:{name if re.fullmatch(r'[A-Za-z0-9._-]{1,100}', name) else number}:{day}"


_TAKEN = select(mailing.c.list_id, mailing.c.local_date).where(
    mailing.c.local_date.between(bindparam("first"), bindparam("last")),
    mailing.c.kind == MailingKind.ISSUE,
    ~mailings.taken_back(),
)
_RAISED = select(alert_table.c.code, alert_table.c.subject).where(
    alert_table.c.open_key.is_not(None), alert_table.c.code.in_(given(NOT_READY, NOT_BY_ITSELF))
)
