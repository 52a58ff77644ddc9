"""The worker: claims, sends, records, until nothing is pending. The one place where the ledger meets the wire.

One transaction a round keeps the outcomes of the last messages and the intents of the next: an SQLite commit that
reaches the disk costs more than sending a message. At most one message a connection is `sending` at any time, so that a
kill leaves at most that many unknown.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from newsletter.delivery.senders.smtp import SmtpConnection, SmtpSender
from newsletter.errors import BlockedError
from newsletter.publishing import Mailing
from newsletter.store import Store
from newsletter.store.statuses import OPEN, DeliveryStatus, MailingStatus
from newsletter.store.tables import mailing, wave

LEASE = timedelta(seconds=60)
_SWEEP = timedelta(seconds=5)
_NAP = 0.5
_SHORTEST_NAP = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a mailing is: deliveries by state. `done` of `total` have come to an end."""

    counts: Mapping[DeliveryStatus, int]

    @property
    def total(self) -> int:
        """All deliveries."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Those that nothing more follows on."""
        return sum(count for status, count in self.counts.items() if status not in OPEN)


OnProgress = Callable[[Progress], None]


class Worker:
    """Sends one mailing that has been started.

    Args:
        store: the database.
        mailing: what is sent.
        copies: makes each reader's message.
        sender: hands them over.
        clock: gives the hour.
        backoff: the waits between the tries of one delivery.
        lease: how long others wait before they take this worker for dead; on the same machine they see it at once.
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
        on_progress: OnProgress = lambda _: None,
    ) -> None:
        self._store = store
        self._mailing = mailing
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._lease = lease
        self._on_progress = on_progress
        self._copies = copies
        self._sender = sender
        self._name = own_name()
        self._chunk: Chunk | None = None
        self._circuit = Circuit()
        self._unrecorded: list[Settled] = []
        self._stopping = threading.Event()
        self._swept_at: datetime | None = None
        self._counts: Counter[DeliveryStatus] = Counter()

    def stop(self) -> None:
        """Claim nothing more, finish what is in the air, leave. For signal handlers and other threads."""
        self._stopping.set()

    def run(self) -> None:
        """Work until nothing is left to do, the mailing is paused or cancelled, or `stop` is called.

        Raises:
            BlockedError: the server refuses us for good. What is left stays pending: sending again goes on with it.
            InputError: the database is in use or damaged.
        """
        settings = self._sender.settings
        connections = Connections(
            lambda: SmtpConnection(self._sender),
            settings.connections,
            copies=self._copies,
            clock=self._clock,
        )
        try:
            while self.run_once(connections):
                pass
        except KeyboardInterrupt:
            # Asked a second time: leave at once. What is in the air becomes unknown.
            raise
        except BaseException:
            self._finish(connections)
            raise
        self._finish(connections)
        if connections.crash is not None:
            raise connections.crash
        if self._circuit.broken is not None:
            raise BlockedError(
                f"the server refuses us: {self._circuit.broken.reply}",
                where=self._sender.place,
                remedy="Mend [sender] in newsletter.toml and send again: it goes on where it stopped",
            )

    def run_once(self, connections: Connections) -> bool:
        """One round: collect, record and claim in one transaction, hand over. False once there is no more to do."""
        back = connections.collect(timeout=_NAP)
        self._unrecorded += back
        now = self._clock()
        self._circuit.note((one.outcome for one in back), now)
        self._sweep_when_due(now)
        stopping = self._stopping.is_set() or bool(self._circuit.broken or connections.crash)
        claimed = self._commit(0 if stopping else self._circuit.allows(connections.free, now), now)
        for one in claimed:
            connections.hand(one)
        if claimed or connections.in_air:
            return True
        return not stopping and self._wait_for_work()

    def _commit(self, limit: int, now: datetime) -> list[Claimed]:
        """The round's transaction. If it fails, what came back is kept for the next."""
        if not self._unrecorded and not limit:
            return []
        try:
            with self._store.writing() as connection:
                ledger.record(connection, self._unrecorded, now=now, backoff=self._backoff)
                claimed = self._claim(connection, limit, now) if limit else []
        except LeaseLostError:
            self._chunk = None
            return []
        self._count(self._unrecorded, claimed)
        self._unrecorded = []
        return claimed

    def _claim(self, connection: Connection, limit: int, now: datetime) -> list[Claimed]:
        if self._chunk is None:
            self._chunk = self._open_chunk(connection, now)
        return ledger.claim(connection, self._mailing.id, self._chunk, limit, now=now)

    def _open_chunk(self, connection: Connection, now: datetime) -> Chunk:
        wave_id = connection.execute(select(wave.c.id).where(wave.c.mailing_id == self._mailing.id)).scalar_one()
        return chunks.take(connection, wave_id, worker=self._name, now=now, lease=self._lease)

    def _sweep_when_due(self, now: datetime) -> None:
        """Every few seconds: end what the dead hold, hold on to what is ours, give up what is too late, count anew."""
        if self._swept_at is not None and now - self._swept_at < _SWEEP:
            return
        with self._store.writing() as connection:
            if self._chunk is not None and not chunks.hold(connection, self._chunk, now=now, lease=self._lease):
                self._chunk = None
            chunks.lapse(connection, self._mailing.id, now=now)
            if now > self._mailing.not_later_than:
                ledger.expire(connection, self._mailing.id, now=now)
            self._counts = Counter(ledger.counts(connection, self._mailing.id))
        self._swept_at = now
        self._on_progress(Progress(counts=dict(self._counts)))

    def _wait_for_work(self) -> bool:
        """Sleep until something can be tried; False where nothing will come any more."""
        with self._store.reading() as connection:
            counts = ledger.counts(connection, self._mailing.id)
            due = ledger.next_due(connection, self._mailing.id)
            status = connection.execute(select(mailing.c.status).where(mailing.c.id == self._mailing.id)).scalar_one()
        self._on_progress(Progress(counts=counts))
        if status != MailingStatus.SENDING or not any(counts[status] for status in OPEN):
            return False
        self._stopping.wait(self._nap(due))
        return True

    def _nap(self, due: datetime | None) -> float:
        """Seconds to sleep: to the first deferred delivery, or to the end of the mailing's time, but never long."""
        now = self._clock()
        moments = [self._mailing.not_later_than, *([due] if due is not None else [])]
        nearest = min((moment - now).total_seconds() for moment in moments)
        if now > self._mailing.not_later_than:
            self._swept_at = None
        return min(max(nearest, _SHORTEST_NAP), _NAP)

    def _finish(self, connections: Connections) -> None:
        """Wait for what is in the air, record it, give the chunk back, and close the mailing if that was all."""
        while connections.in_air:
            self._unrecorded += connections.collect(timeout=_NAP)
        connections.close()
        now = self._clock()
        self._commit(0, now)
        with self._store.writing() as connection:
            if self._chunk is not None:
                chunks.give_back(connection, self._chunk)
            ledger.finish(connection, self._mailing.id, now=now)

    def _count(self, settled: list[Settled], claimed: list[Claimed]) -> None:
        """Keep the counts between two sweeps without asking the database."""
        if not settled and not claimed:
            return
        for one in settled:
            self._counts[DeliveryStatus(one.outcome.kind)] += 1
        for claim in claimed:
            # Only a deferred delivery was ever claimed before.
            self._counts[DeliveryStatus.DEFERRED if claim.fence > 1 else DeliveryStatus.PENDING] -= 1
        self._counts[DeliveryStatus.SENDING] += len(claimed) - len(settled)
        self._on_progress(Progress(counts=dict(self._counts)))
