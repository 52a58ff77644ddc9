"""`newsletter list`: the lists that readers join."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.app import App
from newsletter.audience import lists
from newsletter.cli import say
from newsletter.cli.newsroom import settings

app = typer.Typer(help="The newsroom's lists.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The newsroom's lists."""


@app.command()
def show(json: Annotated[bool, typer.Option("--json", help="Print the lists as JSON.")] = False) -> None:
    """Print every list with its numbers of subscribers. Lists are named in newsletter.toml."""
    with App.open(settings()) as newsroom:
        found = lists.counted(newsroom.store)
    if json:
        say.data(
            [{"name": one.name, "title": one.title, **{k.value: n for k, n in one.counts.items()}} for one in found]
        )
        return
    for one in found:
        counts = ", ".join(f"{number:,} {status.value}" for status, number in one.counts.items())
        say.output().print(f"[bold]{say.shown(one.name)}[/]  {say.shown(one.title)}  {counts or 'nobody yet'}")
