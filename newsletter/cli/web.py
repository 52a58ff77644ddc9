"""`newsletter web`: the pages that the mail's links lead to, and the endpoint for providers' events."""

from __future__ import annotations

from threading import Event
from typing import Annotated
from urllib.parse import urlsplit

import typer

from newsletter.app import App
from newsletter.cli import say
from newsletter.cli.inbox import wait_for_interrupt
from newsletter.cli.newsroom import settings
from newsletter.delivery.supervising import with_supervisor
from newsletter.web.app import create_app
from newsletter.web.serving import Server


def run(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="The port; else the one in the newsroom's url.", min=0, max=65535)
    ] = None,
    supervised: Annotated[
        bool, typer.Option("--supervised", help="Leave also when standard input ends: so it is started by `run`.")
    ] = False,
) -> None:
    """Serve the readers' pages until SIGTERM or Ctrl-C. A server in front of it does TLS."""
    found = settings()
    wanted = port if port is not None else urlsplit(found.newsroom.url).port or 8025
    with App.open(found) as newsroom:
        pages = create_app(newsroom)
        with Server(pages, host=host, port=wanted, proxies=found.web.proxies) as server:
            pages.state.warm()
            say.data_line(f"Pages: {server.url}/")
            ended = Event()
            with with_supervisor(ended.set, supervised=supervised):
                wait_for_interrupt(ended)
