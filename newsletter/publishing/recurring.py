"""Recurring: a list may say that each day's approved issue is scheduled by itself.

Approved means: somebody's word is on record for the very edition that the issue's files make now, and the gate has
nothing against it. An issue that is being edited again waits until it is approved again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, timedelta

from sqlalchemy import bindparam, exists, func, or_, select

from newsletter.errors import BlockedError, InputError
from newsletter.issues import Issue, load
from newsletter.issues.dates import date_in_name
from newsletter.publishing import mailings
from newsletter.publishing.calendar import Calendar
from newsletter.publishing.examining import examine
from newsletter.publishing.mailing import Mailing
from newsletter.publishing.scheduling import Also, propose, schedule
from newsletter.publishing.wish import Wish
from newsletter.roundups import Outlets
from newsletter.settings import Settings
from newsletter.store import Store, tables
from newsletter.store.tables import Instant

ACTOR = "scheduler"
_UNKNOWN = "a backup was put back, and readers whose hour had come by then may have it already: a person schedules it"
_EARLIEST = timedelta(hours=26)
"""By so much a reader's own hour may come before that of the list's zone."""

_RECENT = timedelta(days=60)
"""How far back an approval may lie for its issue to be looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one approved issue on one list: its mailing, or why there is none."""

    list_name: str
    day: Date
    issue: str
    mailing: Mailing | None = None
    why: str = ""


def schedule_approved(
    store: Store,
    settings: Settings,
    calendars: Mapping[str, Calendar],
    *,
    outlets: Outlets,
    now: datetime,
    known_since: datetime | None = None,
    also: Also = lambda *_: None,
) -> list[Outcome]:
    """Schedule every approved issue that has a slot to come on a recurring list and no mailing there.

    Args:
        store: the database.
        settings: the newsroom's.
        calendars: those of the recurring lists, by name.
        outlets: what issues are read with.
        now: the hour.
        known_since: where a backup was put back, since when it is known again what went out. A slot of which a wave may
            have gone out before is left to a person.
        also: is done with each, in the same transaction.
    """
    outcomes = []
    for slug, to in _approved(store, calendars, now=now):
        try:
            issue = load(settings, slug, outlets=outlets)
        except InputError as error:
            day = date_in_name(slug) or Date.min
            outcomes += [Outcome(list_name=name, day=day, issue=slug, why=str(error)) for name in to]
            continue
        outcomes += [
            _scheduled(store, settings, issue, name, outlets=outlets, now=now, also=also)
            if _is_known(settings, calendars[name], name, issue.date, known_since)
            else Outcome(list_name=name, day=issue.date, issue=slug, why=_UNKNOWN)
            for name in to
            if name in issue.lists and _to_come(calendars[name], issue.date, now)
        ]
    return outcomes


def _scheduled(
    store: Store, settings: Settings, issue: Issue, list_name: str, *, outlets: Outlets, now: datetime, also: Also
) -> Outcome:
    of = {"list_name": list_name, "day": issue.date, "issue": issue.slug}
    try:
        examined = examine(store, issue, settings, outlets=outlets, now=now)
        if not examined.standing.approvals:
            return Outcome(**of, why="nobody has approved it as it is now")  # type: ignore[arg-type]  # names are given above
        proposal = propose(store, settings, examined, list_name, Wish(), now=now)
        made = schedule(store, proposal, actor=ACTOR, now=now, also=also)
    except (BlockedError, InputError) as error:
        return Outcome(**of, why=error.what)  # type: ignore[arg-type]
    return Outcome(**of, mailing=made)  # type: ignore[arg-type]


def _is_known(settings: Settings, calendar: Calendar, name: str, day: Date, since: datetime | None) -> bool:
    """Whether nothing of the slot can have gone out before `since`."""
    slot = calendar.slot(day)
    if since is None or slot is None:
        return True
    first = slot.due_at - (_EARLIEST if settings.lists[name].local else timedelta(0))
    return first > since


def _to_come(calendar: Calendar, day: Date, now: datetime) -> bool:
    """Whether the list has a slot on that day that has not passed: after it, only a person sends."""
    slot = calendar.slot(day)
    return slot is not None and slot.due_at > now


def _approved(store: Store, names: Collection[str], *, now: datetime) -> Iterator[tuple[str, list[str]]]:
    """Issues with an approval, each with those of the lists that it has no mailing to.

    One that a person has taken back stays so until somebody approves the issue after that.
    """
    with store.reading() as connection:
        slugs = list(connection.execute(_APPROVED, {"since": now - _RECENT}).scalars())
        found = []
        for slug in slugs:
            without = connection.execute(_WITHOUT, {"of_issue": slug}).scalars()
            found.append((slug, [name for name in without if name in names]))
    for slug, to in found:
        if to:
            yield slug, to


_GIVEN = tables.approval.c
_APPROVED = (
    select(_GIVEN.issue)
    .where(_GIVEN.withdrawn_at.is_(None), _GIVEN.at > bindparam("since", type_=Instant))
    .distinct()
    .order_by(_GIVEN.issue)
)
_OF_ISSUE = bindparam("of_issue", type_=_GIVEN.issue.type)
_APPROVED_AT = (
    select(func.max(_GIVEN.at)).where(_GIVEN.issue == _OF_ISSUE, _GIVEN.withdrawn_at.is_(None)).scalar_subquery()
)
_HAS_IT = exists().where(
    tables.mailing.c.list_id == tables.mailing_list.c.id,
    tables.mailing.c.issue == _OF_ISSUE,
    or_(~mailings.taken_back(), tables.mailing.c.finished_at >= _APPROVED_AT),
)
_WITHOUT = select(tables.mailing_list.c.name).where(~_HAS_IT).order_by(tables.mailing_list.c.id)
