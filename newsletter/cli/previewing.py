"""`newsletter issue preview`: the issue's e-mail in the browser, or in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import say
from newsletter.cli.newsroom import settings as newsroom

PORT = 8026
"""Beside the readers' pages of a new newsroom, which are at 8025."""


def preview(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The issue: its folder's name.", show_default=False)],
    port: Annotated[
        int | None, typer.Option(help=f"The port for the browser; else {PORT}, or a free one.", min=0, max=65535)
    ] = None,
    screenshots: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a PNG of each view into DIR and leave. Needs Chromium or Chrome."),
    ] = None,
) -> None:
    """Show the issue's e-mail as readers will see it, until Ctrl-C: it follows each change of a file. On this machine alone."""
    # Web libraries are for this command only: the others of `issue` must not wait for them.
    from newsletter.cli.inbox import wait_for_interrupt  # noqa: PLC0415
    from newsletter.issues.folder import find_issue  # noqa: PLC0415
    from newsletter.rehearsal.ports import free_port  # noqa: PLC0415
    from newsletter.web.preview import Watch, create_preview, take_screenshots  # noqa: PLC0415
    from newsletter.web.serving import Server  # noqa: PLC0415

    found = newsroom()
    find_issue(found, slug)
    watch = Watch(found.root, slug)
    if screenshots is not None:
        for picture in take_screenshots(watch.look().require(), screenshots):
            say.data_line(str(picture))
        return
    with Server(create_preview(watch), port=free_port(preferred=PORT) if port is None else port) as server:
        say.data_line(f"Preview: http://localhost:{server.port}/")
        fault = watch.look().fault
        if fault is not None:
            say.fault(fault)
        say.note("It follows the issue's files, the templates and the settings. Ctrl-C ends it.")
        wait_for_interrupt()
