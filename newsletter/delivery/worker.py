"""The worker: claims, sends, records, until nothing is pending. The one place where the ledger meets the wire.

One transaction a round keeps the outcomes of the last calls and the intents of the next: an SQLite commit that reaches
the disk costs more than sending a message. Where a call carries one message, at most one message a connection is
`sending` at any time, so that a kill leaves at most that many unknown.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.clock import Clock
from newsletter.delivery import chunks, evidence, history, ledger, steps
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.chunks import Chunk, LeaseLostError
from newsletter.delivery.circuit import Circuit
from newsletter.delivery.claiming import Claims
from newsletter.delivery.connections import Connections, Parcel, Returned, settled_of
from newsletter.delivery.copies import Copies
from newsletter.delivery.identity import own_name
from newsletter.delivery.ledger import Settled
from newsletter.delivery.patience import Patience
from newsletter.delivery.release import due, release
from newsletter.delivery.senders.base import Sender
from newsletter.delivery.standing import Standing, clear_trouble, pause_for, standing_of, tell_trouble
from newsletter.delivery.two_clocks import TwoClocks
from newsletter.errors import BlockedError
from newsletter.publishing import Mailing, mailings
from newsletter.store import Store
from newsletter.store.statuses import OPEN, DeliveryStatus, MailingStatus, OutcomeKind

LEASE = timedelta(seconds=60)
_SWEEP = timedelta(seconds=5)
_JUMP = timedelta(seconds=10)
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
        quiet: how long the unknown is left alone.
        name: who it is, for others; a name of its own where none is given.
        patient: wait for a database that has gone away, instead of giving up.
        pauses: pause the mailing where the other side refuses us for good.
        on_progress: told of every round, in the thread that runs.
    """

    def __init__(
        self,
        *,
        store: Store,
        mailing: Mailing,
        copies: Copies,
        sender: Sender,
        clock: Clock,
        backoff: Backoff | None = None,
        lease: timedelta = LEASE,
        quiet: timedelta = evidence.QUIET,
        name: str | None = None,
        patient: bool = False,
        pauses: bool = False,
        on_progress: OnProgress = lambda _: None,
    ) -> None:
        self._mailing = mailing
        self._store = store
        self._wall = clock
        self._clock = TwoClocks(clock)
        self._backoff = backoff or Backoff()
        self._lease = lease
        self._quiet = quiet
        self._pauses = pauses
        self._on_progress = on_progress
        self._sender = sender
        self._stopping = threading.Event()
        self._patience = Patience(store, self._stopping, patient=patient)
        self._claims = Claims(
            store=store,
            mailing_id=mailing.id,
            worker=name or own_name(),
            copies=copies,
            capabilities=sender.capabilities,
            lease=lease,
        )
        self._circuit = Circuit()
        self._unrecorded: list[Settled] = []
        self._over: list[Chunk] = []
        self._swept_at: datetime | None = None
        self._told: str | None = None
        self._found_lost = 0
        self._jumped = timedelta(0)
        self._counts: Counter[DeliveryStatus] = Counter()

    def stop(self) -> None:
        """Claim nothing more, finish what is in the air, leave. For signal handlers and other threads."""
        self._stopping.set()

    def run(self) -> None:
        """Work until nothing is left to do, the mailing is paused or cancelled, or `stop` is called.

        Raises:
            BlockedError: the other side refuses us for good. What is left stays pending: sending again goes on with it.
            InputError: the database is in use or damaged, and this worker is not patient.
        """
        connections = Connections(self._sender, clock=self._wall)
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
        self._take_back(back)
        now = self._clock.now()
        self._circuit.note((one.outcome for one in settled_of(back)), now)
        self._sweep_when_due(now)
        stopping = self._stopping.is_set() or bool(self._circuit.broken or connections.crash)
        parcels = self._commit(0 if stopping else self._circuit.allows(connections.free, now), now)
        for parcel in parcels:
            connections.hand(parcel)
        if parcels or connections.in_air:
            return True
        return not stopping and self._wait_for_work()

    def _take_back(self, back: Sequence[Returned]) -> None:
        self._unrecorded += settled_of(back)
        self._over += [each.parcel.chunk for each in back]

    def _commit(self, limit: int, now: datetime) -> list[Parcel]:
        """The round's transaction. If it fails, what came back is kept for the next."""
        if not self._unrecorded and not limit:
            return []

        def step(connection: Connection) -> list[Parcel]:
            ledger.record(connection, self._unrecorded, now=now, backoff=self._backoff)
            if any(one.outcome.kind is OutcomeKind.UNKNOWN for one in self._unrecorded):
                evidence.settle(connection, self._mailing.id, now=now)
            self._claims.give_back(connection, self._over)
            return self._claims.take(connection, limit, now=now, due_by=self._clock.at_most()) if limit else []

        try:
            parcels = self._patience.run(step, on_failure=self._claims.forget)
        except LeaseLostError:
            self._claims.forget()
            return []
        steps.reached("record.committed") if self._unrecorded else None
        steps.reached("claim.committed") if parcels else None
        self._count(self._unrecorded, parcels)
        self._unrecorded, self._over = [], []
        return parcels

    def _sweep_when_due(self, now: datetime) -> None:
        """Every few seconds: end what the dead hold, hold on to what is ours, give up what is too late, count anew."""
        if self._swept_at is not None and abs(now - self._swept_at) < _SWEEP:
            return
        self._swept_at = now
        self._release_when_due()
        counts = self._patience.run(self._sweep)
        if self._found_lost:
            steps.reached("lapse.committed")
        self._counts = Counter(counts)
        self._on_progress(Progress(counts=dict(counts)))

    def _sweep(self, connection: Connection) -> dict[DeliveryStatus, int]:
        now, surely = self._clock.now(), self._clock.at_least()
        # A person may have given it more time.
        self._mailing = mailings.require(connection, self._mailing.id)
        self._claims.hold(connection, now=now)
        lost = self._found_lost = chunks.lapse(connection, self._mailing.id, now=surely)
        if lost:
            history.note(connection, self._mailing.id, "worker.lost", actor=history.WORKER, now=now, unknown=lost)
        evidence.settle(connection, self._mailing.id, now=now)
        evidence.resend(connection, self._mailing.id, now=surely, quiet=self._quiet)
        if surely > self._mailing.not_later_than:
            ledger.expire(connection, self._mailing.id, now=now)
        self._note_incidents(connection, now)
        return ledger.counts(connection, self._mailing.id)

    def _note_incidents(self, connection: Connection, now: datetime) -> None:
        """What a person should know: what is in the way, a clock that jumped, a database that was away."""
        self._told = tell_trouble(connection, self._mailing.id, self._circuit.trouble, told=self._told)
        gap = self._clock.gap()
        if abs(gap - self._jumped) > _JUMP:
            seconds = round((gap - self._jumped).total_seconds())
            self._jumped = gap
            history.note(
                connection, self._mailing.id, "worker.clock_jumped", actor=history.WORKER, now=now, seconds=seconds
            )
        waited, why = self._patience.waited()
        if waited:
            detail = {"seconds": round(waited, 1), "why": why}
            history.note(connection, self._mailing.id, "worker.waited", actor=history.WORKER, now=now, **detail)

    def _release_when_due(self) -> None:
        """Freeze the audience of waves whose hour has come."""
        surely = self._clock.at_least()
        waiting = self._patience.call(lambda: due(self._store, self._mailing.id, now=surely))
        if waiting and not self._stopping.is_set():
            self._patience.call(lambda: release(self._store, self._mailing, clock=self._clock.at_least))
            self._claims.look_again()

    def _wait_for_work(self) -> bool:
        """Sleep until something can be tried; False where nothing will come any more."""
        standing = self._patience.call(lambda: standing_of(self._store, self._mailing.id))
        self._on_progress(Progress(counts=standing.counts))
        self._mailing = replace(self._mailing, not_later_than=standing.not_later_than)
        if standing.status is not MailingStatus.SENDING or not standing.open:
            return False
        self._claims.look_again()
        self._stopping.wait(self._nap(standing))
        return True

    def _nap(self, standing: Standing) -> float:
        """Seconds to sleep: to the first deferred delivery or wave, or to the end of the mailing's time, never long."""
        now = self._clock.now()
        moments = [self._mailing.not_later_than, *standing.next]
        nearest = min((moment - now).total_seconds() for moment in moments)
        if now > self._mailing.not_later_than or any(moment <= now for moment in standing.next_waves):
            self._swept_at = None
        return min(max(nearest, _SHORTEST_NAP), _NAP)

    def _finish(self, connections: Connections) -> None:
        """Wait for what is in the air, record it, give the chunks back, and close the mailing if that was all."""
        while connections.in_air:
            self._take_back(connections.collect(timeout=_NAP))
        connections.close()
        now = self._clock.now()
        self._commit(0, now)
        self._patience.run(self._leave)
        steps.reached("finish.committed")

    def _leave(self, connection: Connection) -> None:
        now = self._clock.now()
        self._claims.leave(connection)
        self._note_incidents(connection, now)
        broken = self._circuit.broken
        if broken is None:
            clear_trouble(connection, self._mailing.id)
        elif self._pauses:
            pause_for(connection, self._mailing.id, f"{self._sender.place} refuses us: {broken.reply}", now=now)
        standing_cancelled = ledger.withdraw_if_cancelled(connection, self._mailing.id, now=now)
        if not standing_cancelled:
            ledger.finish(connection, self._mailing.id, now=now)
        steps.reached("finish.writing")

    def _count(self, settled: Sequence[Settled], parcels: Sequence[Parcel]) -> None:
        """Keep the counts between two sweeps without asking the database."""
        if not settled and not parcels:
            return
        for one in settled:
            self._counts[DeliveryStatus(one.outcome.kind)] += 1
        claimed = 0
        for parcel in parcels:
            claimed += len(parcel.claims)
            for claim in parcel.claims:
                self._counts[claim.was] -= 1
        self._counts[DeliveryStatus.SENDING] += claimed - len(settled)
        self._on_progress(Progress(counts=dict(self._counts)))
