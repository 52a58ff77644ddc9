"""The worker: claims, sends, records, until nothing is pending. The one place where the ledger meets the wire.

One transaction a round keeps the outcomes of the last messages and the intents of the next: an SQLite commit that
reaches the disk costs more than sending a message. At most one message a connection is `sending` at any time, so that a
kill leaves at most that many unknown.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.clock import Clock
from newsletter.delivery import chunks, ledger
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.chunks import Chunk, LeaseLostError
from newsletter.delivery.circuit import Circuit
from newsletter.delivery.connections import Connections
from newsletter.delivery.copies import Copies
from newsletter.delivery.identity import own_name
from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.progress import OnProgress, Tally
from newsletter.delivery.refusals import Refusals
from newsletter.delivery.senders.smtp import SmtpConnection, SmtpSender
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import Mailing
from newsletter.store import Store
from newsletter.store.statuses import OPEN, MailingStatus
from newsletter.store.tables import mailing, wave

LEASE = timedelta(seconds=60)

STOP_SECONDS = 30.0
"""How long a worker that is to leave waits for answers to messages that are out. What comes later is unknown."""

_SWEEP = 5.0
_NAP = 0.5
_SHORTEST_NAP = 0.02
# A clock that is kept right by the network is slewed, or moved by less.
_SET_BACK = 1.0


class Worker:
    """Sends one mailing that has been started.

    Args:
        store: the database.
        mailing: what is sent.
        copies: makes each reader's message.
        sender: hands them over.
        clock: gives the hour.
        backoff: the waits between the tries of one delivery.
        lease: how long others wait before they take this worker for dead; on the same machine they see it at once. For
            as long it keeps answers that the database does not take.
        stop_seconds: how long it waits, once it is to leave, for what is in the air.
        stop: asks it to leave when set.
        on_progress: told of every round, in the thread that runs.
    """

    def __init__(
        self,
        *,
        store: Store,
        mailing: Mailing,
        copies: Copies,
        sender: SmtpSender,
        clock: Clock,
        backoff: Backoff | None = None,
        lease: timedelta = LEASE,
        stop_seconds: float = STOP_SECONDS,
        stop: threading.Event | None = None,
        on_progress: OnProgress = lambda _: None,
    ) -> None:
        self._store = store
        self._mailing = mailing
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._lease = lease
        self._stop_seconds = stop_seconds
        self._tally = Tally(on_progress)
        self._copies = copies
        self._sender = sender
        self._name = own_name()
        self._chunk: Chunk | None = None
        self._circuit = Circuit()
        self._refusals = Refusals()
        self._unrecorded: list[Settled] = []
        self._stopping = stop or threading.Event()
        self._not_later_than = mailing.not_later_than
        # All in seconds of time.monotonic.
        self._swept_at: float | None = None
        self._leave_by: float | None = None
        self._trouble_since: float | None = None
        self._wall_ahead: float | None = None

    def stop(self) -> None:
        """Claim nothing more, finish what is in the air, leave. For signal handlers and other threads."""
        self._stopping.set()

    def run(self) -> None:
        """Work until nothing is left to do, the mailing is paused or cancelled, or `stop` is called.

        Raises:
            BlockedError: the server refuses us, or what the message says, for good. Nobody is given up for it: sending
                again goes on.
            InputError: the database is damaged, or has taken nothing for as long as the lease.
        """
        connections = Connections(
            lambda: SmtpConnection(self._sender),
            self._sender.settings.connections,
            copies=self._copies,
            clock=self._clock,
        )
        try:
            while self.run_once(connections):
                pass
            while not self._finished():
                time.sleep(_NAP)
        except KeyboardInterrupt:
            # Asked a second time: leave at once. What is in the air becomes unknown.
            raise
        except BaseException as fault:
            self._abandon(connections)
            raise self._lost(fault) from fault
        # Everything is on the disk by now: a server that does not answer QUIT can harm nobody.
        connections.close()
        if connections.crash is not None:
            raise connections.crash
        self._raise_if_broken()

    def run_once(self, connections: Connections) -> bool:
        """One round: collect, record and claim in one transaction, hand over. False once there is no more to do."""
        back = connections.collect(timeout=_NAP)
        self._unrecorded += back
        self._circuit.note((one.outcome for one in back), time.monotonic())
        self._refusals.note(back)
        stopping = self._is_to_leave(connections)
        try:
            self._sweep_when_due()
            claimed = self._commit(0 if stopping else self._circuit.allows(connections.free, time.monotonic()))
            for one in claimed:
                connections.hand(one)
            if back or claimed:
                self._tally.tell()
            if claimed or connections.in_air:
                return True
            return not stopping and self._wait_for_work()
        except InputError as fault:
            self._bear(fault)
            if not connections.in_air:
                time.sleep(_NAP)
            return True

    def _is_to_leave(self, connections: Connections) -> bool:
        """Whether nothing new may begin; once the time for leaving is over, nothing in the air is waited for."""
        broken = self._circuit.broken or self._refusals.broken or connections.crash
        if not self._stopping.is_set() and not broken:
            return False
        if self._leave_by is None:
            self._leave_by = time.monotonic() + self._stop_seconds
        elif time.monotonic() > self._leave_by:
            connections.cut()
        return True

    def _bear(self, fault: InputError) -> None:
        """The database takes nothing at the moment: keep what came back, and say so.

        Raises:
            InputError: the fault, where it has lasted for the lease.
        """
        now = time.monotonic()
        self._trouble_since = self._trouble_since or now
        if now - self._trouble_since > self._lease.total_seconds():
            raise fault
        self._tally.tell(trouble=f"{fault.what}: nothing new is sent, and it is tried again")

    def _commit(self, limit: int) -> list[Claimed]:
        """The round's transaction. If it fails, what came back is kept for the next."""
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

    def _record(self, connection: Connection, now: datetime) -> None:
        ledger.record(connection, self._unrecorded, now=now, backoff=self._backoff)
        if self._refusals.broken is not None:
            ledger.put_off(connection, self._refusals.run, now=now)

    def _recorded(self) -> None:
        """The transaction is on the disk."""
        self._trouble_since = None
        self._tally.settled(self._unrecorded)
        self._unrecorded = []
        if self._refusals.broken is not None:
            self._tally.put_off(self._refusals.run)
            self._refusals.run = []

    def _claim(self, connection: Connection, limit: int, now: datetime) -> list[Claimed]:
        if self._chunk is None:
            self._chunk = self._open_chunk(connection, now)
        return ledger.claim(connection, self._mailing.id, self._chunk, limit, now=now)

    def _open_chunk(self, connection: Connection, now: datetime) -> Chunk:
        wave_id = connection.execute(select(wave.c.id).where(wave.c.mailing_id == self._mailing.id)).scalar_one()
        return chunks.take(connection, wave_id, worker=self._name, now=now, lease=self._lease)

    def _sweep_when_due(self) -> None:
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
        self._tally.tell()

    def _mind_the_clock(self, connection: Connection, now: datetime) -> None:
        ahead = now.timestamp() - time.monotonic()
        if self._wall_ahead is not None and ahead < self._wall_ahead - _SET_BACK:
            ledger.hasten(connection, self._mailing.id, now=now)
        self._wall_ahead = ahead

    def _wait_for_work(self) -> bool:
        """Sleep until something can be tried; False where nothing will come any more."""
        closed = self._circuit.opens_in(time.monotonic())
        status = select(mailing.c.status).where(mailing.c.id == self._mailing.id)
        with self._store.reading() as connection:
            if connection.execute(status).scalar_one() != MailingStatus.SENDING:
                return False
            if closed > 0 and self._tally.open:
                due = None
            else:
                counts = ledger.counts(connection, self._mailing.id)
                due = ledger.next_due(connection, self._mailing.id)
                self._tally.set(counts)
        self._tally.tell()
        if not self._tally.open:
            return False
        self._stopping.wait(min(closed, _NAP) if closed > 0 else self._nap(due))
        return True

    def _nap(self, due: datetime | None) -> float:
        """Seconds to sleep: to the first deferred delivery, or to the end of the mailing's time, but never long."""
        now = self._clock()
        moments = [self._not_later_than, *([due] if due is not None else [])]
        nearest = min((moment - now).total_seconds() for moment in moments)
        if now > self._not_later_than:
            self._swept_at = None
        return min(max(nearest, _SHORTEST_NAP), _NAP)

    def _finished(self) -> bool:
        """Give the chunk back, and close the mailing if that was all; False where the database did not take it yet."""
        try:
            self._close_books()
        except InputError as fault:
            self._bear(fault)
            return False
        return True

    def _close_books(self) -> None:
        now = self._clock()
        with self._store.writing() as connection:
            self._record(connection, now)
            if self._chunk is not None:
                chunks.give_back(connection, self._chunk)
            ledger.finish(connection, self._mailing.id, now=now)
        self._recorded()

    def _abandon(self, connections: Connections) -> None:
        """After a fault: wait for what is in the air, try once more to record it, and leave."""
        self._stopping.set()
        while connections.in_air:
            self._unrecorded += connections.collect(timeout=_NAP)
            self._is_to_leave(connections)
        with suppress(InputError):
            self._close_books()
        connections.close()

    def _lost(self, fault: BaseException) -> BaseException:
        """The fault, with what became of the answers that could not be recorded."""
        if not isinstance(fault, InputError) or not self._unrecorded:
            return fault
        lasted = f"{fault.what}, for {self._lease.total_seconds():g} s"
        many = f"{len(self._unrecorded):,} answers could not be written down and will count as unknown"
        return InputError(f"{lasted}: {many}", where=fault.where, remedy=fault.remedy)

    def _raise_if_broken(self) -> None:
        where = self._sender.place
        if self._circuit.broken is not None:
            raise BlockedError(
                f"the server refuses us: {self._circuit.broken.reply}",
                where=where,
                remedy="Mend [sender] in newsletter.toml and send again: it goes on where it stopped",
            )
        if self._refusals.broken is not None:
            raise BlockedError(
                f"the server refuses every message once it has read it: {self._refusals.broken.reply}",
                where=where,
                remedy="Ask its keepers what its filter objects to; then send again: nobody was given up",
            )
