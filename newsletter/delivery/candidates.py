"""Who may be claimed next: the statements that find and lock them.

Made once: a worker executes them hundreds of times a second, and building one takes longer than executing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, literal, or_, select

from newsletter.audience import choosing
from newsletter.delivery import evidence
from newsletter.store.parameters import given
from newsletter.store.statuses import DeliveryStatus, Exclusion, MailingKind, MailingStatus, SubscriptionStatus
from newsletter.store.tables import BigId, Instant, delivery, mailing, subscriber, subscription, suppression, wave

TOLD = "told"
"""The reason not to send it again that is none: they have it, as events told meanwhile."""

_NOW = bindparam("now", type_=Instant)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """The statements for mailings of one filter. Each row's `reason` says why it must not go; "" where it may.

    `pending` finds new ones with a higher number than `after`; `deferred` those whose time has come by `now`; the other
    two those that wait for their turn at the pace `pace`: `new_in_turn` those that were never tried.
    """

    pending: Select[Any]
    deferred: Select[Any]
    new_in_turn: Select[Any]
    tried_in_turn: Select[Any]


@lru_cache(maxsize=64)
def of_filter(text: str = "") -> Candidates:
    """The statements for mailings whose filter reads so; "" for those without."""
    due, in_turn = delivery.c.due_at <= _NOW, delivery.c.pace_id == bindparam("pace", type_=BigId)
    after, by_number = delivery.c.id > bindparam("after", type_=BigId), [delivery.c.id]
    waits = DeliveryStatus.DEFERRED
    return Candidates(
        pending=_candidates(text, DeliveryStatus.PENDING, after, order=by_number),
        deferred=_candidates(text, waits, due, order=[delivery.c.due_at, delivery.c.id]),
        # Walks the index of those that wait.
        new_in_turn=_candidates(text, waits, in_turn, delivery.c.fence == 0, order=by_number),
        tried_in_turn=_candidates(text, waits, in_turn, delivery.c.fence > 0, order=[delivery.c.fence, delivery.c.id]),
    )


def _candidates(
    text: str, status: DeliveryStatus, *where: ColumnElement[bool], order: Sequence[ColumnElement[Any]]
) -> Select[Any]:
    """Walks the index (mailing, status, id) and locks what it takes; for each, a few look-ups by key.

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
            _reason(text, taken.c.id, taken.c.subscriber_id, taken.c.fence).label("reason"),
        )
        # From the outside in: whoever was erased meanwhile leaves a delivery without a subscriber.
        .outerjoin(subscriber, subscriber.c.id == taken.c.subscriber_id)
        .outerjoin(subscription, consent)
        .order_by(*(taken.c[str(column.key)] for column in order))
    )


def _reason(
    text: str, number: ColumnElement[int], subscriber_id: ColumnElement[int], fence: ColumnElement[int]
) -> ColumnElement[str]:
    """Why it must not go, in the order of `Exclusion`; "" where it may."""
    suppressed = exists().where(suppression.c.address_key == subscriber.c.address_key)
    # Nobody who has no subscription any more may get it either.
    left = or_(subscription.c.status.is_(None), subscription.c.status == SubscriptionStatus.UNSUBSCRIBED)
    unconfirmed = subscription.c.status != SubscriptionStatus.SUBSCRIBED
    chosen = choosing.left_out_of(bindparam("mailing"), text, now=_NOW)
    cases = [
        (subscriber.c.id.is_(None), Exclusion.ERASED),
        (suppressed, Exclusion.SUPPRESSED),
        (left, Exclusion.UNSUBSCRIBED),
        (unconfirmed, Exclusion.UNCONFIRMED),
        *chosen,
        (_has_it_elsewhere(subscriber_id), Exclusion.HAS_ISSUE),
    ]
    # Nor whoever got it after all: events came while it waited to be sent again.
    told = and_(fence > 0, evidence.told_of(number))
    return case(*((found, literal(why.value)) for found, why in cases), (told, literal(TOLD)), else_=literal(""))


def _has_it_elsewhere(subscriber_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the reader has the issue, or may have it, from another list. At the freeze nobody had, but they may have come
    back since to a list that they had left, or a person tries again what had expired here.
    """
    own = mailing.alias("own")
    of_issue = (mailing.c.issue == own.c.issue) & (mailing.c.id != own.c.id) & (own.c.id == bindparam("mailing"))
    others = select(mailing.c.id).where(of_issue, mailing.c.kind != _CORRECTION, own.c.kind != _CORRECTION)
    other = delivery.alias("other")
    return exists().where(
        other.c.mailing_id.in_(others),
        other.c.subscriber_id == subscriber_id,
        other.c.status.in_(given(*_HAS_OR_MAY_HAVE)),
    )


_CORRECTION = MailingKind.CORRECTION
_HAS_OR_MAY_HAVE = (DeliveryStatus.SENDING, DeliveryStatus.ACCEPTED, DeliveryStatus.UNKNOWN)


of_filter()  # made before anybody waits for it
