"""How a mailing stands while it is sent, and what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from newsletter import alerts
from newsletter.alerts import Alert
from newsletter.delivery import history, ledger
from newsletter.delivery.lateness import late
from newsletter.delivery.trouble import NO_TROUBLE, in_the_way
from newsletter.store import Store
from newsletter.store.parameters import MAILING, NOW
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


def standing_of(store: Store, mailing_id: int, *, now: datetime) -> Standing:
    """The mailing as it stands. A wave that is too late at `now` is nothing to wait for: a person decides on it."""
    with store.reading() as connection:
        asked = {"mailing": mailing_id, "now": now}
        row = connection.execute(_MAILING, asked).one()
        hours = connection.execute(_WAITING, asked).scalars()
        return Standing(
            status=MailingStatus(row.status),
            not_later_than=row.not_later_than,
            counts=ledger.counts(connection, mailing_id),
            next_waves=tuple(hours),
            next_due=ledger.next_due(connection, mailing_id),
            # Past its time nothing is sent again, and what is unknown by then is its end.
            resends=row.resend_after is not None and row.not_later_than >= now,
        )


def tell_trouble(connection: Connection, mailing_id: int, trouble: str, *, told: str | None, now: datetime) -> str:
    """Write what stands in the way, where that is not what was told last; what is told now. Why one was paused stays."""
    if trouble != told and not trouble:
        clear_trouble(connection, mailing_id)
    elif trouble != told:
        going = (mailing.c.id == mailing_id) & (mailing.c.status == MailingStatus.SENDING)
        other = going & (mailing.c.trouble != trouble)
        connection.execute(update(mailing).where(other).values(in_the_way(trouble, now)))
    return trouble


def clear_trouble(connection: Connection, mailing_id: int) -> None:
    """Nothing stands in the way of a mailing that goes on; why one was paused stays."""
    connection.execute(_CLEAR, {"mailing": mailing_id})


def pause_for(connection: Connection, mailing_id: int, trouble: str, *, code: str, now: datetime) -> bool:
    """`sending` → `paused`, by the worker, because of `trouble`, with an alert of the kind `code`; whether it was so."""
    sending = (mailing.c.id == mailing_id) & (mailing.c.status == MailingStatus.SENDING)
    values = {"status": MailingStatus.PAUSED, **in_the_way(trouble, now)}
    if connection.execute(update(mailing).where(sending).values(values)).rowcount != 1:
        return False
    history.note(connection, mailing_id, "mailing.pause", actor=history.WORKER, now=now, why=trouble)
    about = Alert(code=code, subject=alert_subject(mailing_id), message=f"mailing {mailing_id} is paused: {trouble}")
    alerts.raise_alert(connection, about, now=now)
    return True


def alert_subject(mailing_id: int) -> str:
    """What the alerts on a mailing are about."""
    return f"mailing:{mailing_id}"


def next_wave(connection: Connection, mailing_id: int, *, after: datetime) -> datetime | None:
    """When the mailing's next wave is due."""
    hour: datetime | None = connection.execute(_NEXT_WAVE, {"mailing": mailing_id, "after": after}).scalar_one()
    return hour


_TO_COME = (wave.c.mailing_id == MAILING, wave.c.released_at.is_(None))
_MAILING = select(mailing.c.status, mailing.c.not_later_than, mailing.c.resend_after).where(mailing.c.id == MAILING)
_WAITING = select(wave.c.due_at).where(*_TO_COME, ~late(NOW)).order_by(wave.c.due_at)
_NEXT_WAVE = select(func.min(wave.c.due_at)).where(*_TO_COME, wave.c.due_at > bindparam("after", type_=Instant))
_CLEAR = (
    update(mailing)
    .where(mailing.c.id == MAILING, mailing.c.status == MailingStatus.SENDING, mailing.c.trouble != "")
    .values(NO_TROUBLE)
)
