"""`newsletter scheduler`: starts what is due."""

from __future__ import annotations

import sys
from typing import Annotated

import structlog
import typer

from newsletter.app import App
from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.delivery import stopping
from newsletter.delivery.supervising import with_supervisor


def run(
    once: Annotated[bool, typer.Option("--once", help="Start what is due now, and leave.")] = False,
    supervised: Annotated[
        bool, typer.Option("--supervised", help="Leave also when standard input ends: so it is started by `run`.")
    ] = False,
) -> None:
    """Start scheduled mailings at their hour and watch the lists' slots. SIGTERM or Ctrl-C ends it.

    Several may run at once, on several machines too: the database decides which of them starts a mailing. What it
    starts is sent by `newsletter worker`. What changes in newsletter.toml and outlets.toml it notices within half a minute,
    those of alerts and sender excepted: start it again for these.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with App.open(settings()) as newsroom:
        scheduler = newsroom.scheduler()
        with stopping(scheduler.stop), with_supervisor(scheduler.stop, supervised=supervised):
            if once:
                scheduler.run_once()
                scheduler.finish()
                return
            say.note("Waiting for what is due. Ctrl-C ends it.")
            scheduler.run()
    say.note("The scheduler has left.")
