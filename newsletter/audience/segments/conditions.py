"""A filter as a condition on rows of `subscriber` joined with `subscription`.

Values travel as parameters only. Each term is true or false and never NULL, so that `not` means the contrary; each asks
one index about the one reader at hand, so that a batch or a claim costs as many look-ups as it has readers and terms.
"""

from __future__ import annotations

from functools import reduce

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select, true

from newsletter.audience.labels import value_key
from newsletter.audience.segments.filters import (
    DOMAIN,
    HOUR,
    JOINED,
    LANGUAGE,
    LIST,
    TAG,
    ZONE,
    And,
    Filter,
    Not,
    Term,
)
from newsletter.audience.segments.values import span
from newsletter.store.audience_tables import attribute, subscriber_tag, tag
from newsletter.store.statuses import SubscriptionStatus
from newsletter.store.tables import mailing_list, subscriber, subscription


def matches(wanted: Filter) -> ColumnElement[bool]:
    """Whether the reader of a row (`subscriber` joined with their `subscription`) is as the filter asks."""
    if isinstance(wanted, Term):
        return _term(wanted)
    if isinstance(wanted, Not):
        return not_(matches(wanted.part))
    join = and_ if isinstance(wanted, And) else or_
    return reduce(join, map(matches, wanted.parts))


def _term(term: Term) -> ColumnElement[bool]:
    if term.field == TAG:
        return _tagged(term.value)
    if term.field == LIST:
        return _subscribed(term.value)
    if term.field == JOINED:
        return _joined(term)
    if term.field == LANGUAGE:
        return _speaks(term.value)
    column = {ZONE: subscriber.c.zone, HOUR: subscriber.c.hour, DOMAIN: subscriber.c.domain}.get(term.field)
    if column is not None:
        return column.is_not(None) if term.value is None else and_(column.is_not(None), column == term.value)
    return _has(term.field, term.value)


def _tagged(name: str | None) -> ColumnElement[bool]:
    held = subscriber_tag.alias()
    mine = held.c.subscriber_id == subscription.c.subscriber_id
    if name is None:
        return exists().where(mine)
    return exists().where(mine, held.c.tag_id == select(tag.c.id).where(tag.c.name == name).scalar_subquery())


def _subscribed(name: str | None) -> ColumnElement[bool]:
    held, its_list = subscription.alias(), mailing_list.alias()
    mine = and_(held.c.subscriber_id == subscription.c.subscriber_id, held.c.status == SubscriptionStatus.SUBSCRIBED)
    if name is None:
        return exists().where(mine)
    its_id = select(its_list.c.id).where(its_list.c.name == name).scalar_subquery()
    return exists().where(mine, held.c.list_id == its_id)


def _joined(term: Term) -> ColumnElement[bool]:
    if term.value is None:
        return true()
    begin, end = span(term.sign, term.value)
    since = [] if begin is None else [subscription.c.consent_at >= begin]
    until = [] if end is None else [subscription.c.consent_at < end]
    return and_(*since, *until)


def _speaks(tag_of_language: str | None) -> ColumnElement[bool]:
    """`de` is `de-AT` too: RFC 4647 section 3.3.1, basic filtering."""
    known = subscriber.c.language.is_not(None)
    if tag_of_language is None:
        return known
    spoken, wanted = func.lower(subscriber.c.language), tag_of_language.lower()
    return and_(known, or_(spoken == wanted, func.substr(spoken, 1, len(wanted) + 1) == f"{wanted}-"))


def _has(name: str, value: str | None) -> ColumnElement[bool]:
    held = attribute.alias()
    mine = and_(held.c.subscriber_id == subscription.c.subscriber_id, held.c.name == name)
    return exists().where(mine) if value is None else exists().where(mine, held.c.value_key == value_key(value))
