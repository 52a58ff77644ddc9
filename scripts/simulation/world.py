"""A run: the newsroom of a seed, its processes and people, on simulated days, until all has come to an end."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import structlog

from newsletter.delivery import StandBy, steps
from newsletter.delivery.machine import in_place_of_real
from newsletter.delivery.restored import Watch
from newsletter.delivery.scheduler import Scheduler
from newsletter.delivery.senders.base import Sender
from newsletter.errors import BlockedError, InputError
from newsletter.roundups import Outlets
from simulation import newsroom, planted
from simulation.accidents import Accidents
from simulation.calls import InlineCalls
from simulation.chance import Chance
from simulation.checking import Checker
from simulation.faults import SHARES, Faults
from simulation.hosts import Host, Process, SimulatedMachine
from simulation.loop import KilledError, Loop
from simulation.people import People
from simulation.posting import Posting
from simulation.provider import CHUNK_FATES, GOOD, MESSAGE_FATES, ChunkSender, MessageSender, Moods, OtherSide, Taken
from simulation.reading import Hours
from simulation.seen import BrokenError
from simulation.store_room import Database, KeptMarker, open_database
from simulation.story import Story
from simulation.waits import Waits
from simulation.words import OPEN

_DAY = 86_400.0
_END = 60 * 3_600.0
"""Seconds after the faults within which everything has to come to an end: waves are up to 26 hours apart, and a mailing
is tried for as long as a person gives it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What to simulate."""

    seed: int
    days: int = 1
    plant: str = ""
    tell: bool = False


@dataclass(kw_only=True, slots=True)
class Run:
    """How a run went; `invariant` is empty where all held."""

    seed: int
    mailings: int
    deliveries: int
    digest: str
    steps: int
    invariant: str = ""
    what: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)


def run(asked: Asked) -> Run:
    """Simulate a seed."""
    folder = newsroom.folder()
    state = random.getstate()
    random.seed(asked.seed)
    try:
        with planted.planted(asked.plant):
            return World(asked, folder).run()
    finally:
        random.setstate(state)


class World:
    """Everything there is in a run."""

    def __init__(self, asked: Asked, folder: Path) -> None:
        self.asked = asked
        self.chance = Chance(asked.seed)
        self.loop = Loop(Chance(asked.seed + 1_000_003))
        self.begins = newsroom.begins(self.chance)
        self.story = Story(self.truth)
        kind = self.chance.choice(("sendgrid", "sendgrid", "smtp"))
        self.room = newsroom.lay(folder, self.chance, now=self.begins, sender=kind)
        self.faults = Faults(loop=self.loop, chance=self.chance, story=self.story)
        self.hosts = [Host(name=f"host{number}", booted=1_000.0 * (number + 1)) for number in range(2)]
        self.desk = Host(name="desk", booted=50_000.0)
        self.other_side = OtherSide(loop=self.loop, chance=self.chance, story=self.story, truth=self.truth)
        hours = Hours(truth=self.truth, least=self._least, jumps=lambda: self.jumps)
        self.checker = Checker(self.room.file, hours, editions=self.room.digests)
        self.waits = Waits(self.chance, self.checker, self.truth)
        self.machine = SimulatedMachine(self.loop, self.chance, self.faults, self.waits.patience)
        self.marker = KeptMarker(path=folder / "data" / "database.seen")
        self.jumps = 0
        self.settling = False
        self.number = 0
        self.sender = self._sender(kind)
        self.people = People(self)
        self.posting = Posting(self)
        self.accidents = Accidents(self)
        self.faults.running = lambda: self.machine.process
        self.faults.died = self.accidents.died
        self.faults.look = self._look
        self.other_side.look = self._taken
        self.other_side.tell = self.posting.tell

    def truth(self) -> datetime:
        """The true instant."""
        return self.begins + timedelta(seconds=self.loop.now)

    def run(self) -> Run:
        """From the first day to the end of all."""
        invariant = what = ""
        with self._in_place():
            try:
                self._days()
                self._settle()
            except BrokenError as broken:
                invariant, what = broken.invariant, broken.what
            except Exception as fault:  # noqa: BLE001 - a fault of the program is what is looked for
                invariant, what = "no crash", "".join(traceback.format_exception(fault)[-6:])
            finally:
                self.loop.close()
                self.checker.close()
        if invariant:
            self.story.tell("invariant", f"{invariant}: {what}")
        return Run(
            seed=self.asked.seed,
            mailings=sum(post.started for post in self.checker.posts.values()),
            deliveries=len(self.checker.rows),
            digest=self.story.digest,
            steps=self.story.length,
            invariant=invariant,
            what=what,
            counts=self.story.counts,
            story=self.story.lines() if invariant or self.asked.tell else [],
        )

    # --- Processes ------------------------------------------------------------------------------------------------

    def process(self, kind: str, host: Host) -> Process:
        """A new process, with its own connections to the database."""
        self.number += 1
        made = Process(name=f"{kind}{self.number}", kind=kind, host=host, truth=self.truth)
        made.store = open_database(self.room.file, self.faults.edge(made))
        self.machine.processes[made.name] = made
        return made

    def start(self, kind: str, host: Host) -> None:
        """A scheduler or a worker, as its supervisor starts it."""
        made = self.process(kind, host)
        self.story.tell(made.name, f"starts on {host.name}")
        work = self._schedule if kind == "scheduler" else self._work
        self.loop.begin(lambda: work(made), name=made.name, owner=made)

    def command(self, name: str, act: Callable[[Process], str | None], *, after: float = 0.0) -> None:
        """A person's command, in a process of its own: what it says goes into the story."""

        def work() -> None:
            # Who begins believes the clock of the machine.
            right = [host for host in self.hosts if not self.accidents.is_wrong(host)]
            made = self.process("desk", self.chance.choice(right or [self.desk]))

            def run() -> None:
                try:
                    said = act(made)
                except (InputError, BlockedError) as error:
                    said = f"refused: {error.what}"
                self.story.tell(made.name, f"{name}: {said or 'done'}")
                made.alive = False

            self.loop.begin(run, name=name, owner=made)

        self.loop.begin(work, name=name, after=after)

    def _work(self, process: Process) -> None:
        store = _store(process)
        standing_by = StandBy(
            store=store,
            keys=newsroom.KEYS,
            sender=self.sender,
            clock=process.clock,
            name=process.name,
            connect=lambda sender, clock, _: InlineCalls(self.loop, sender, clock),
            watch=Watch(store, self.marker),
        )
        standing_by.run()

    def _schedule(self, process: Process) -> None:
        store = _store(process)
        scheduler = Scheduler(
            store=store,
            settings=self.room.settings,
            outlets=Outlets(),
            clock=process.clock,
            watch=Watch(store, self.marker),
        )
        while True:
            following = scheduler.run_once()
            left = 1.0 if following is None else (following - process.clock()).total_seconds()
            self.machine.rest(1.0 if left <= 0 else min(left, 1.0))

    def _sender(self, kind: str) -> Sender:
        if kind == "smtp":
            return MessageSender(side=self.other_side, keys=newsroom.KEYS)
        return ChunkSender(side=self.other_side, chunk=self.chance.choice((2, 3, 5)))

    # --- Days -----------------------------------------------------------------------------------------------------

    def _days(self) -> None:
        for host in self.hosts:
            host.offset = timedelta(seconds=self.chance.uniform(-1, 1))
        self._have_moods()
        for number in range(self.chance.choice((1, 1, 2))):
            self.start("scheduler", self.hosts[number % 2])
        for number in range(self.chance.choice((1, 1, 2, 3))):
            self.start("worker", self.hosts[number % 2])
        for day in range(self.asked.days):
            self.people.plan(day)
            self.accidents.plan(day)
        self.loop.run(self.asked.days * _DAY)

    def _have_moods(self) -> None:
        worse = self.chance.choice((0.0, 0.5, 1.0, 1.0, 3.0))
        fates = dict(CHUNK_FATES if self.sender.name == "sendgrid" else MESSAGE_FATES)
        fates = {fate: weight if fate == "taken" else weight * worse for fate, weight in fates.items()}
        self.other_side.moods = Moods(fates=fates, slow=0.05 * worse)
        often = self.chance.choice((0.0, 1.0, 1.0, 2.0, 4.0))
        if self.asked.plant == "fence":
            # It shows in answers that come after the lease alone, and those are rare.
            self.faults.calls_stand_still = 24.0
        self.faults.shares = {name: share * often for name, share in SHARES.items()}
        self.faults.on = True

    def _settle(self) -> None:
        """The faults end; whoever has to decide decides; everything comes to an end."""
        self.story.tell("world", "from here on nothing goes wrong")
        self.settling = True
        self.faults.on = False
        self.other_side.moods = GOOD
        self.accidents.end()
        self.posting.end()
        until = self.loop.now + _END
        self.people.decide_all(until)
        self.loop.run(until, over=self._is_over)
        self.checker.end(self.people.throughout)

    def _is_over(self) -> bool:
        return (
            self.posting.idle
            and self.people.idle
            and all(post.status in {"finished", "cancelled"} for post in self.checker.posts.values())
            and not any(row.status in OPEN for row in self.checker.rows.values())
        )

    # --- What the rest asks -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        try:
            changed = self.checker.look()
        except BrokenError as broken:
            self._stop(broken)
        if changed:
            self.loop.stir(2.0, lambda task: self.waits.concerns(task, changed))
        for number in self.checker.newly_unknown:
            self.people.worry(number)
        self.checker.newly_unknown.clear()

    def _least(self) -> datetime:
        process = self.machine.process
        return min(self.truth(), process.clock()) if process is not None else self.truth()

    def _taken(self, one: Taken) -> None:
        try:
            self.checker.taken(one)
        except BrokenError as broken:
            self._stop(broken)

    def _stop(self, broken: BrokenError) -> NoReturn:
        """The run ends here, whatever the product makes of faults: nothing of the process goes on."""
        self.loop.fail(broken)
        if (process := self.machine.process) is not None:
            process.alive = False
        raise KilledError from broken

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        before = structlog.get_config()
        structlog.configure(processors=[self._heard], cache_logger_on_first_use=False)
        with ExitStack() as stack:
            stack.callback(lambda: structlog.configure(**before))
            stack.enter_context(in_place_of_real(self.machine))
            stack.enter_context(steps.watched(self.faults.at_step))
            yield

    def _heard(self, _logger: Any, _method: str, event: Any) -> Any:
        """What processes log is part of the story."""
        process = self.machine.process
        if process is not None and not process.alive:
            raise KilledError
        words = " ".join(f"{name}={value}" for name, value in event.items() if name != "event")
        self.story.tell(process.name if process else "world", f"{event['event']} {words}".strip())
        raise structlog.DropEvent


def _store(process: Process) -> Database:
    if process.store is None:
        raise AssertionError("a process without a database")
    return process.store
