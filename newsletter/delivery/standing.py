"""How a mailing stands while it is sent, and what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from newsletter.delivery import history, ledger
from newsletter.store import Store
from newsletter.store.statuses import OPEN, DeliveryStatus, MailingStatus
from newsletter.store.tables import Instant, mailing, wave


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A mailing at one moment. `next_waves` are the hours (UTC) of those not complete; `next_due`: of what is deferred."""

    status: MailingStatus
    not_later_than: datetime
    counts: Mapping[DeliveryStatus, int]
    next_waves: tuple[datetime, ...]
    next_due: datetime | None
    resends: bool

    @property
    def open(self) -> bool:
        """Whether something has still to follow."""
        resent = self.resends and bool(self.counts[DeliveryStatus.UNKNOWN])
        return bool(self.next_waves) or resent or any(self.counts[status] for status in OPEN)

    @property
    def next(self) -> tuple[datetime, ...]:
        """When the next thing can be tried."""
        return (*self.next_waves, *((self.next_due,) if self.next_due else ()))


def standing_of(store: Store, mailing_id: int) -> Standing:
    """The mailing as it stands."""
    with store.reading() as connection:
        columns = select(mailing.c.status, mailing.c.not_later_than, mailing.c.resend_after)
        row = connection.execute(columns.where(mailing.c.id == mailing_id)).one()
        waiting = (wave.c.mailing_id == mailing_id) & wave.c.released_at.is_(None)
        hours = connection.execute(select(wave.c.due_at).where(waiting).order_by(wave.c.due_at)).scalars()
        return Standing(
            status=MailingStatus(row.status),
            not_later_than=row.not_later_than,
            counts=ledger.counts(connection, mailing_id),
            next_waves=tuple(hours),
            next_due=ledger.next_due(connection, mailing_id),
            resends=row.resend_after is not None,
        )


def tell_trouble(connection: Connection, mailing_id: int, trouble: str, *, told: str | None, now: datetime) -> str:
    """Write what stands in the way, where that is not what was told last; what is told now."""
    if trouble != told:
        other = (mailing.c.id == mailing_id) & (mailing.c.trouble != trouble)
        connection.execute(update(mailing).where(other).values(_in_the_way(trouble, now)))
    return trouble


def clear_trouble(connection: Connection, mailing_id: int) -> None:
    """Nothing stands in the way of a mailing that goes on; why one was paused stays."""
    going = (mailing.c.id == mailing_id) & (mailing.c.status == MailingStatus.SENDING) & (mailing.c.trouble != "")
    connection.execute(update(mailing).where(going).values(NO_TROUBLE))


def pause_for(connection: Connection, mailing_id: int, trouble: str, *, now: datetime) -> None:
    """`sending` → `paused`, by the worker, because of `trouble`."""
    sending = (mailing.c.id == mailing_id) & (mailing.c.status == MailingStatus.SENDING)
    values = {"status": MailingStatus.PAUSED, **_in_the_way(trouble, now)}
    if connection.execute(update(mailing).where(sending).values(values)).rowcount == 1:
        history.note(connection, mailing_id, "mailing.pause", actor=history.WORKER, now=now, why=trouble)


NO_TROUBLE: dict[str, Any] = {"trouble": "", "trouble_since": None}


def _in_the_way(trouble: str, now: datetime) -> dict[str, Any]:
    """The columns. Where there was trouble already, it is the same one in other words."""
    if not trouble:
        return NO_TROUBLE
    return {"trouble": trouble, "trouble_since": func.coalesce(mailing.c.trouble_since, literal(now, Instant))}
