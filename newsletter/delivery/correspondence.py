"""Notices to readers on their way: confirmations, welcomes, links to one's own data.

The order is that of deliveries. The claim decides what mail it is (`audience.answering`) and commits that; then the
edition is frozen and named on the row, committed before anything leaves; the outcome counts only while the fence is still
that of its own claim. What a kill leaves `sending` without an edition was surely not handed over and is taken up again;
with one it becomes unknown, and is never sent again by itself: who waits for it asks again.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, or_, select, update

from newsletter.audience import rates
from newsletter.audience.answering import Answer, NoMailError, answer
from newsletter.audience.writing import READER_KINDS
from newsletter.clock import Clock
from newsletter.delivery import steps
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.limits.paces import Paces
from newsletter.delivery.limits.rules import SENDER
from newsletter.delivery.reader_mail import ReaderMail, Templates
from newsletter.delivery.senders.base import ChunkConnection, MessageConnection, Outcome, Sender, seconds
from newsletter.delivery.senders.base import Connection as Way
from newsletter.delivery.senders.watch import watched
from newsletter.errors import InputError
from newsletter.publishing import editions
from newsletter.settings import Settings
from newsletter.store import Store
from newsletter.store.parameters import NOW, given
from newsletter.store.statuses import DeliveryStatus, OutcomeKind
from newsletter.store.tables import Instant, notice
from newsletter.tokens import TokenKeys

log = structlog.get_logger(__name__)

PATIENCE = timedelta(days=1)
"""How long one is tried that a server puts off: by then nobody waits for it any more."""
LEFT_LYING = timedelta(days=3)
"""After that one is not begun that waited for a worker."""
FORGOTTEN = timedelta(minutes=30)
"""After this, what is still `sending` was left by a process that was killed: no call takes so long."""

_WAITS = Backoff(first=30.0, longest=1800.0)
_BATCH = 50


class Correspondence:
    """Carries the notices to readers. Several may run: the claim on the row decides.

    Args:
        store: the database.
        keys: make the links.
        settings: the newsroom's, with its templates.
        sender: hands the mails over.
        clock: gives the hour.
        waits: between the tries of one.
    """

    def __init__(
        self,
        *,
        store: Store,
        keys: TokenKeys,
        settings: Settings,
        sender: Sender,
        clock: Clock,
        waits: Backoff = _WAITS,
    ) -> None:
        self._store = store
        self._keys = keys
        self._templates = Templates(settings)
        self._sender = sender
        self._clock = clock
        self._waits = waits
        self._one_at_a_time = threading.Lock()
        self._swept_at: datetime | None = None

    def due(self) -> bool:
        """Whether there is something to carry. One look into an index of what is open."""
        with self._store.reading() as connection:
            return bool(_due(connection, self._clock(), limit=1))

    def run_once(self) -> int:
        """Carry what is due; how many notices got an end or another try. May take as long as the calls do: run it
        beside what must not wait.

        Raises:
            InputError: the database takes nothing.
        """
        with self._one_at_a_time:
            self._sweep()
            with self._store.reading() as connection:
                numbers = _due(connection, self._clock(), limit=_BATCH)
            return self._carry_all(numbers) if numbers else 0

    def _carry_all(self, numbers: list[int]) -> int:
        way = self._sender.open()
        try:
            with watched(way):
                return sum(self._carry_safely(number, way) for number in numbers)
        finally:
            way.close()

    def _carry_safely(self, number: int, way: Way) -> bool:
        """One that cannot even be claimed holds up no other one."""
        try:
            return self._carry(number, way)
        except Exception as error:  # noqa: BLE001 - logged, and tried again at the next look
            log.warning("notice.failed", notice=number, why=f"{type(error).__name__}: {error}")
            self._store.write(partial(_put_off, number, until=self._clock() + self._waits.wait(1)))
            return False

    def _carry(self, number: int, way: Way) -> bool:
        claimed = self._store.write(partial(self._claim, number), alone=True)
        if claimed is None:
            return False
        steps.reached("notice.claimed")
        row, told = claimed
        try:
            mail = self._templates.mail_of(told, row, now=self._clock())
        except InputError as error:
            # A template at fault, the packaged one too, or a setting: somebody mends it, and the reader still waits.
            outcome = Outcome.deferred(None, f"no message can be made: {error.what}")
        else:
            if not self._store.write(partial(self._freeze, row, mail)):
                return False
            steps.reached("notice.frozen")
            outcome = self._hand_over(mail, way)
            steps.reached("notice.returned")
        self._store.write(partial(self._settle, row, outcome))
        steps.reached("notice.settled")
        log.info("notice.sent", notice=number, kind=told.kind.value, outcome=outcome.kind.value)
        return True

    def _claim(self, number: int, connection: Connection) -> tuple[Row[Any], Answer] | None:
        """`pending` or `deferred` → `sending`, where nobody was quicker and there is a mail to be sent."""
        now = self._clock()
        _give_up(connection, number, now)
        intent = {"status": DeliveryStatus.SENDING, "fence": notice.c.fence + 1, "due_at": None, "edition_digest": None}
        claiming = update(notice).where(notice.c.id == number, _is_due(now)).values(intent | {"changed_at": now})
        row = connection.execute(claiming.returning(notice)).one_or_none()
        if row is None:
            return None
        mine = notice.c.id == number
        try:
            told = answer(connection, row, self._keys, now=now)
        except NoMailError as error:
            withdrawn = {"status": DeliveryStatus.WITHDRAWN, "reply": str(error)}
            connection.execute(update(notice).where(mine).values(withdrawn))
            return None
        known = {"kind": told.kind, "subscriber_id": told.subscriber_id}
        connection.execute(update(notice).where(mine).values(known))
        steps.reached("notice.claiming")
        return row, told

    def _freeze(self, row: Row[Any], mail: ReaderMail, connection: Connection) -> bool:
        """Keep the edition, and name it: from here on, what has no outcome is unknown."""
        now = self._clock()
        digest = editions.freeze(connection, mail.edition, issue=f"notice:{mail.template}", now=now)
        mine = _mine(row) & (notice.c.status == DeliveryStatus.SENDING)
        return connection.execute(update(notice).where(mine).values(edition_digest=digest)).rowcount == 1

    def _hand_over(self, mail: ReaderMail, way: Way) -> Outcome:
        able = self._sender.capabilities
        try:
            if isinstance(way, MessageConnection):
                return way.send(mail.envelope(bounces=able.return_path))
            if isinstance(way, ChunkConnection):
                return way.send_chunk([mail.handed()], until=seconds() + able.deadline)[0]
        except InputError as error:
            return Outcome.rejected(None, f"no message can be made: {error.what}")
        raise AssertionError("a connection takes messages or chunks")

    def _settle(self, row: Row[Any], outcome: Outcome, connection: Connection) -> None:
        now = self._clock()
        later = outcome.kind is OutcomeKind.DEFERRED
        values = {
            "status": DeliveryStatus(outcome.kind.value),
            "due_at": now + self._waits.wait(row.fence) if later else None,
            "code": outcome.code,
            "reply": outcome.reply,
            "changed_at": now,
        }
        ours = _mine(row) & notice.c.status.in_((DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN))
        connection.execute(update(notice).where(ours).values(values))
        if not later:
            self._count(connection, row.address_key.rpartition("@")[2], now)

    def _count(self, connection: Connection, domain: str, now: datetime) -> None:
        """Count it against the limits of sender and domain, so that mailings leave room for it.

        It does not wait for them itself: somebody sits before an inbox, and a day's ramp-up is for those who do not.
        """
        limits = self._sender.capabilities.limits
        scopes = [scope for scope in (SENDER, domain) if limits.of_scope(scope).any]
        if not self._sender.capabilities.whole_messages or not scopes:
            return
        paces = Paces(0)
        paces.look(connection)
        paces.make(connection, scopes)
        paces.hold(connection, scopes)
        for scope in scopes:
            if (pace := paces.held(scope)) is not None:
                paces.change(pace.taking(1, limits.of_scope(scope), now))
        paces.save(connection)

    def _sweep(self) -> None:
        """Once an hour: counters of requests whose hour or day is over."""
        now = self._clock()
        if self._swept_at is None or now - self._swept_at >= rates.HOUR:
            self._swept_at = now
            self._store.write(partial(rates.sweep, now=now))


def end_forgotten(connection: Connection, *, now: datetime) -> int:
    """What a killed process has left, as one step of the caller's transaction; how many notices that were."""
    asked = {"before": now - FORGOTTEN, "now": now}
    return sum(connection.execute(ending, asked).rowcount for ending in (_UNKNOWN, _AGAIN))


def some_forgotten(connection: Connection, *, now: datetime) -> bool:
    """Whether a killed process has left some: to look takes no right to write."""
    return connection.execute(_FORGOTTEN, {"before": now - FORGOTTEN}).first() is not None


def left_waiting(connection: Connection, *, since: datetime) -> bool:
    """Whether a notice to a reader has been waiting for a worker since then."""
    return connection.execute(_WAITING, {"since": since}).first() is not None


def _due(connection: Connection, now: datetime, *, limit: int) -> list[int]:
    return list(connection.execute(_DUE, {"now": now, "limit": limit}).scalars())


def _is_due(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    status, due = notice.c.status, notice.c.due_at
    return or_(status == DeliveryStatus.PENDING, and_(status == DeliveryStatus.DEFERRED, due <= now))


def _put_off(number: int, connection: Connection, until: datetime) -> None:
    pending = and_(notice.c.id == number, notice.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)))
    values = {"status": DeliveryStatus.DEFERRED, "due_at": until}
    connection.execute(update(notice).where(pending).values(values))


def _mine(row: Row[Any]) -> Any:
    return and_(notice.c.id == row.id, notice.c.fence == row.fence)


def _give_up(connection: Connection, number: int, now: datetime) -> None:
    """What was tried for long enough, or waited too long for a worker, expires."""
    created, status = notice.c.created_at, notice.c.status
    tried = and_(created <= now - PATIENCE, status == DeliveryStatus.DEFERRED)
    old = or_(tried, and_(created <= now - LEFT_LYING, status == DeliveryStatus.PENDING))
    over = {"status": DeliveryStatus.EXPIRED, "due_at": None, "changed_at": now}
    connection.execute(update(notice).where(notice.c.id == number, old).values(over))


_TO_READERS = notice.c.kind.in_(given(*READER_KINDS))
_WAITING = (
    select(notice.c.id)
    .where(
        _TO_READERS,
        notice.c.status == DeliveryStatus.PENDING,
        notice.c.changed_at <= bindparam("since", type_=Instant),
    )
    .limit(1)
)
_DUE = select(notice.c.id).where(_TO_READERS, _is_due(NOW)).order_by(notice.c.id).limit(bindparam("limit"))
_LEFT = (
    _TO_READERS,
    notice.c.status == DeliveryStatus.SENDING,
    notice.c.changed_at < bindparam("before", type_=Instant),
)
_FORGOTTEN = select(notice.c.id).where(*_LEFT).limit(1)
_UNKNOWN = (
    update(notice)
    .where(*_LEFT, notice.c.edition_digest.is_not(None))
    .values(status=DeliveryStatus.UNKNOWN, reply="its process ended before an answer was recorded", changed_at=NOW)
)
_AGAIN = (
    update(notice)
    .where(*_LEFT, notice.c.edition_digest.is_(None))
    .values(status=DeliveryStatus.PENDING, changed_at=NOW)
)
