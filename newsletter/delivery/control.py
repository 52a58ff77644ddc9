"""Stepping in: pause, resume, cancel, retry, resolve. Each is a person's decision and goes into the audit.

A decision is a row: workers anywhere see it before their next claim.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, select, update

from newsletter.delivery import batches, breaker, chunks, history, lateness, ledger
from newsletter.delivery.resolving import Resolved as Resolved  # noqa: PLC0414 - stepping in is one thing to its callers
from newsletter.delivery.resolving import Unknown as Unknown  # noqa: PLC0414
from newsletter.delivery.resolving import Verdict as Verdict  # noqa: PLC0414
from newsletter.delivery.resolving import resolve as resolve  # noqa: PLC0414
from newsletter.delivery.resolving import unknown_of as unknown_of  # noqa: PLC0414
from newsletter.delivery.restored import is_held, settle_told
from newsletter.delivery.retrying import PATIENCE as PATIENCE  # noqa: PLC0414
from newsletter.delivery.retrying import Retried as Retried  # noqa: PLC0414
from newsletter.delivery.retrying import retry as retry  # noqa: PLC0414
from newsletter.delivery.retrying import worth_retrying as worth_retrying  # noqa: PLC0414
from newsletter.delivery.trouble import NO_TROUBLE
from newsletter.errors import BlockedError
from newsletter.publishing import Mailing, mailings
from newsletter.store import Store, lineage
from newsletter.store.parameters import given
from newsletter.store.statuses import DeliveryStatus, MailingStatus
from newsletter.store.tables import delivery, mailing


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


def resume(
    store: Store,
    mailing_id: int,
    *,
    actor: str,
    now: datetime,
    more: timedelta | None = None,
    restored: bool = False,
) -> Mailing:
    """Go on with it.

    Args:
        store: the database.
        mailing_id: which.
        actor: who decides.
        now: the hour.
        more: time that it has from now on at least; without, it keeps its *not later than*.
        restored: it goes on although it is held because a backup was put back. Who has it already, as events tell, does
            not get it again; of the others nobody knows.

    Raises:
        InputError: there is no such mailing.
        BlockedError: it is not paused, its time is over and no more is given, or it is held because a backup was put back.
    """
    settle_told(store, mailing_id, now=now)
    with store.writing() as connection:
        before = mailings.require(connection, mailing_id)
        lineage.refuse_while_restored(connection)
        if not restored and is_held(connection, mailing_id):
            raise BlockedError(
                f"mailing {mailing_id} is held because a backup was put back: those it would go to may have it already",
                remedy="See the mail server's log, or the provider's. To send it all the same, resume it with --yes",
            )
        waits_again = before.started_at is None and before.due_at is not None and before.due_at > now
        after = before.wait_again() if waits_again else before.resume()
        if after.started_at is None and not waits_again:
            after = replace(after, started_at=now)
        if more is not None:
            # What comes later keeps its time: hours given to a late wave are none taken from those to come.
            after = replace(after, not_later_than=max(before.not_later_than, now + more))
        if after.not_later_than <= now:
            raise BlockedError(
                f"the time of mailing {mailing_id} was over at {after.not_later_than:%Y-%m-%d %H:%M} UTC",
                remedy="Give it more with --hours, or cancel it",
            )
        mailings.write(connection, before, after)
        if more is not None:
            lateness.prolong(connection, mailing_id, now + more)
        connection.execute(update(mailing).where(mailing.c.id == mailing_id).values(restored_at=None, **NO_TROUBLE))
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
            more = ledger.withdraw(connection, mailing_id, now=now, limit=batches.ROWS)
        withdrawn += more
        # Fewer than were asked for is not the end: on PostgreSQL workers may have claimed some of them meanwhile.
        if not more:
            return withdrawn
        batches.breathe(store)


def half_cancelled(connection: Connection) -> list[int]:
    """The cancelled mailings that have something pending still: whoever cancelled them was cut off."""
    return list(connection.execute(_HALF_CANCELLED).scalars())


_HALF_CANCELLED = select(mailing.c.id).where(
    mailing.c.status == MailingStatus.CANCELLED,
    exists().where(
        delivery.c.mailing_id == mailing.c.id,
        delivery.c.status.in_(given(DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)),
    ),
)
