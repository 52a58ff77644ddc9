"""Who may be claimed next: the statements that find and lock them.

Made once: a worker executes them hundreds of times a second, and building one takes longer than executing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, exists, false, or_, select

from newsletter.delivery import evidence
from newsletter.store.statuses import DeliveryStatus, MailingKind, MailingStatus, SubscriptionStatus
from newsletter.store.tables import BigId, Instant, delivery, mailing, subscriber, subscription, suppression, wave


def _candidates(
    status: DeliveryStatus, *where: ColumnElement[bool], order: Sequence[ColumnElement[Any]]
) -> Select[Any]:
    """Walks the index (mailing, status, id) and locks what it takes; for each, two look-ups by key and two tests.

    The rows are taken before anything is joined: others' that are skipped, and a plan by old statistics, then cost a
    look into one table only.
    """
    released = select(wave.c.id).where(
        wave.c.mailing_id == bindparam("mailing"),
        wave.c.released_at.is_not(None),
        or_(bindparam("wave", type_=BigId).is_(None), wave.c.id == bindparam("wave", type_=BigId)),
    )
    sending = exists().where(mailing.c.id == bindparam("mailing"), mailing.c.status == MailingStatus.SENDING)
    taken = (
        select(delivery.c.id, delivery.c.subscriber_id, delivery.c.fence, delivery.c.due_at)
        .where(
            delivery.c.mailing_id == bindparam("mailing"),
            delivery.c.status == status,
            delivery.c.wave_id.in_(released),
            sending,
            *where,
        )
        .order_by(*order)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True)
        .cte("taken")
    )
    suppressed = exists().where(suppression.c.address_key == subscriber.c.address_key)
    its_list = select(mailing.c.list_id).where(mailing.c.id == bindparam("mailing")).scalar_subquery()
    consent = (subscription.c.list_id == its_list) & (subscription.c.subscriber_id == taken.c.subscriber_id)
    return (
        select(
            taken.c.id,
            taken.c.subscriber_id,
            taken.c.fence,
            subscriber.c.address,
            subscriber.c.name,
            subscriber.c.domain,
            subscription.c.consent_at,
            # Nobody who has no subscription any more may get it: NULL is not true.
            # Nor whoever got it after all: events came while it waited to be sent again, or another list was quicker.
            (
                (subscription.c.status == SubscriptionStatus.SUBSCRIBED)
                & ~suppressed
                & ~_has_it_elsewhere(taken.c.subscriber_id)
                & ~case((taken.c.fence > 0, evidence.told_of(taken.c.id)), else_=false())
            ).label("may_get"),
        )
        .join(subscriber, subscriber.c.id == taken.c.subscriber_id)
        .outerjoin(subscription, consent)
        .order_by(*(taken.c[str(column.key)] for column in order))
    )


def _has_it_elsewhere(subscriber_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the reader has the issue, or may have it, from another list. At the freeze nobody had, but they may have come
    back since to a list that they had left, or a person tries again what had expired here.
    """
    own = mailing.alias("own")
    of_issue = (mailing.c.issue == own.c.issue) & (mailing.c.id != own.c.id) & (own.c.id == bindparam("mailing"))
    others = select(mailing.c.id).where(of_issue, mailing.c.kind != _CORRECTION, own.c.kind != _CORRECTION)
    other = delivery.alias("other")
    return exists().where(
        other.c.mailing_id.in_(others), other.c.subscriber_id == subscriber_id, other.c.status.in_(_HAS_OR_MAY_HAVE)
    )


_CORRECTION = MailingKind.CORRECTION
_HAS_OR_MAY_HAVE = (DeliveryStatus.SENDING, DeliveryStatus.ACCEPTED, DeliveryStatus.UNKNOWN)

PENDING = _candidates(DeliveryStatus.PENDING, delivery.c.id > bindparam("after", type_=BigId), order=[delivery.c.id])
"""New ones, with a higher number than `after`."""

DEFERRED = _candidates(
    DeliveryStatus.DEFERRED,
    delivery.c.due_at <= bindparam("now", type_=Instant),
    order=[delivery.c.due_at, delivery.c.id],
)
"""Deferred ones whose time has come by `now`."""

NEW_IN_TURN = _candidates(
    DeliveryStatus.DEFERRED,
    delivery.c.pace_id == bindparam("pace", type_=BigId),
    delivery.c.fence == 0,
    order=[delivery.c.id],
)
"""Those that wait for their turn at the pace `pace` and were never tried. Walks the index of those that wait."""

TRIED_IN_TURN = _candidates(
    DeliveryStatus.DEFERRED,
    delivery.c.pace_id == bindparam("pace", type_=BigId),
    delivery.c.fence > 0,
    order=[delivery.c.fence, delivery.c.id],
)
"""The others that wait there."""
