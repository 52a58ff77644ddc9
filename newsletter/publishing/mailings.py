"""Mailings in the database."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, insert, select, update

from newsletter.audience import choosing
from newsletter.audience.choosing import EVERYBODY, Choice
from newsletter.audience.lists import MailingList
from newsletter.errors import BlockedError, InputError
from newsletter.publishing.editions import freeze
from newsletter.publishing.mailing import Mailing
from newsletter.publishing.timing import Timing
from newsletter.rendering import Edition
from newsletter.store import Store, audit, lineage, tables
from newsletter.store.parameters import MAILING
from newsletter.store.statuses import OPEN, MailingKind, MailingStatus

Recheck = Callable[[Connection], None]
"""Raises BlockedError where the edition may no longer go out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a mailing is made from. `not_later_than` is UTC; `local_date` is the day in the list's zone.

    `actor` is who orders it; `waived` are the codes of the findings that they answer for. Both go into the audit.
    `resend_after` is how long after it became so what is unknown is sent again; None where a person decides. `choice` says
    whom of the list it is for.
    """

    issue: str
    edition: Edition
    target: MailingList
    local_date: Date
    not_later_than: datetime
    actor: str
    waived: Collection[str] = ()
    resend_after: timedelta | None = None
    choice: Choice = EVERYBODY


def create(store: Store, order: Order, *, now: datetime, recheck: Recheck = lambda _: None) -> Mailing:
    """A scheduled mailing of the order, due now, with its edition frozen and its one wave, all or none.

    `recheck` is asked in the same transaction, so that what let the order through still holds when the mailing is made.
    After a mailing that was cancelled, and of which nothing is open, it is the next of its date.

    Raises:
        BlockedError: the list has a mailing of this date already, which another process may have just made; or the database
            is a backup that was put back.
    """
    with store.writing(alone=True) as connection:
        lineage.refuse_while_restored(connection)
        recheck(connection)
        lock_list(connection, order.target.id)
        earlier = find_in(connection, order.target.id, order.local_date)
        if earlier is not None and not is_over(connection, earlier):
            raise BlockedError(
                f"list {order.target.name!r} has a mailing of {order.local_date} already",
                remedy="Send again to go on with it",
            )
        digest = freeze(connection, order.edition, issue=order.issue, now=now)
        row: dict[str, Any] = {
            "list_id": order.target.id,
            "local_date": order.local_date,
            "kind": MailingKind.ISSUE,
            "sequence": next_sequence(connection, order.target.id, order.local_date),
            "issue": order.issue,
            "edition_digest": digest,
            "status": MailingStatus.SCHEDULED,
            "not_later_than": order.not_later_than,
            "resend_after": round(order.resend_after.total_seconds()) if order.resend_after is not None else None,
            "excluded": {},
            "filter": order.choice.filter,
            "segment": order.choice.segment,
            "created_at": now,
            **number_after_restore(connection, now),
        }
        made = connection.execute(insert(tables.mailing).values(row).returning(tables.mailing.c.id)).scalar_one()
        wave = {"mailing_id": made, "due_at": now, "edition_digest": digest}
        connection.execute(insert(tables.wave).values(wave))
        choosing.keep(connection, made, order.choice)
        audit.note(connection, "mailing.create", f"mailing:{made}", _detail(order, digest), actor=order.actor, at=now)
        return require(connection, made)


def get(store: Store, mailing_id: int) -> Mailing:
    """The mailing with this number.

    Raises:
        InputError: there is none.
    """
    with store.reading() as connection:
        return require(connection, mailing_id)


def choice_of(connection: Connection, of: Mailing) -> Choice:
    """Whom of its list a mailing is for."""
    return choosing.of_mailing(connection, of.id, filter_text=of.filter, segment=of.segment)


def all_of(store: Store, *, limit: int = 50) -> list[Mailing]:
    """The latest mailings, the newest first."""
    with store.reading() as connection:
        rows = connection.execute(_select().order_by(tables.mailing.c.id.desc()).limit(limit))
        return [_mailing(row) for row in rows]


def being_sent(store: Store) -> list[Mailing]:
    """The mailings that are being sent, the oldest first."""
    with store.reading() as connection:
        return [_mailing(row) for row in connection.execute(_BEING_SENT)]


def find(store: Store, target: MailingList, local_date: Date) -> Mailing | None:
    """The mailing of an issue that the list had, or is having, on that day."""
    with store.reading() as connection:
        return find_in(connection, target.id, local_date)


def open_of(store: Store, mailing_id: int) -> int:
    """How many of its deliveries have no end yet."""
    with store.reading() as connection:
        return open_in(connection, mailing_id)


def is_over(connection: Connection, earlier: Mailing) -> bool:
    """Whether another mailing of the same date may follow: this one was cancelled, and nothing of it is in the air."""
    return earlier.status is MailingStatus.CANCELLED and not open_in(connection, earlier.id)


def open_in(connection: Connection, mailing_id: int) -> int:
    """How many of its deliveries have no end yet, read in the caller's transaction."""
    where = (tables.delivery.c.mailing_id == mailing_id) & tables.delivery.c.status.in_(OPEN)
    return connection.execute(select(func.count()).select_from(tables.delivery).where(where)).scalar_one()


def of_issue(store: Store, issue: str) -> list[Mailing]:
    """All mailings of the issue, to whatever list, the oldest first."""
    with store.reading() as connection:
        rows = connection.execute(_select().where(tables.mailing.c.issue == issue).order_by(tables.mailing.c.id))
        return [_mailing(row) for row in rows]


def move(store: Store, before: Mailing, after: Mailing) -> Mailing:
    """Write a transition that the noun allowed, if the mailing is still as it was `before`.

    Raises:
        BlockedError: another process changed it meanwhile.
    """
    with store.writing() as connection:
        return write(connection, before, after)


def write(connection: Connection, before: Mailing, after: Mailing) -> Mailing:
    """The same in the caller's transaction.

    Raises:
        BlockedError: another process changed it meanwhile.
    """
    where = (tables.mailing.c.id == before.id) & (tables.mailing.c.status == before.status)
    values = {
        "status": after.status,
        "started_at": after.started_at,
        "finished_at": after.finished_at,
        "not_later_than": after.not_later_than,
    }
    if connection.execute(update(tables.mailing).where(where).values(values)).rowcount != 1:
        raise BlockedError(f"mailing {before.id} was changed by another process", remedy="Look at it again")
    return after


def _detail(order: Order, digest: str) -> dict[str, Any]:
    detail = {"issue": order.issue, "list": order.target.name, "edition": digest, "waived": sorted(order.waived)}
    return detail | (order.choice.as_dict() if order.choice != EVERYBODY else {})


def _select() -> Select[Any]:
    named = tables.mailing_list.c
    return select(tables.mailing, named.name.label("list_name"), named.title.label("list_title")).join(
        tables.mailing_list
    )


def find_in(connection: Connection, list_id: int, local_date: Date) -> Mailing | None:
    """The mailing of an issue that the list had, has or will have on that day, read in the caller's transaction.

    One that was taken back before it began is none.
    """
    row = connection.execute(_LAST_OF_DAY, {"list": list_id, "day": local_date}).one_or_none()
    return None if row is None else _mailing(row)


def of_issue_to(connection: Connection, list_id: int, issue: str) -> Mailing | None:
    """The latest mailing of the issue to the list, whatever its day; one that was taken back is none."""
    row = connection.execute(_LAST_OF_ISSUE, {"list": list_id, "of_issue": issue}).one_or_none()
    return None if row is None else _mailing(row)


def scheduled_between(connection: Connection, begin: datetime, end: datetime) -> list[Mailing]:
    """The mailings with a first wave in a span of time, whatever became of them, the earliest first."""
    table = tables.mailing.c
    where = (table.due_at >= begin) & (table.due_at < end) & ~taken_back()
    return [_mailing(row) for row in connection.execute(_select().where(where).order_by(table.due_at, table.id))]


def which(connection: Connection, where: ColumnElement[bool]) -> list[Mailing]:
    """The mailings that a condition on their table names, in order."""
    return [_mailing(row) for row in connection.execute(_select().where(where).order_by(tables.mailing.c.id))]


def lock_list(connection: Connection, list_id: int) -> None:
    """Nobody else makes a mailing of this list until the transaction ends."""
    connection.execute(select(tables.mailing_list.c.id).where(tables.mailing_list.c.id == list_id).with_for_update())


def next_sequence(connection: Connection, list_id: int, local_date: Date) -> int:
    """The number of another mailing of that day: those that were taken back keep theirs."""
    last = connection.execute(_LAST_SEQUENCE, {"list": list_id, "day": local_date}).scalar_one()
    return (last or 0) + 1


def number_after_restore(connection: Connection, now: datetime) -> dict[str, int]:
    """The column `id` of a mailing to be made; empty where the database counts for itself. For the caller that is alone.

    In a database that was put back the numbers given after the backup are left out, one for each minute since: events,
    and links in mails that have gone out, still name them.
    """
    found = lineage.read(connection)
    if found is None or found.restored_at is None:
        return {}
    newest = select(tables.mailing.c.id, tables.mailing.c.created_at).order_by(tables.mailing.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    last = row.id if row else 0
    if row is not None and row.created_at > found.restored_at:
        return {"id": last + 1}
    known_to = found.restored_to or found.restored_at
    return {"id": last + 2 + max(0, math.ceil((now - known_to).total_seconds() / 60))}


def taken_back() -> ColumnElement[bool]:
    """Whether a mailing was cancelled before anything of it began."""
    return and_(tables.mailing.c.status == MailingStatus.CANCELLED, tables.mailing.c.started_at.is_(None))


def require(connection: Connection, mailing_id: int) -> Mailing:
    """The mailing with this number, read in the caller's transaction.

    Raises:
        InputError: there is none.
    """
    row = connection.execute(_ONE, {"mailing": mailing_id}).one_or_none()
    if row is None:
        raise InputError(f"there is no mailing {mailing_id}", remedy="`newsletter send` prints the number of each")
    return _mailing(row)


def _mailing(row: Row[Any]) -> Mailing:
    return Mailing(
        id=row.id,
        list_id=row.list_id,
        list_name=row.list_name,
        list_title=row.list_title,
        local_date=row.local_date,
        kind=MailingKind(row.kind),
        sequence=row.sequence,
        issue=row.issue,
        edition_digest=row.edition_digest,
        status=MailingStatus(row.status),
        not_later_than=row.not_later_than,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        due_at=row.due_at,
        timing=_timing(row),
        filter=row.filter,
        segment=row.segment,
    )


def _timing(row: Row[Any]) -> Timing | None:
    if row.due_at is None:
        return None
    return Timing(
        day=row.local_date,
        hour=time.fromisoformat(row.hour),
        zone=row.zone,
        limit=timedelta(seconds=row.late_limit),
        by_reader=row.by_reader,
        canary=row.canary,
        skips_past=row.skips_past,
    )


_ONE = _select().where(tables.mailing.c.id == MAILING)
_BEING_SENT = _select().where(tables.mailing.c.status == MailingStatus.SENDING).order_by(tables.mailing.c.id)


_OF_LIST = (tables.mailing.c.list_id == bindparam("list"), tables.mailing.c.kind == MailingKind.ISSUE)
_OF_DAY = (*_OF_LIST, tables.mailing.c.local_date == bindparam("day"))
_LAST_OF_DAY = _select().where(*_OF_DAY, ~taken_back()).order_by(tables.mailing.c.sequence.desc()).limit(1)
_LAST_SEQUENCE = select(func.max(tables.mailing.c.sequence)).where(*_OF_DAY)
_LAST_OF_ISSUE = (
    _select()
    .where(*_OF_LIST, tables.mailing.c.issue == bindparam("of_issue"), ~taken_back())
    .order_by(tables.mailing.c.id.desc())
    .limit(1)
)
