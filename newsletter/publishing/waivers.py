"""Waivers in the database: a finding that a person answers for, with a reason, in one edition."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import insert, select, update

from newsletter.errors import BlockedError, InputError
from newsletter.findings import Finding, blocking
from newsletter.publishing.editions import freeze
from newsletter.publishing.examining import Examined
from newsletter.publishing.user import Act, User
from newsletter.settings import nearest
from newsletter.store import Store, audit, tables

LONGEST_REASON = 1000

_TABLE = tables.waiver.c


def waive(
    store: Store,
    examined: Examined,
    *,
    code: str,
    reason: str,
    user: User,
    waivable: Collection[str],
    now: datetime,
) -> list[Finding]:
    """Record that the user answers for the findings with this code in this edition, and freeze it.

    A second waiver of a code replaces the first.

    Args:
        store: the database.
        examined: the issue, checked.
        code: of the findings.
        reason: why they may stay.
        user: who answers for them.
        waivable: codes of errors that this newsroom lets people answer for; warnings always may.
        now: the instant, in UTC.

    Returns:
        The findings that are waived by it.

    Raises:
        InputError: the edition has no such finding, there is no reason, or a whole essay.
        BlockedError: it is an error that this newsroom does not let people waive, or the user's role may not.
    """
    user.require(Act.WAIVE)
    found = _named(examined, code.strip().upper(), waivable)
    words = " ".join(reason.split())
    if not words or len(words) > LONGEST_REASON or not words.isprintable():
        raise InputError(
            f"a reason has 1 to {LONGEST_REASON:,} characters", where="--reason", remedy="Say why it may stay"
        )
    with store.writing(alone=True) as connection:
        issue, code = examined.issue.slug, found[0].code
        digest = freeze(connection, examined.edition, issue=issue, now=now)
        same = (_TABLE.edition_digest == digest) & (_TABLE.code == code)
        said = {"user_id": user.id, "reason": words, "at": now}
        if connection.execute(select(_TABLE.id).where(same)).first():
            connection.execute(update(tables.waiver).where(same).values(said))
        else:
            row = {"edition_digest": digest, "issue": issue, "code": code}
            connection.execute(insert(tables.waiver).values(row | said))
        detail = {"issue": issue, "edition": digest, "code": code, "reason": words}
        audit.note(connection, "waiver.give", f"user:{user.id}", detail, actor=user.name, at=now)
    return found


def _named(examined: Examined, code: str, waivable: Collection[str]) -> list[Finding]:
    """The findings with this code, all of them such as may be waived."""
    everything = (*examined.open, *examined.waived)
    found = [finding for finding in everything if finding.code == code]
    if not found:
        codes = sorted({finding.code for finding in everything})
        remedy = nearest(code, codes) if codes else "There is nothing to waive"
        raise InputError(f"this edition has no finding {code[:80]!r}", where="CODE", remedy=remedy)
    if blocking(found) and code not in waivable:
        raise BlockedError(
            f"{code} is an error, and errors are mended: {found[0].message}",
            remedy=f'Or let people answer for it: [checks] waivable = ["{code}"] in newsletter.toml',
        )
    return found
