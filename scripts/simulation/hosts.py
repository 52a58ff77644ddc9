"""Machines and processes: each machine has a clock on its wall, which may be wrong; each process may die."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.delivery.machine import Machine, Task
from simulation.chance import Chance
from simulation.loop import KilledError, Loop
from simulation.loop import Task as LoopTask

if TYPE_CHECKING:
    from simulation.faults import Faults
    from simulation.store_room import Database


@dataclass(kw_only=True, slots=True)
class Host:
    """A machine. `offset` is by how much its wall clock is ahead of the truth."""

    name: str
    offset: timedelta = timedelta(0)
    booted: float = 0.0


@dataclass(kw_only=True, slots=True, eq=False)
class Process:
    """A process on a machine. `kind` is scheduler, worker, webhook or desk; a desk is a person's command. `troubled`: a
    transaction of it has just failed.
    """

    name: str
    kind: str
    host: Host
    truth: Callable[[], datetime]
    alive: bool = True
    still_until: float = 0.0
    tasks: list[LoopTask] = field(default_factory=list)
    store: Database | None = None
    troubled: bool = False

    def clock(self) -> datetime:
        """What the wall of its machine shows."""
        return self.truth() + self.host.offset


class SimulatedMachine(Machine):
    """What the protocol runs on: time is the loop's, threads are its tasks, chance is the seed's."""

    def __init__(
        self, loop: Loop, chance: Chance, faults: Faults, patience: Callable[[LoopTask | None], float]
    ) -> None:
        self._loop = loop
        self._chance = chance
        self._faults = faults
        self._patience = patience
        self.processes: dict[str, Process] = {}

    @property
    def process(self) -> Process | None:
        """Whose code is running just now."""
        task = self._loop.current
        owner = task.owner if task is not None else None
        return owner if isinstance(owner, Process) else None

    def stand(self) -> None:
        """Nothing, where the running process lives.

        Raises:
            KilledError: it does not.
        """
        process = self.process
        if process is not None and not process.alive:
            raise KilledError

    def seconds(self) -> float:
        process = self.process
        return self._loop.now + (process.host.booted if process else 0.0)

    def rest(self, length: float, *, until: threading.Event | None = None) -> None:
        """Where all wait for an hour of the day a rest lasts longer, until something changes: nobody can tell."""
        self.stand()
        if until is not None and until.is_set():
            self._loop.pause(0.0)
            return
        process = self.process
        if process is not None and process.troubled:
            process.troubled = False
            self._loop.pause(length)
            return
        self._loop.pause(max(length, self._patience(self._loop.current)), idle=True)

    def draw(self, bits: int) -> int:
        return self._chance.getrandbits(bits)

    def begin(self, work: Callable[[], None], *, name: str) -> Task:
        self.stand()
        return self._loop.begin(work, name=name, owner=self.process)

    def knows_dead(self, worker: str) -> bool:
        """As the kernel tells: of processes on the same machine."""
        other, here = self.processes.get(worker), self.process
        return other is not None and here is not None and other.host is here.host and not other.alive
