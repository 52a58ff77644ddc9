"""Joining a list by double opt-in: a request by whoever typed an address, and the consent of whoever reads its mail.

`request` does the same for every address: it counts, and writes a notice down. `confirm` is what changes something, with
a token that only the owner of the address has.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from newsletter.audience import evidence, lists, rates, suppressions, writing
from newsletter.audience.addresses import Address, mask, parse
from newsletter.audience.answering import CAME_BACK, CONFIRM_WITHIN, NEVER
from newsletter.audience.evidence import Step
from newsletter.audience.people import check_language
from newsletter.audience.rates import LimitError, Taken
from newsletter.errors import BlockedError, InputError
from newsletter.rendering.headers import ascii_address
from newsletter.settings import JoiningSettings
from newsletter.store import Store, audit
from newsletter.store.statuses import ConsentStep, ConsentWay, NoticeKind, SubscriptionStatus, SuppressionReason
from newsletter.store.tables import mailing_list, subscriber, subscription
from newsletter.tokens import ExpiredTokenError, Fresh, Purpose, TokenError, TokenKeys

LONGEST_WORDS = 1000
_MAY_COME_BACK = CAME_BACK | {SuppressionReason.ERASED}
"""What a person's own confirmation takes away: it proves the mailbox, and that they want to be here again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """What a confirmation link is about. `masked` is the address, most of it left out; `leave` the token of the reader's
    own pages, "" before they have confirmed. `changed`: it was this very request that put them on the list.
    """

    list_name: str
    title: str
    masked: str
    status: SubscriptionStatus
    leave: str = ""
    changed: bool = False


def request(
    store: Store,
    keys: TokenKeys,
    list_name: str,
    address: str,
    *,
    language: str | None,
    source: str,
    network: str,
    text: str,
    limits: JoiningSettings,
    now: datetime,
    how: ConsentWay = ConsentWay.FORM,
) -> None:
    """Take down that a list is wanted at an address: the same work and the same answer, whoever that is.

    What mail goes there, if any, the worker finds out (`answering`).

    Args:
        store: the database.
        keys: count under keyed hashes.
        list_name: an existing list.
        address: as typed.
        language: of the page, a BCP 47 tag: the mail comes in it.
        source: where it was asked for, such as a page's path.
        network: the network it came from, as `networks.network_of` says; "" is not counted.
        text: the words that stood at the button.
        limits: how often mail may be asked for.
        now: the instant of the request, aware.
        how: the way it came.

    Raises:
        InputError: it is no address, or there is no such list.
        LimitError: too many requests came from the network, or in all. The address alone is never said to have had
            too many: those are left out without a word.
    """
    target = lists.require(store, list_name)
    wanted = reachable(address)
    detail = {"how": how.value, "source": source[:300], "network": network, "words": text[:LONGEST_WORDS]}
    spoken = _language(language)

    def step(connection: Connection) -> Taken:
        taken = rates.take(connection, keys, limits, network=network, address_key=wanted.key, now=now)
        if taken.address and not taken.retry_after:
            writing.write(
                connection,
                NoticeKind.CONFIRMATION,
                wanted,
                now=now,
                list_id=target.id,
                language=spoken,
                detail=detail,
            )
        return taken

    taken = store.write(step)
    if taken.retry_after:
        raise LimitError(taken.retry_after)


def address_of(store: Store, subscriber_id: int) -> str:
    """Where a reader who wants another list is asked by mail; only their own page may lead there.

    Raises:
        InputError: the person is gone.
    """
    with store.reading() as connection:
        known = select(subscriber.c.address).where(subscriber.c.id == subscriber_id)
        address: str | None = connection.execute(known).scalar()
    if not address:
        raise InputError("nobody has this page any more")
    return address


def reachable(text: str) -> Address:
    """The address that `text` holds, if a message to it can be written.

    Raises:
        InputError: it is none, or its part before the @ needs SMTPUTF8.
    """
    address = parse(text)
    ascii_address(address.text)
    return address


def confirmation(store: Store, keys: TokenKeys, token: str, *, now: datetime) -> Confirmation:
    """What the link in a confirmation mail is about. Changes nothing: scanners follow links.

    Raises:
        TokenError: it is no such link, or the person is gone.
        ExpiredTokenError: it has run out, or was mailed before they left or changed their address.
    """
    content = keys.read_fresh(Purpose.CONFIRM, token, now=now)
    with store.reading() as connection:
        row = _known(connection, keys, content)
    return _told(row, keys, SubscriptionStatus(row.status))


def confirm(
    store: Store,
    keys: TokenKeys,
    token: str,
    *,
    welcome: Collection[str],
    language: str | None,
    network: str,
    text: str,
    now: datetime,
    source: str = "confirmation page",
) -> Confirmation:
    """Put the owner of the address on the list. Done twice, it is done once.

    Args:
        store: the database.
        keys: read the token.
        token: from the confirmation mail.
        welcome: the names of the lists that welcome by mail.
        language: of the page.
        network: the network it came from, or "".
        text: the words at the button: those of the consent.
        now: the instant, aware.
        source: where it was said.

    Raises:
        TokenError: it is no such link, or the person is gone.
        ExpiredTokenError: it has run out, or was mailed before they left or changed their address.
        BlockedError: no mail may go to this address any more.
    """
    content = keys.read_fresh(Purpose.CONFIRM, token, now=now)
    said = Step(
        at=now,
        what=ConsentStep.CONFIRMED,
        how=ConsentWay.LINK,
        source=source[:300],
        text=text[:LONGEST_WORDS],
        network=network,
        language=_language(language),
    )

    def step(connection: Connection) -> Confirmation:
        row = _known(connection, keys, content, held=True)
        if row.status == SubscriptionStatus.SUBSCRIBED:
            return _told(row, keys, SubscriptionStatus.SUBSCRIBED)
        _lift(connection, keys, row.address_key)
        _subscribe(connection, row, said)
        if row.list_name in welcome:
            owner = Address(text=row.address, key=row.address_key)
            numbers = {"subscriber_id": row.subscriber_id, "list_id": row.list_id}
            writing.write(connection, NoticeKind.WELCOME, owner, now=now, language=said.language, **numbers)
        return _told(row, keys, SubscriptionStatus.SUBSCRIBED, changed=True)

    return store.write(step)


def _known(connection: Connection, keys: TokenKeys, content: Fresh, *, held: bool = False) -> Row[Any]:
    """The person and the subscription that the token names; `held`, kept from changing until the transaction ends."""
    statement: Select[Any] = (
        select(
            subscriber.c.address,
            subscriber.c.address_key,
            subscription.c.id,
            subscription.c.subscriber_id,
            subscription.c.list_id,
            subscription.c.status,
            subscription.c.changed_at,
            mailing_list.c.name.label("list_name"),
            mailing_list.c.title,
        )
        .select_from(subscription)
        .join(subscriber, subscriber.c.id == subscription.c.subscriber_id)
        .join(mailing_list, mailing_list.c.id == subscription.c.list_id)
        .where(evidence.of_pair(content.subscriber_id, content.other_id))
    )
    if held:
        statement = statement.with_for_update(of=subscription)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise TokenError.invalid()
    if not keys.is_bound(content, row.address_key):
        raise ExpiredTokenError.over()
    # Who has left since it was mailed is not brought back by an old mail: only by asking anew.
    left = row.status == SubscriptionStatus.UNSUBSCRIBED
    if left and row.changed_at >= content.until - CONFIRM_WITHIN + timedelta(seconds=1):
        raise ExpiredTokenError.over()
    return row


def _lift(connection: Connection, keys: TokenKeys, key: str) -> None:
    against = suppressions.reasons_of(connection, key, fingerprint=keys.fingerprint)
    if against & NEVER:
        raise BlockedError("no mail may go to this address any more", remedy="Write to the newsroom")
    if against:
        suppressions.lift(connection, key, _MAY_COME_BACK, fingerprint=keys.fingerprint)


def _subscribe(connection: Connection, row: Row[Any], said: Step) -> None:
    values = {
        "status": SubscriptionStatus.SUBSCRIBED,
        "consent_text": said.text,
        "consent_source": said.source,
        "consent_at": said.at,
        "changed_at": said.at,
        "paused_until": None,
        "left_reason": "",
    }
    where = subscription.c.id == row.id
    connection.execute(update(subscription).where(where).values(values))
    evidence.note(connection, where, said)
    who = f"subscriber:{row.subscriber_id}"
    audit.note(connection, "subscription.confirm", who, {"list": row.list_id}, actor=who, at=said.at)


def _told(row: Row[Any], keys: TokenKeys, status: SubscriptionStatus, *, changed: bool = False) -> Confirmation:
    joined = status is SubscriptionStatus.SUBSCRIBED
    return Confirmation(
        list_name=row.list_name,
        title=row.title,
        masked=mask(row.address),
        status=status,
        leave=keys.leave(row.subscriber_id, row.list_id) if joined else "",
        changed=changed,
    )


def _language(tag: str | None) -> str | None:
    """The tag, where it is one: what a browser says is no reason to refuse somebody."""
    try:
        return check_language(tag or "")
    except InputError:
        return None
