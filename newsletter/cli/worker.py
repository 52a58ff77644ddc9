"""`newsletter worker`: sends whatever is being sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Annotated

import structlog
import typer

from newsletter.app import App
from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.delivery import stopping
from newsletter.delivery.supervising import with_supervisor
from newsletter.delivery.taking_turns import turn
from newsletter.errors import BlockedError

_LOCK = "worker.lock"


def run(
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What the ledger calls it; else a random word.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Leave when nothing is being sent any more, instead of waiting.")
    ] = False,
    supervised: Annotated[
        bool, typer.Option("--supervised", help="Leave also when standard input ends: so it is started by `run`.")
    ] = False,
) -> None:
    """Send whatever is being sent, until SIGTERM or Ctrl-C: then finish what is in the air, and leave.

    On PostgreSQL several work at once, on any number of machines. On SQLite one works, and others wait to take over.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with App.open(settings()) as newsroom:
        standing_by, stop = newsroom.stand_by(name=name), Event()

        def leave() -> None:
            stop.set()
            standing_by.stop()

        with stopping(leave), with_supervisor(leave, supervised=supervised), _turn(newsroom, stop, once=once):
            if not stop.is_set():
                say.note("Waiting for mailings. Ctrl-C ends it.")
                standing_by.run(until=lambda: once)
    say.note("The worker has left; nothing is in the air.")


@contextmanager
def _turn(newsroom: App, stop: Event, *, once: bool) -> Iterator[None]:
    """Where the database has one writer, wait for the other worker to end, or until `stop` is set.

    Raises:
        BlockedError: another worker works, and this one is not to wait.
    """
    if not newsroom.store.is_sqlite:
        yield
        return
    with turn(newsroom.settings.data / _LOCK, stop=stop, on_wait=_refuse if once else _wait):
        yield


def _wait(process: str) -> None:
    say.note(f"{_other(process)} sends already, and SQLite has one writer. This one takes over when that one ends.")


def _refuse(process: str) -> None:
    raise BlockedError(
        f"{_other(process)} sends already, and SQLite has one writer",
        remedy="Leave it to that one, or end that one first",
    )


def _other(process: str) -> str:
    return f"Another worker (process {process})" if process else "Another worker"
