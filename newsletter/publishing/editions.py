"""Frozen editions in the database: the bytes that somebody looked at, and that readers got."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, insert, select

from newsletter.errors import InputError
from newsletter.rendering import Edition
from newsletter.store import Store, tables
from newsletter.store.tables import Instant

SHORTEST_PREFIX = 6
_PREFIX = re.compile(r"[0-9a-f]{1,64}")


def freeze(connection: Connection, edition: Edition, *, issue: str, now: datetime) -> str:
    """Keep the edition's bytes, once; its digest."""
    content, digest = edition.to_bytes(), edition.digest
    if connection.execute(_KNOWN, {"digest": digest}).first() is None:
        kept = {"frozen": digest, "of_issue": issue, "titled": edition.subject, "bytes": content, "now": now}
        connection.execute(_FREEZE, kept)
    return digest


def edition_of(store: Store, digest: str) -> Edition:
    """The frozen edition.

    Raises:
        InputError: there is none, or its bytes are no longer those that were frozen.
    """
    with store.reading() as connection:
        return frozen_edition(connection, digest, place=store.place)


def frozen_edition(connection: Connection, digest: str, *, place: str) -> Edition:
    """The same, in the caller's transaction. `place` is the database's, for the error.

    Raises:
        InputError: there is none, or its bytes are no longer those that were frozen.
    """
    content = connection.execute(_CONTENT, {"digest": digest}).scalar_one_or_none()
    if content is None:
        raise InputError(f"there is no edition {digest[:12]}", where=place)
    edition = Edition.from_bytes(content)
    if edition.digest != digest:
        raise InputError(
            f"edition {digest[:12]} is damaged: its bytes are not those that were frozen",
            where=place,
            remedy="Restore the database from a backup",
        )
    return edition


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    """An edition that the database holds; `at` is when it was first frozen."""

    digest: str
    issue: str
    at: datetime


def of_issue(store: Store, issue: str) -> list[Frozen]:
    """The issue's frozen editions, the newest first."""
    table = tables.edition.c
    statement = select(table.digest, table.issue, table.created_at).where(table.issue == issue)
    with store.reading() as connection:
        rows = connection.execute(statement.order_by(table.created_at.desc(), table.digest))
        return [Frozen(digest=row.digest, issue=row.issue, at=row.created_at) for row in rows]


def digest_prefix(given: str, *, where: str) -> str:
    """What a person typed as the beginning of a digest.

    Raises:
        InputError: it is none, or too short to name one edition.
    """
    start = given.strip().lower()
    if not _PREFIX.fullmatch(start) or len(start) < SHORTEST_PREFIX:
        raise InputError(
            f"{given[:80]!r} is no digest",
            where=where,
            remedy=f"Give its first {SHORTEST_PREFIX} or more of the digits 0-9 and a-f",
        )
    return start


def by_prefix(store: Store, given: str, *, issue: str, where: str) -> str:
    """The digest of the one frozen edition that `given` begins; `issue` and `where` are for the error.

    Raises:
        InputError: it is no digest's beginning, or begins none or several.
    """
    start = digest_prefix(given, where=where)
    with store.reading() as connection:
        column = tables.edition.c.digest
        found = connection.execute(select(column).where(column.startswith(start)).limit(2)).scalars().all()
    if len(found) == 1:
        return str(found[0])
    if found:
        raise InputError(f"{start} begins several editions' digests", where=where, remedy="Give more digits")
    known = ", ".join(each.digest[:12] for each in of_issue(store, issue)[:8])
    raise InputError(
        f"no edition {start} was frozen",
        where=where,
        remedy=f"Of this issue there are: {known}" if known else "None of this issue was tested, approved or sent yet",
    )


_CONTENT = select(tables.edition.c.content).where(tables.edition.c.digest == bindparam("digest"))


_KNOWN = select(tables.edition.c.digest).where(tables.edition.c.digest == bindparam("digest"))
# Another process may freeze the same one meanwhile.
_FREEZE = insert(tables.edition).from_select(
    ["digest", "issue", "subject", "content", "created_at"],
    select(
        bindparam("frozen", type_=tables.edition.c.digest.type),
        bindparam("of_issue", type_=tables.edition.c.issue.type),
        bindparam("titled", type_=tables.edition.c.subject.type),
        bindparam("bytes", type_=tables.edition.c.content.type),
        bindparam("now", type_=Instant),
    ).where(~exists().where(tables.edition.c.digest == bindparam("frozen", type_=tables.edition.c.digest.type))),
)
