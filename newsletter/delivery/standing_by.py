"""A worker process: it looks for mailings that are being sent, and puts a worker on each until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.delivery import chunks, control, correspondence, evidence, history, machine, notices, steps
from newsletter.delivery.announcer import Announcer
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.beside import Beside
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.calls import OpenCalls
from newsletter.delivery.connections import Connections
from newsletter.delivery.copies import Copies
from newsletter.delivery.correspondence import Correspondence
from newsletter.delivery.identity import own_name
from newsletter.delivery.machine import Task
from newsletter.delivery.patience import Patience
from newsletter.delivery.restored import Watch
from newsletter.delivery.senders.base import Sender, seconds
from newsletter.delivery.standing import pause_for
from newsletter.delivery.telling import Teller
from newsletter.delivery.two_clocks import TwoClocks
from newsletter.delivery.worker import LEASE, Worker
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import Mailing, editions, mailings
from newsletter.rendering import Edition
from newsletter.settings import BreakerSettings
from newsletter.store import Store
from newsletter.tokens import TokenKeys

log = structlog.get_logger(__name__)

_LOOK = 0.5
"""Seconds between two looks: a resumed mailing goes on within that, and a paused one stops sooner."""

_SWEEP = 5.0
_EVIDENCE_FOR = timedelta(days=7)
"""How long after its end a mailing's unknown is still settled by events: providers tell of bounces for days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Left:
    """What belongs to no running mailing: mailings by number, and whether there are such notices.

    It is looked for before anything is written: on SQLite a worker with nothing to do keeps nobody from writing.
    """

    unknown: list[int]
    tests: bool
    notices: bool
    cancelled: list[int]


class StandBy:
    """Sends whatever is being sent.

    Args:
        store: the database.
        keys: make the readers' tokens.
        sender: hands the messages over.
        clock: gives the hour.
        steady: gives seconds that nobody sets, for `TwoClocks`.
        backoff: the waits between the tries of one delivery.
        lease: how long others wait before they take this process for dead.
        name: what this process is called in the ledger, after its machine and number; a random word by default.
        announcer: tells people of alerts; nobody is told where none is given.
        limits: when a mailing pauses by itself; the usual ones where none are given.
        letters: carries the notices to readers; they wait for another worker where none is given.
        connect: opens the sender's connections.
        watch: notices a backup that was put back; nothing does where none is given.
    """

    def __init__(
        self,
        *,
        store: Store,
        keys: TokenKeys,
        sender: Sender,
        clock: Clock,
        steady: Callable[[], float] = seconds,
        backoff: Backoff | None = None,
        lease: timedelta = LEASE,
        name: str | None = None,
        announcer: Announcer | None = None,
        limits: BreakerSettings | None = None,
        letters: Correspondence | None = None,
        connect: OpenCalls = Connections.of,
        watch: Watch | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._sender = sender
        self._clock = clock
        self._steady = steady
        self._clocks = TwoClocks(clock, steady)
        self._backoff = backoff
        self._lease = lease
        self._name = name or own_name()
        self._teller = Teller(store, clock=clock, announcer=announcer, limits=limits)
        self._limits = limits
        self._letters = letters
        self._carrying = Beside(letters.run_once, name="notices") if letters is not None else None
        self._connect = connect
        self._watch = watch
        self._stopping = threading.Event()
        self._patience = Patience(store, self._stopping, patient=True)
        self._working: dict[int, tuple[Worker, Task]] = {}
        self._rested: dict[int, float] = {}
        self._swept_at: float | None = None
        self.crash: BaseException | None = None

    def stop(self) -> None:
        """Claim nothing more, finish what is in the air, leave. For signal handlers."""
        self._stopping.set()
        for worker, _ in list(self._working.values()):
            worker.stop()

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Work until `stop` is called, or `until` says so after a look that found nothing to do.

        Raises:
            Exception: a fault of this program; everything that came back is recorded.
        """
        leaving_by_itself = False
        while not self._stopping.is_set() and self.crash is None:
            if not self.run_once() and until():
                leaving_by_itself = True
                break
            machine.present().rest(_LOOK, until=self._stopping)
        self.stop()
        for _, thread in list(self._working.values()):
            thread.join()
        if self._carrying is not None:
            self._carrying.finish()
        self._teller.finish(once_more=leaving_by_itself)
        if self.crash is not None:
            raise self.crash

    def run_once(self) -> bool:
        """One look: put workers on mailings that have none, sweep now and then. Whether anything is being sent."""
        # Asked often, so that a clock that was set right is believed by the time that something begins.
        self._clocks.believed()
        self._working = {number: pair for number, pair in self._working.items() if pair[1].is_alive()}
        if self._swept_at is None or seconds() - self._swept_at >= _SWEEP:
            self._swept_at = seconds()
            if self._watch is not None:
                self._patience.call(partial(self._watch.look, now=self._clocks.now()))
            self._sweep()
            self._teller.tell()
        sending = self._patience.call(lambda: mailings.being_sent(self._store))
        for found in sending:
            if found.id not in self._working and seconds() >= self._rested.get(found.id, 0.0):
                self._begin_or_pause(found)
        return self._carry_letters() or bool(sending or self._working)

    def _carry_letters(self) -> bool:
        """Have the notices carried that are due, in a thread of their own; whether there are any."""
        if self._letters is None or self._carrying is None:
            return False
        due = self._patience.call(self._letters.due)
        if due:
            self._carrying.begin()
        return due or self._carrying.busy

    def _begin_or_pause(self, found: Mailing) -> None:
        """A mailing whose edition cannot be used waits for a person, and the others go on."""
        edition = self._patience.call(partial(self._edition_of, found))
        try:
            if isinstance(edition, InputError):
                raise edition
            self._begin(found, edition)
        except InputError as error:
            log.warning("mailing.paused", mailing=found.id, why=error.what)
            now, why = self._clocks.now(), f"its edition cannot be used: {error.what}"
            self._patience.run(partial(pause_for, mailing_id=found.id, trouble=why, code="EDITION-DAMAGED", now=now))

    def _edition_of(self, found: Mailing) -> Edition | InputError:
        """Its edition, or what is wrong with that: waiting would mend it no more than it mends the database."""
        try:
            return editions.edition_of(self._store, found.edition_digest)
        except InputError as error:
            if isinstance(error.__cause__, SQLAlchemyError):
                raise
            return error

    def _begin(self, found: Mailing, edition: Edition) -> None:
        worker = Worker(
            store=self._store,
            mailing=found,
            copies=Copies.of(edition, found, self._keys),
            sender=self._sender,
            clock=self._clock,
            steady=self._steady,
            # A clock that was set wrong a minute ago would have it begin the waves of hours to come.
            started=self._clocks.believed(),
            backoff=self._backoff,
            lease=self._lease,
            name=self._name,
            patient=True,
            pauses=True,
            breaker=Breaker(self._store, found.id, self._limits),
            connect=self._connect,
            watch=self._watch,
        )
        log.info("mailing.taken_up", mailing=found.id)
        work = partial(self._work, found.id, worker)
        self._working[found.id] = (worker, machine.present().begin(work, name=f"mailing-{found.id}"))
        if self._stopping.is_set():
            worker.stop()

    def _work(self, mailing_id: int, worker: Worker) -> None:
        try:
            worker.run()
        except BlockedError as error:
            log.warning("mailing.paused", mailing=mailing_id, why=error.what)
        except BaseException as error:  # noqa: BLE001 - `run` raises it in the main thread
            self.crash = error
        else:
            log.info("mailing.left", mailing=mailing_id)
        # A mailing that has nothing to do just now is looked at again, and not at once.
        self._rested[mailing_id] = seconds() + _LOOK

    def _sweep(self) -> None:
        """What belongs to no running mailing: what the dead left, what events prove, what killed commands left."""
        now, surely = self._clocks.now(), self._clocks.at_least()
        with_lost = self._read(lambda connection: chunks.held_by_the_lost(connection, now=surely))
        for number in with_lost:
            self._patience.run(partial(self._end_lost, mailing_id=number))
            steps.reached("lapse.committed")
        left = self._patience.call(partial(self._left, now=now, surely=surely))
        for number in left.unknown:
            self._patience.run(partial(evidence.settle, mailing_id=number, now=now))
        if left.tests:
            self._patience.run(partial(notices.end_forgotten, now=surely))
        if left.notices:
            self._patience.run(partial(correspondence.end_forgotten, now=surely))
        for number in left.cancelled:
            self._patience.call(partial(control.finish_cancelling, self._store, number, now=now))

    def _left(self, *, now: datetime, surely: datetime) -> _Left:
        with self._store.reading() as connection:
            return _Left(
                unknown=evidence.with_unknown(connection, since=now - _EVIDENCE_FOR),
                tests=notices.some_forgotten(connection, now=surely),
                notices=correspondence.some_forgotten(connection, now=surely),
                cancelled=control.half_cancelled(connection),
            )

    def _end_lost(self, connection: Connection, mailing_id: int) -> None:
        now = self._clocks.now()
        lost = chunks.lapse(connection, mailing_id, now=self._clocks.at_least())
        if lost:
            history.note(connection, mailing_id, "worker.lost", actor=history.WORKER, now=now, unknown=lost)

    def _read(self, step: Callable[[Connection], list[int]]) -> list[int]:
        def once() -> list[int]:
            with self._store.reading() as connection:
                return step(connection)

        return self._patience.call(once)
