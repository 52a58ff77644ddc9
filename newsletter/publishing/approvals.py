"""Approvals in the database: a person, an edition, a date. An approval is of bytes: any edit makes others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from newsletter.errors import BlockedError
from newsletter.findings import blocking
from newsletter.publishing.editions import freeze
from newsletter.publishing.examining import Examined
from newsletter.publishing.gate import block
from newsletter.publishing.user import Act, User
from newsletter.store import Store, audit, tables
from newsletter.store.statuses import MailingStatus

_TABLE = tables.approval.c


def approve(store: Store, examined: Examined, *, user: User, now: datetime) -> bool:
    """Record that the user approves the examined edition, and freeze it; whether that was news.

    Raises:
        BlockedError: the checks have something against it, or the user's role may not.
    """
    user.require(Act.APPROVE)
    block(blocking(examined.open))
    issue = examined.issue.slug
    with store.writing(alone=True) as connection:
        digest = freeze(connection, examined.edition, issue=issue, now=now)
        mine = (_TABLE.edition_digest == digest) & (_TABLE.user_id == user.id)
        known = connection.execute(select(_TABLE.withdrawn_at).where(mine)).one_or_none()
        if known is not None and known.withdrawn_at is None:
            return False
        if known is None:
            row = {"edition_digest": digest, "issue": issue, "user_id": user.id, "at": now}
            connection.execute(insert(tables.approval).values(row))
        else:
            connection.execute(update(tables.approval).where(mine).values(at=now, withdrawn_at=None))
        detail = {"issue": issue, "editions": [digest]}
        audit.note(connection, "approval.give", f"user:{user.id}", detail, actor=user.name, at=now)
        return True


def withdraw(store: Store, *, issue: str, user: User, now: datetime) -> list[str]:
    """Take back what the user approved of this issue, every edition, so that undoing an edit revives none of it.

    Returns:
        The digests that lost the approval.

    Raises:
        BlockedError: one of them is on its way already: its mailing can be stopped, its approval not undone.
    """
    with store.writing(alone=True) as connection:
        mine = (_TABLE.issue == issue) & (_TABLE.user_id == user.id) & _TABLE.withdrawn_at.is_(None)
        digests = list(connection.execute(select(_TABLE.edition_digest).where(mine).order_by(_TABLE.id)).scalars())
        _refuse_under_way(connection, digests)
        if digests:
            connection.execute(update(tables.approval).where(mine).values(withdrawn_at=now))
            detail = {"issue": issue, "editions": digests}
            audit.note(connection, "approval.withdraw", f"user:{user.id}", detail, actor=user.name, at=now)
        return digests


def _refuse_under_way(connection: Connection, digests: Sequence[str]) -> None:
    table = tables.mailing.c
    under_way = table.edition_digest.in_(digests) & (table.status != MailingStatus.CANCELLED)
    row = connection.execute(select(table.id, table.edition_digest).where(under_way).limit(1)).one_or_none()
    if row is not None:
        raise BlockedError(
            f"edition {row.edition_digest[:12]} is on its way or sent already (mailing {row.id})",
            remedy=f"See what became of it: newsletter report {row.id}",
        )
