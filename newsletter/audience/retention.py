"""Retention of people: who asked to join and never confirmed goes; who left everything long ago is erased.

In short transactions beside everything else; what was done stays done wherever it is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, func, select

from newsletter.audience import erasing
from newsletter.audience.suppressions import Fingerprint
from newsletter.settings import RetentionSettings
from newsletter.store import Store
from newsletter.store.audience_tables import consent
from newsletter.store.statuses import SubscriptionStatus
from newsletter.store.tables import mailing_list, subscription

BATCH = 100
"""People a transaction: 0.1 s or so."""

ACTOR = "retention"


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """How many there were to forget, or were: sign-ups that nobody confirmed, and people who had left everything."""

    unconfirmed: int = 0
    left: int = 0


def survey(store: Store, policy: RetentionSettings, *, now: datetime) -> Forgotten:
    """What `forget` would do now. Nothing is written."""
    with store.reading() as connection:

        def number(of: Select[Any] | None) -> int:
            counted = None if of is None else select(func.count()).select_from(of.subquery())
            return 0 if counted is None else connection.execute(counted).scalar_one()

        return Forgotten(
            unconfirmed=number(_unconfirmed(policy.unconfirmed_days, now)), left=number(_gone(policy.left_days, now))
        )


def forget(
    store: Store,
    policy: RetentionSettings,
    *,
    now: datetime,
    fingerprint: Fingerprint,
    batch: int = BATCH,
    stop: Callable[[], bool] = lambda: False,
) -> Forgotten:
    """Carry the policy out.

    Args:
        store: the database.
        policy: the settings' `[retention]`.
        now: the instant that ages are counted to.
        fingerprint: makes the keyed hashes of those who had left, so that no import brings them back.
        batch: people a transaction.
        stop: asked before each batch whether to leave.

    Raises:
        InputError: the database is in use, full or gone. The batches before were done.
    """

    def unconfirmed(connection: Connection) -> int:
        old = _unconfirmed(policy.unconfirmed_days, now)
        return 0 if old is None else _take_back(connection, old.limit(batch), now)

    def left(connection: Connection) -> int:
        old = _gone(policy.left_days, now)
        return 0 if old is None else _erase(connection, old, batch, fingerprint, now)

    return Forgotten(unconfirmed=_all(store, unconfirmed, stop), left=_all(store, left, stop))


def _all(store: Store, step: Callable[[Connection], int], stop: Callable[[], bool]) -> int:
    done = 0
    while not stop() and (more := store.write(step, alone=True)):
        done += more
    return done


def _unconfirmed(days: int, now: datetime) -> Select[Any] | None:
    """The subscriptions of which nothing was heard for so long. Walks the index (list, state)."""
    if not days:
        return None
    before = now - timedelta(days=days)
    heard = exists().where(consent.c.subscription_id == subscription.c.id, consent.c.at >= before)
    return (
        select(subscription.c.id, subscription.c.subscriber_id)
        .where(
            subscription.c.list_id.in_(select(mailing_list.c.id)),
            subscription.c.status == SubscriptionStatus.UNCONFIRMED,
            subscription.c.changed_at < before,
            ~heard,
        )
        .order_by(subscription.c.id)
    )


def _gone(days: int, now: datetime) -> Select[Any] | None:
    """The subscribers who left all their lists so long ago, and of whom nothing was heard since."""
    if not days:
        return None
    before = now - timedelta(days=days)
    other = subscription.alias()
    stays = exists().where(
        other.c.subscriber_id == subscription.c.subscriber_id,
        (other.c.status != SubscriptionStatus.UNSUBSCRIBED) | (other.c.changed_at >= before),
    )
    theirs = subscription.alias()
    heard = exists().where(
        theirs.c.subscriber_id == subscription.c.subscriber_id,
        consent.c.subscription_id == theirs.c.id,
        consent.c.at >= before,
    )
    return (
        select(subscription.c.subscriber_id)
        .where(
            subscription.c.list_id.in_(select(mailing_list.c.id)),
            subscription.c.status == SubscriptionStatus.UNSUBSCRIBED,
            subscription.c.changed_at < before,
            ~stays,
            ~heard,
        )
        .distinct()
        .order_by(subscription.c.subscriber_id)
    )


def _take_back(connection: Connection, old: Select[Any], now: datetime) -> int:
    """These sign-ups never were; nor was who has no other subscription. No hash is kept: they may well sign up again."""
    # Held, and looked at again: somebody may be confirming this very moment.
    rows = connection.execute(old.with_for_update(of=subscription)).all()
    numbers = [row.id for row in rows]
    connection.execute(delete(consent).where(consent.c.subscription_id.in_(numbers)))
    connection.execute(delete(subscription).where(subscription.c.id.in_(numbers)))
    for number in _without_any(connection, sorted({row.subscriber_id for row in rows})):
        erasing.erase(connection, number, fingerprint=None, at=now, actor=ACTOR)
    return len(numbers)


def _without_any(connection: Connection, people: Sequence[int]) -> list[int]:
    held = select(subscription.c.subscriber_id).where(subscription.c.subscriber_id.in_(people))
    with_some = set(connection.execute(held).scalars())
    return [number for number in people if number not in with_some]


def _erase(connection: Connection, old: Select[Any], batch: int, fingerprint: Fingerprint, now: datetime) -> int:
    erased = 0
    for number in connection.execute(old.limit(batch)).scalars().all():
        erasing.hold(connection, number)
        # Once more: they may have come back this very moment.
        if connection.execute(old.where(subscription.c.subscriber_id == number)).first():
            erasing.erase(connection, number, fingerprint=fingerprint, at=now, actor=ACTOR)
            erased += 1
    return erased
