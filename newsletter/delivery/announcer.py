"""Telling people of alerts: what `alerts.announcing` has written down is mailed and posted, and tried again.

An alert may come twice rather than never: what a kill leaves `sending` is tried again after a while, under the same
Message-ID and the same `webhook-id`, by which a receiver can drop the repeat.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Row, Table, and_, exists, or_, select, update

from newsletter.alerts.announcing import Channels, announce, something_to_tell
from newsletter.audience.addresses import parse
from newsletter.clock import Clock
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.senders import Secret
from newsletter.delivery.senders.base import (
    ChunkConnection,
    Envelope,
    Handed,
    MessageConnection,
    Outcome,
    Sender,
    seconds,
)
from newsletter.delivery.senders.base import Connection as Way
from newsletter.delivery.senders.watch import watched
from newsletter.delivery.webhook import KEY, Webhook, read_key
from newsletter.errors import InputError
from newsletter.rendering import Edition, MailingHeaders, Recipient, compile_message, compile_substitutions
from newsletter.rendering.notice import notice_edition
from newsletter.settings import Newsroom, Settings
from newsletter.store import Store
from newsletter.store.alert_tables import announcement, announcement_notice
from newsletter.store.statuses import DeliveryStatus, NoticeKind, OutcomeKind
from newsletter.store.tables import notice, suppression
from newsletter.tokens import INERT

log = structlog.get_logger(__name__)

PATIENCE = timedelta(hours=24)
"""How long an announcement is tried. By then somebody has been reminded several times over, or looks at the desk."""

LEFT = timedelta(minutes=10)
"""After this, what is still `sending` was left by a process that was killed: no call takes so long."""

_WAITS = Backoff(first=30.0, longest=1800.0)
_BATCH = 50


def by_settings(settings: Settings, secret: Secret, *, store: Store, sender: Sender, clock: Clock) -> Announcer:
    """The announcer that `[alerts]` asks for.

    Raises:
        InputError: an address is none, or the key of the webhook is missing.
    """
    asked = settings.alerts
    hook = asked.url and Webhook(url=asked.url, key=read_key(secret(KEY)), inside=asked.url_is_inside)
    try:
        addresses = [parse(address) for address in asked.mail_to]
    except InputError as error:
        raise InputError(error.what, where="alerts.mail_to", remedy="Correct the address") from None
    channels = Channels(
        newsroom=settings.newsroom.name,
        addresses={one.key: one.text for one in addresses},
        webhook=bool(hook),
        remind_after=timedelta(hours=asked.remind_hours),
    )
    return Announcer(
        store=store, channels=channels, newsroom=settings.newsroom, sender=sender, webhook=hook or None, clock=clock
    )


class Announcer:
    """Carries announcements. Several may run: the claim on the row decides.

    Args:
        store: the database.
        channels: where alerts are told.
        newsroom: in whose name mails are sent.
        sender: hands the mails over.
        webhook: where they are posted; None where there is none.
        clock: gives the hour.
        waits: between the tries of one.
    """

    def __init__(
        self,
        *,
        store: Store,
        channels: Channels,
        newsroom: Newsroom,
        sender: Sender,
        webhook: Webhook | None,
        clock: Clock,
        waits: Backoff = _WAITS,
    ) -> None:
        self._store = store
        self._channels = channels
        self._newsroom = newsroom
        self._sender = sender
        self._webhook = webhook
        self._clock = clock
        self._waits = waits
        self._one_at_a_time = threading.Lock()

    def run_once(self) -> int:
        """Write down what there is to tell, and carry what is due; how many were carried. May take as long as the
        calls do: run it beside what must not wait.

        Raises:
            InputError: the database takes nothing.
        """
        with self._one_at_a_time:
            now = self._clock()
            with self._store.reading() as connection:
                news = something_to_tell(connection, self._channels, now=now)
                mails = _due(connection, notice, notice.c.kind == NoticeKind.ALERT, now)
                posts = _due(connection, announcement, announcement.c.status.is_not(None), now)
            if news:
                with self._store.writing() as connection:
                    announce(connection, self._channels, now=now)
                with self._store.reading() as connection:
                    mails = _due(connection, notice, notice.c.kind == NoticeKind.ALERT, now)
                    posts = _due(connection, announcement, announcement.c.status.is_not(None), now)
            # First what does not go through the mail server: that may be what the alert is about.
            return self._post_all(posts) + self._mail_all(mails)

    def _post_all(self, numbers: list[int]) -> int:
        if self._webhook is None:
            return 0
        return sum(self._post(number, self._webhook) for number in numbers)

    def _post(self, number: int, webhook: Webhook) -> bool:
        claimed = self._claim(announcement, number)
        if claimed is None:
            return False
        outcome = webhook.post(f"announcement_{_name(claimed)}", claimed.payload, now=self._clock())
        self._settle(announcement, claimed, outcome)
        return True

    def _mail_all(self, numbers: list[int]) -> int:
        if not numbers:
            return 0
        with _opened(self._sender) as way:
            return sum(self._mail(number, way) for number in numbers)

    def _mail(self, number: int, way: Way) -> bool:
        claimed = self._claim(notice, number)
        if claimed is None:
            return False
        try:
            outcome = self._carry(claimed, way)
        except InputError as error:
            outcome = Outcome.rejected(None, f"no message can be made: {error.what}")
        self._settle(notice, claimed, outcome)
        return True

    def _carry(self, claimed: Row[Any], way: Way) -> Outcome:
        """Hand one mail over.

        Raises:
            InputError: no message can be made of it.
        """
        with self._store.reading() as connection:
            told = select(announcement).join(announcement_notice).where(announcement_notice.c.notice_id == claimed.id)
            said = connection.execute(told).one()
        mail = _Mail.of(said, self._newsroom)
        if isinstance(way, MessageConnection):
            return way.send(mail.envelope(claimed, bounces=self._sender.capabilities.return_path))
        if isinstance(way, ChunkConnection):
            return way.send_chunk([mail.handed(claimed)], until=seconds() + self._sender.capabilities.deadline)[0]
        raise AssertionError("a connection takes messages or chunks")

    def _claim(self, table: Table, number: int) -> Row[Any] | None:
        """`pending` or `deferred` → `sending`, where nobody was quicker."""
        now = self._clock()
        with self._store.writing() as connection:
            _give_up(connection, table, number, now)
            intent = {"status": DeliveryStatus.SENDING, "fence": table.c.fence + 1, "due_at": None, "changed_at": now}
            claiming = update(table).where(table.c.id == number, _is_due(table, now)).values(intent)
            return connection.execute(claiming.returning(table)).one_or_none()

    def _settle(self, table: Table, claimed: Row[Any], outcome: Outcome) -> None:
        now = self._clock()
        later = outcome.kind in {OutcomeKind.DEFERRED, OutcomeKind.UNKNOWN}
        values: dict[str, Any] = {
            "status": DeliveryStatus.DEFERRED if later else DeliveryStatus(outcome.kind.value),
            "due_at": now + self._waits.wait(claimed.fence) if later else None,
            "reply": outcome.reply,
            "changed_at": now,
        }
        mine = and_(table.c.id == claimed.id, table.c.fence == claimed.fence, table.c.status == DeliveryStatus.SENDING)
        with self._store.writing() as connection:
            connection.execute(update(table).where(mine).values(values))
        log.info("alert.told", channel=table.name, number=claimed.id, status=values["status"].value)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mail:
    """An announcement as mail. Its Message-ID is the same on every attempt."""

    edition: Edition
    headers: MailingHeaders

    @classmethod
    def of(cls, said: Row[Any], newsroom: Newsroom) -> _Mail:
        edition = notice_edition(said.subject, said.text, newsroom)
        headers = MailingHeaders(
            message_id_prefix=f"alert-{_name(said)}",
            message_id_domain=edition.from_address.rpartition("@")[2],
            date=said.created_at,
            list_name="alerts",
            list_title="Alerts",
            bulk=False,
        )
        return cls(edition=edition, headers=headers)

    def envelope(self, claimed: Row[Any], *, bounces: str | None) -> Envelope:
        """The message; `bounces` is where they go, None to the From address."""
        mail_from = self.edition.from_address if bounces is None else bounces
        message = compile_message(self.edition, self.headers).join(_recipient(str(claimed.id), claimed.address))
        return Envelope(mail_from=mail_from, rcpt_to=claimed.address, message=message)

    def handed(self, claimed: Row[Any]) -> Handed:
        name = f"notice-{claimed.id}"
        body = compile_substitutions(self.edition, self.headers)
        return Handed(body=body, recipient=_recipient(name, claimed.address), mailing="notice", attempt=name)


def _name(announced: Row[Any]) -> str:
    """Which announcement, also where its number was given before, to one that a restored backup does not know."""
    return f"{announced.id}-{announced.created_at:%Y%m%d%H%M%S}"


def _recipient(delivery: str, address: str) -> Recipient:
    return Recipient(delivery=delivery, address=address, name="", leave=INERT, track=INERT, since="")


@contextmanager
def _opened(sender: Sender) -> Iterator[Way]:
    way = sender.open()
    try:
        with watched(way):
            yield way
    finally:
        way.close()


def _due(connection: Connection, table: Table, which: ColumnElement[bool], now: datetime) -> list[int]:
    found = select(table.c.id).where(which, _is_due(table, now)).order_by(table.c.id).limit(_BATCH)
    return list(connection.execute(found).scalars())


def _is_due(table: Table, now: datetime) -> ColumnElement[bool]:
    status, due, changed = table.c.status, table.c.due_at, table.c.changed_at
    return or_(
        status == DeliveryStatus.PENDING,
        and_(status == DeliveryStatus.DEFERRED, due <= now),
        and_(status == DeliveryStatus.SENDING, changed <= now - LEFT),
    )


def _give_up(connection: Connection, table: Table, number: int, now: datetime) -> None:
    """What was tried for long enough expires; a mail to whom we may not write any more is withdrawn."""
    open_still = and_(table.c.id == number, _is_due(table, now))
    over: Mapping[str, Any] = {"status": DeliveryStatus.EXPIRED, "due_at": None, "changed_at": now}
    old = and_(table.c.created_at <= now - PATIENCE, table.c.status != DeliveryStatus.PENDING)
    connection.execute(update(table).where(open_still, old).values(over))
    if table is notice:
        suppressed = exists().where(suppression.c.address_key == notice.c.address_key)
        withdrawn = {"status": DeliveryStatus.WITHDRAWN, "reply": "suppressed in the meantime", "changed_at": now}
        connection.execute(update(notice).where(open_still, suppressed).values(withdrawn))
