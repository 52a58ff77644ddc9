"""What readers may see, take along and have erased: all that is kept of them, with a link that was mailed for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select

from newsletter.audience import erasing, evidence
from newsletter.audience.addresses import mask
from newsletter.store import Store
from newsletter.store.audience_tables import attribute, subscriber_tag, tag
from newsletter.store.tables import (
    audit,
    delivery,
    event,
    mailing,
    mailing_list,
    notice,
    subscriber,
    subscription,
    suppression,
)
from newsletter.tokens import ExpiredTokenError, Purpose, TokenError, TokenKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class Managed:
    """Who has the page with their own data open. `masked` is the address, most of it left out."""

    subscriber_id: int
    address: str
    key: str
    masked: str
    language: str | None


def managed(store: Store, keys: TokenKeys, token: str, *, now: datetime) -> Managed:
    """Whose data the link opens.

    Raises:
        TokenError: it is no such link, or the person is gone.
        ExpiredTokenError: it has run out, or was mailed to another address than they have now.
    """
    with store.reading() as connection:
        return _managed(connection, keys, token, now)


def export_own(store: Store, keys: TokenKeys, token: str, *, now: datetime) -> dict[str, Any]:
    """All that is kept of the person, as plain data for JSON: texts, numbers, instants in UTC as ISO 8601.

    Raises:
        TokenError: as for `managed`.
    """
    with store.reading() as connection:
        known = _managed(connection, keys, token, now)
        return _all_of(connection, known.subscriber_id, now)


def erase_own(store: Store, keys: TokenKeys, token: str, *, now: datetime) -> str:
    """Erase the person everywhere. A keyed hash of the address stays, so that no import brings them back; that hash.

    Raises:
        TokenError: as for `managed`.
    """

    def step(connection: Connection) -> str:
        known = _managed(connection, keys, token, now)
        who = f"subscriber:{known.subscriber_id}"
        erasing.erase(connection, known.subscriber_id, fingerprint=keys.fingerprint, at=now, actor=who)
        return keys.fingerprint(known.key)

    return store.write(step, alone=True)


def _managed(connection: Connection, keys: TokenKeys, token: str, now: datetime) -> Managed:
    content = keys.read_fresh(Purpose.MANAGE, token, now=now)
    row = connection.execute(select(subscriber).where(subscriber.c.id == content.subscriber_id)).one_or_none()
    if row is None or not row.address_key:
        raise TokenError.invalid()
    if not keys.is_bound(content, row.address_key):
        raise ExpiredTokenError.over()
    address, masked = row.address, mask(row.address)
    return Managed(subscriber_id=row.id, address=address, key=row.address_key, masked=masked, language=row.language)


def _all_of(connection: Connection, number: int, now: datetime) -> dict[str, Any]:
    person = connection.execute(select(subscriber).where(subscriber.c.id == number)).one()
    sent = _rows(connection, _sent(number))
    return {
        "exported_at": _plain(now),
        "person": _shown(person, ("address", "name", "language", "zone", "hour", "created_at")),
        "tags": list(connection.execute(_tags(number)).scalars()),
        "attributes": {row.name: row.value for row in connection.execute(_attributes(number))},
        "subscriptions": _subscriptions(connection, number),
        "suppressions": _rows(connection, _suppressions(person.address_key)),
        "mailings": sent,
        "events": _rows(connection, _events(number)),
        "notices": _rows(connection, _notices(person)),
        "log": _rows(connection, _log(number)),
    }


def _subscriptions(connection: Connection, number: int) -> list[dict[str, Any]]:
    statement = (
        select(subscription, mailing_list.c.title.label("list"))
        .join(mailing_list, mailing_list.c.id == subscription.c.list_id)
        .where(subscription.c.subscriber_id == number)
        .order_by(subscription.c.id)
    )
    rows = connection.execute(statement).all()
    steps = evidence.steps_of(connection, [row.id for row in rows])
    names = (
        "list",
        "status",
        "consent_text",
        "consent_source",
        "consent_at",
        "changed_at",
        "paused_until",
        "left_reason",
    )
    return [_shown(row, names) | {"evidence": [_step(step) for step in steps.get(row.id, ())]} for row in rows]


def _step(step: evidence.Step) -> dict[str, Any]:
    names = ("at", "what", "how", "source", "text", "network", "language")
    return {name: _plain(getattr(step, name)) for name in names}


def _tags(number: int) -> Select[Any]:
    joined = select(tag.c.name).join(subscriber_tag, subscriber_tag.c.tag_id == tag.c.id)
    return joined.where(subscriber_tag.c.subscriber_id == number).order_by(tag.c.name)


def _attributes(number: int) -> Select[Any]:
    table = attribute.c
    return select(table.name, table.value).where(table.subscriber_id == number).order_by(table.name)


def _suppressions(key: str) -> Select[Any]:
    table = suppression.c
    return select(table.reason, table.at, table.evidence).where(table.address_key == key).order_by(table.id)


def _sent(number: int) -> Select[Any]:
    columns = (
        delivery.c.id,
        mailing.c.issue,
        mailing.c.local_date.label("date"),
        delivery.c.status,
        delivery.c.changed_at,
    )
    joined = select(*columns).join(mailing, mailing.c.id == delivery.c.mailing_id)
    return joined.where(delivery.c.subscriber_id == number).order_by(delivery.c.id)


def _events(number: int) -> Select[Any]:
    columns = (event.c.delivery_id, event.c.type, event.c.at, event.c.machine, event.c.provider, event.c.raw)
    joined = select(*columns).join(delivery, delivery.c.id == event.c.delivery_id)
    return joined.where(delivery.c.subscriber_id == number).order_by(event.c.id)


def _notices(person: Row[Any]) -> Select[Any]:
    table = notice.c
    theirs = or_(table.subscriber_id == person.id, table.address_key == person.address_key)
    columns = (table.kind, table.address, table.detail, table.status, table.created_at, table.changed_at)
    return select(*columns).where(theirs).order_by(table.id)


def _log(number: int) -> Select[Any]:
    table = audit.c
    about = table.subject == f"subscriber:{number}"
    return select(table.at, table.actor, table.action, table.detail).where(about).order_by(table.id)


def _rows(connection: Connection, statement: Select[Any]) -> list[dict[str, Any]]:
    result = connection.execute(statement)
    names = list(result.keys())
    return [_shown(row, names) for row in result]


def _shown(row: Row[Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
