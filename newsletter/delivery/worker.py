"""The worker: claims, sends, records, until nothing is pending. The one place where the ledger meets the wire.

One transaction a round keeps the outcomes of the last calls and the intents of the next: an SQLite commit that reaches
the disk costs more than sending a message. Where a call carries one message, at most one message a connection is
`sending` at any time, so that a kill leaves at most that many unknown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from newsletter.audience.addresses import without_addresses
from newsletter.clock import Clock
from newsletter.delivery import evidence, machine
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.books import Books
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.calls import Calls, OpenCalls
from newsletter.delivery.circuit import Circuit
from newsletter.delivery.claiming import Claims
from newsletter.delivery.connections import Connections
from newsletter.delivery.copies import Copies
from newsletter.delivery.garbage import searched_seldom
from newsletter.delivery.identity import own_name
from newsletter.delivery.parcels import settled_of
from newsletter.delivery.progress import OnProgress, Tally
from newsletter.delivery.restored import Watch
from newsletter.delivery.senders.base import Sender, seconds
from newsletter.delivery.two_clocks import TwoClocks
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import Mailing
from newsletter.store import Store

LEASE = timedelta(seconds=60)

STOP_SECONDS = 30.0
"""How long a worker that is to leave waits for answers to messages that are out. What comes later is unknown."""

_NAP = 0.5
_SHORTEST_NAP = 0.02


class Worker:
    """Sends one mailing that has been started.

    Args:
        store: the database.
        mailing: what is sent.
        copies: makes each reader's message.
        sender: hands them over.
        clock: gives the hour.
        steady: gives seconds that nobody sets, for `TwoClocks`.
        started: the hour as the process believes it, where the clock may have been set since it started.
        backoff: the waits between the tries of one delivery.
        lease: how long others wait before they take this worker for dead; on the same machine they see it at once. For
            as long it keeps answers that the database does not take.
        quiet: how long the unknown is left alone.
        name: who it is, for others; a name of its own where none is given.
        patient: wait for a database that has gone away for as long as it takes.
        pauses: pause the mailing where the other side refuses us for good.
        stop_seconds: how long it waits, once it is to leave, for what is in the air.
        stop: asks it to leave when set.
        on_progress: told of every round, in the thread that runs.
        breaker: pauses the mailing where too much goes wrong; one with the usual limits where none is given.
        connect: opens the sender's connections.
        watch: notices a backup that was put back; nothing does where none is given.
    """

    def __init__(
        self,
        *,
        store: Store,
        mailing: Mailing,
        copies: Copies,
        sender: Sender,
        clock: Clock,
        steady: Callable[[], float] = seconds,
        started: datetime | None = None,
        backoff: Backoff | None = None,
        lease: timedelta = LEASE,
        quiet: timedelta = evidence.QUIET,
        name: str | None = None,
        patient: bool = False,
        pauses: bool = False,
        stop_seconds: float = STOP_SECONDS,
        stop: threading.Event | None = None,
        on_progress: OnProgress = lambda _: None,
        breaker: Breaker | None = None,
        connect: OpenCalls = Connections.of,
        watch: Watch | None = None,
    ) -> None:
        self._clock = clock
        self._sender = sender
        self._connect = connect
        self._patient = patient
        self._pauses = pauses
        self._stopping = stop or threading.Event()
        self._stop_seconds = stop_seconds
        self._leave_by: float | None = None
        self._clocks = TwoClocks(clock, steady, started=started)
        self._tally = Tally(on_progress)
        self._circuit = Circuit()
        self._crash: BaseException | None = None
        # Two threads that both want the interpreter hand it back and forth at every call of the system. So the books and the
        # connections take turns that are worth it: 5 to 8 % more messages (measured).
        self._alone = threading.Lock()
        claims = Claims(
            store=store,
            mailing_id=mailing.id,
            worker=name or own_name(),
            copies=copies,
            capabilities=sender.capabilities,
            lease=lease,
        )
        self._books = Books(
            store,
            mailing,
            claims=claims,
            clocks=self._clocks,
            backoff=backoff or Backoff(),
            lease=lease,
            quiet=quiet,
            patient=patient,
            tally=self._tally,
            breaker=breaker or Breaker(store, mailing.id),
            alone=self._alone,
            watch=watch,
        )

    def stop(self) -> None:
        """Claim nothing more, finish what is in the air, leave. For signal handlers and other threads."""
        self._stopping.set()

    @searched_seldom()
    def run(self) -> None:
        """Work until nothing is left to do, the mailing is paused or cancelled, or `stop` is called.

        Raises:
            BlockedError: the other side refuses us, or what the message says, for good. Nobody is given up for it:
                sending again goes on.
            InputError: the database is damaged, or has taken nothing for as long as the lease and this worker is not
                patient, or has been asked to leave.
        """
        connections = self._connect(self._sender, self._clock, self._alone)
        try:
            while self.run_once(connections):
                pass
            while not self._closed():
                machine.present().rest(_NAP)
        except KeyboardInterrupt:
            # Asked a second time: leave at once. What is in the air becomes unknown.
            raise
        except BaseException as fault:
            self._abandon(connections)
            if isinstance(fault, InputError) and (lost := self._books.lost(fault)) is not fault:
                raise lost from fault
            raise
        # Everything is on the disk by now: a server that does not answer QUIT can harm nobody.
        connections.close()
        if connections.crash is not None:
            raise connections.crash
        self._raise_if_broken()

    def run_once(self, connections: Calls) -> bool:
        """One round: collect, record and claim in one transaction, hand over. False once there is no more to do."""
        back = connections.collect(timeout=self._nap(self._books.opens_in()))
        self._books.enter(back)
        self._circuit.note((one.outcome for one in settled_of(back)), seconds())
        leaving = self._is_to_leave(connections)
        try:
            self._books.sweep_when_due(trouble=self._circuit.trouble, leaving=leaving)
            parcels = self._books.commit(0 if leaving else self._circuit.allows(connections.free, seconds()))
            connections.hand(parcels)
            self._circuit.sent(len(parcels), seconds())
            if back or parcels:
                self._tally.tell()
            if parcels or connections.in_air:
                return True
            return not leaving and self._wait_for_work()
        except InputError as fault:
            self._bear(fault)
            if not connections.in_air:
                machine.present().rest(_NAP)
            return True

    def _bear(self, fault: InputError) -> None:
        """Go on without the database for a while.

        Raises:
            InputError: the while is over.
        """
        if self._patient and self._leave_by is not None and seconds() > self._leave_by:
            raise fault
        self._books.bear(fault)

    def _is_to_leave(self, connections: Calls) -> bool:
        """Whether nothing new may begin; once the time for leaving is over, nothing in the air is waited for."""
        self._crash = self._crash or connections.crash
        broken = self._circuit.broken or self._books.refusals.broken or self._crash
        if not self._stopping.is_set() and not broken:
            return False
        if self._leave_by is None:
            self._leave_by = seconds() + self._stop_seconds
        elif seconds() > self._leave_by:
            connections.cut()
        return True

    def _wait_for_work(self) -> bool:
        """Sleep until something can be tried, but never long; False where nothing will come any more."""
        closed, turn = self._circuit.opens_in(seconds()), self._books.opens_in()
        # While nothing may go out, there is nothing to count.
        moment = self._books.look(count=(closed <= 0 and turn is None) or not self._tally.open)
        if moment is None:
            return False
        left = closed if closed > 0 else (moment - self._clock()).total_seconds() if turn is None else turn
        machine.present().rest(self._nap(left), until=self._stopping)
        return True

    @staticmethod
    def _nap(left: float | None) -> float:
        """Seconds to sleep where the next thing is to be done in `left`."""
        return _NAP if left is None else max(_SHORTEST_NAP, min(left, _NAP))

    def _closed(self) -> bool:
        """Close the books; False where the database did not take it yet."""
        try:
            self._books.close(pause=self._pause_for())
        except InputError as fault:
            self._bear(fault)
            return False
        return True

    def _abandon(self, connections: Calls) -> None:
        """After a fault: wait for what is in the air, try once more to record it, and leave."""
        self._stopping.set()
        while connections.in_air:
            self._books.enter(connections.collect(timeout=_NAP))
            self._is_to_leave(connections)
        try:
            with suppress(InputError):
                self._books.close(pause=self._pause_for())
        finally:
            connections.close()

    def _pause_for(self) -> str:
        """Why the mailing is to be paused, with the place; empty where it is not."""
        why = self._blocked() if self._pauses else ""
        return f"{self._sender.place}: {without_addresses(why)}" if why else ""

    def _blocked(self) -> str:
        """Why nobody can be reached, for people; empty where that is not so."""
        if self._circuit.broken is not None:
            return f"the server refuses us: {self._circuit.broken.reply}"
        if self._books.refusals.broken is not None:
            return f"the server refuses every message once it has read it: {self._books.refusals.broken.reply}"
        if self._crash is not None:
            # Whoever starts this worker again would lose as many to the unknown each time.
            return f"this program failed: {type(self._crash).__name__}"
        return ""

    def _raise_if_broken(self) -> None:
        if not (why := self._blocked()):
            return
        if self._circuit.broken is not None:
            remedy = "Mend [sender] in newsletter.toml and send again: it goes on where it stopped"
        else:
            remedy = "Ask its keepers what its filter objects to; then send again: nobody was given up"
        raise BlockedError(why, where=self._sender.place, remedy=remedy)
