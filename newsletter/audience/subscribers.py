"""The people who read: adding one, finding one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from newsletter.audience import lists
from newsletter.audience.addresses import mask, parse
from newsletter.audience.enrolling import Consent, Enrolment, Noted, enrol, holdings
from newsletter.audience.evidence import wording_of
from newsletter.audience.names import clean_name
from newsletter.audience.people import Person, check_hour, check_language, check_zone
from newsletter.audience.suppressions import Fingerprint, suppressed
from newsletter.clock import Clock
from newsletter.errors import BlockedError, InputError
from newsletter.store import Store
from newsletter.store.statuses import ConsentStep, ConsentWay, SubscriptionStatus, SuppressionReason
from newsletter.store.tables import mailing_list, subscriber, subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A subscriber's standing with one list and the evidence for it. Instants are in UTC."""

    list_name: str
    status: SubscriptionStatus
    consent_text: str
    consent_source: str
    consent_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscriber:
    """A person we know. `zone`, `hour` and `language` are None where unknown; `suppressed` says why no mail goes."""

    id: int
    address: str
    name: str
    language: str | None
    zone: str | None
    hour: str | None
    created_at: datetime
    subscriptions: tuple[Subscription, ...]
    suppressed: SuppressionReason | None


def add(
    store: Store,
    address: str,
    *,
    list_name: str,
    consent: str,
    clock: Clock,
    source: str = "added by hand",
    name: str = "",
    language: str = "",
    zone: str = "",
    hour: str = "",
    fingerprint: Fingerprint | None = None,
) -> tuple[Subscriber, bool]:
    """Subscribe one person to a list; the subscriber, and whether anything changed (a subscriber stays as known).

    Args:
        store: the database.
        address: as typed.
        list_name: an existing list.
        consent: the words that the person agreed to, or how it is known that they did.
        clock: gives the instant of the consent.
        source: where those words are recorded.
        name: in any script; cleaned as `clean_name` says.
        language: a BCP 47 tag, or "".
        zone: an IANA name, or "".
        hour: the local hour that they chose for the newsletter, such as 07:00, or "".
        fingerprint: knows erased people by their keyed hash.

    Raises:
        InputError: no address, no such list, zone or hour, or no consent.
        BlockedError: the person left this list, has yet to confirm, or is suppressed.
    """
    if not consent.strip():
        raise InputError("no consent is given", remedy="Say how it is known that this person wants the mail")
    person = Person(
        address=parse(address),
        name=clean_name(name),
        zone=check_zone(zone),
        hour=check_hour(hour),
        language=check_language(language),
    )
    target = lists.require(store, list_name)
    evidence = Consent(text=consent.strip(), source=source[:300], at=clock())
    with store.writing(alone=True) as connection:
        added = _add(connection, person, target, evidence, fingerprint)
        return _one(connection, subscriber.c.address_key == person.address.key, fingerprint), added


def find(store: Store, address: str, *, fingerprint: Fingerprint | None = None) -> Subscriber | None:
    """The subscriber with this address, in any spelling; None where there is none.

    Raises:
        InputError: it is no address.
    """
    key = parse(address).key
    with store.reading() as connection:
        return _read(connection, subscriber.c.address_key == key, fingerprint)


def by_number(store: Store, number: int, *, fingerprint: Fingerprint | None = None) -> Subscriber | None:
    """The subscriber with this number; None where there is none."""
    with store.reading() as connection:
        return _read(connection, subscriber.c.id == number, fingerprint)


def _add(
    connection: Connection, person: Person, target: lists.MailingList, consent: Consent, fingerprint: Fingerprint | None
) -> bool:
    key = person.address.key
    if reason := suppressed(connection, [key], fingerprint=fingerprint).get(key):
        raise BlockedError(f"{mask(key)} is suppressed ({reason})", remedy=_WHY_SUPPRESSED[reason])
    held = holdings(connection, target.id, [key])
    status = held[key].status if key in held else None
    if status in _ONLY_THEY_CAN:
        raise BlockedError(f"{mask(key)} {_ONLY_THEY_CAN[status]} {target.name!r}", remedy="Only they can change that")
    if status is None:
        words = wording_of(connection, text=consent.text, source=consent.source)
        noted = Noted(what=ConsentStep.ADDED, how=ConsentWay.COMMAND, wording_id=words, at=consent.at)
        enrol(connection, target.id, [Enrolment(person=person, consent=consent)], held, noted)
    return status is None


_ONLY_THEY_CAN = {
    SubscriptionStatus.UNSUBSCRIBED: "has left the list",
    SubscriptionStatus.UNCONFIRMED: "has yet to confirm the list",
}
_WHY_SUPPRESSED = {
    SuppressionReason.INVALID: "No mailbox has this address; ask for another one",
    SuppressionReason.BOUNCE: "Mail came back for good; ask for another address",
    SuppressionReason.COMPLAINT: "They reported the mail as spam; that cannot be lifted",
    SuppressionReason.MANUAL: "Somebody of the newsroom suppressed it; ask why before lifting it",
    SuppressionReason.ERASED: "They had themselves erased; only they can come back",
}
"""What to do about each reason."""


def _one(connection: Connection, where: ColumnElement[bool], fingerprint: Fingerprint | None) -> Subscriber:
    found = _read(connection, where, fingerprint)
    if found is None:
        raise LookupError("the subscriber vanished inside one transaction")
    return found


def _read(connection: Connection, where: ColumnElement[bool], fingerprint: Fingerprint | None) -> Subscriber | None:
    row = connection.execute(select(subscriber).where(where)).one_or_none()
    if row is None:
        return None
    barred = suppressed(connection, [row.address_key], fingerprint=fingerprint)
    return Subscriber(
        id=row.id,
        address=row.address,
        name=row.name,
        language=row.language,
        zone=row.zone,
        hour=row.hour,
        created_at=row.created_at,
        subscriptions=_subscriptions(connection, row.id),
        suppressed=barred.get(row.address_key),
    )


def _subscriptions(connection: Connection, subscriber_id: int) -> tuple[Subscription, ...]:
    rows = connection.execute(
        select(mailing_list.c.name.label("list_name"), subscription)
        .join(subscription, subscription.c.list_id == mailing_list.c.id)
        .where(subscription.c.subscriber_id == subscriber_id)
        .order_by(mailing_list.c.name)
    )
    return tuple(
        Subscription(
            list_name=row.list_name,
            status=SubscriptionStatus(row.status),
            consent_text=row.consent_text,
            consent_source=row.consent_source,
            consent_at=row.consent_at,
            changed_at=row.changed_at,
        )
        for row in rows
    )
