"""A reader's own copy of an edition, from the same join that made the e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere

from sqlalchemy import or_, select

from newsletter.delivery.copies import Copies
from newsletter.errors import InputError
from newsletter.publishing import editions, mailings
from newsletter.rehearsal.reading import read
from newsletter.rendering import Recipient
from newsletter.store import Store, tables
from newsletter.tokens import TokenKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnCopy:
    """What a reader got, for a browser."""

    html: str


def own_copy(store: Store, keys: TokenKeys, subscriber_id: int, mailing_id: int) -> OwnCopy | None:
    """The copy of that subscriber in that mailing; None where either is no longer there.

    Raises:
        InputError: the database is in use, or the edition in it is damaged.
    """
    known = _known(store, subscriber_id, mailing_id)
    if known is None:
        return None
    mailing = mailings.get(store, mailing_id)
    address, name, since = known
    recipient = Recipient(
        delivery=0,
        address=address,
        name=name,
        leave=keys.leave(subscriber_id, mailing.list_id),
        track=keys.track(subscriber_id, mailing.id),
        since=since,
    )
    copies = Copies.of(editions.edition_of(store, mailing.edition_digest), mailing, keys)
    html = read(copies.compiled.join(recipient)).html
    if html is None:
        raise InputError(f"the edition of mailing {mailing_id} has no HTML", where=store.place)
    return OwnCopy(html=html)


def _known(store: Store, subscriber_id: int, mailing_id: int) -> tuple[str, str, Date] | None:
    """Address, name and day of consent, where subscriber and subscription are there and the mailing has begun."""
    person, joined = tables.subscriber.c, tables.subscription.c
    statement = (
        select(person.address, person.name, joined.consent_at)
        .join(tables.subscription, joined.subscriber_id == person.id)
        .join(tables.mailing, tables.mailing.c.list_id == joined.list_id)
        .where(
            person.id == subscriber_id,
            tables.mailing.c.id == mailing_id,
            # Embargo: nothing of a scheduled issue is shown before its first wave, nor of one that is held.
            or_(tables.mailing.c.started_at.is_not(None), tables.mailing.c.due_at.is_(None)),
            person.address != "",
        )
    )
    with store.reading() as connection:
        row = connection.execute(statement).one_or_none()
    return None if row is None else (row.address, row.name, row.consent_at.date())
