"""Reading a report from the database: one consistent view, so that the equation holds while the mailing goes on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from newsletter.audience import mask
from newsletter.clock import Clock, system_clock
from newsletter.delivery import evidence, ledger
from newsletter.delivery.identity import is_dead
from newsletter.publishing import mailings
from newsletter.reports.report import RECENT, Domain, Happening, Reply, Report, Wave, by_domain, clustered
from newsletter.store import Store
from newsletter.store.statuses import ChunkStatus, DeliveryStatus, Exclusion, MailingStatus, OutcomeKind
from newsletter.store.tables import attempt, audit, chunk, delivery, mailing, subscriber, wave

TOP_DOMAINS = 10
SHOWN_HISTORY = 20
SHOWN_UNKNOWN = 20


def of(store: Store, mailing_id: int, *, clock: Clock = system_clock) -> Report:
    """The report of a mailing, at any time of its life.

    Raises:
        InputError: there is no such mailing.
    """
    with store.reading() as connection:
        sent = mailings.require(connection, mailing_id)
        columns = select(mailing.c.selected, mailing.c.prepared, mailing.c.excluded, mailing.c.trouble)
        frozen = connection.execute(columns.where(mailing.c.id == mailing_id)).one()
        now = clock()
        return Report(
            mailing=sent,
            at=now,
            selected=frozen.selected,
            prepared=frozen.prepared,
            excluded={Exclusion(reason): count for reason, count in frozen.excluded.items()},
            counts=ledger.counts(connection, mailing_id),
            twice=evidence.twice(connection, mailing_id),
            possibly_twice=evidence.possibly_twice(connection, mailing_id),
            in_quiet=evidence.in_quiet(connection, mailing_id, now=now),
            trouble=frozen.trouble,
            workers=_workers(connection, mailing_id, now),
            waves=_waves(connection, mailing_id),
            next_due=ledger.next_due(connection, mailing_id),
            recently=_recently(connection, mailing_id, now) if sent.status is MailingStatus.SENDING else 0,
            history=_history(connection, mailing_id),
            domains=_domains(connection, mailing_id),
            replies=_replies(connection, mailing_id),
            unknown=_unknown(connection, mailing_id),
        )


def _workers(connection: Connection, mailing_id: int, now: datetime) -> int:
    """Processes that hold something of the mailing and are not known to be dead."""
    held = (
        select(chunk.c.worker)
        .join(wave, wave.c.id == chunk.c.wave_id)
        .where(wave.c.mailing_id == mailing_id, chunk.c.status == ChunkStatus.OPEN, chunk.c.lease_until >= now)
        .distinct()
    )
    return sum(not is_dead(name) for name in connection.execute(held).scalars())


def _waves(connection: Connection, mailing_id: int) -> tuple[Wave, ...]:
    columns = select(wave.c.zone, wave.c.hour, wave.c.canary, wave.c.skipped, wave.c.due_at, wave.c.released_at)
    found = columns.where(wave.c.mailing_id == mailing_id).order_by(wave.c.due_at, wave.c.zone, wave.c.hour)
    return tuple(Wave(**row) for row in connection.execute(found).mappings())


def _recently(connection: Connection, mailing_id: int, now: datetime) -> int:
    """Deliveries accepted in the last minute."""
    where = (
        (delivery.c.mailing_id == mailing_id)
        & (delivery.c.status == DeliveryStatus.ACCEPTED)
        & (delivery.c.changed_at >= now - RECENT)
    )
    return connection.execute(select(func.count()).where(where)).scalar_one()


def _history(connection: Connection, mailing_id: int) -> tuple[Happening, ...]:
    """The latest entries of the audit, the oldest first."""
    rows = connection.execute(
        select(audit.c.at, audit.c.actor, audit.c.action, audit.c.detail)
        .where(audit.c.subject == f"mailing:{mailing_id}")
        .order_by(audit.c.id.desc())
        .limit(SHOWN_HISTORY)
    ).all()
    return tuple(Happening(at=r.at, actor=r.actor, action=r.action, detail=r.detail) for r in reversed(rows))


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
