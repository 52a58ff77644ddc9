"""The schedulers and workers of the ten days: each a process with an hour of its own, that may be told where to die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from crash_days_clock import DrivenClock

from newsletter.delivery.steps import CRASH_AT

PATIENCE = 60.0
_PROCESS = Path(__file__).with_name("crash_days_process.py")


class Child:
    """One process, that is started again and again. Its hour may lag behind the others', as clocks of machines do."""

    def __init__(self, kind: str, name: str, root: Path, folder: Path) -> None:
        self.name = name
        self.kind = kind
        self.clock = DrivenClock(folder / f"{name}.hour")
        self.killed_at: Counter[str] = Counter()
        self._root = root
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs.

        Raises:
            SystemExit: it has ended by itself.
        """
        if self._process is None:
            return False
        code = self._process.poll()
        if code is not None and code != -signal.SIGKILL:
            raise SystemExit(f"{self.name} ended by itself, with {code}:\n{self._log.read_text(encoding='utf-8')}")
        return code is None

    def start(self, hour: datetime, *, step: str = "") -> None:
        """Start it at that hour, told to die at the step where one is named."""
        self.clock.set(hour)
        self.clock.forget()
        command = [sys.executable, str(_PROCESS), self.kind, str(self._root), str(self.clock.file)]
        environment = {**os.environ, CRASH_AT: f"{step}:1" if step else ""}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """Kill it wherever it is."""
        if self.alive and self._process is not None:
            self._process.kill()
            self._gone("random")

    def await_death(self, step: str) -> bool:
        """Whether it died at the step that it was told to die at."""
        died = await_(lambda: not self.alive)
        if died:
            self._gone(step)
        return died

    def has_seen(self, hour: datetime) -> bool:
        """Whether it has looked round at that hour; a worker: whether it is there at all."""
        seen = self.clock.seen
        return seen is not None and (self.kind == "worker" or seen >= hour)

    def end(self) -> None:
        """Ask it to stop; it must obey."""
        if self.alive and self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            code = self._process.wait(PATIENCE)
            if code not in {0, -signal.SIGTERM}:
                raise SystemExit(f"{self.name} ended with {code} when it was asked to stop")

    def _gone(self, step: str) -> None:
        if self._process is not None:
            self._process.wait(PATIENCE)
        self._process = None
        self.killed_at[step] += 1


class Children:
    """All of them."""

    def __init__(self, root: Path, folder: Path, *, schedulers: int, workers: int) -> None:
        self.schedulers = [Child("scheduler", f"scheduler{n}", root, folder) for n in range(1, schedulers + 1)]
        self.workers = [Child("worker", f"worker{n}", root, folder) for n in range(1, workers + 1)]

    @property
    def all(self) -> Sequence[Child]:
        return (*self.schedulers, *self.workers)

    @property
    def killed_at(self) -> Counter[str]:
        """Where they died."""
        total: Counter[str] = Counter()
        for child in self.all:
            total += child.killed_at
        return total

    def start_missing(self, hour: datetime) -> None:
        """See that all run."""
        missing = [child for child in self.all if not child.alive]
        for child in missing:
            child.start(hour)
        self.await_seen(hour, missing)

    def go(self, hour: datetime, which: Iterable[Child] | None = None) -> None:
        """It becomes that hour for these, or for all; those that run have looked when this returns."""
        chosen = list(self.all if which is None else which)
        for child in chosen:
            child.clock.set(hour)
        self.await_seen(hour, chosen)

    def await_seen(self, hour: datetime, which: Iterable[Child]) -> None:
        """Until those of them that run have looked at that hour.

        Raises:
            SystemExit: one does not.
        """
        for child in which:
            if not await_(lambda child=child: not child.alive or child.has_seen(hour)):  # type: ignore[misc]
                raise SystemExit(f"{child.name} does not look round")

    def end(self) -> None:
        for child in self.all:
            child.end()


def await_(condition: Callable[[], bool], *, patience: float = PATIENCE) -> bool:
    """Wait for it; whether it came."""
    give_up = time.monotonic() + patience
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True
