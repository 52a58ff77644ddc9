"""Stepping in: pause, resume, cancel, retry, resolve. Each is a person's decision and goes into the audit.

A decision is a row: workers anywhere see it before their next claim.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, func, select, update

from newsletter.delivery import breaker, chunks, evidence, history, lateness, ledger
from newsletter.delivery.trouble import NO_TROUBLE
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import Mailing, mailings
from newsletter.store import Store
from newsletter.store.statuses import DeliveryStatus, MailingStatus, OutcomeKind
from newsletter.store.tables import attempt, delivery, mailing, subscriber

PATIENCE = timedelta(hours=6)
"""How much time a mailing gets anew where a person has it go on."""

BATCH = 20_000
_SHOWN_IDS = 100

Verdict = Literal["accepted", "rejected", "pending"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Retried:
    """What `retry` put back to pending, and how many rejections it left: trying those again is useless."""

    expired: int
    rejected: int
    left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """A delivery that may have arrived. `since` is when that became so, `quiet_until` when a person may send it again."""

    delivery: int
    name: str
    address: str
    since: datetime
    quiet_until: datetime
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """How many of the unknown `resolve` decided, and how many it left: an answer may still come until `quiet_until`."""

    decided: int
    left: int = 0
    quiet_until: datetime | None = None


def pause(store: Store, mailing_id: int, *, actor: str, now: datetime) -> Mailing:
    """Claim nothing more of it; what is in the air is finished.

    Raises:
        InputError: there is no such mailing.
        BlockedError: it is not being sent.
    """
    with store.writing() as connection:
        before = mailings.require(connection, mailing_id)
        after = mailings.write(connection, before, before.pause())
        history.note(connection, mailing_id, "mailing.pause", actor=actor, now=now)
    return after


def resume(store: Store, mailing_id: int, *, actor: str, now: datetime, more: timedelta | None = None) -> Mailing:
    """Go on with it.

    Args:
        store: the database.
        mailing_id: which.
        actor: who decides.
        now: the hour.
        more: time that it gets anew, from now; without, it keeps its *not later than*.

    Raises:
        InputError: there is no such mailing.
        BlockedError: it is not paused, or its time is over and no more is given.
    """
    with store.writing() as connection:
        before = mailings.require(connection, mailing_id)
        after = before.resume()
        if after.started_at is None:
            after = replace(after, started_at=now)
        if more is not None:
            after = replace(after, not_later_than=now + more)
        if after.not_later_than <= now:
            raise BlockedError(
                f"the time of mailing {mailing_id} was over at {after.not_later_than:%Y-%m-%d %H:%M} UTC",
                remedy="Give it more with --hours, or cancel it",
            )
        mailings.write(connection, before, after)
        if more is not None:
            lateness.prolong(connection, mailing_id, after.not_later_than)
        connection.execute(update(mailing).where(mailing.c.id == mailing_id).values(NO_TROUBLE))
        breaker.reset(connection, mailing_id, actor=actor, now=now)
        detail = {"not_later_than": after.not_later_than.isoformat()}
        history.note(connection, mailing_id, "mailing.resume", actor=actor, now=now, **detail)
    return after


def cancel(store: Store, mailing_id: int, *, actor: str, now: datetime) -> int:
    """End it: what is pending is withdrawn, what is in the air is finished. How many were withdrawn.

    Where an earlier cancellation was cut off, this one goes on with it. What a dead worker held is unknown from then on:
    another mailing of the date waits until nothing of this one is in the air.

    Raises:
        InputError: there is no such mailing.
        BlockedError: it has finished.
    """
    with store.writing() as connection:
        before = mailings.require(connection, mailing_id)
        if before.status is not MailingStatus.CANCELLED:
            mailings.write(connection, before, before.cancel(now))
            connection.execute(update(mailing).where(mailing.c.id == mailing_id).values(NO_TROUBLE))
            history.note(connection, mailing_id, "mailing.cancel", actor=actor, now=now)
            breaker.end_alerts(connection, mailing_id, why=f"{actor} cancelled the mailing", now=now)
        if lost := chunks.lapse(connection, mailing_id, now=now):
            history.note(connection, mailing_id, "worker.lost", actor=history.WORKER, now=now, unknown=lost)
    return finish_cancelling(store, mailing_id, now=now)


def finish_cancelling(store: Store, mailing_id: int, *, now: datetime) -> int:
    """Withdraw what is still pending of a cancelled mailing, in batches, so that no other writer waits; how many."""
    withdrawn = 0
    while True:
        with store.writing() as connection:
            more = ledger.withdraw(connection, mailing_id, now=now, limit=BATCH)
        withdrawn += more
        # Fewer than were asked for is not the end: on PostgreSQL workers may have claimed some of them meanwhile.
        if not more:
            return withdrawn


def half_cancelled(connection: Connection) -> list[int]:
    """The cancelled mailings that have something pending still: whoever cancelled them was cut off."""
    waiting = (
        select(delivery.c.id)
        .where(
            delivery.c.mailing_id == mailing.c.id,
            delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)),
        )
        .exists()
    )
    cancelled = mailing.c.status == MailingStatus.CANCELLED
    return list(connection.execute(select(mailing.c.id).where(cancelled, waiting)).scalars())


def retry(store: Store, mailing_id: int, *, actor: str, now: datetime, more: timedelta = PATIENCE) -> Retried:
    """Try the failed ones again: what expired, and what was rejected for a reason that may have gone.

    Nobody else is touched: not who has it, nor who may have it. Consent and suppression are checked again at the claim.

    Raises:
        InputError: there is no such mailing.
        BlockedError: it was cancelled, or nothing of it has failed.
    """
    done = Retried(expired=0, rejected=0, left=0)
    after = 0
    while True:
        with store.writing() as connection:
            rows = _failed(connection, mailing_id, after=after)
            again = [row for row in rows if _may_be_retried(row)]
            if again:
                _go_on(connection, mailing_id, now=now, more=more)
                _to_pending(connection, [row.id for row in again], now)
            done = _added(done, rows, again)
            if len(rows) < BATCH and (done.expired or done.rejected):
                detail = {"expired": done.expired, "rejected": done.rejected}
                history.note(connection, mailing_id, "mailing.retry", actor=actor, now=now, **detail)
        if len(rows) < BATCH:
            break
        after = rows[-1].id
    if not (done.expired or done.rejected):
        useless = f"; {done.left:,} were rejected for good" if done.left else ""
        raise BlockedError(f"nothing of mailing {mailing_id} can be tried again{useless}")
    return done


def unknown_of(store: Store, mailing_id: int, *, limit: int = 1_000) -> list[Unknown]:
    """The deliveries of unknown end, by name, with what was last said; up to `limit`.

    Raises:
        InputError: there is no such mailing.
    """
    with store.reading() as connection:
        mailings.require(connection, mailing_id)
        said = (
            select(attempt.c.reply)
            .where(attempt.c.delivery_id == delivery.c.id, attempt.c.fence == delivery.c.fence)
            .order_by(attempt.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        rows = connection.execute(
            select(delivery.c.id, delivery.c.changed_at, subscriber.c.name, subscriber.c.address, said.label("why"))
            .select_from(delivery)
            .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
            .where(delivery.c.mailing_id == mailing_id, delivery.c.status == DeliveryStatus.UNKNOWN)
            .order_by(delivery.c.id)
            .limit(limit)
        )
        return [_unknown(row) for row in rows]


def resolve(
    store: Store,
    mailing_id: int,
    verdict: Verdict,
    *,
    deliveries: Collection[int] | None,
    actor: str,
    now: datetime,
    quiet: timedelta = evidence.QUIET,
) -> Resolved:
    """A person decides on the unknown. What became so a moment ago is not sent again yet; the others are.

    Args:
        store: the database.
        mailing_id: which mailing.
        verdict: it arrived, it did not and shall not, or it shall be sent again (and is counted as possibly twice).
        deliveries: which of its unknown deliveries; None for all.
        actor: who decides.
        now: the hour.
        quiet: how long the unknown is left alone before it may be sent again.

    Raises:
        InputError: there is no such mailing, or one of the deliveries is none of its unknown ones.
        BlockedError: nothing is unknown, an answer to each may still come, or the mailing was cancelled.
    """
    with store.writing() as connection:
        before = mailings.require(connection, mailing_id)
        rows = found = _unknown_rows(connection, mailing_id, deliveries)
        if not rows:
            raise BlockedError(f"nothing of mailing {mailing_id} is unknown")
        decided = (delivery.c.mailing_id == mailing_id) & (delivery.c.status == DeliveryStatus.UNKNOWN)
        if deliveries is not None:
            decided &= delivery.c.id.in_(sorted(deliveries))
        if verdict == "pending":
            rows = _old_enough(before, found, now, quiet)
            decided &= delivery.c.changed_at <= now - quiet
            _go_on(connection, mailing_id, now=now, more=PATIENCE)
        values = {"status": DeliveryStatus(verdict), "due_at": None, "changed_at": now}
        number = connection.execute(update(delivery).where(decided).values(values)).rowcount
        named = [row.id for row in rows[:_SHOWN_IDS]]
        detail = {"as": verdict, "deliveries": number, "ids": named}
        history.note(connection, mailing_id, "mailing.resolve", actor=actor, now=now, **detail)
    left = len(found) - number
    until = max(row.changed_at for row in found) + quiet if left else None
    return Resolved(decided=number, left=left, quiet_until=until)


_NO_SUCH_ADDRESS = re.compile(r"\b5\.1\.(?:0|1|2|3|6|10)\b")


def worth_retrying(code: int | None, reply: str) -> bool:
    """Whether a rejection may have been about something that passes: not where the address itself is at fault.

    RFC 3463 section 3.2: 5.1.x is about addresses; 5.1.7 and 5.1.8 are about ours.
    """
    if _NO_SUCH_ADDRESS.search(reply):
        return False
    # 551 and 553: user not local, mailbox name not allowed (RFC 5321 section 4.2.2).
    return code not in {551, 553} and "address cannot stand" not in reply


def _failed(connection: Connection, mailing_id: int, *, after: int) -> list[Any]:
    """The next batch of what expired or was rejected, with what was said last."""
    mailings.require(connection, mailing_id)
    tried = attempt.alias("tried")
    last = (
        select(func.max(tried.c.id))
        .where(tried.c.delivery_id == delivery.c.id, tried.c.outcome == OutcomeKind.REJECTED)
        .correlate(delivery)
        .scalar_subquery()
    )
    return list(
        connection.execute(
            select(
                delivery.c.id,
                delivery.c.status,
                attempt.c.code,
                attempt.c.reply,
                evidence.may_have_arrived().label("may_have_it"),
            )
            .select_from(delivery)
            .outerjoin(attempt, attempt.c.id == last)
            .where(delivery.c.mailing_id == mailing_id, delivery.c.id > after, _has_failed())
            .order_by(delivery.c.id)
            .limit(BATCH)
        )
    )


def _has_failed() -> ColumnElement[bool]:
    return delivery.c.status.in_((DeliveryStatus.EXPIRED, DeliveryStatus.REJECTED))


def _may_be_retried(row: Any) -> bool:
    # A person has said of some that may have it that they shall not get it again.
    if row.may_have_it:
        return False
    return row.status == DeliveryStatus.EXPIRED or worth_retrying(row.code, row.reply or "")


def _to_pending(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    values = {"status": DeliveryStatus.PENDING, "due_at": None, "changed_at": now}
    connection.execute(update(delivery).where(delivery.c.id.in_(list(ids)), _has_failed()).values(values))


def _added(done: Retried, rows: Collection[Any], again: Collection[Any]) -> Retried:
    expired = sum(row.status == DeliveryStatus.EXPIRED for row in again)
    return Retried(
        expired=done.expired + expired,
        rejected=done.rejected + len(again) - expired,
        left=done.left + len(rows) - len(again),
    )


def _go_on(connection: Connection, mailing_id: int, *, now: datetime, more: timedelta) -> None:
    """A finished mailing is sent again, and one that is being sent gets more time.

    Raises:
        BlockedError: it was cancelled.
    """
    before = mailings.require(connection, mailing_id)
    if before.status is MailingStatus.CANCELLED:
        raise BlockedError(f"mailing {mailing_id} was cancelled: nothing of it is sent again")
    until = max(before.not_later_than, now + more)
    after = (
        before.reopen(not_later_than=until)
        if before.status is MailingStatus.FINISHED
        else replace(before, not_later_than=until)
    )
    mailings.write(connection, before, after)
    lateness.prolong(connection, mailing_id, until)


def _unknown_rows(connection: Connection, mailing_id: int, deliveries: Collection[int] | None) -> list[Any]:
    where = (delivery.c.mailing_id == mailing_id) & (delivery.c.status == DeliveryStatus.UNKNOWN)
    if deliveries is not None:
        where &= delivery.c.id.in_(sorted(deliveries))
    found = select(delivery.c.id, delivery.c.changed_at).where(where).order_by(delivery.c.id)
    rows = list[Any](connection.execute(found.with_for_update()))
    missing = set(deliveries or ()) - {row.id for row in rows}
    if missing:
        raise InputError(
            f"delivery {min(missing)} is none of the unknown of mailing {mailing_id}",
            remedy=f"See them with `newsletter mailing resolve {mailing_id}`",
        )
    return rows


def _old_enough(before: Mailing, rows: Iterable[Any], now: datetime, quiet: timedelta) -> list[Any]:
    """Those that may be sent again.

    Raises:
        BlockedError: none may, as yet or at all.
    """
    if before.status is MailingStatus.CANCELLED:
        raise BlockedError(f"mailing {before.id} was cancelled: nothing of it is sent again")
    old = [row for row in rows if row.changed_at <= now - quiet]
    if not old:
        until = max(row.changed_at for row in rows) + quiet
        raise BlockedError(
            f"an answer, or an event, may still come until {until:%H:%M:%S} UTC",
            remedy="Wait until then: most of the unknown settles by itself",
        )
    return old


def _unknown(row: Any) -> Unknown:
    return Unknown(
        delivery=row.id,
        name=row.name,
        address=row.address,
        since=row.changed_at,
        quiet_until=row.changed_at + evidence.QUIET,
        why=row.why or "",
    )
