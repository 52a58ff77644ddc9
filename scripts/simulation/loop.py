"""The one loop of the simulation: tasks that rest until an instant, one of which runs at a time.

A task is a greenlet, so that the product's code is stopped where it really waits: at a call, a rest, a transaction.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from greenlet import getcurrent, greenlet

from simulation.chance import Chance


class KilledError(BaseException):
    """The process was killed: nothing of it runs on."""


class Owner(Protocol):
    """Whose a task is: a process, which may be dead, or stand still until an instant."""

    alive: bool
    still_until: float
    tasks: list[Task]


class Task:
    """Something that goes on. `idle`: it only waits for others to do something."""

    def __init__(self, loop: Loop, name: str, owner: Owner | None, work: Callable[[], Any]) -> None:
        self.name = name
        self.owner = owner
        self.token = 0
        self.ended = False
        self._loop = loop
        self._waiting: list[Task] = []
        self.greenlet = greenlet(lambda: self._run(work), parent=loop.hub)

    def is_alive(self) -> bool:
        return not self.ended

    def join(self) -> None:
        """From another task: wait for the end of this one."""
        while not self.ended:
            me = self._loop.current
            if me is None:
                raise RuntimeError("only a task can wait for another")
            self._waiting.append(me)
            self._loop.pause(3600.0)

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except KilledError:
            pass
        except BaseException as fault:  # noqa: BLE001 - the loop raises it
            self._loop.fail(fault)
        finally:
            self.ended = True
            for task in self._waiting:
                self._loop.wake(task)


class Loop:
    """Runs tasks, always the one whose instant comes first; `now` is in seconds since the beginning."""

    def __init__(self, chance: Chance) -> None:
        self.now = 0.0
        self.hub = getcurrent()
        self.current: Task | None = None
        self.crash: BaseException | None = None
        self.switches = 0
        self._chance = chance
        self._number = 0
        self._waiting: list[tuple[float, float, int, Task]] = []
        self._idle: dict[Task, float] = {}
        self._until = 0.0

    def begin(self, work: Callable[[], Any], *, name: str, owner: Owner | None = None, after: float = 0.0) -> Task:
        """A new task, which runs `after` seconds from now."""
        task = Task(self, name, owner, work)
        if owner is not None:
            owner.tasks.append(task)
        self._put(task, after, idle=False)
        return task

    def pause(self, length: float, *, idle: bool = False) -> None:
        """From a task: let others run for so many seconds.

        Raises:
            KilledError: the task's process was killed meanwhile.
        """
        task = self.current
        if task is None:
            self.now += length
            return
        if not self._goes_on(task, length, idle=idle):
            self._put(task, length, idle=idle)
            self.hub.switch()
        owner = task.owner
        while owner is not None and owner.alive and owner.still_until > self.now:
            self._put(task, owner.still_until - self.now, idle=False)
            self.hub.switch()
        if owner is not None and not owner.alive:
            raise KilledError

    def _goes_on(self, task: Task, length: float, *, idle: bool) -> bool:
        """Whether nobody else is due before the task goes on: then it does so at once."""
        when = self.now + max(0.0, length)
        if idle or when > self._until or (self._waiting and self._waiting[0][0] <= when) or _is_dead(task):
            return False
        self.now = when
        return True

    def wake(self, task: Task) -> None:
        """Whatever it waits for, the task goes on at once."""
        if not task.ended and task is not self.current:
            self._put(task, 0.0, idle=False)

    def stir(self, within: float, whom: Callable[[Task], bool]) -> None:
        """Something has changed: who only waits for that looks soon."""
        late = [task for task, until in self._idle.items() if until > self.now + within and not task.ended]
        for task in filter(whom, late):
            self._put(task, self._chance.uniform(0.0, within), idle=True)

    def fail(self, fault: BaseException) -> None:
        """The run has failed; the first fault counts."""
        self.crash = self.crash or fault

    def run(self, until: float, *, over: Callable[[], bool] = lambda: False) -> None:
        """Run tasks up to an instant, or until it is over.

        Raises:
            Exception: what a task raised.
        """
        self._until = until
        while self._waiting and self._waiting[0][0] <= until and not over():
            when, _, token, task = heapq.heappop(self._waiting)
            if task.ended or task.token != token:
                continue
            self.now = max(self.now, when)
            self.current, task.token = task, 0
            self._idle.pop(task, None)
            self.switches += 1
            task.greenlet.switch()
            self.current = None
            if self.crash is not None:
                raise self.crash
        if not over():
            self.now = max(self.now, until)

    def close(self) -> None:
        """End all tasks."""
        for entry in self._waiting:
            task = entry[3]
            if not task.ended:
                self.current = task
                if task.owner is not None:
                    task.owner.alive = False
                # One that has never run knows nothing of it, and passes it on.
                with suppress(KilledError):
                    task.greenlet.throw(KilledError)
        self.current = None
        self._waiting.clear()
        self._idle.clear()

    def _put(self, task: Task, length: float, *, idle: bool) -> None:
        self._number += 1
        task.token = self._number
        when = self.now + max(0.0, length)
        heapq.heappush(self._waiting, (when, self._chance.random(), self._number, task))
        if idle:
            self._idle[task] = when
        else:
            self._idle.pop(task, None)


def _is_dead(task: Task) -> bool:
    return task.owner is not None and not task.owner.alive
