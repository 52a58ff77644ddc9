"""Scheduling: an examined issue gets its slot on a list, through the same gate as a send, and can lose it again.

What is scheduled is the frozen edition: what becomes of the issue's files later changes nothing. Rescheduling is
scheduling again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from newsletter.audience import choosing, lists
from newsletter.audience.choosing import EVERYBODY, Choice
from newsletter.audience.lists import MailingList
from newsletter.errors import BlockedError
from newsletter.publishing import gate, mailings
from newsletter.publishing.audience_size import usual_on
from newsletter.publishing.calendar import TZDATA, oddity
from newsletter.publishing.editions import freeze
from newsletter.publishing.examining import Examined
from newsletter.publishing.mailing import Mailing
from newsletter.publishing.standing import standing
from newsletter.publishing.timing import PlannedWave, ReaderClock, Timing
from newsletter.publishing.wish import Wish, configured, timing_of
from newsletter.settings import Settings
from newsletter.store import Store, audit, lineage, tables
from newsletter.store.audience_tables import excluded_list
from newsletter.store.statuses import MailingKind, MailingStatus, SubscriptionStatus

_MAILING, _WAVE = tables.mailing, tables.wave


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A slot for an issue, through the gate, with nothing written. `before` is the mailing that it moves, if any.

    `resend_after` is how long after it became so what is unknown is sent again; None where a person decides. `choice` says
    whom of the list it is for.
    """

    examined: Examined
    target: MailingList
    timing: Timing
    waves: tuple[PlannedWave, ...]
    before: Mailing | None
    resend_after: timedelta | None = None
    choice: Choice = EVERYBODY

    @property
    def readers(self) -> int:
        """How many get it, as the list stands now."""
        return sum(wave.readers for wave in self.waves if not wave.skipped)

    @property
    def at_once(self) -> int:
        """How many get it at once because their hour has passed."""
        return sum(wave.readers for wave in self.waves if wave.past and not wave.skipped)

    @property
    def too_late(self) -> int:
        """How many do not get it because their hour has passed."""
        return sum(wave.readers for wave in self.waves if wave.skipped)

    @property
    def due_at(self) -> datetime:
        """When the first wave is due."""
        return min(wave.due_at for wave in self.waves if not wave.skipped)

    @property
    def notes(self) -> list[str]:
        """What a person should know besides, in sentences without their full stop."""
        timing = self.timing
        odd = oddity(timing.day, timing.hour, timing.zone)
        other_day = self.examined.issue.date != timing.day
        return [
            *([odd] if odd else []),
            *([f"the issue itself is dated {self.examined.issue.date}"] if other_day else []),
        ]


Also = Callable[[Connection, Mailing, Proposal], None]
"""What goes with scheduling: it is given the mailing as it was made."""


def propose(
    store: Store,
    settings: Settings,
    examined: Examined,
    list_name: str,
    wish: Wish,
    *,
    now: datetime,
    expected: int | None = None,
    choice: Choice = EVERYBODY,
) -> Proposal:
    """What scheduling the examined issue on the list would do. Nothing is written.

    `expected` is how many readers a person has confirmed, where that is out of the ordinary. `choice` says whom of the
    list it is for.

    Raises:
        InputError: there is no such list, or no such day, time or zone.
        BlockedError: findings stand in the way, or the time has passed.
    """
    wanted = configured(settings.lists, list_name)
    target = lists.require(store, list_name)
    zone = settings.newsroom.zone
    timing = timing_of(wish, wanted, list_name=list_name, zone=zone, day=examined.issue.date, now=now)
    with store.reading() as connection:
        before, earlier = _others(connection, target, timing, examined.issue.slug)
        _refuse_others(connection, before, choice)
        earlier_open = mailings.open_in(connection, earlier.id) if earlier is not None else 0
        readers = readers_by_clock(connection, target.id, choice, now=now)
        usual = usual_on(connection, target.id, choice)
    gate.pass_or_block(
        gate.Facts(
            subject=examined.edition.subject,
            postal_address=settings.newsroom.postal_address,
            recipients=sum(readers.values()),
            list_name=target.name,
            open_findings=examined.open,
            earlier=earlier,
            earlier_open=earlier_open,
            sign_off=examined.sign_off,
            usual=usual,
            expected=expected,
            only=choice.in_words,
        )
    )
    waves = timing.plan(readers, now=now)
    _refuse_past(timing, waves, explicit=wish.at is not None)
    minutes = wanted.resend_unknown_after
    return Proposal(
        examined=examined,
        target=target,
        timing=timing,
        waves=waves,
        before=before,
        choice=choice,
        resend_after=None if minutes is None else timedelta(minutes=minutes),
    )


def schedule(store: Store, proposal: Proposal, *, actor: str, now: datetime, also: Also = lambda *_: None) -> Mailing:
    """Carry the proposal out: a scheduled mailing with its edition frozen and its waves, all or none.

    `also` is done in the same transaction.

    Raises:
        BlockedError: the slot was taken, or an approval withdrawn, since it was proposed; or the database is a backup that
            was put back.
    """
    examined, timing, target = proposal.examined, proposal.timing, proposal.target
    with store.writing(alone=True) as connection:
        lineage.refuse_while_restored(connection)
        mailings.lock_list(connection, target.id)
        recheck(connection, examined)
        before, earlier = _others(connection, target, timing, examined.issue.slug)
        if earlier is not None or (before is None) != (proposal.before is None):
            raise BlockedError("the slot was changed by another process", remedy="Look at it again")
        _refuse_others(connection, before, proposal.choice)
        digest = freeze(connection, examined.edition, issue=examined.issue.slug, now=now)
        values = {
            "edition_digest": digest,
            "filter": proposal.choice.filter,
            "segment": proposal.choice.segment,
            "resend_after": None if proposal.resend_after is None else round(proposal.resend_after.total_seconds()),
            **_columns(timing, proposal.waves),
        }
        number = _moved(connection, before, timing, values) if before else _made(connection, proposal, values, now)
        insert_waves(connection, number, digest, proposal.waves)
        choosing.keep(connection, number, proposal.choice)
        detail = {
            "issue": examined.issue.slug,
            "list": target.name,
            "edition": digest,
            "due": proposal.due_at.isoformat(),
            "waves": len(proposal.waves),
            "waived": sorted({finding.code for finding in examined.waived}),
            **(proposal.choice.as_dict() if proposal.choice != EVERYBODY else {}),
        }
        action = "mailing.schedule" if before is None else "mailing.reschedule"
        audit.note(connection, action, f"mailing:{number}", detail, actor=actor, at=now)
        made = mailings.require(connection, number)
        also(connection, made, proposal)
        return made


def unschedule(store: Store, issue: str, list_name: str, *, actor: str, now: datetime) -> Mailing:
    """Take a scheduled issue back; its slot is free again.

    Raises:
        InputError: there is no such list.
        BlockedError: it is not scheduled there, or has begun.
    """
    target = lists.require(store, list_name)
    with store.writing() as connection:
        before = mailings.of_issue_to(connection, target.id, issue)
        if before is None:
            raise BlockedError(f"{issue} is not scheduled on list {list_name!r}")
        if not before.waits:
            raise BlockedError(
                f"{issue} has begun, or has ended, on list {list_name!r}: mailing {before.id} is {before.status.value}",
                remedy=f"To stop it: newsletter mailing cancel {before.id}",
            )
        after = mailings.write(connection, before, before.cancel(now))
        detail = {"issue": issue, "list": list_name}
        audit.note(connection, "mailing.unschedule", f"mailing:{before.id}", detail, actor=actor, at=now)
        return after


def readers_by_clock(
    connection: Connection, list_id: int, choice: Choice = EVERYBODY, *, now: datetime
) -> dict[ReaderClock, int]:
    """How many readers of the list can be mailed, by the clock that they go by."""
    person, joined = tables.subscriber.c, tables.subscription.c
    suppressed = exists().where(tables.suppression.c.address_key == person.address_key)
    rows = connection.execute(
        select(person.zone, person.hour, func.count().label("number"))
        .select_from(tables.subscription)
        .join(tables.subscriber)
        .where(joined.list_id == list_id, joined.status == SubscriptionStatus.SUBSCRIBED, ~suppressed)
        .where(choosing.may_get(choice, now=now))
        .group_by(person.zone, person.hour)
    )
    return {ReaderClock(row.zone or "", row.hour or ""): row.number for row in rows}


def insert_waves(connection: Connection, mailing_id: int, digest: str, waves: Sequence[PlannedWave]) -> None:
    """Write the waves of a mailing."""
    rows = [
        {
            "mailing_id": mailing_id,
            "zone": wave.clock.zone,
            "hour": wave.clock.hour,
            "canary": wave.canary,
            "due_at": wave.due_at,
            "not_later_than": wave.not_later_than,
            "skipped": wave.skipped,
            "edition_digest": digest,
        }
        for wave in waves
    ]
    connection.execute(insert(_WAVE), rows)


def _others(
    connection: Connection, target: MailingList, timing: Timing, issue: str
) -> tuple[Mailing | None, Mailing | None]:
    """The issue's own slot on the list, which is moved; and what stands in the way: the day's or the issue's mailing.

    One that was cancelled, and of which nothing is open, stands in nobody's way.
    """
    own = mailings.of_issue_to(connection, target.id, issue)
    if own is not None and mailings.is_over(connection, own):
        own = None
    if own is not None and not own.waits:
        return None, own
    of_day = mailings.find_in(connection, target.id, timing.day)
    if of_day is None or mailings.is_over(connection, of_day) or (own is not None and of_day.id == own.id):
        return own, None
    return own, of_day


def _refuse_others(connection: Connection, before: Mailing | None, choice: Choice) -> None:
    """Moving a mailing must not send it to others than it was ordered for: nobody would notice."""
    kept = mailings.choice_of(connection, before) if before is not None else choice
    if before is not None and (kept.filter, kept.without) != (choice.filter, choice.without):
        raise BlockedError(
            f"mailing {before.id} is scheduled for {kept.in_words or 'everybody'}, and this would be for "
            f"{choice.in_words or 'everybody'}",
            remedy=f"Ask for the same readers again, or take it back: newsletter issue unschedule {before.issue} "
            f"--list {before.list_name}",
        )


def recheck(connection: Connection, examined: Examined) -> None:
    """Refuse where an approval was withdrawn, or its giver disabled, since it was examined.

    Raises:
        BlockedError: the edition may no longer go out.
    """
    found = standing(connection, issue=examined.issue.slug, digest=examined.digest)
    gate.block(gate.unsigned(replace(examined.sign_off, standing=found)))


def _refuse_past(timing: Timing, waves: Sequence[PlannedWave], *, explicit: bool) -> None:
    own = timing.own
    alone_and_past = explicit and not timing.by_reader and all(wave.past for wave in waves)
    if alone_and_past or all(wave.skipped for wave in waves):
        raise BlockedError(
            f"{own:%Y-%m-%d %H:%M} UTC has passed",
            where="--at" if explicit else "",
            remedy="Choose a later time with --at, or send it now with `newsletter send`",
        )


def _columns(timing: Timing, waves: Sequence[PlannedWave]) -> Mapping[str, Any]:
    going = [wave for wave in waves if not wave.skipped]
    return {
        "due_at": min(wave.due_at for wave in going),
        "not_later_than": max(wave.not_later_than for wave in going),
        "zone": timing.zone,
        "hour": f"{timing.hour:%H:%M}",
        "tzdata": TZDATA,
        "by_reader": timing.by_reader,
        "canary": timing.canary,
        "late_limit": round(timing.limit.total_seconds()),
        "skips_past": timing.skips_past,
    }


def _made(connection: Connection, proposal: Proposal, values: Mapping[str, Any], now: datetime) -> int:
    list_id, day = proposal.target.id, proposal.timing.day
    row = {
        "list_id": list_id,
        "local_date": day,
        "kind": MailingKind.ISSUE,
        "sequence": mailings.next_sequence(connection, list_id, day),
        "issue": proposal.examined.issue.slug,
        "status": MailingStatus.SCHEDULED,
        "excluded": {},
        "created_at": now,
        **mailings.number_after_restore(connection, now),
        **values,
    }
    number: int = connection.execute(insert(_MAILING).values(row).returning(_MAILING.c.id)).scalar_one()
    return number


def _moved(connection: Connection, before: Mailing, timing: Timing, values: Mapping[str, Any]) -> int:
    """The mailing that is there already gets other waves, if it has not begun meanwhile."""
    waits = (_MAILING.c.id == before.id) & (_MAILING.c.status == MailingStatus.SCHEDULED)
    other_day = timing.day != before.local_date
    sequence = {"sequence": mailings.next_sequence(connection, before.list_id, timing.day)} if other_day else {}
    changed = update(_MAILING).where(waits).values(local_date=timing.day, **sequence, **values)
    if connection.execute(changed).rowcount != 1:
        raise BlockedError(f"mailing {before.id} has begun meanwhile", remedy="Look at it again")
    connection.execute(delete(_WAVE).where(_WAVE.c.mailing_id == before.id))
    connection.execute(delete(excluded_list).where(excluded_list.c.mailing_id == before.id))
    return before.id
