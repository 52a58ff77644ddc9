"""Accidents that need no step of the protocol: kills at random, clocks that are set, outages, a backup put back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.errors import InputError
from newsletter.store import backup
from simulation.hosts import Host, Process
from simulation.store_room import copy, put_back

if TYPE_CHECKING:
    from simulation.world import World

KEPT = ("scheduler", "worker")
_JUMPS = (60.0, 900.0, 7_200.0, 30_000.0, 90_000.0)


class Accidents:
    """Plans them, and starts again what has died."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._down: set[str] = set()
        self._jumped: set[str] = set()
        self._ended = False

    def plan(self, day: int) -> None:
        """What befalls the processes on a day."""
        chance = self._world.chance
        begins = day * 86_400.0
        for _ in range(chance.choice((0, 1, 3))):
            self._at(begins + self._moment(day), "accident", self._kill_any)
        for _ in range(chance.choice((0, 0, 1, 2))):
            self._at(begins + self._moment(day), "clock", self._set_clock)
        if chance.happens(0.3):
            kind = chance.choice(KEPT)
            self._at(begins + self._moment(day) - 600, "outage", lambda: self._outage(kind))
        if chance.happens(0.12):
            self._at(begins + self._moment(day) - 300, "backup", self._back_up)

    def died(self, process: Process, how: str) -> None:
        """A process has been killed: its supervisor starts it again."""
        del how
        if process.kind in KEPT and process.kind not in self._down:
            self._start_again(process.kind, process.host, self._world.chance.uniform(0.5, 30.0))

    def is_wrong(self, host: Host) -> bool:
        """Whether its clock was set, and is not right again."""
        return host.name in self._jumped

    def end(self) -> None:
        """All clocks are right, and all processes run."""
        self._ended = True
        for host in self._world.hosts:
            self._right(host)
        for process in list(self._world.machine.processes.values()):
            if process.alive and process.still_until > self._world.loop.now:
                process.still_until = self._world.loop.now

    def _moment(self, day: int) -> float:
        """Some second of the day, most likely near an hour at which something is due."""
        world, chance = self._world, self._world.chance
        near = world.people.moments(day)
        if near and chance.happens(0.8):
            return max(0.0, chance.choice(near) + chance.uniform(-120, 400))
        return chance.uniform(0, 86_400)

    def _at(self, when: float, name: str, act: Callable[[], None]) -> None:
        self._world.loop.begin(lambda: None if self._ended else act(), name=name, after=when - self._world.loop.now)

    def _living(self, kind: str | None = None) -> list[Process]:
        return [
            one
            for one in self._world.machine.processes.values()
            if one.alive and (one.kind == kind if kind else one.kind in KEPT)
        ]

    def _kill_any(self) -> None:
        living = self._living()
        if living:
            self._world.story.hit("killed at random")
            self._world.faults.kill(self._world.chance.choice(living), "killed")

    def _start_again(self, kind: str, host: Host, after: float) -> None:
        def start() -> None:
            if kind in self._down and not self._ended:
                return
            if host.name in self._jumped and not self._ended:
                # Who starts believes the wall: that a clock is wrong for longer than that is not simulated.
                self._start_again(kind, host, 30.0)
                return
            self._world.start(kind, host)

        self._world.loop.begin(start, name="supervisor", after=after)

    def _set_clock(self) -> None:
        world, chance = self._world, self._world.chance
        host = chance.choice(world.hosts)
        if host.name in self._jumped:
            return
        by = chance.choice(_JUMPS) * chance.choice((1, -1))
        world.story.hit("clock ahead" if by > 0 else "clock behind")
        world.story.tell(host.name, f"its clock is set by {by:+,.0f} s")
        self._jumped.add(host.name)
        world.jumps += 1
        host.offset += timedelta(seconds=by)
        self._at(world.loop.now + chance.uniform(5, 220), "clock", lambda: self._right(host))

    def _right(self, host: Host) -> None:
        if host.name in self._jumped:
            self._jumped.discard(host.name)
            self._world.jumps += 1
            self._world.story.hit("clock right again")
            self._world.story.tell(host.name, "its clock is right again")
            host.offset = timedelta(seconds=self._world.chance.uniform(-1, 1))

    def _outage(self, kind: str) -> None:
        world = self._world
        living = self._living(kind)
        if not living or kind in self._down:
            return
        length = world.chance.uniform(0.1, 11.0) * 3_600
        world.story.hit(f"outage of {kind}s")
        world.story.tell("world", f"all {kind}s are down for {length / 3600:.1f} h")
        self._down.add(kind)
        for process in living:
            world.faults.kill(process, "killed")

        def over() -> None:
            self._down.discard(kind)
            for process in living:
                self._start_again(kind, process.host, 0.0)

        world.loop.begin(over, name="outage", after=min(length, max(0.0, world.asked.days * 86_400 - world.loop.now)))

    # --- A backup -------------------------------------------------------------------------------------------------

    def _back_up(self) -> None:
        world = self._world
        target = world.room.file.with_name("backup.db")
        by_hand = world.chance.happens(0.4)

        def make(process: Process) -> str:
            target.unlink(missing_ok=True)
            if process.store is None:
                raise InputError("no database")
            if by_hand:
                copy(world.room.file, target)
            else:
                backup.make(process.store, target, now=process.clock())
            after = world.chance.choice((120.0, 1_000.0, 8_000.0, 30_000.0)) * world.chance.uniform(0.5, 1.5)
            self._at(world.loop.now + after, "restore", self._restore)
            return "copied by hand" if by_hand else "made"

        world.command("backup", make)

    def _restore(self) -> None:
        """All is stopped, the backup is put in the place of the database, all is started."""
        world = self._world
        target = world.room.file.with_name("backup.db")
        stopped = [one for one in world.machine.processes.values() if one.alive]
        world.story.hit("restored backup")
        world.story.tell("world", "everything is stopped, and the backup is put back")
        kept = [one for one in stopped if one.kind in KEPT]
        down = set(KEPT) - self._down
        self._down |= down
        for process in stopped:
            world.faults.kill(process, "stopped")

        def put() -> None:
            world.checker.restored()
            world.other_side.era += 1
            put_back(target, world.room.file)
            world.people.after_restore()
            for kind in down:
                self._down.discard(kind)
            for process in kept:
                self._start_again(process.kind, process.host, world.chance.uniform(0, 5))

        world.loop.begin(put, name="restore", after=60.0)
