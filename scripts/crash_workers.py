"""The worker processes of the crash test: started, killed at random or at a named step, and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass

from newsletter.delivery.steps import CRASH_AT

SECONDS_TO_STEP = 6.0
PATIENCE = 600.0


@dataclass(kw_only=True, slots=True)
class Running:
    """A worker process, where it is to die (empty: anywhere), and whether it was killed from outside."""

    process: subprocess.Popen[bytes]
    step: str
    started: float
    killed: bool = False

    @property
    def spared(self) -> bool:
        """Whether it is given time to come to its step."""
        long = PATIENCE if self.step.startswith("finish") else SECONDS_TO_STEP
        return bool(self.step) and time.monotonic() - self.started < long


class Workers:
    """The worker processes, and what has killed them. Every other one is told to die at a step.

    While a mailing is to be started, or its audience frozen, and once it is to be finished, there is one alone: else
    another would come to these steps, which are reached once, before the one that is to die there.
    """

    def __init__(self, command: list[str], *, number: int, steps: list[str]) -> None:
        self._command = command
        self._number = number
        self._steps = steps
        self._started = 0
        self.near_end = False
        self.kills: Counter[str] = Counter()
        self._running: list[Running] = []
        self.look_after()

    def look_after(self) -> None:
        """Note who has died, and see that as many run as shall."""
        for worker in list(self._running):
            code = worker.process.poll()
            if code is None:
                continue
            if code != -signal.SIGKILL:
                raise SystemExit(f"a worker ended by itself, with {code}")
            self._note(worker)
            self._running.remove(worker)
        if self.near_end and self._left("finish"):
            for worker in self._running:
                if not worker.step.startswith("finish") and not worker.killed:
                    worker.killed = True
                    worker.process.kill()
        while len(self._running) < (1 if self._alone and self._number else self._number):
            self._running.append(self._start())

    @property
    def _alone(self) -> bool:
        return self._left("freeze") or self._left("start") or (self.near_end and self._left("finish"))

    def _left(self, of: str) -> bool:
        """Whether somebody is still to die at such a step."""
        return any(step.startswith(of) for step in (*self._steps, *(each.step for each in self._running)))

    def kill(self, dice: random.Random) -> None:
        """Kill one at random, if there is one to kill."""
        free = [worker for worker in self._running if not worker.killed and not worker.spared]
        if free:
            chosen = dice.choice(free)
            chosen.killed = True
            chosen.process.kill()

    def end(self) -> None:
        """Ask all to stop; they must obey."""
        for worker in self._running:
            worker.process.send_signal(signal.SIGTERM)
        for worker in self._running:
            code = worker.process.wait(60)
            if code == -signal.SIGKILL:
                self._note(worker)
            elif code not in {0, -signal.SIGTERM}:
                # SIGTERM ends a worker at once that has only just begun to load.
                raise SystemExit(f"a worker ended with {code} when it was asked to stop")

    @property
    def missed(self) -> list[str]:
        """The steps that nobody died at."""
        left = {step.partition(":")[0] for step in (*self._steps, *(each.step for each in self._running)) if step}
        return sorted(left - set(self.kills))

    def _note(self, worker: Running) -> None:
        step = worker.step.partition(":")[0]
        if worker.killed and worker.step:
            # It never came to its step: another shall.
            self._steps.append(worker.step)
        self.kills["random" if worker.killed or not step else step] += 1

    def _start(self) -> Running:
        self._started += 1
        # Those who are alone are told to die at the steps that are reached once; then every other one at another.
        open_steps = [step for step in self._steps if step.startswith("finish") == self.near_end]
        step = open_steps[0] if open_steps and (self._alone or self._started % 2 or self._left("lapse")) else ""
        if step:
            self._steps.remove(step)
        environment = {**os.environ, **({CRASH_AT: step} if step else {})}
        process = subprocess.Popen(self._command, env=environment)
        return Running(process=process, step=step, started=time.monotonic())
