"""How the telling of an alert went: when, by mail or webhook, to how many, with which end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from newsletter.store import Store
from newsletter.store.alert_tables import announced, announcement, announcement_notice
from newsletter.store.statuses import AlertStep, DeliveryStatus
from newsletter.store.tables import notice


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """One announcement of an alert, on one channel. `reply` is the other side's words; addresses are not named."""

    announcement: int
    at: datetime
    step: AlertStep
    channel: str
    status: DeliveryStatus
    reply: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data; the instant in ISO 8601."""
        return {
            "announcement": self.announcement,
            "at": self.at.isoformat(),
            "step": self.step.value,
            "channel": self.channel,
            "status": self.status.value,
            "reply": self.reply,
        }


def tellings_of(store: Store, alert_id: int) -> list[Telling]:
    """What was told of the alert, the oldest first."""
    with store.reading() as connection:
        said = connection.execute(
            select(announcement, announced.c.step)
            .join(announced, announced.c.announcement_id == announcement.c.id)
            .where(announced.c.alert_id == alert_id)
            .order_by(announcement.c.id)
        ).all()
        return [one for row in said for one in _channels(connection, row)]


def _channels(connection: Connection, row: Any) -> list[Telling]:
    mails = connection.execute(
        select(notice.c.status, notice.c.reply)
        .join(announcement_notice, announcement_notice.c.notice_id == notice.c.id)
        .where(announcement_notice.c.announcement_id == row.id)
        .order_by(notice.c.id)
    )
    ways = [("webhook", row.status, row.reply)] if row.status else []
    ways += [("mail", mail.status, mail.reply) for mail in mails]
    return [
        Telling(
            announcement=row.id,
            at=row.created_at,
            step=AlertStep(row.step),
            channel=channel,
            status=DeliveryStatus(status),
            reply=reply,
        )
        for channel, status, reply in ways
    ]
