"""`newsletter init`: a new newsroom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import say
from newsletter.issues.laying import lay_newsroom


def run(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="The newsroom's folder; made where it is missing.", show_default=False, readable=False
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the folder and its files as JSON.")] = False,
) -> None:
    """Lay down a new newsroom: settings, outlets, templates, a place for issues and a list `daily`. Asks nothing."""
    files = lay_newsroom(folder)
    if json:
        say.data({"newsroom": str(folder), "files": files})
        return
    say.note(f"A newsroom is laid down in {folder}. Next:")
    say.note("  1. Put your name, postal address and sender's address into newsletter.toml.")
    say.note(f"  2. cd {folder}; newsletter issue new ROUNDUP.txt")
