"""A new address for a subscriber: asked for with a link that was mailed to the old one, confirmed from the new one.

Nothing changes before that. Whose the new address is plays no part in the answer to the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from newsletter.audience import asking, erasing, evidence, suppressions, writing
from newsletter.audience.addresses import Address, mask
from newsletter.audience.answering import CAME_BACK, NEVER
from newsletter.audience.evidence import Step
from newsletter.audience.joining import reachable
from newsletter.audience.own_data import managed
from newsletter.errors import BlockedError
from newsletter.settings import JoiningSettings
from newsletter.store import Store, audit
from newsletter.store.statuses import ConsentStep, ConsentWay, NoticeKind, SubscriptionStatus, SuppressionReason
from newsletter.store.tables import notice, subscriber, subscription
from newsletter.tokens import ExpiredTokenError, Fresh, Purpose, TokenError, TokenKeys


class TakenError(BlockedError):
    """Somebody is subscribed with the new address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressChange:
    """What the link in a mail to a new address is about. `new` is that address, whole: whoever has the link has its mail.
    `masked` is the present one, most of it left out. `done` says whether it is the new one already.
    """

    new: str
    masked: str
    done: bool


def change_address(
    store: Store,
    keys: TokenKeys,
    token: str,
    address: str,
    *,
    language: str | None,
    network: str,
    limits: JoiningSettings,
    now: datetime,
) -> None:
    """Ask the owner of a new address to confirm it.

    Args:
        store: the database.
        keys: read the token, and count under keyed hashes.
        token: of the page with one's own data.
        address: the new one, as typed.
        language: of the page, a BCP 47 tag.
        network: the network it came from, or "".
        limits: how often mail may be asked for.
        now: the instant of the request, aware.

    Raises:
        TokenError: it is no such link.
        ExpiredTokenError: it has run out.
        InputError: it is no address.
        LimitError: too many requests came from the network, or in all.
    """
    known = managed(store, keys, token, now=now)
    asking.ask(
        store,
        keys,
        NoticeKind.ADDRESS,
        reachable(address),
        language=language,
        network=network,
        limits=limits,
        now=now,
        subscriber_id=known.subscriber_id,
    )


def address_change(store: Store, keys: TokenKeys, token: str, *, now: datetime) -> AddressChange:
    """What the link is about. Changes nothing.

    Raises:
        TokenError: it is no such link, or the person is gone.
        ExpiredTokenError: it has run out, or the address was changed since.
    """
    content = keys.read_fresh(Purpose.ADDRESS, token, now=now)
    with store.reading() as connection:
        asked, person = _known(connection, keys, content)
    return AddressChange(new=asked.address, masked=mask(person.address), done=_is_done(asked, person))


def confirm_address(store: Store, keys: TokenKeys, token: str, *, network: str, now: datetime) -> AddressChange:
    """Change the address, and tell the old one. Done twice, it is done once.

    Raises:
        TokenError: it is no such link, or the person is gone.
        ExpiredTokenError: it has run out, or the address was changed since.
        TakenError: somebody is subscribed with the new address.
        BlockedError: no mail may go there.
    """
    content = keys.read_fresh(Purpose.ADDRESS, token, now=now)

    def step(connection: Connection) -> AddressChange:
        asked, person = _known(connection, keys, content)
        if not _is_done(asked, person):
            _make_free(connection, asked.address_key, person.id, now)
            _refuse_suppressed(connection, keys, asked.address_key)
            _move(connection, asked, person, network=network, now=now)
        return AddressChange(new=asked.address, masked=mask(asked.address), done=True)

    return store.write(step, alone=True)


def _known(connection: Connection, keys: TokenKeys, content: Fresh) -> tuple[Row[Any], Row[Any]]:
    """The notice that the link came with, and the subscriber."""
    mine = (notice.c.id == content.other_id) & (notice.c.kind == NoticeKind.ADDRESS)
    asked = connection.execute(select(notice).where(mine)).one_or_none()
    person = connection.execute(select(subscriber).where(subscriber.c.id == content.subscriber_id)).one_or_none()
    if asked is None or person is None or asked.subscriber_id != person.id:
        raise TokenError.invalid()
    if not _is_done(asked, person) and not keys.is_bound(content, person.address_key):
        raise ExpiredTokenError.over()
    return asked, person


def _is_done(asked: Row[Any], person: Row[Any]) -> bool:
    return bool(asked.address == person.address)


def _make_free(connection: Connection, key: str, subscriber_id: int, now: datetime) -> None:
    """Refuse an address that somebody else has here. One who only asked to join with it is its owner, as it turns out."""
    others = select(subscriber.c.id).where(subscriber.c.address_key == key, subscriber.c.id != subscriber_id)
    other = connection.execute(others).scalar()
    if other is None:
        return
    erasing.hold(connection, other)
    standings = select(subscription.c.status).where(subscription.c.subscriber_id == other)
    if set(connection.execute(standings).scalars()) != {SubscriptionStatus.UNCONFIRMED.value}:
        raise TakenError(
            "this address is subscribed here already", remedy="Unsubscribe or erase the old one, and keep this"
        )
    erasing.take_back(connection, other, at=now, actor=f"subscriber:{subscriber_id}")


def _refuse_suppressed(connection: Connection, keys: TokenKeys, key: str) -> None:
    if suppressions.reasons_of(connection, key, fingerprint=keys.fingerprint) & NEVER:
        raise BlockedError("no mail may go to this address", remedy="Choose another one")
    lifted = CAME_BACK | {SuppressionReason.ERASED}
    suppressions.lift(connection, key, lifted, fingerprint=keys.fingerprint)


def _move(connection: Connection, asked: Row[Any], person: Row[Any], *, network: str, now: datetime) -> None:
    values = {
        "address": asked.address,
        "address_key": asked.address_key,
        "domain": asked.address_key.rpartition("@")[2],
    }
    connection.execute(update(subscriber).where(subscriber.c.id == person.id).values(values))
    said = Step(at=now, what=ConsentStep.CHANGED, how=ConsentWay.LINK, network=network)
    evidence.note(connection, subscription.c.subscriber_id == person.id, said)
    who = f"subscriber:{person.id}"
    audit.note(connection, "subscriber.move", who, {"notice": asked.id}, actor=who, at=now)
    old = Address(text=person.address, key=person.address_key)
    if old.key != asked.address_key:
        writing.write(connection, NoticeKind.MOVED, old, now=now, subscriber_id=person.id, language=asked.language)
