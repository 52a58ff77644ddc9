"""What goes wrong: kills, stand-stills, clocks that jump, a disk that is full, a database that is in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from newsletter.delivery.steps import SCHEDULER_STEPS, STEPS
from newsletter.errors import InputError
from newsletter.store import faults as words
from simulation.chance import Chance
from simulation.hosts import Host, Process
from simulation.loop import KilledError, Loop
from simulation.provider import CHUNK_FATES, MESSAGE_FATES
from simulation.store_room import busy, full_disk
from simulation.story import Story

PROTOCOL = (*STEPS, *SCHEDULER_STEPS)
RARE = {*SCHEDULER_STEPS, "lapse.writing", "lapse.committed", "finish.writing", "finish.committed"}
RAREST = {"slot.committed", "hold.writing", "waves.writing"}
INSIDE = {step for step in PROTOCOL if step.endswith(".writing")}

KINDS = (
    "killed at random",
    "killed before a commit",
    "killed after a commit",
    "stood still",
    "stood still past the lease",
    "clock ahead",
    "clock behind",
    "clock right again",
    "disk full",
    "database in use",
    "commit in doubt",
    "slow transaction",
    "outage of schedulers",
    "outage of workers",
    "event twice",
    "event late",
    "event out of order",
    "event of a stranger",
    "event refused",
    "restored backup",
)
"""Those of the world; the other side's are the fates of `provider`."""

ALL = (*KINDS, *(fate for fate in (*CHUNK_FATES, *MESSAGE_FATES) if fate != "taken"), "provider: slow")


SHARES: Mapping[str, float] = {
    "kill at a step": 0.004,
    "kill at a rare step": 0.06,
    "kill at an edge": 0.0015,
    "still": 0.002,
    "disk": 0.002,
    "busy": 0.002,
    "doubt": 0.001,
    "slow": 0.01,
}
"""How often what goes wrong on a usual day: of all steps, or of all transactions."""


@dataclass(kw_only=True, slots=True)
class Faults:
    """Draws what goes wrong, while `on`."""

    loop: Loop
    chance: Chance
    story: Story
    on: bool = False
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    # Times as often as anything else: a call that is in the air meanwhile is what makes it matter.
    calls_stand_still: float = 8.0
    running: Callable[[], Process | None] = lambda: None
    died: Callable[[Process, str], None] = lambda *_: None
    look: Callable[[], None] = lambda: None

    def at_step(self, step: str) -> None:
        """The protocol has come to a step: it may be the last of the process."""
        self.story.hit(f"step {step}")
        process = self.running()
        if process is None:
            return
        if not process.alive:
            raise KilledError
        rare = self.shares["kill at a rare step"] * (10.0 if step in RAREST else 1.0)
        share = min(0.7, rare) if step in RARE else self.shares["kill at a step"]
        if self.on and self.chance.happens(share):
            self.story.hit(f"killed at {step}")
            self.kill(process, f"killed at {step}")
        if step not in INSIDE:
            self.stand_still(process, self.calls_stand_still if step.startswith("call.") else 1.0)

    def kill(self, process: Process, how: str) -> None:
        """End the process. From one of its own tasks this does not return.

        Raises:
            KilledError: it was the running one.
        """
        process.alive = False
        self.story.tell(process.name, how)
        for task in process.tasks:
            self.loop.wake(task)
        self.died(process, how)
        if self.running() is process:
            raise KilledError

    def edge(self, process: Process) -> EdgeOf:
        """The edges of a process's transactions."""
        return EdgeOf(faults=self, process=process)

    def stand_still(self, process: Process, often: float = 1.0) -> None:
        """As a virtual machine that is moved, or a laptop that is shut: nothing of the process runs for a while."""
        if not self.on or not self.chance.happens(self.shares["still"] * often):
            return
        length = self.chance.weighed({2.0: 1, 20.0: 1, 70.0: 3, 400.0: 3, 4_000.0: 1, 30_000.0: 0.5})
        length *= self.chance.uniform(0.8, 1.5)
        self.story.hit("stood still past the lease" if length > 70 else "stood still")
        self.story.tell(process.name, f"stands still for {length:.0f} s")
        process.still_until = self.loop.now + length
        self.loop.pause(0.0)


@dataclass(kw_only=True, slots=True)
class EdgeOf:
    """See `store_room.Edge`."""

    faults: Faults
    process: Process
    inside: int = 0

    def before(self, *, writes: bool) -> None:
        faults, process = self.faults, self.process
        if not process.alive:
            raise KilledError
        if self.inside:
            self.inside += 1
            return
        if writes and faults.on:
            faults.stand_still(process)
            if faults.chance.happens(faults.shares["busy"]):
                faults.story.hit("database in use")
                process.troubled = True
                faults.loop.pause(10.0)
                raise _in_words(busy())
        faults.loop.pause(faults.chance.uniform(0.0001, 0.01))
        self.inside += 1

    def committing(self) -> None:
        faults = self.faults
        if not faults.on or self.inside > 1:
            return
        if faults.chance.happens(faults.shares["kill at an edge"]):
            faults.story.hit("killed before a commit")
            faults.kill(self.process, "killed before a commit")
        if faults.chance.happens(faults.shares["disk"]):
            faults.story.hit("disk full")
            faults.story.tell(self.process.name, "the disk is full")
            self.process.troubled = True
            raise full_disk()

    def committed(self) -> None:
        faults = self.faults
        self.inside -= 1
        faults.look()
        if self.inside or not faults.on:
            return
        if faults.chance.happens(faults.shares["kill at an edge"]):
            faults.story.hit("killed after a commit")
            faults.kill(self.process, "killed after a commit")
        if faults.chance.happens(faults.shares["doubt"]):
            faults.story.hit("commit in doubt")
            faults.story.tell(self.process.name, "the database went away after a commit")
            self.process.troubled = True
            raise InputError("the database went away while a change was being committed", where="the database")
        if faults.chance.happens(faults.shares["slow"]):
            faults.story.hit("slow transaction")
            faults.loop.pause(faults.chance.uniform(0.5, 6.0))

    def read(self) -> None:
        self.inside -= 1

    def undone(self) -> None:
        """The transaction was rolled back."""
        self.inside -= 1


def _in_words(error: Exception) -> InputError:
    found = words.explained("the database", error)  # type: ignore[arg-type]
    if found is None:
        raise AssertionError("a fault that has no words")
    return found


def jump(host: Host, by: timedelta) -> None:
    """Somebody sets the machine's clock."""
    host.offset = by


def uncovered(counts: Mapping[str, int], *, without: frozenset[str] = frozenset()) -> list[str]:
    """What of all that can go wrong has not; and the steps at which nobody was, or nobody was killed."""
    wanted = [*ALL, *(f"step {step}" for step in PROTOCOL), *(f"killed at {step}" for step in PROTOCOL)]
    return [name for name in wanted if not counts.get(name) and name not in without]
