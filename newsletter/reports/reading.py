"""Reading a report from the database: one consistent view, so that the equation holds while the mailing goes on."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from newsletter.audience import mask
from newsletter.clock import Clock, system_clock
from newsletter.delivery import evidence, ledger
from newsletter.delivery.identity import is_dead
from newsletter.publishing import mailings
from newsletter.reports import rolled_up
from newsletter.reports.report import RECENT, Domain, Happening, Reply, Report, Wave, by_domain, clustered
from newsletter.store import Store
from newsletter.store.statuses import ChunkStatus, DeliveryStatus, Exclusion, MailingStatus, OutcomeKind
from newsletter.store.tables import attempt, audit, chunk, delivery, mailing, subscriber, wave

TOP_DOMAINS = 10
SHOWN_HISTORY = 20
_FROZEN = select(
    mailing.c.selected,
    mailing.c.prepared,
    mailing.c.excluded,
    mailing.c.trouble,
    mailing.c.trouble_since,
    mailing.c.restored_at,
    mailing.c.resend_after,
).where(mailing.c.id == bindparam("mailing"))
SHOWN_UNKNOWN = 20


def of(store: Store, mailing_id: int, *, clock: Clock = system_clock) -> Report:
    """The report of a mailing, at any time of its life.

    Raises:
        InputError: there is no such mailing.
    """
    with store.reading() as connection:
        sent = mailings.require(connection, mailing_id)
        frozen = connection.execute(_FROZEN, {"mailing": mailing_id}).one()
        now = clock()
        tries = rolled_up.tries_of(connection, mailing_id) + rolled_up.tries(connection, mailing_id)
        return Report(
            mailing=sent,
            at=now,
            selected=frozen.selected,
            prepared=frozen.prepared,
            excluded={Exclusion(reason): count for reason, count in frozen.excluded.items()},
            counts=_counts(connection, mailing_id),
            twice=tries.twice,
            possibly_twice=tries.possibly_twice,
            in_quiet=evidence.in_quiet(connection, mailing_id, now=now),
            trouble=frozen.trouble,
            trouble_since=frozen.trouble_since,
            restored_at=frozen.restored_at,
            events_come=evidence.events_come(connection, mailing_id),
            tries=tries.tries,
            tried_again=tries.tried_again,
            resend_after=timedelta(seconds=frozen.resend_after) if frozen.resend_after is not None else None,
            workers=_workers(connection, mailing_id, now),
            waves=_waves(connection, mailing_id),
            next_due=ledger.next_due(connection, mailing_id),
            recently=_recently(connection, mailing_id, now) if sent.status is MailingStatus.SENDING else 0,
            history=_history(connection, mailing_id),
            withdrawn_for=_reasons(connection, mailing_id),
            choice=mailings.choice_of(connection, sent),
            domains=_domains(connection, mailing_id),
            replies=_replies(connection, mailing_id),
            unknown=_unknown(connection, mailing_id),
        )


def _counts(connection: Connection, mailing_id: int) -> dict[DeliveryStatus, int]:
    """Deliveries by state, those that have become counts among them."""
    rolled = rolled_up.counts(connection, mailing_id)
    return {status: number + rolled[status] for status, number in ledger.counts(connection, mailing_id).items()}


def _reasons(connection: Connection, mailing_id: int) -> dict[Exclusion, int]:
    """Why deliveries were withdrawn, those that have become counts among them."""
    found = ledger.reasons(connection, mailing_id) + rolled_up.reasons(connection, mailing_id)
    return {reason: found[reason] for reason in Exclusion if found[reason]}


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
    found = Counter({(row.domain, row.status): row.number for row in rows})
    found.update({(domain, status): number for domain, status, number in rolled_up.domains(connection, mailing_id)})
    return by_domain(((domain, status, number) for (domain, status), number in found.items()), most=TOP_DOMAINS)


def _replies(connection: Connection, mailing_id: int) -> tuple[Reply, ...]:
    """What was said to attempts that were not accepted. Grouped by the database first: most words are the same."""
    rows = connection.execute(
        select(attempt.c.outcome, attempt.c.code, attempt.c.reply, func.count().label("number"))
        .join(delivery, delivery.c.id == attempt.c.delivery_id)
        .where(delivery.c.mailing_id == mailing_id, attempt.c.outcome != OutcomeKind.ACCEPTED)
        .group_by(attempt.c.outcome, attempt.c.code, attempt.c.reply)
    )
    found = [(row.outcome, row.code, row.reply, row.number) for row in rows]
    return clustered([*found, *rolled_up.replies(connection, mailing_id)])


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
