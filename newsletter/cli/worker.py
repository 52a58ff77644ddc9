"""`newsletter worker`: sends whatever is being sent."""

from __future__ import annotations

import sys
from typing import Annotated

import structlog
import typer

from newsletter.app import App
from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.delivery import stopping


def run(
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What the ledger calls it; else a random word.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Leave when nothing is being sent any more, instead of waiting.")
    ] = False,
) -> None:
    """Send whatever is being sent, until SIGTERM or Ctrl-C: then finish what is in the air, and leave.

    Several may run at once: on PostgreSQL on any number of machines; on SQLite one writes and the others wait.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with App.open(settings()) as newsroom:
        standing_by = newsroom.stand_by(name=name)
        say.note("Waiting for mailings. Ctrl-C ends it.")
        with stopping(standing_by.stop):
            standing_by.run(until=lambda: once)
    say.note("The worker has left; nothing is in the air.")
