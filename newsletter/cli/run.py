"""`newsletter run`: everything that a newsroom needs running, in processes that are kept alive."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.delivery import stopping
from newsletter.delivery.supervising import Supervisor


def run(
    workers: Annotated[
        int,
        typer.Option(help="How many workers. On SQLite one works, and the others wait to take over.", min=1, max=64),
    ] = 1,
    port: Annotated[
        int | None, typer.Option(help="The port of the pages; else the one in the newsroom's url.", min=1, max=65535)
    ] = None,
) -> None:
    """Run the pages, the scheduler and the workers, start again what dies, and stop all on SIGTERM or Ctrl-C.

    Stopping waits for what is in the air. Where this process itself is killed, the others leave in good order. What
    cannot start at all, such as pages whose port is taken, ends it.
    """
    found = settings()
    ours = [sys.executable, "-m", "newsletter", "-C", str(found.root)]
    commands = {"web": [*ours, "web", "--supervised", *(["--port", str(port)] if port else [])]}
    commands["scheduler"] = [*ours, "scheduler", "--supervised"]
    for number in range(1, workers + 1):
        name = f"worker {number}" if workers > 1 else "worker"
        commands[name] = [*ours, "worker", "--supervised"]
    supervisor = Supervisor(commands, say=say.note)
    with stopping(supervisor.stop):
        supervisor.run()
