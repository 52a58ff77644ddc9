"""Writing down what is to be told of alerts: notices for the mail, and a webhook call. The worker carries both.

Of one kind there is one announcement an hour at most; what comes up meanwhile is in the next one. One that told of ends
alone holds back other ends, and no alarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, exists, func, insert, or_, select, update

from newsletter.alerts.alert import Raised, may_announce, news
from newsletter.alerts.open_alerts import of_row
from newsletter.alerts.words import Announcement, Told, announcement
from newsletter.store.alert_tables import alert as table
from newsletter.store.alert_tables import announced, announcement_notice
from newsletter.store.alert_tables import announcement as announcements
from newsletter.store.statuses import AlertStep, DeliveryStatus, NoticeKind
from newsletter.store.tables import notice


@dataclass(frozen=True, kw_only=True, slots=True)
class Channels:
    """Where alerts are told. `addresses`: key → address; `webhook`: whether there is one."""

    newsroom: str
    addresses: Mapping[str, str]
    webhook: bool
    remind_after: timedelta

    @property
    def any(self) -> bool:
        """Whether anybody would hear."""
        return bool(self.addresses) or self.webhook


def something_to_tell(connection: Connection, channels: Channels, *, now: datetime) -> bool:
    """Whether `announce` would write anything: a look that takes no lock."""
    return channels.any and bool(_due(connection, channels, _untold(), now))


def announce(connection: Connection, channels: Channels, *, now: datetime) -> int:
    """Write what there is to tell, in the caller's transaction; how many announcements."""
    if not channels.any:
        return 0
    # Locked, so that two processes do not tell the same.
    due = _due(connection, channels, _untold().with_for_update(), now)
    for told in due:
        _write(connection, announcement(told, newsroom=channels.newsroom, now=now), told, channels, now)
    return len(due)


def _untold() -> Select[tuple[object, ...]]:
    """The alerts that there may be something to tell of, by an index: those whose end was not told."""
    return select(table).where(or_(table.c.told.is_(None), table.c.told != AlertStep.RESOLVED)).order_by(table.c.id)


def _due(
    connection: Connection, channels: Channels, untold: Select[tuple[object, ...]], now: datetime
) -> list[list[Told]]:
    """What may be told now, by kind."""
    by_code: dict[str, list[Told]] = {}
    for row in connection.execute(untold):
        found = of_row(row)
        if step := news(found, now=now, remind_after=channels.remind_after):
            by_code.setdefault(found.code, []).append(Told(alert=found, step=step))
    last, alarmed = _last(connection, list(by_code)), _last(connection, list(by_code), alarms=True)
    return [
        told
        for code, told in by_code.items()
        if may_announce((alarmed if _is_alarm(told) else last).get(code), now=now)
    ]


def _is_alarm(told: Sequence[Told]) -> bool:
    return any(one.step is not AlertStep.RESOLVED for one in told)


def _last(connection: Connection, codes: Sequence[str], *, alarms: bool = False) -> dict[str, datetime]:
    """When each kind was announced last; with `alarms`, when anything but ends was."""
    found = select(announcements.c.code, func.max(announcements.c.created_at).label("at"))
    if alarms:
        of_it = (announced.c.announcement_id == announcements.c.id) & (announced.c.step != AlertStep.RESOLVED)
        found = found.where(exists().where(of_it))
    rows = connection.execute(found.where(announcements.c.code.in_(codes)).group_by(announcements.c.code))
    return {row.code: row.at for row in rows}


def _write(connection: Connection, said: Announcement, told: Sequence[Told], channels: Channels, now: datetime) -> None:
    row = {
        "code": said.code,
        "created_at": now,
        "subject": said.subject,
        "text": said.text,
        "payload": said.payload,
        "status": DeliveryStatus.PENDING if channels.webhook else None,
        "changed_at": now,
    }
    number = connection.execute(insert(announcements).values(row).returning(announcements.c.id)).scalar_one()
    links = [{"announcement_id": number, "alert_id": one.alert.id, "step": one.step} for one in told]
    connection.execute(insert(announced), links)
    for one in told:
        _mark(connection, one.alert, one.step, now)
    for key, address in channels.addresses.items():
        _order_mail(connection, number, key, address, now)


def _mark(connection: Connection, alert: Raised, step: AlertStep, now: datetime) -> None:
    values = {"told": step, "told_at": now}
    connection.execute(update(table).where(table.c.id == alert.id).values(values))


def _order_mail(connection: Connection, announcement_id: int, key: str, address: str, now: datetime) -> None:
    row = {
        "kind": NoticeKind.ALERT,
        "address": address,
        "address_key": key,
        "status": DeliveryStatus.PENDING,
        "created_at": now,
        "changed_at": now,
    }
    made = connection.execute(insert(notice).values(row).returning(notice.c.id)).scalar_one()
    connection.execute(insert(announcement_notice).values(notice_id=made, announcement_id=announcement_id))
