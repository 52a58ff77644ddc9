"""Trying the failed ones of a mailing again, in batches: cut off, what was put back is put back, and it can be done once
more for the rest. The audit has one line, which grows with the batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from newsletter.delivery import batches, evidence, history, lateness
from newsletter.errors import BlockedError
from newsletter.publishing import mailings
from newsletter.store import Store, lineage
from newsletter.store.among import among
from newsletter.store.statuses import DeliveryStatus, MailingStatus, OutcomeKind
from newsletter.store.tables import Instant, attempt, delivery

PATIENCE = timedelta(hours=6)
"""How much time a mailing gets anew where a person has it go on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retried:
    """What `retry` put back to pending, and how many rejections it left: trying those again is useless."""

    expired: int
    rejected: int
    left: int


def retry(store: Store, mailing_id: int, *, actor: str, now: datetime, more: timedelta = PATIENCE) -> Retried:
    """Try the failed ones again: what expired, and what was rejected for a reason that may have gone.

    Nobody else is touched: not who has it, nor who may have it. Consent and suppression are checked again at the claim.

    Raises:
        InputError: there is no such mailing.
        BlockedError: it was cancelled, nothing of it has failed, or the database is a backup that was put back.
    """
    done, left, line = dict.fromkeys(_FAILED, 0), 0, None
    for was, rows in _failed(store, mailing_id):
        again = [row.id for row in rows if _may_be_retried(was, row)]
        before = done[was]
        if again:
            with store.writing() as connection:
                go_on(connection, mailing_id, now=now, more=more)
                done[was] += connection.execute(_TO_PENDING, {"ids": again, "was": was, "now": now}).rowcount
                detail = {status.value: number for status, number in done.items()}
                line = history.tell(connection, line, mailing_id, "mailing.retry", actor=actor, now=now, **detail)
            batches.breathe(store)
        left += len(rows) - (done[was] - before)
    if not any(done.values()):
        useless = f"; {left:,} were rejected for good" if left else ""
        raise BlockedError(f"nothing of mailing {mailing_id} can be tried again{useless}")
    return Retried(expired=done[DeliveryStatus.EXPIRED], rejected=done[DeliveryStatus.REJECTED], left=left)


def go_on(connection: Connection, mailing_id: int, *, now: datetime, more: timedelta) -> None:
    """A finished mailing is sent again, and one that is being sent gets more time.

    Raises:
        BlockedError: it was cancelled, or the database is a backup that was put back.
    """
    before = mailings.require(connection, mailing_id)
    if before.status is MailingStatus.CANCELLED:
        raise BlockedError(f"mailing {mailing_id} was cancelled: nothing of it is sent again")
    lineage.refuse_while_restored(connection)
    until = max(before.not_later_than, now + more)
    after = (
        before.reopen(not_later_than=until)
        if before.status is MailingStatus.FINISHED
        else replace(before, not_later_than=until)
    )
    mailings.write(connection, before, after)
    lateness.prolong(connection, mailing_id, until)


_NO_SUCH_ADDRESS = re.compile(r"\b5\.1\.(?:0|1|2|3|6|10)\b")


def worth_retrying(code: int | None, reply: str) -> bool:
    """Whether a rejection may have been about something that passes: not where the address itself is at fault.

    RFC 3463 section 3.2: 5.1.x is about addresses; 5.1.7 and 5.1.8 are about ours.
    """
    if _NO_SUCH_ADDRESS.search(reply):
        return False
    # 551 and 553: user not local, mailbox name not allowed (RFC 5321 section 4.2.2).
    return code not in {551, 553} and "address cannot stand" not in reply


_FAILED = (DeliveryStatus.EXPIRED, DeliveryStatus.REJECTED)


def _failed(store: Store, mailing_id: int) -> Iterator[tuple[DeliveryStatus, Sequence[Any]]]:
    """What expired, then what was rejected, a batch at a time, with what was said last.

    Read beforehand, which keeps nobody waiting: it changes no more but by another person's decision. One state after the
    other, so that each batch is the next entries of an index.
    """
    with store.reading() as connection:
        mailings.require(connection, mailing_id)
    for status in _FAILED:
        after = 0
        while rows := _batch(store, mailing_id, status, after):
            yield status, rows
            after = rows[-1].id


def _batch(store: Store, mailing_id: int, status: DeliveryStatus, after: int) -> Sequence[Any]:
    tried = attempt.alias("tried")
    last = (
        select(func.max(tried.c.id))
        .where(tried.c.delivery_id == delivery.c.id, tried.c.outcome == OutcomeKind.REJECTED)
        .correlate(delivery)
        .scalar_subquery()
    )
    failed = (
        select(
            delivery.c.id,
            attempt.c.code,
            attempt.c.reply,
            evidence.may_have_arrived().label("may_have_it"),
        )
        .select_from(delivery)
        .outerjoin(attempt, attempt.c.id == last)
        .where(delivery.c.mailing_id == mailing_id, delivery.c.id > after, delivery.c.status == status)
        .order_by(delivery.c.id)
        .limit(batches.ROWS)
    )
    with store.reading() as connection:
        return connection.execute(failed).all()


def _may_be_retried(was: DeliveryStatus, row: Any) -> bool:
    # A person has said of some that may have it that they shall not get it again.
    if row.may_have_it:
        return False
    return was is DeliveryStatus.EXPIRED or worth_retrying(row.code, row.reply or "")


_TO_PENDING = (
    update(delivery)
    .where(among(delivery.c.id, "ids"), delivery.c.status == bindparam("was"))
    .values(status=DeliveryStatus.PENDING, due_at=None, changed_at=bindparam("now", type_=Instant))
)
