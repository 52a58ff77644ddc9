"""What becomes of a notice to a reader: which mail it is, with which links, or why there is none.

Everything that differs between somebody we know, do not know, may not write to, or have erased is decided here, by the
worker: the page that took the request has long since answered, and the same to all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from newsletter.audience import evidence
from newsletter.audience.suppressions import reasons_of
from newsletter.store.statuses import (
    ConsentStep,
    ConsentWay,
    DeliveryStatus,
    NoticeKind,
    SubscriptionStatus,
    SuppressionReason,
)
from newsletter.store.tables import mailing_list, notice, subscriber, subscription
from newsletter.tokens import INERT, Purpose, TokenKeys

CONFIRM_WITHIN = timedelta(days=3)
"""Over a weekend."""
MANAGE_WITHIN = timedelta(days=1)
"""What it opens shows and erases everything that is kept of a person."""
ADDRESS_WITHIN = timedelta(days=1)

TELL_AGAIN = timedelta(days=1)
"""Who asks for a list that they have is told so once a day."""
TRY_AGAIN = timedelta(days=7)
"""An address that mail came back from gets one more confirmation a week: mailboxes are mended, and owners know."""

NEVER = frozenset({SuppressionReason.COMPLAINT, SuppressionReason.MANUAL})
"""Whoever reported our mail as spam, or was taken off by the newsroom, is not written to, whoever asks for it."""
CAME_BACK = frozenset({SuppressionReason.INVALID, SuppressionReason.BOUNCE})

_WENT_OUT = (DeliveryStatus.ACCEPTED, DeliveryStatus.SENDING, DeliveryStatus.DEFERRED, DeliveryStatus.UNKNOWN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A mail to be made. `hours` is how long its link works, 0 where it has none; `since` stands in the footer.

    `list_title` and `list_name` are "" where it is about no list. `fresh` is the token of its link, `leave` the one of
    preferences and unsubscribing.
    """

    kind: NoticeKind
    template: str
    subscriber_id: int
    language: str | None
    since: Date
    name: str = ""
    list_name: str = ""
    list_title: str = ""
    hours: int = 0
    fresh: str = ""
    leave: str = INERT


class NoMailError(Exception):
    """There is no mail to be made; says why, for the ledger."""


def answer(connection: Connection, row: Row[Any], keys: TokenKeys, *, now: datetime) -> Answer:
    """What to send for the notice in `row`, as one step of the transaction that claims it.

    A stranger who asks for a list becomes a subscriber with an unconfirmed subscription here, with the request as the
    first evidence.

    Raises:
        NoMailError: nothing is sent; why.
    """
    against = reasons_of(connection, row.address_key, fingerprint=keys.fingerprint)
    if against & NEVER:
        raise NoMailError("suppressed")
    return _ANSWERS[NoticeKind(row.kind)](_Asked(connection, row, keys, against, now))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A notice that is being answered."""

    connection: Connection
    row: Row[Any]
    keys: TokenKeys
    against: frozenset[SuppressionReason]
    now: datetime

    def person(self) -> Row[Any] | None:
        """The subscriber it is about: by number, or by address while that is still to be found."""
        number = self.row.subscriber_id
        where = subscriber.c.address_key == self.row.address_key if number is None else subscriber.c.id == number
        return self.connection.execute(select(subscriber).where(where)).one_or_none()

    def target(self) -> Row[Any]:
        """The list it is about."""
        return self.connection.execute(select(mailing_list).where(mailing_list.c.id == self.row.list_id)).one()

    def standing(self, subscriber_id: int) -> Row[Any] | None:
        """The person's subscription to that list."""
        where = evidence.of_pair(subscriber_id, self.row.list_id)
        return self.connection.execute(select(subscription).where(where)).one_or_none()

    def refuse_repeat(self, kind: NoticeKind, within: timedelta, why: str) -> None:
        """Refuse where the address got such a notice a short while ago."""
        table = notice.c
        statement = (
            select(table.id)
            .where(table.address_key == self.row.address_key, table.kind == kind, table.id != self.row.id)
            .where(table.created_at > self.now - within, table.status.in_(_WENT_OUT))
        )
        if self.connection.execute(statement.limit(1)).first():
            raise NoMailError(why)

    def refuse_if_it_came_back(self) -> None:
        """One confirmation a week to an address that did not work."""
        if self.against & CAME_BACK:
            self.refuse_repeat(self.kind, TRY_AGAIN, "mail came back from there, and one was sent this week")

    def refuse_suppressed(self) -> None:
        """For what is no answer to its owner's own request."""
        if self.against:
            raise NoMailError("suppressed")

    @property
    def kind(self) -> NoticeKind:
        return NoticeKind(self.row.kind)

    def language(self, person: Row[Any] | None) -> str | None:
        own: str | None = self.row.language
        return own or (person.language if person is not None else None)


def _confirmation(asked: _Asked) -> Answer:
    person = asked.person()
    standing = asked.standing(person.id) if person is not None else None
    if person is not None and standing is not None and standing.status == SubscriptionStatus.SUBSCRIBED:
        return _already(asked, person)
    asked.refuse_if_it_came_back()
    # Another try of the same request: its evidence is there.
    number = asked.row.subscriber_id or _requested(asked, person, standing)
    target = asked.target()
    until = asked.now + CONFIRM_WITHIN
    fresh = asked.keys.fresh(Purpose.CONFIRM, number, target.id, address_key=asked.row.address_key, until=until)
    return Answer(
        kind=NoticeKind.CONFIRMATION,
        template="confirm",
        subscriber_id=number,
        language=asked.language(person),
        since=asked.row.created_at.date(),
        list_name=target.name,
        list_title=target.title,
        hours=_hours(CONFIRM_WITHIN),
        fresh=fresh,
    )


def _already(asked: _Asked, person: Row[Any]) -> Answer:
    if asked.row.subscriber_id is not None and asked.kind is NoticeKind.CONFIRMATION:
        raise NoMailError("confirmed in the meantime")
    asked.refuse_suppressed()
    asked.refuse_repeat(NoticeKind.ALREADY, TELL_AGAIN, "on the list, and was told so today")
    return _about_list(asked, person, NoticeKind.ALREADY, "already", asked.row.created_at.date())


def _welcome(asked: _Asked) -> Answer:
    asked.refuse_suppressed()
    person = asked.person()
    standing = asked.standing(person.id) if person is not None else None
    if person is None or standing is None or standing.status != SubscriptionStatus.SUBSCRIBED:
        raise NoMailError("not on the list any more")
    return _about_list(asked, person, NoticeKind.WELCOME, "welcome", standing.consent_at.date())


def _about_list(asked: _Asked, person: Row[Any], kind: NoticeKind, template: str, since: Date) -> Answer:
    target = asked.target()
    return Answer(
        kind=kind,
        template=template,
        subscriber_id=person.id,
        language=asked.language(person),
        since=since,
        name=person.name,
        list_name=target.name,
        list_title=target.title,
        leave=asked.keys.leave(person.id, target.id),
    )


def _manage(asked: _Asked) -> Answer:
    asked.refuse_suppressed()
    person = asked.person()
    if person is None:
        raise NoMailError("nobody here has this address")
    return _with_link(asked, person, Purpose.MANAGE, "manage", MANAGE_WITHIN)


def _address(asked: _Asked) -> Answer:
    asked.refuse_if_it_came_back()
    person = asked.person()
    if person is None:
        raise NoMailError("erased in the meantime")
    return _with_link(asked, person, Purpose.ADDRESS, "address", ADDRESS_WITHIN)


def _moved(asked: _Asked) -> Answer:
    asked.refuse_suppressed()
    person = asked.person()
    if person is None:
        raise NoMailError("erased in the meantime")
    return Answer(
        kind=NoticeKind.MOVED,
        template="moved",
        subscriber_id=person.id,
        language=asked.language(person),
        since=asked.row.created_at.date(),
    )


def _with_link(asked: _Asked, person: Row[Any], purpose: Purpose, template: str, within: timedelta) -> Answer:
    # Bound to the address that the person has at present: once that is changed, no link from before does anything.
    until, bound_to = asked.now + within, person.address_key
    fresh = asked.keys.fresh(purpose, person.id, asked.row.id, address_key=bound_to, until=until)
    return Answer(
        kind=asked.kind,
        template=template,
        subscriber_id=person.id,
        language=asked.language(person),
        since=asked.row.created_at.date(),
        hours=_hours(within),
        fresh=fresh,
    )


_ANSWERS: Mapping[NoticeKind, Callable[[_Asked], Answer]] = {
    NoticeKind.CONFIRMATION: _confirmation,
    NoticeKind.ALREADY: _confirmation,
    NoticeKind.WELCOME: _welcome,
    NoticeKind.MANAGE: _manage,
    NoticeKind.ADDRESS: _address,
    NoticeKind.MOVED: _moved,
}


def _requested(asked: _Asked, person: Row[Any] | None, standing: Row[Any] | None) -> int:
    """Keep the request as evidence, and make who is new here a subscriber; their number.

    Who has left stays so until they confirm: it was not they who asked, for all we know.
    """
    row, detail = asked.row, asked.row.detail or {}
    number: int = person.id if person is not None else _stranger(asked)
    if standing is None:
        values = {
            "list_id": row.list_id,
            "subscriber_id": number,
            "status": SubscriptionStatus.UNCONFIRMED,
            "consent_text": detail.get("words", ""),
            "consent_source": detail.get("source", ""),
            "consent_at": row.created_at,
            "changed_at": row.created_at,
        }
        asked.connection.execute(insert(subscription).values(values))
    step = evidence.Step(
        at=row.created_at,
        what=ConsentStep.REQUESTED,
        how=ConsentWay(detail.get("how", ConsentWay.FORM)),
        source=detail.get("source", ""),
        text=detail.get("words", ""),
        network=detail.get("network", ""),
        language=row.language,
    )
    evidence.note(asked.connection, evidence.of_pair(number, row.list_id), step)
    return number


def _stranger(asked: _Asked) -> int:
    row = asked.row
    values = {
        "address": row.address,
        "address_key": row.address_key,
        "domain": row.address_key.rpartition("@")[2],
        "language": row.language,
        "created_at": row.created_at,
    }
    number: int = asked.connection.execute(insert(subscriber).values(values).returning(subscriber.c.id)).scalar_one()
    return number


def _hours(length: timedelta) -> int:
    return round(length.total_seconds() / 3600)
