"""Addresses that get nothing from any list, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import Connection, and_, delete, insert, or_, select

from newsletter.audience.addresses import Address
from newsletter.clock import Clock
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.among import among_texts
from newsletter.store.statuses import SuppressionReason
from newsletter.store.tables import suppression

Fingerprint = Callable[[str], str]
"""A keyed hash (hexadecimal, up to 64 characters) of an address key: all that is kept of an erased person."""

_RANK = {reason: rank for rank, reason in enumerate(reversed(SuppressionReason))}

_REASONS = select(suppression.c.address_key, suppression.c.address_hash, suppression.c.reason)
_BY_KEY = _REASONS.where(among_texts(suppression.c.address_key, "keys"))
_BY_HASH = _REASONS.where(suppression.c.address_key.is_(None), among_texts(suppression.c.address_hash, "hashes"))


def suppressed(
    connection: Connection, keys: Collection[str], *, fingerprint: Fingerprint | None = None
) -> dict[str, SuppressionReason]:
    """Those of `keys` that are suppressed, with the reason (the gravest, where there are several).

    Raises:
        InputError: people were erased and no `fingerprint` is given to know them by: going on could bring them back.
    """
    hashed = {fingerprint(key): key for key in keys} if fingerprint else {}
    rows = list(connection.execute(_BY_KEY, {"keys": list(keys)}))
    if hashed:
        rows += connection.execute(_BY_HASH, {"hashes": list(hashed)})
    elif fingerprint is None:
        _refuse_unknowable(connection)
    found: dict[str, SuppressionReason] = {}
    for key, digest, reason in rows:
        known, word = key if key is not None else hashed[digest], SuppressionReason(reason)
        found[known] = min(found.get(known, word), word, key=_RANK.__getitem__)
    return found


def reasons_of(connection: Connection, key: str, *, fingerprint: Fingerprint) -> frozenset[SuppressionReason]:
    """All that stands against one address. The same two statements whatever that is."""
    table = suppression.c
    by_address = select(table.reason).where(table.address_key == key)
    by_hash = select(table.reason).where(table.address_hash == fingerprint(key), table.address_key.is_(None))
    found = (*connection.execute(by_address).scalars(), *connection.execute(by_hash).scalars())
    return frozenset(map(SuppressionReason, found))


def lift(connection: Connection, key: str, reasons: Collection[SuppressionReason], *, fingerprint: Fingerprint) -> int:
    """Take these reasons away from one address; how many there were.

    Raises:
        ValueError: one of them can never be lifted.
    """
    if SuppressionReason.COMPLAINT in reasons:
        raise ValueError("a complaint can never be lifted")
    table = suppression.c
    named = or_(table.address_key == key, and_(table.address_key.is_(None), table.address_hash == fingerprint(key)))
    return connection.execute(delete(suppression).where(named, table.reason.in_(reasons))).rowcount


def is_suppressed(
    store: Store, address: Address, *, fingerprint: Fingerprint | None = None
) -> SuppressionReason | None:
    """Why `address` gets nothing; None where nothing stands against it."""
    with store.reading() as connection:
        return suppressed(connection, [address.key], fingerprint=fingerprint).get(address.key)


def add(store: Store, address: Address, reason: SuppressionReason, *, clock: Clock, evidence: str = "") -> bool:
    """Suppress `address`; whether that was news, for this reason. `evidence` is its proof, such as a reply's text."""
    row = {"address_key": address.key, "reason": reason.value, "at": clock(), "evidence": evidence}
    table = suppression.c
    with store.writing(alone=True) as connection:
        same = select(table.id).where(table.address_key == address.key, table.reason == reason.value)
        if connection.execute(same).first():
            return False
        connection.execute(insert(suppression).values(row))
        return True


def _refuse_unknowable(connection: Connection) -> None:
    erased = select(suppression.c.id).where(suppression.c.address_key.is_(None)).limit(1)
    if connection.execute(erased).first():
        raise InputError(
            "erased people cannot be told from new ones without the newsroom's key",
            remedy="Restore the keys in the data folder",
        )
