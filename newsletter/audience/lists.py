"""The lists that readers join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from newsletter import settings
from newsletter.clock import Clock
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.statuses import SubscriptionStatus
from newsletter.store.tables import mailing_list, subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class MailingList:
    """A list. `counts` holds the subscriptions of each status, 0 included; it is empty where nobody counted. Of those that
    are subscribed, `paused` pause.
    """

    id: int
    name: str
    title: str
    counts: Mapping[SubscriptionStatus, int] = field(default_factory=dict)
    paused: int = 0


def require(store: Store, name: str) -> MailingList:
    """The list called `name`.

    Raises:
        InputError: there is none; names the nearest.
    """
    with store.reading() as connection:
        rows = connection.execute(select(mailing_list.c.id, mailing_list.c.name, mailing_list.c.title)).all()
    lists = {row.name: MailingList(id=row.id, name=row.name, title=row.title) for row in rows}
    if name not in lists:
        remedy = settings.nearest(name, sorted(lists)) if lists else "Add a table [lists.NAME] to newsletter.toml"
        raise InputError(f"no list is called {name!r}", remedy=remedy)
    return lists[name]


def ensure(store: Store, name: str, *, title: str, clock: Clock) -> MailingList:
    """The list called `name`, made if there is none, with `title`."""
    with store.writing(alone=True) as connection:
        found = connection.execute(select(mailing_list).where(mailing_list.c.name == name)).one_or_none()
        if found is None:
            row = {"name": name, "title": title, "created_at": clock()}
            made = connection.execute(insert(mailing_list).values(row).returning(mailing_list.c.id)).scalar_one()
            return MailingList(id=made, name=name, title=title)
        if found.title != title:
            connection.execute(update(mailing_list).where(mailing_list.c.id == found.id).values(title=title))
        return MailingList(id=found.id, name=name, title=title)


def follow_settings(store: Store, configured: Mapping[str, settings.MailingList], *, clock: Clock) -> None:
    """Make the lists that `newsletter.toml` names; a list that it names no more stays, with its readers.

    Writes only where something differs, so that it may run at each start.
    """
    with store.reading() as connection:
        known = {row.name: row.title for row in connection.execute(select(mailing_list.c.name, mailing_list.c.title))}
    for name, wanted in configured.items():
        if known.get(name) != wanted.title:
            ensure(store, name, title=wanted.title, clock=clock)


def all_of(store: Store) -> list[MailingList]:
    """All lists by name, not counted."""
    with store.reading() as connection:
        rows = connection.execute(
            select(mailing_list.c.id, mailing_list.c.name, mailing_list.c.title).order_by(mailing_list.c.name)
        )
        return [MailingList(id=row.id, name=row.name, title=row.title) for row in rows]


def counted(store: Store, *, now: datetime) -> list[MailingList]:
    """All lists by name, with their counts. Reads indices alone."""
    found = all_of(store)
    with store.reading() as connection:
        return [
            replace(each, counts=tally(connection, each.id), paused=_paused(connection, each.id, now)) for each in found
        ]


def _paused(connection: Connection, list_id: int, now: datetime) -> int:
    pausing = (subscription.c.list_id == list_id) & (subscription.c.paused_until > now)
    where = pausing & (subscription.c.status == SubscriptionStatus.SUBSCRIBED)
    return connection.execute(select(func.count()).select_from(subscription).where(where)).scalar_one()


def tally(connection: Connection, list_id: int) -> dict[SubscriptionStatus, int]:
    """The subscriptions of a list by status, 0 included. Reads indices alone.

    Those that are subscribed are what the others leave of all: they are the many, and comparing a word for each takes
    longer than walking the smaller index without a look. Measured for a million, in processor time: 32 ms on SQLite and
    105 ms on PostgreSQL, where three processes share it; by one statement that groups them 65 and 154 ms.
    """
    of_list = subscription.c.list_id == list_id
    total = connection.execute(select(func.count()).select_from(subscription).where(of_list)).scalar_one()
    rare = [status for status in SubscriptionStatus if status is not SubscriptionStatus.SUBSCRIBED]
    statement = (
        select(subscription.c.status, func.count())
        .where(of_list, subscription.c.status.in_(rare))
        .group_by(subscription.c.status)
    )
    counts = {SubscriptionStatus(status): count for status, count in connection.execute(statement)}
    counts[SubscriptionStatus.SUBSCRIBED] = total - sum(counts.values())
    return dict.fromkeys(SubscriptionStatus, 0) | counts
