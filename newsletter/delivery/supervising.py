"""Keeping processes alive: what dies is started again, after a wait that grows while it keeps dying."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from newsletter.delivery.backoff import Backoff
from newsletter.delivery.senders.base import seconds

_WAITS = Backoff(first=0.5, longest=30.0)
_STEADY = 60.0
"""Seconds after which a process that runs has shown that it can: its next death counts as the first."""

_LOOK = 0.2

Say = Callable[[str], None]


@dataclass(kw_only=True, slots=True)
class _Kept:
    """One process, or the wait for its next start."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    start_at: float = 0.0


class Supervisor:
    """Runs one process of each command until it is told to stop.

    Args:
        commands: name → the words of the command.
        say: told, in a line each, what starts and what dies.
        patience: seconds that processes get to finish what they hold, once they are asked to stop.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], *, say: Say, patience: float = 150.0) -> None:
        self._kept = [_Kept(name=name, command=command) for name, command in commands.items()]
        self._say = say
        self._patience = patience
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ask all processes to finish what they hold, and end. For signal handlers."""
        self._stopping.set()

    def run(self) -> None:
        """Keep them running until `stop` is called."""
        try:
            while not self._stopping.is_set():
                self.run_once()
                self._stopping.wait(_LOOK)
        finally:
            self._end()

    def run_once(self) -> bool:
        """One look: note who died, start whose time has come. Whether anything was started or had died."""
        looked_after = [self._look_after(kept) for kept in self._kept]
        return any(looked_after)

    @property
    def running(self) -> dict[str, int]:
        """Name → process number of those that run."""
        return {kept.name: kept.process.pid for kept in self._kept if kept.process is not None}

    def _look_after(self, kept: _Kept) -> bool:
        if kept.process is None:
            if seconds() < kept.start_at:
                return False
            kept.process = subprocess.Popen(kept.command)  # noqa: S603 - our own commands
            kept.started = seconds()
            self._say(f"{kept.name}: started, process {kept.process.pid}")
            return True
        if (code := kept.process.poll()) is None:
            return False
        kept.deaths = 1 if seconds() - kept.started > _STEADY else kept.deaths + 1
        wait = _WAITS.wait(kept.deaths).total_seconds()
        kept.process, kept.start_at = None, seconds() + wait
        self._say(f"{kept.name}: ended ({_words(code)}); started again in {wait:.1f} s")
        return True

    def _end(self) -> None:
        running = [kept for kept in self._kept if kept.process is not None]
        for kept in running:
            _signal(kept, signal.SIGTERM)
        until = seconds() + self._patience
        for kept in running:
            process = kept.process
            if process is None:
                continue
            try:
                process.wait(max(until - seconds(), 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._say(f"{kept.name}: ended ({_words(process.returncode)})")


def _signal(kept: _Kept, number: signal.Signals) -> None:
    if kept.process is not None:
        kept.process.send_signal(number)


def _words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
