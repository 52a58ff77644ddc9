"""The sender's connections, a thread each: claimed deliveries go in, settled ones come out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from newsletter.clock import Clock
from newsletter.delivery.copies import Copies
from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.senders.base import Outcome
from newsletter.delivery.senders.smtp import SmtpConnection
from newsletter.errors import InputError

Connect = Callable[[], SmtpConnection]
"""Makes one connection, which opens when it is first used."""


_LEAVE_SECONDS = 3.0
"""How long the leave-taking may last on all connections together."""


class _Lane:
    """One connection and the message on it."""

    def __init__(self, connection: SmtpConnection) -> None:
        self.connection = connection
        self.busy = False


class Connections:
    """`count` connections that carry `copies`.

    Args:
        connect: makes a connection.
        count: how many.
        copies: makes the messages, in the connections' threads.
        clock: stamps the attempts.
    """

    def __init__(self, connect: Connect, count: int, *, copies: Copies, clock: Clock) -> None:
        self._copies = copies
        self._clock = clock
        self._work: SimpleQueue[Claimed | None] = SimpleQueue()
        self._results: SimpleQueue[Settled] = SimpleQueue()
        self._lanes = [_Lane(connect()) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._serve, args=(lane,), name=f"smtp-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        self.in_air = 0
        self.crash: BaseException | None = None
        for thread in self._threads:
            thread.start()

    @property
    def free(self) -> int:
        """How many more messages there is a connection for."""
        return len(self._lanes) - self.in_air

    def hand(self, claimed: Claimed) -> None:
        """Give a claimed delivery to a free connection."""
        self.in_air += 1
        self._work.put(claimed)

    def collect(self, *, timeout: float) -> list[Settled]:
        """What has come back; waits up to `timeout` seconds for the first, unless nothing is in the air."""
        for lane in self._lanes:
            lane.connection.cut_if_overdue()
        collected: list[Settled] = []
        while self.in_air:
            try:
                collected.append(self._results.get(timeout=0 if collected else timeout))
            except Empty:
                break
            self.in_air -= 1
        return collected

    def cut(self) -> None:
        """Wait no longer: what is in the air comes back at once, as unknown where it may have arrived."""
        for lane in self._lanes:
            if lane.busy:
                lane.connection.cut()

    def close(self) -> None:
        """Take leave of the servers, within seconds. Nothing may be in the air, and everything should be recorded."""
        for _ in self._threads:
            self._work.put(None)
        until = time.monotonic() + _LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for lane, thread in zip(self._lanes, self._threads, strict=True):
            if thread.is_alive():
                # It answers QUIT with a line every second, without an end.
                lane.connection.cut()
                thread.join(1.0)

    def _serve(self, lane: _Lane) -> None:
        while (claimed := self._work.get()) is not None:
            started = self._clock()
            lane.busy = True
            try:
                outcome = self._carry(lane.connection, claimed)
            except BaseException as error:  # noqa: BLE001 - the worker raises it, once everything is recorded
                self.crash = error
                outcome = Outcome.unknown(f"this program failed: {type(error).__name__}")
            lane.busy = False
            self._results.put(Settled(claimed=claimed, outcome=outcome, started_at=started, ended_at=self._clock()))
        lane.connection.close()

    def _carry(self, connection: SmtpConnection, claimed: Claimed) -> Outcome:
        try:
            envelope = self._copies.envelope(claimed)
        except InputError as error:
            return Outcome.rejected(None, f"no message can be made: {error.what}")
        return connection.send(envelope)
