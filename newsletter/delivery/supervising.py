"""Keeping processes alive: what dies is started again, after a wait that grows while it keeps dying.

Each child has a session of its own, so that a Ctrl-C on the terminal reaches the supervisor alone: a child that got the
signal from both would take the second for an order to end at once. One that is refused at its first start, for bad input
that does not mend itself, ends the supervisor as well. And each holds the end of a pipe that breaks when the
supervisor dies, however it dies: `with_supervisor` has the child leave in good order then.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from newsletter.delivery.backoff import Backoff
from newsletter.delivery.senders.base import seconds
from newsletter.errors import InputError

_WAITS = Backoff(first=0.5, longest=30.0)
_STEADY = 60.0
"""Seconds after which a process that runs has shown that it can: its next death counts as the first."""

_LOOK = 0.2
_BAD_INPUT = 2
"""The exit code of our commands for what they were given and cannot use: a busy port, a setting, a missing secret."""

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
        self._refused = ""

    def stop(self) -> None:
        """Ask all processes to finish what they hold, and end. For signal handlers."""
        self._stopping.set()

    def run(self) -> None:
        """Keep them running until `stop` is called.

        Raises:
            InputError: one was refused at its first start, as it has said itself; the others were stopped in good order.
        """
        try:
            while not self._stopping.is_set():
                self.run_once()
                self._stopping.wait(_LOOK)
        finally:
            self._end()
        if self._refused:
            raise InputError(
                f"{self._refused} cannot start: it has said above why, and that does not mend itself",
                remedy="Mend it, and start this again",
            )

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
            kept.process = subprocess.Popen(  # noqa: S603 - our own commands
                kept.command, stdin=subprocess.PIPE, start_new_session=True
            )
            kept.started = seconds()
            self._say(f"{kept.name}: started, process {kept.process.pid}")
            return True
        if (code := kept.process.poll()) is None:
            return False
        steady = seconds() - kept.started > _STEADY
        _let_go(kept.process)
        if code == _BAD_INPUT and not (kept.deaths or steady):
            # Later on it may be the database that is away for a while: then it is started again like any other.
            kept.process, self._refused = None, self._refused or kept.name
            self._stopping.set()
            return True
        kept.deaths = 1 if steady else kept.deaths + 1
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
            _let_go(process)
            self._say(f"{kept.name}: ended ({_words(process.returncode)})")


@contextmanager
def with_supervisor(stop: Callable[[], None], *, supervised: bool) -> Iterator[None]:
    """Within the block, call `stop` once the supervisor that started this process has died.

    Args:
        stop: may be called when all stops already.
        supervised: whether a supervisor has started this process; where not, nothing is watched.
    """
    if supervised:
        threading.Thread(target=_wait_for_end, args=(sys.stdin.fileno(), stop), name="supervisor", daemon=True).start()
    yield


def _wait_for_end(pipe: int, stop: Callable[[], None]) -> None:
    # Nobody writes into it: whatever ends the wait, the other end is closed.
    while os.read(pipe, 1024):
        pass
    stop()


def _let_go(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


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
