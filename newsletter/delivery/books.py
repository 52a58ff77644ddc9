"""The books of one worker: what has come back and is still to be written, its chunk, its view of the mailing.

What cannot be written at the moment is kept: an answer that was given is not lost because somebody else holds the
database, or because the disk is full for a while.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.clock import Clock
from newsletter.delivery import chunks, ledger
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.chunks import Chunk, LeaseLostError
from newsletter.delivery.identity import own_name
from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.progress import Tally
from newsletter.delivery.refusals import Refusals
from newsletter.errors import InputError
from newsletter.publishing import Mailing
from newsletter.store import Store
from newsletter.store.statuses import MailingStatus
from newsletter.store.tables import mailing, wave

_SWEEP = 5.0
# A clock that the network keeps right is slewed, or moved by less.
_SET_BACK = 1.0


class Books:
    """Keeps one worker's part of the ledger.

    Args:
        store: the database.
        mailing: what is sent.
        clock: gives the hour.
        backoff: the waits between the tries of one delivery.
        lease: how long the worker's chunk is its own, and how long it keeps what the database does not take.
        tally: told of every change.
    """

    def __init__(
        self, store: Store, mailing: Mailing, *, clock: Clock, backoff: Backoff, lease: timedelta, tally: Tally
    ) -> None:
        self._store = store
        self._mailing = mailing
        self._clock = clock
        self._backoff = backoff
        self._lease = lease
        self._tally = tally
        self._name = own_name()
        self._chunk: Chunk | None = None
        self._unrecorded: list[Settled] = []
        self._not_later_than = mailing.not_later_than
        # All in seconds of time.monotonic.
        self._swept_at: float | None = None
        self._trouble_since: float | None = None
        self._wall_ahead: float | None = None
        self.refusals = Refusals()

    def enter(self, back: list[Settled]) -> None:
        """Take in what has come back; the next `commit` writes it."""
        self._unrecorded += back
        self.refusals.note(back)

    def commit(self, limit: int) -> list[Claimed]:
        """Write what came back and claim up to `limit` more, in one transaction.

        Raises:
            InputError: the database takes nothing; what came back is kept for the next time.
        """
        if not self._unrecorded and not limit:
            return []
        now = self._clock()
        # After a failure, what is known comes first, and nothing that could be lost is added.
        limit = 0 if self._trouble_since is not None and self._unrecorded else limit
        try:
            with self._store.writing() as connection:
                self._record(connection, now)
                claimed = self._claim(connection, limit, now) if limit else []
        except LeaseLostError:
            self._chunk = None
            return []
        self._recorded()
        self._tally.claimed(claimed)
        return claimed

    def sweep_when_due(self) -> None:
        """Every few seconds: end what the dead hold, hold on to what is ours, give up what is too late, count anew."""
        if self._swept_at is not None and time.monotonic() - self._swept_at < _SWEEP:
            return
        now = self._clock()
        with self._store.writing() as connection:
            if self._chunk is not None and not chunks.hold(connection, self._chunk, now=now, lease=self._lease):
                self._chunk = None
            chunks.lapse(connection, self._mailing.id, now=now)
            ledger.expire(connection, self._mailing.id, now=now)
            self._mind_the_clock(connection, now)
            limit = select(mailing.c.not_later_than).where(mailing.c.id == self._mailing.id)
            self._not_later_than = connection.execute(limit).scalar_one()
            self._tally.set(ledger.counts(connection, self._mailing.id))
        self._swept_at = time.monotonic()
        self._trouble_since = self._trouble_since if self._unrecorded else None
        self._tally.tell()

    def look(self, *, count: bool) -> datetime | None:
        """When something is to be done next; None where nothing will be, or the mailing is not being sent any more.

        Args:
            count: whether to count the deliveries anew, which takes reading all of an index.
        """
        with self._store.reading() as connection:
            status = select(mailing.c.status).where(mailing.c.id == self._mailing.id)
            if connection.execute(status).scalar_one() != MailingStatus.SENDING:
                return None
            due = ledger.next_due(connection, self._mailing.id) if count else None
            if count:
                self._tally.set(ledger.counts(connection, self._mailing.id))
        self._tally.tell()
        if self._clock() > self._not_later_than:
            self._swept_at = None
        nearest = self._not_later_than if due is None else min(due, self._not_later_than)
        return nearest if self._tally.open else None

    def close(self) -> None:
        """Write what is left, give the chunk back, and close the mailing if that was all.

        Raises:
            InputError: the database takes nothing.
        """
        now = self._clock()
        with self._store.writing() as connection:
            self._record(connection, now)
            if self._chunk is not None:
                chunks.give_back(connection, self._chunk)
            ledger.finish(connection, self._mailing.id, now=now)
        self._recorded()

    def bear(self, fault: InputError) -> None:
        """The database takes nothing at the moment: keep what came back, and say so.

        Raises:
            InputError: the fault, where it has lasted for the lease.
        """
        now = time.monotonic()
        self._trouble_since = self._trouble_since or now
        if now - self._trouble_since > self._lease.total_seconds():
            raise fault
        self._tally.tell(trouble=f"{fault.what}: nothing new is sent, and it is tried again")

    def lost(self, fault: InputError) -> InputError:
        """The fault, with what becomes of the answers that could not be written."""
        if not self._unrecorded:
            return fault
        lasted = f"{fault.what}, for {self._lease.total_seconds():g} s"
        many = f"{len(self._unrecorded):,} answers could not be written down and will count as unknown"
        return InputError(f"{lasted}: {many}", where=fault.where, remedy=fault.remedy)

    def _record(self, connection: Connection, now: datetime) -> None:
        ledger.record(connection, self._unrecorded, now=now, backoff=self._backoff)
        if self.refusals.broken is not None:
            ledger.put_off(connection, self.refusals.run, now=now)

    def _recorded(self) -> None:
        """The transaction is on the disk."""
        self._trouble_since = None
        self._tally.settled(self._unrecorded)
        self._unrecorded = []
        if self.refusals.broken is not None:
            self._tally.put_off(self.refusals.run)
            self.refusals.run = []

    def _claim(self, connection: Connection, limit: int, now: datetime) -> list[Claimed]:
        if self._chunk is None:
            self._chunk = self._open_chunk(connection, now)
        return ledger.claim(connection, self._mailing.id, self._chunk, limit, now=now)

    def _open_chunk(self, connection: Connection, now: datetime) -> Chunk:
        wave_id = connection.execute(select(wave.c.id).where(wave.c.mailing_id == self._mailing.id)).scalar_one()
        return chunks.take(connection, wave_id, worker=self._name, now=now, lease=self._lease)

    def _mind_the_clock(self, connection: Connection, now: datetime) -> None:
        ahead = now.timestamp() - time.monotonic()
        if self._wall_ahead is not None and ahead < self._wall_ahead - _SET_BACK:
            ledger.hasten(connection, self._mailing.id, now=now)
        self._wall_ahead = ahead
