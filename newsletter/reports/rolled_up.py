"""What deliveries and their attempts leave behind when they are old: counts, which the report adds to what is still there.

Every function is one step of the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    select,
    true,
    update,
)

from newsletter.delivery import evidence, ledger
from newsletter.reports.report import masked
from newsletter.store.among import among as one_of_many
from newsletter.store.rolled_up_tables import delivery_count, reply_count
from newsletter.store.statuses import DeliveryStatus, Exclusion, OutcomeKind
from newsletter.store.tables import attempt, chunk, delivery, event, mailing, subscriber, wave

OTHERS = ""
"""The domain that stands for all that are counted together."""

_NAMED_DOMAINS = 100
"""The largest are counted each by itself; a million readers have some ten thousand domains, most with one reader."""

_GONE = (DeliveryStatus.ACCEPTED, DeliveryStatus.REJECTED, DeliveryStatus.WITHDRAWN, DeliveryStatus.EXPIRED)
_ALL = true()
_Reply = tuple[str, int | None, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tries:
    """Deliveries mailed twice, and possibly twice; all tries, and the deliveries with more than one."""

    twice: int
    possibly_twice: int
    tries: int
    tried_again: int

    def __add__(self, other: Tries) -> Tries:
        return Tries(
            twice=self.twice + other.twice,
            possibly_twice=self.possibly_twice + other.possibly_twice,
            tries=self.tries + other.tries,
            tried_again=self.tried_again + other.tried_again,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rolled:
    """A batch: up to which delivery, of which state, and how many."""

    status: DeliveryStatus
    last: int
    rows: int


def counts(connection: Connection, mailing_id: int) -> Counter[DeliveryStatus]:
    """Rolled-up deliveries by state."""
    rows = connection.execute(
        select(delivery_count.c.status, func.sum(delivery_count.c.number).label("number"))
        .where(delivery_count.c.mailing_id == mailing_id)
        .group_by(delivery_count.c.status)
    )
    return Counter({DeliveryStatus(row.status): int(row.number) for row in rows if row.number})


def domains(connection: Connection, mailing_id: int) -> list[tuple[str, str, int]]:
    """(domain, state, deliveries) of the large domains."""
    rows = connection.execute(
        select(delivery_count.c.domain, delivery_count.c.status, delivery_count.c.number).where(
            delivery_count.c.mailing_id == mailing_id, delivery_count.c.domain != OTHERS, delivery_count.c.number > 0
        )
    )
    return [(row.domain, row.status, row.number) for row in rows]


def replies(connection: Connection, mailing_id: int) -> list[tuple[str, int | None, str, int]]:
    """(outcome, code, masked reply, attempts)."""
    columns = select(reply_count.c.outcome, reply_count.c.code, reply_count.c.reply, reply_count.c.number)
    rows = connection.execute(columns.where(reply_count.c.mailing_id == mailing_id))
    return [(row.outcome, row.code, row.reply, row.number) for row in rows]


def tries(connection: Connection, mailing_id: int) -> Tries:
    """What the mailing's rolled-up deliveries add to the sums over its tries."""
    table = mailing.c
    columns = (
        table.rolled_up_twice,
        table.rolled_up_possibly_twice,
        table.rolled_up_tries,
        table.rolled_up_tried_again,
    )
    row = connection.execute(select(*columns).where(table.id == mailing_id)).one()
    return Tries(twice=row[0], possibly_twice=row[1], tries=row[2], tried_again=row[3])


def reasons(connection: Connection, mailing_id: int) -> Counter[Exclusion]:
    """Why rolled-up deliveries had been withdrawn."""
    kept = connection.execute(select(mailing.c.rolled_up_reasons).where(mailing.c.id == mailing_id)).scalar_one()
    return Counter({Exclusion(reason): number for reason, number in (kept or {}).items()})


def tries_of(connection: Connection, mailing_id: int, among: ColumnElement[bool] = _ALL) -> Tries:
    """The same sums over deliveries that are still there: all of the mailing's, or those `among` them."""
    again = func.sum(case((delivery.c.fence > 1, 1), else_=0))
    sums = select(func.sum(delivery.c.fence), again).where(delivery.c.mailing_id == mailing_id, among)
    all_tries, tried_again = connection.execute(sums).one()
    return Tries(
        twice=evidence.twice(connection, mailing_id, among),
        possibly_twice=evidence.possibly_twice(connection, mailing_id, among),
        tries=int(all_tries or 0),
        tried_again=int(tried_again or 0),
    )


def large_domains(connection: Connection, mailing_id: int) -> set[str]:
    """The domains that shall be counted by themselves. Reads all of the mailing's deliveries."""
    largest = connection.execute(
        select(subscriber.c.domain)
        .select_from(delivery)
        .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(delivery.c.mailing_id == mailing_id)
        .group_by(subscriber.c.domain)
        .order_by(func.count().desc(), subscriber.c.domain)
        .limit(_NAMED_DOMAINS)
    )
    return set(largest.scalars())


def roll_up(
    connection: Connection, mailing_id: int, *, large: Collection[str], after: Mapping[DeliveryStatus, int], limit: int
) -> Rolled | None:
    """Up to `limit` deliveries of a mailing that has ended, now counts; None where none is left. Those of one state.

    Args:
        connection: writing.
        mailing_id: which.
        large: from `large_domains`. Once something is rolled up, those of then count.
        after: the last one that was rolled up in each state: PostgreSQL's index keeps those for a while, and would be
            walked from its beginning each time.
        limit: deliveries at most.
    """
    for status in _GONE:
        begin = (delivery.c.mailing_id == mailing_id) & (delivery.c.status == status)
        begin &= delivery.c.id > after.get(status, 0)
        walked = select(delivery.c.id).where(begin).order_by(delivery.c.id).limit(limit).subquery()
        last = connection.execute(select(func.max(walked.c.id))).scalar_one()
        if last is not None:
            named = _named_domains(connection, mailing_id, large)
            rows = _roll_up(connection, mailing_id, status, begin & (delivery.c.id <= last), named)
            return Rolled(status=status, last=last, rows=rows)
    return None


def forget_requests(connection: Connection, mailing_id: int) -> None:
    """Remove the attempts that stood for whole requests, once no delivery of theirs is left."""
    chunks = select(chunk.c.id).join(wave, wave.c.id == chunk.c.wave_id).where(wave.c.mailing_id == mailing_id)
    connection.execute(delete(attempt).where(attempt.c.chunk_id.in_(chunks)))


def _roll_up(
    connection: Connection, mailing_id: int, status: DeliveryStatus, among: ColumnElement[bool], named: Collection[str]
) -> int:
    _count_domains(connection, mailing_id, status, among, named)
    ids = list(connection.execute(select(delivery.c.id).where(among)).scalars())
    _count_replies(connection, mailing_id, ids)
    sums = tries_of(connection, mailing_id, among)
    more = {
        mailing.c.rolled_up_twice: mailing.c.rolled_up_twice + sums.twice,
        mailing.c.rolled_up_possibly_twice: mailing.c.rolled_up_possibly_twice + sums.possibly_twice,
        mailing.c.rolled_up_tries: mailing.c.rolled_up_tries + sums.tries,
        mailing.c.rolled_up_tried_again: mailing.c.rolled_up_tried_again + sums.tried_again,
    }
    why = reasons(connection, mailing_id) + ledger.reasons(connection, mailing_id, among)
    kept = {reason.value: number for reason, number in why.items()}
    connection.execute(update(mailing).where(mailing.c.id == mailing_id).values(more | {"rolled_up_reasons": kept}))
    connection.execute(_FORGET, {"ids": ids})
    connection.execute(_EMPTY, {"ids": ids})
    return connection.execute(delete(delivery).where(among)).rowcount


# By their numbers: of a condition on their deliveries PostgreSQL expects so many that it reads all attempts each time.
_OF_THESE = one_of_many(attempt.c.delivery_id, "ids")
_FORGET = delete(attempt).where(_OF_THESE)
# What the provider posted says who it was: no event keeps that longer than its delivery says whose it is.
_EMPTY = update(event).where(one_of_many(event.c.delivery_id, "ids"), cast(event.c.raw, Text) != "{}").values(raw={})
_REPLIES = (
    select(attempt.c.outcome, attempt.c.code, attempt.c.reply, func.count().label("number"))
    .where(_OF_THESE, attempt.c.outcome != OutcomeKind.ACCEPTED)
    .group_by(attempt.c.outcome, attempt.c.code, attempt.c.reply)
)


def _count_domains(
    connection: Connection, mailing_id: int, status: DeliveryStatus, among: ColumnElement[bool], named: Collection[str]
) -> None:
    # From the outside in, so that a delivery counts whatever has become of its subscriber.
    rows = connection.execute(
        select(subscriber.c.domain, func.count().label("number"))
        .select_from(delivery)
        .outerjoin(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(among)
        .group_by(subscriber.c.domain)
    )
    found: Counter[str] = Counter()
    for row in rows:
        found[row.domain if row.domain in named else OTHERS] += row.number
    _add(
        connection,
        {(domain, status.value): number for domain, number in found.items()},
        _rows_of(connection, mailing_id),
        mailing_id,
    )


def _named_domains(connection: Connection, mailing_id: int, large: Collection[str]) -> set[str]:
    """The domains that are counted by themselves: chosen while all deliveries are there, and kept to."""
    kept = delivery_count.c.mailing_id == mailing_id
    chosen = set(connection.execute(select(delivery_count.c.domain).where(kept).distinct()).scalars())
    if not chosen:
        chosen = {OTHERS, *large}
        first = DeliveryStatus.ACCEPTED.value
        rows = [{"mailing_id": mailing_id, "domain": name, "status": first, "number": 0} for name in sorted(chosen)]
        connection.execute(insert(delivery_count), rows)
    return chosen


def _rows_of(connection: Connection, mailing_id: int) -> dict[tuple[str, str], int]:
    columns = select(delivery_count.c.id, delivery_count.c.domain, delivery_count.c.status)
    rows = connection.execute(columns.where(delivery_count.c.mailing_id == mailing_id))
    return {(row.domain, row.status): row.id for row in rows}


def _add(
    connection: Connection, more: dict[tuple[str, str], int], present: dict[tuple[str, str], int], mailing_id: int
) -> None:
    known = [{"row": present[key], "more": number} for key, number in sorted(more.items()) if key in present]
    new = [
        {"mailing_id": mailing_id, "domain": domain, "status": status, "number": number}
        for (domain, status), number in sorted(more.items())
        if (domain, status) not in present
    ]
    if known:
        added = update(delivery_count).where(delivery_count.c.id == bindparam("row"))
        connection.execute(added.values(number=delivery_count.c.number + bindparam("more")), known)
    if new:
        connection.execute(insert(delivery_count), new)


def _count_replies(connection: Connection, mailing_id: int, ids: Sequence[int]) -> None:
    rows = connection.execute(_REPLIES, {"ids": ids})
    more = _masked((row.outcome, row.code, row.reply, row.number) for row in rows)
    present = {
        (row.outcome, row.code, row.reply): row.id
        for row in (
            connection.execute(select(reply_count).where(reply_count.c.mailing_id == mailing_id)) if more else ()
        )
    }
    for reply, number in more.items():
        if (known := present.get(reply)) is not None:
            added = update(reply_count).where(reply_count.c.id == known)
            connection.execute(added.values(number=reply_count.c.number + number))
        else:
            outcome, code, text = reply
            new = {"mailing_id": mailing_id, "outcome": outcome, "code": code, "reply": text, "number": number}
            connection.execute(insert(reply_count).values(new))


def _masked(rows: Iterable[tuple[Any, ...]]) -> Counter[_Reply]:
    counted: Counter[_Reply] = Counter()
    for outcome, code, text, number in rows:
        counted[outcome, code, masked(text)] += number
    return counted
