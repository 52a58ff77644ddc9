"""Asking for a mail with a link to one's own data. Whoever asks is told the same, whether the address is known or not."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from newsletter.audience import rates, writing
from newsletter.audience.addresses import Address, parse
from newsletter.audience.rates import LimitError, Taken
from newsletter.errors import InputError
from newsletter.settings import JoiningSettings
from newsletter.store import Store
from newsletter.store.statuses import NoticeKind
from newsletter.store.tables import subscriber
from newsletter.tokens import TokenKeys


def send_link(
    store: Store,
    keys: TokenKeys,
    subscriber_id: int,
    *,
    language: str | None,
    network: str,
    limits: JoiningSettings,
    now: datetime,
) -> None:
    """Mail the reader of a preferences page the link to their own data, to the address that they have here.

    Args:
        store: the database.
        keys: count under keyed hashes.
        subscriber_id: whose page it is, by its token.
        language: of the page, a BCP 47 tag.
        network: the network it came from, or "".
        limits: how often mail may be asked for.
        now: the instant of the request, aware.

    Raises:
        InputError: the person is gone.
        LimitError: too many requests came from the network, or in all.
    """
    statement = select(subscriber.c.address, subscriber.c.address_key).where(subscriber.c.id == subscriber_id)
    with store.reading() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise InputError("nobody has this page any more")
    owner = Address(text=row.address, key=row.address_key)
    ask(store, keys, NoticeKind.MANAGE, owner, language=language, network=network, limits=limits, now=now)


def send_link_to(
    store: Store,
    keys: TokenKeys,
    address: str,
    *,
    language: str | None,
    network: str,
    limits: JoiningSettings,
    now: datetime,
) -> None:
    """The same for somebody who has no mail of ours at hand, and types their address. Unknown ones get no mail.

    Raises:
        InputError: it is no address.
        LimitError: too many requests came from the network, or in all.
    """
    owner = parse(address)
    ask(store, keys, NoticeKind.MANAGE, owner, language=language, network=network, limits=limits, now=now)


def ask(
    store: Store,
    keys: TokenKeys,
    kind: NoticeKind,
    address: Address,
    *,
    language: str | None,
    network: str,
    limits: JoiningSettings,
    now: datetime,
    subscriber_id: int | None = None,
) -> None:
    """Count the request and write the notice down, if it is within the limits.

    Raises:
        LimitError: too many requests came from the network, or in all.
    """

    def step(connection: Connection) -> Taken:
        taken = rates.take(connection, keys, limits, network=network, address_key=address.key, now=now)
        if taken.address and not taken.retry_after:
            writing.write(connection, kind, address, now=now, language=language, subscriber_id=subscriber_id)
        return taken

    taken = store.write(step)
    if taken.retry_after:
        raise LimitError(taken.retry_after)
