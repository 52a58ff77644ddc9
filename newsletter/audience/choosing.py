"""Whom of a list a mailing is for: a filter, and lists whose readers are left out. It only ever leaves readers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, and_, exists, insert, literal, or_, select

from newsletter.audience import lists
from newsletter.audience.lists import MailingList
from newsletter.audience.segments import matches, named, parse
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.audience_tables import excluded_list
from newsletter.store.parameters import MAILING
from newsletter.store.statuses import Exclusion, SubscriptionStatus
from newsletter.store.tables import Instant, mailing_list, subscription


class OtherList(NamedTuple):
    """A list whose readers are left out."""

    id: int
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Whom of a list a mailing is for.

    `filter` is its one written form, "" for all; `segment` the name that it has or had, "" where it was typed. Whoever is
    subscribed to one of the lists `without` does not get it.
    """

    filter: str = ""
    segment: str = ""
    without: tuple[OtherList, ...] = ()

    @property
    def in_words(self) -> str:
        """Such as `donors: tag:donor; nobody on weekly`; "" for everybody."""
        named = f"{self.segment}: " if self.segment else ""
        parts = [f"{named}{self.filter}"] if self.filter else []
        return "; ".join(parts + [f"nobody on {each.name}" for each in self.without])

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "segment": self.segment or None,
            "filter": self.filter or None,
            "excluded_lists": [each.name for each in self.without],
        }


EVERYBODY = Choice()


def choose(
    store: Store, target: MailingList, *, segment: str | None, text: str | None, without: Sequence[str]
) -> Choice:
    """What a person asks for.

    Args:
        store: the database.
        target: the list that the mailing goes to.
        segment: the name of a segment.
        text: a filter; with a segment, both have to hold.
        without: names of lists.

    Raises:
        InputError: there is no such segment or list, the filter cannot be read, or all would be left out.
    """
    wanted = [f"({named.require(store, segment).filter})"] if segment is not None else []
    wanted += [f"({parse(text)})"] if text is not None else []
    excluded = [lists.require(store, name) for name in sorted(set(without))]
    if any(each.id == target.id for each in excluded):
        raise InputError(
            f"everybody on {target.name!r} would be left out", where="--exclude-list", remedy="Leave out other lists"
        )
    return Choice(
        filter=str(parse(" and ".join(wanted))) if wanted else "",
        segment=segment if segment is not None and text is None else "",
        without=tuple(OtherList(each.id, each.name) for each in excluded),
    )


def keep(connection: Connection, mailing_id: int, choice: Choice) -> None:
    """Note the lists that a new mailing leaves out."""
    if choice.without:
        rows = [{"mailing_id": mailing_id, "list_id": each.id} for each in choice.without]
        connection.execute(insert(excluded_list), rows)


def of_mailing(connection: Connection, mailing_id: int, *, filter_text: str, segment: str) -> Choice:
    """What is kept of a mailing's choice."""
    rows = connection.execute(_LEFT_OUT, {"mailing": mailing_id})
    without = tuple(OtherList(row.id, row.name) for row in rows)
    return Choice(filter=filter_text, segment=segment, without=without)


Cases = list[tuple[ColumnElement[bool], Exclusion]]


def left_out(choice: Choice, *, now: datetime) -> Cases:
    """Why a subscriber, joined with their subscription, who could be mailed is not, in the order of `Exclusion`."""
    cases = [(paused(literal(now, Instant)), Exclusion.PAUSED)]
    if choice.without:
        cases.append((on_list([each.id for each in choice.without]), Exclusion.OTHER_LIST))
    return cases + outside(choice.filter)


def left_out_of(mailing_id: ColumnElement[Any], filter_text: str, *, now: BindParameter[datetime]) -> Cases:
    """The same where the mailing's number and the instant are parameters: the statement is made once."""
    its_lists = select(excluded_list.c.list_id).where(excluded_list.c.mailing_id == mailing_id)
    # Asked once a statement: most mailings leave out no list, and then nobody's other subscriptions are looked up.
    elsewhere = and_(its_lists.exists(), on_list(its_lists))
    return [(paused(now), Exclusion.PAUSED), (elsewhere, Exclusion.OTHER_LIST), *outside(filter_text)]


def paused(now: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the subscription pauses; never NULL."""
    return and_(subscription.c.paused_until.is_not(None), subscription.c.paused_until > now)


def on_list(numbers: Sequence[int] | Select[Any]) -> ColumnElement[bool]:
    """Whether a subscriber is subscribed to one of the lists."""
    other = subscription.alias()
    return exists().where(
        other.c.subscriber_id == subscription.c.subscriber_id,
        other.c.list_id.in_(numbers),
        other.c.status == SubscriptionStatus.SUBSCRIBED,
    )


def outside(filter_text: str) -> Cases:
    """That a subscriber is not as the filter asks; nothing where there is none."""
    return [(~matches(parse(filter_text)), Exclusion.SEGMENT)] if filter_text else []


def may_get(choice: Choice, *, now: datetime) -> ColumnElement[bool]:
    """Whether nothing of that holds."""
    return ~or_(*(case for case, _ in left_out(choice, now=now)))


_LEFT_OUT = (
    select(mailing_list.c.id, mailing_list.c.name)
    .join(excluded_list)
    .where(excluded_list.c.mailing_id == MAILING)
    .order_by(mailing_list.c.name)
)
