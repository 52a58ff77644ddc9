"""Tests on their way: notices to people of the newsroom. Suppression still applies.

The order is that of deliveries: the intent is committed before anything leaves, the outcome counts only while the fence
is still that of its own claim. What a kill leaves `sending` becomes unknown and is never sent again by itself, and what
it leaves `pending` expires: somebody waited for it, and can order it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Connection, Row, and_, bindparam, exists, or_, select, update

from newsletter.clock import Clock
from newsletter.delivery.senders.base import (
    ChunkConnection,
    Envelope,
    Handed,
    MessageConnection,
    Outcome,
    Sender,
    seconds,
)
from newsletter.delivery.senders.watch import watched
from newsletter.errors import InputError
from newsletter.publishing.testing import marked
from newsletter.rendering import (
    Compiled,
    Edition,
    MailingHeaders,
    Recipient,
    Substituted,
    compile_message,
    compile_substitutions,
)
from newsletter.store import Store
from newsletter.store.parameters import NOW
from newsletter.store.statuses import DeliveryStatus, NoticeKind, OutcomeKind
from newsletter.store.tables import Instant, notice, suppression
from newsletter.tokens import INERT


@dataclass(frozen=True, kw_only=True, slots=True)
class Noticed:
    """What became of a notice. `reply` is the other side's words, or ours where it never came to that."""

    id: int
    address: str
    status: DeliveryStatus
    reply: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkedMail:
    """An edition compiled as a test: its subject marked, the readers' links inert, all else as in the mailing."""

    compiled: Compiled
    body: Substituted
    mail_from: str
    day: datetime

    @classmethod
    def of(cls, edition: Edition, *, list_name: str, list_title: str, now: datetime) -> Self:
        """Compile once; `now` is the message's Date.

        Raises:
            InputError: a header cannot be written.
        """
        headers = MailingHeaders(
            message_id_prefix=f"test-{edition.digest[:12]}",
            message_id_domain=edition.from_address.rpartition("@")[2],
            date=now,
            list_name=list_name,
            list_title=list_title,
        )
        return cls(
            compiled=compile_message(marked(edition), headers),
            body=compile_substitutions(marked(edition), headers),
            mail_from=edition.from_address,
            day=now,
        )

    def envelope(self, notice_id: int, address: str, *, bounces: str | None = None) -> Envelope:
        """The message to one address; `bounces` is where they go, None to the From address."""
        recipient = self._recipient(str(notice_id), address)
        mail_from = self.mail_from if bounces is None else bounces
        return Envelope(mail_from=mail_from, rcpt_to=address, message=self.compiled.join(recipient))

    def handed(self, notice_id: int, address: str) -> Handed:
        """The same for a sender of chunks. Its events name no delivery: notices are not in the mailings' ledger."""
        name = f"notice-{notice_id}"
        return Handed(body=self.body, recipient=self._recipient(name, address), mailing="notice", attempt=name)

    def _recipient(self, delivery: str, address: str) -> Recipient:
        return Recipient(delivery=delivery, address=address, name="", leave=INERT, track=INERT, since=self.day.date())


def send_tests(
    store: Store, notices: Sequence[int], mail: MarkedMail, *, sender: Sender, clock: Clock
) -> list[Noticed]:
    """Hand each over, one after the other, once: somebody waits for it, so what is deferred expires at once."""
    connection = sender.open()
    try:
        with watched(connection):
            able = sender.capabilities
            way = _Way(connection=connection, mail=mail, deadline=able.deadline, bounces=able.return_path)
            return [_send(store, number, way, clock) for number in notices]
    finally:
        connection.close()


def end_forgotten(connection: Connection, *, now: datetime) -> int:
    """End the tests that a killed process has left, as one step of the caller's transaction; how many they were.

    An answer that comes after all still counts.
    """
    asked = {"before": now - FORGOTTEN, "now": now}
    return sum(connection.execute(ending, asked).rowcount for ending in (_UNKNOWN, _EXPIRED))


def some_forgotten(connection: Connection, *, now: datetime) -> bool:
    """Whether a killed process has left some: to look takes no right to write."""
    return connection.execute(_FORGOTTEN, {"before": now - FORGOTTEN}).first() is not None


FORGOTTEN = timedelta(minutes=30)
"""After that a notice has surely no process any more: an order has up to 20 addresses, and a call takes a minute or two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Way:
    """How a notice leaves."""

    connection: MessageConnection | ChunkConnection
    mail: MarkedMail
    deadline: float
    bounces: str | None

    def carry(self, number: int, address: str) -> Outcome:
        if isinstance(self.connection, MessageConnection):
            return self.connection.send(self.mail.envelope(number, address, bounces=self.bounces))
        return self.connection.send_chunk([self.mail.handed(number, address)], until=seconds() + self.deadline)[0]


def _send(store: Store, number: int, way: _Way, clock: Clock) -> Noticed:
    with store.writing() as connection:
        claimed = _claim(connection, number, clock())
    if claimed is None:
        return _as_it_is(store, number)
    try:
        outcome = way.carry(number, claimed.address)
    except InputError as error:
        outcome = Outcome.rejected(None, f"no message can be made: {error.what}")
    with store.writing() as connection:
        _settle(connection, claimed, outcome, clock())
    return _as_it_is(store, number)


def _claim(connection: Connection, number: int, now: datetime) -> Row[Any] | None:
    """`pending` → `sending`, where nobody was quicker; suppressed since it was written: `pending` → `withdrawn`."""
    pending = (notice.c.id == number) & (notice.c.status == DeliveryStatus.PENDING)
    suppressed = exists().where(suppression.c.address_key == notice.c.address_key)
    withdrawn = {"status": DeliveryStatus.WITHDRAWN, "reply": "suppressed in the meantime", "changed_at": now}
    connection.execute(update(notice).where(pending, suppressed).values(withdrawn))
    intent = {"status": DeliveryStatus.SENDING, "fence": notice.c.fence + 1, "changed_at": now}
    claiming = update(notice).where(pending).values(intent).returning(notice.c.id, notice.c.fence, notice.c.address)
    return connection.execute(claiming).one_or_none()


def _settle(connection: Connection, claimed: Row[Any], outcome: Outcome, now: datetime) -> None:
    mine = (notice.c.id == claimed.id) & (notice.c.fence == claimed.fence)
    ours = mine & notice.c.status.in_((DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN))
    expired = outcome.kind is OutcomeKind.DEFERRED
    values = {
        "status": DeliveryStatus.EXPIRED if expired else DeliveryStatus(outcome.kind.value),
        "code": outcome.code,
        "reply": outcome.reply,
        "changed_at": now,
    }
    connection.execute(update(notice).where(ours).values(values))


def _as_it_is(store: Store, number: int) -> Noticed:
    with store.reading() as connection:
        row = connection.execute(select(notice).where(notice.c.id == number)).one()
    return Noticed(id=row.id, address=row.address, status=DeliveryStatus(row.status), reply=row.reply)


_BEFORE = bindparam("before", type_=Instant)
_SENDING = and_(
    notice.c.kind == NoticeKind.TEST, notice.c.status == DeliveryStatus.SENDING, notice.c.changed_at < _BEFORE
)
_PENDING = and_(
    notice.c.kind == NoticeKind.TEST, notice.c.status == DeliveryStatus.PENDING, notice.c.created_at < _BEFORE
)
_FORGOTTEN = select(notice.c.id).where(or_(_SENDING, _PENDING)).limit(1)
_UNKNOWN = (
    update(notice)
    .where(_SENDING)
    .values(status=DeliveryStatus.UNKNOWN, reply="its process ended before an answer was recorded", changed_at=NOW)
)
_EXPIRED = (
    update(notice)
    .where(_PENDING)
    .values(status=DeliveryStatus.EXPIRED, reply="its process ended before it was sent", changed_at=NOW)
)
