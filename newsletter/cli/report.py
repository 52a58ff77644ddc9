"""`newsletter report`: what became of a mailing."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from newsletter import reports
from newsletter.app import App
from newsletter.cli import say
from newsletter.cli.newsroom import settings


def run(
    mailing: Annotated[
        int,
        typer.Argument(
            metavar="ID", help="The mailing's number, as `send` prints it.", show_default=False, min=1, max=2**63 - 1
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Print a mailing's report: the equation of who was selected, excluded, accepted, refused."""
    with App.open(settings()) as newsroom:
        report = reports.of(newsroom.store, mailing, clock=newsroom.clock)
    if json:
        say.data(report.as_dict())
    else:
        sys.stdout.write(say.plain(reports.as_text(report, width=say.width())))
