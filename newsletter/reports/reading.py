"""Reading a report from the database: one consistent view, so that the equation holds while the mailing goes on."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from newsletter.audience import mask
from newsletter.clock import Clock, system_clock
from newsletter.delivery import ledger
from newsletter.publishing import mailings
from newsletter.reports.report import Domain, Reply, Report, by_domain, clustered
from newsletter.store import Store
from newsletter.store.statuses import DeliveryStatus, Exclusion, OutcomeKind
from newsletter.store.tables import attempt, delivery, mailing, subscriber

TOP_DOMAINS = 10
SHOWN_UNKNOWN = 20


def of(store: Store, mailing_id: int, *, clock: Clock = system_clock) -> Report:
    """The report of a mailing, at any time of its life.

    Raises:
        InputError: there is no such mailing.
    """
    with store.reading() as connection:
        sent = mailings.require(connection, mailing_id)
        frozen = connection.execute(
            select(mailing.c.selected, mailing.c.prepared, mailing.c.excluded).where(mailing.c.id == mailing_id)
        ).one()
        return Report(
            mailing=sent,
            at=clock(),
            selected=frozen.selected,
            prepared=frozen.prepared,
            excluded={Exclusion(reason): count for reason, count in frozen.excluded.items()},
            counts=ledger.counts(connection, mailing_id),
            twice=_twice(connection, mailing_id),
            domains=_domains(connection, mailing_id),
            replies=_replies(connection, mailing_id),
            unknown=_unknown(connection, mailing_id),
        )


def _twice(connection: Connection, mailing_id: int) -> int:
    """Deliveries with two accepts. Only what was claimed twice can have them, so that few rows are joined."""
    more = (
        select(delivery.c.id)
        .join(attempt, attempt.c.delivery_id == delivery.c.id)
        .where(delivery.c.mailing_id == mailing_id, delivery.c.fence > 1, attempt.c.outcome == OutcomeKind.ACCEPTED)
        .group_by(delivery.c.id)
        .having(func.count() > 1)
        .subquery()
    )
    return connection.execute(select(func.count()).select_from(more)).scalar_one()


def _domains(connection: Connection, mailing_id: int) -> tuple[Domain, ...]:
    rows = connection.execute(
        select(subscriber.c.domain, delivery.c.status, func.count().label("number"))
        .select_from(delivery)
        .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(delivery.c.mailing_id == mailing_id)
        .group_by(subscriber.c.domain, delivery.c.status)
    )
    return by_domain(((row.domain, row.status, row.number) for row in rows), most=TOP_DOMAINS)


def _replies(connection: Connection, mailing_id: int) -> tuple[Reply, ...]:
    """What was said to attempts that were not accepted. Grouped by the database first: most words are the same."""
    rows = connection.execute(
        select(attempt.c.outcome, attempt.c.code, attempt.c.reply, func.count().label("number"))
        .join(delivery, delivery.c.id == attempt.c.delivery_id)
        .where(delivery.c.mailing_id == mailing_id, attempt.c.outcome != OutcomeKind.ACCEPTED)
        .group_by(attempt.c.outcome, attempt.c.code, attempt.c.reply)
    )
    return clustered((row.outcome, row.code, row.reply, row.number) for row in rows)


def _unknown(connection: Connection, mailing_id: int) -> tuple[str, ...]:
    rows = connection.execute(
        select(subscriber.c.address)
        .select_from(delivery)
        .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(delivery.c.mailing_id == mailing_id, delivery.c.status == DeliveryStatus.UNKNOWN)
        .order_by(delivery.c.id)
        .limit(SHOWN_UNKNOWN)
    )
    return tuple(mask(row.address) for row in rows)
