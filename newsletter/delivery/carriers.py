"""Connections spread over processes of their own, where one process has not the hands for them.

Python's threads take turns in one interpreter: the ledger's statements and the messages of fast connections then wait for
each other. The worker keeps the ledger; each carrier (`carrier`) has a part of the connections in its threads. As many
messages are on their way at most as there are connections, wherever these are. Carriers are begun by Popen, never
forked: this process has threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import Pipe
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

import newsletter
from newsletter.clock import Clock
from newsletter.delivery import waybill
from newsletter.delivery.connections import GATHER_SECONDS, Carrying, Connections
from newsletter.delivery.copies import Copies
from newsletter.delivery.lanes import Parcel, Returned
from newsletter.delivery.ledger import Settled
from newsletter.delivery.senders.base import Capabilities, Outcome, Sender, seconds
from newsletter.delivery.waybill import Fitting, Ticket, Word

MANY = 1_000
FAST = 2.0
"""Where so many messages have gone out within so many seconds, carriers pay: to begin one takes a second of a processor,
and 500 messages a second are half of what one process can do."""

_BOOT_SECONDS = 30.0
_DEATHS = 3
"""So many carriers may die in one run; from then on the worker carries by itself."""

LEAVE_SECONDS = 5.0
"""Leave-taking lasts 4 at most."""

_LOOK = 0.5

GRACE = 5.0
"""Seconds past its time that a carrier gets before it counts as stuck and is ended."""

_DIED = "the process that carried it ended before it told how it went"
_NOT_BEGUN = "the process that was to carry it ended before: nothing was handed over"
_BEGIN = (
    "import sys; sys.path.append(sys.argv[2]); from newsletter.delivery.carrier import main; main(int(sys.argv[1]))"
)


def by_capabilities(sender: Sender, *, clock: Clock) -> Carrying:
    """The sender's connections: in this process, or spread as its capabilities say."""
    able = sender.capabilities
    number = min(able.processes or _that_pay(able), able.connections)
    if not able.whole_messages or number < 2:
        return Connections(sender, clock=clock)
    return Carriers(sender, clock=clock, number=number, at_once=bool(able.processes))


def _that_pay(able: Capabilities) -> int:
    """Half of the processors: the ledger needs one, and the server may be on this machine. Each has 4 connections or more."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(here // 2, able.connections // 4)


class Carriers(Carrying):
    """The connections of a sender of whole messages, in this process at first, and then in `number` others.

    Args:
        sender: opens the connections. It must be one that can be pickled.
        clock: stamps the attempts.
        number: how many carriers.
        at_once: begin them now, and wait until they are ready; else once it pays.
    """

    def __init__(self, sender: Sender, *, clock: Clock, number: int, at_once: bool = False) -> None:
        self._sender = sender
        self._clock = clock
        self._number = number
        self._here: Connections | None = Connections(sender, clock=clock)
        self._carriers: list[Carrier] = []
        self._listening = DefaultSelector()
        self._crash: BaseException | None = None
        self._deaths = 0
        self._handed = 0
        self._counted_from = seconds()
        self._cut_at: float | None = None
        if at_once:
            self._begin()
            while self._carriers and not self._ready:
                self._hear(_LOOK)
                self._look_after()

    @property
    def free(self) -> int:
        """How many more parcels there is a connection for."""
        if self._here is not None:
            # Carriers that are ready wait for these: no more connections are open at once than the settings say.
            return 0 if self._ready else self._here.free
        return sum(carrier.free for carrier in self._carriers)

    @property
    def in_air(self) -> int:
        """How many parcels have not come back."""
        here = self._here.in_air if self._here is not None else 0
        return here + sum(len(carrier.aboard) for carrier in self._carriers)

    @property
    def crash(self) -> BaseException | None:
        """A fault of this program in a call."""
        return self._crash or (self._here.crash if self._here is not None else None)

    @property
    def processes(self) -> list[int]:
        """The numbers of the processes that carry now; none while this one does."""
        return [carrier.process.pid for carrier in self._carriers] if self._here is None else []

    def hand(self, parcel: Parcel) -> None:
        """Give a parcel to a free connection. With a carrier it leaves at the next `collect`, with the others."""
        self._handed += 1
        if self._handed % MANY == 0:
            self._begin_if_it_pays()
        if self._here is not None:
            self._here.hand(parcel)
        else:
            max(self._carriers, key=_free).load(parcel)

    def collect(self, *, timeout: float) -> list[Returned]:
        """What has come back; waits up to `timeout` seconds for the first, unless nothing is in the air."""
        back = self._hear(0) if any(not carrier.ready for carrier in self._carriers) else []
        self._look_after()
        if self._here is not None:
            back += self._here.collect(timeout=0 if back else timeout)
            self._move()
            return back
        back += self._sent()
        until = seconds() + timeout
        while self.in_air:
            heard = self._hear(max(0.0, until - seconds()))
            if heard and not back:
                until = seconds() + GATHER_SECONDS
            elif not heard and seconds() >= until:
                break
            back += heard
        return back

    def cut(self) -> None:
        """Wait no longer: what is in the air comes back at once, as unknown where it may have arrived."""
        if self._here is not None:
            self._here.cut()
        if self._cut_at is None:
            self._cut_at = seconds()
        for carrier in self._carriers:
            carrier.cut()

    def close(self) -> None:
        """Take leave of the other side, within seconds. Nothing may be in the air, and everything should be recorded."""
        for carrier in self._carriers:
            carrier.leave()
        if self._here is not None:
            self._here.close()
        until = seconds() + LEAVE_SECONDS
        for carrier in self._carriers:
            carrier.end(until - seconds())
        self._carriers = []
        self._listening.close()

    @property
    def _ready(self) -> bool:
        return bool(self._carriers) and all(carrier.ready for carrier in self._carriers)

    def _begin_if_it_pays(self) -> None:
        took, self._counted_from = seconds() - self._counted_from, seconds()
        if took < FAST and not self._carriers and self._deaths < _DEATHS:
            self._begin()

    def _begin(self) -> None:
        able = self._sender.capabilities
        for number in range(self._number):
            lanes = able.connections // self._number + (number < able.connections % self._number)
            self._add(lanes)

    def _add(self, lanes: int) -> None:
        carrier = Carrier(self._sender, lanes=lanes)
        self._carriers.append(carrier)
        self._listening.register(carrier.pipe, EVENT_READ, carrier)

    def _move(self) -> None:
        """Leave the connections of this process for those of the carriers, or come back to them."""
        if self._here is not None and self._ready and not self._here.in_air:
            self._crash = self._crash or self._here.crash
            self._here.close()
            self._here = None
        elif self._here is None and not self._carriers:
            self._here = Connections(self._sender, clock=self._clock)

    def _look_after(self) -> None:
        """End carriers that are stuck."""
        longest = self._sender.capabilities.deadline + GRACE
        cut = self._cut_at is not None and seconds() - self._cut_at > GRACE
        for carrier in self._carriers:
            if carrier.is_stuck(longest) or (cut and carrier.aboard):
                carrier.process.kill()
        self._move()

    def _sent(self) -> list[Returned]:
        """Send what was loaded; what comes back because it could not be."""
        back: list[Returned] = []
        for carrier in list(self._carriers):
            try:
                carrier.depart()
            except OSError:
                back += self._lost(carrier)
        return back

    def _hear(self, timeout: float) -> list[Returned]:
        """What the carriers tell, within `timeout` seconds."""
        back: list[Returned] = []
        for key, _ in self._listening.select(timeout):
            carrier: Carrier = key.data
            try:
                back += carrier.told(self._clock)
            except (EOFError, OSError):
                back += self._lost(carrier)
            self._crash = self._crash or carrier.crash
        return back

    def _lost(self, carrier: Carrier) -> list[Returned]:
        """A carrier has died: how its parcels fared. Another takes its place, unless that happens too often."""
        self._listening.unregister(carrier.pipe)
        self._carriers.remove(carrier)
        carrier.end(0)
        self._deaths += 1
        if self._deaths < _DEATHS:
            self._add(carrier.lanes)
        now = self._clock()
        return [carrier.unanswered(parcel, now) for parcel, _ in carrier.aboard.values()]


class Carrier:
    """One carrier, as the worker sees it. `aboard` are its parcels, and when they were handed to it."""

    def __init__(self, sender: Sender, *, lanes: int) -> None:
        self.lanes = lanes
        self.ready = False
        self.crash: BaseException | None = None
        self.aboard: dict[Ticket, tuple[Parcel, float]] = {}
        self._waiting: set[Ticket] = set()
        self._copies: dict[int, tuple[int, Copies]] = {}
        self._begun = seconds()
        self.pipe, theirs = Pipe()
        with theirs:
            # In a group of its own: what a terminal sends to ours is for the worker alone.
            self.process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-P", "-c", _BEGIN, str(theirs.fileno()), str(Path(newsletter.__file__).parents[1])],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                process_group=0,
            )
        with suppress(OSError):
            waybill.say(self.pipe, Word.FITTING, Fitting(sender=sender, lanes=lanes))

    @property
    def free(self) -> int:
        """How many more parcels it can take."""
        return self.lanes - len(self.aboard) if self.ready else 0

    def load(self, parcel: Parcel) -> None:
        """It goes with the others at the next `depart`."""
        ticket = waybill.ticket(parcel)
        self.aboard[ticket] = parcel, seconds()
        self._waiting.add(ticket)

    def depart(self) -> None:
        """Send what was loaded.

        Raises:
            OSError: the carrier is gone, and has got none of it.
        """
        if self._waiting:
            entries = [
                waybill.listed(parcel, self._known(parcel.copies)) for parcel in map(self._parcel, self._waiting)
            ]
            waybill.say(self.pipe, Word.PARCELS, entries)
            self._waiting.clear()

    def told(self, clock: Clock) -> list[Returned]:
        """What has come back by the next message.

        Raises:
            EOFError, OSError: the carrier is gone.
        """
        word, what = waybill.heard(self.pipe)
        if word is Word.READY:
            self.ready = True
        elif word is Word.CRASH:
            self.crash = RuntimeError(f"a process that carries has failed:\n{what}")
        elif word is Word.BACK:
            ahead = clock() - datetime.fromtimestamp(seconds(), UTC)
            return [waybill.returned(entry, self.aboard.pop(entry[0])[0], ahead=ahead) for entry in what]
        return []

    def is_stuck(self, longest: float) -> bool:
        """Whether it has not become ready in time, or has held a parcel for longer than `longest` seconds."""
        now = seconds()
        if not self.ready:
            return now - self._begun > _BOOT_SECONDS
        return any(now - handed > longest for _, handed in islice(self.aboard.values(), 1))

    def unanswered(self, parcel: Parcel, now: datetime) -> Returned:
        """What becomes of a parcel once the carrier is gone."""
        (claimed,) = parcel.claims
        begun = waybill.ticket(parcel) not in self._waiting
        outcome = Outcome.unknown(_DIED) if begun else Outcome.deferred(None, _NOT_BEGUN)
        settled = Settled(claimed=claimed, outcome=outcome, started_at=now, ended_at=now)
        return Returned(parcel=parcel, settled=(settled,))

    def cut(self) -> None:
        """What it has on its way comes back at once."""
        with suppress(OSError):
            waybill.say(self.pipe, Word.CUT)

    def leave(self) -> None:
        """Let it take leave of the other side and end."""
        with suppress(OSError):
            waybill.say(self.pipe, Word.LEAVE)

    def end(self, patience: float) -> None:
        """See that it has ended, within `patience` seconds or by force."""
        try:
            self.process.wait(max(0.0, patience))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.pipe.close()

    def _parcel(self, ticket: Ticket) -> Parcel:
        return self.aboard[ticket][0]

    def _known(self, copies: Copies) -> int:
        """The number under which it knows the copies, which are sent to it once."""
        if id(copies) not in self._copies:
            # They are kept, so that no others can come to be at their place in memory.
            self._copies[id(copies)] = len(self._copies), copies
            waybill.say(self.pipe, Word.COPIES, (len(self._copies) - 1, copies))
        return self._copies[id(copies)][0]


def _free(carrier: Carrier) -> int:
    return carrier.free
