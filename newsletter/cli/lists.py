"""`newsletter list`: the lists that readers join."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from newsletter.app import App
from newsletter.audience import lists
from newsletter.audience.lists import MailingList
from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.errors import BlockedError
from newsletter.issues.atomic import locked, replace_file
from newsletter.settings import FILE_NAME
from newsletter.settings.adding import with_list

app = typer.Typer(help="The newsroom's lists.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.callback()
def _group() -> None:
    """The newsroom's lists."""


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name in commands.", show_default=False)],
    title: Annotated[str, typer.Option(help="What readers see: in the footer, on their pages.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Add a list: writes [lists.NAME] at the end of newsletter.toml, where its hour and days can be set."""
    found = settings()
    path = found.root / FILE_NAME
    with locked(found.root):
        before = path.read_bytes()
        try:
            replace_file(path, with_list(before, name, title), expected=before)
        except BlockedError as error:
            raise BlockedError(error.what, where=error.where or str(path), remedy=error.remedy) from None
    with App.open(settings()) as newsroom:
        made = lists.require(newsroom.store, name)
    if json:
        say.data({"name": made.name, "title": made.title})
    else:
        say.note(f"List {made.name} is there. Its hour and days: [lists.{made.name}] in {FILE_NAME}")


@app.command("list")
def list_lists(json: AsJson = False) -> None:
    """List all lists with their numbers of subscribers, by state."""
    with App.open(settings()) as newsroom:
        found = lists.counted(newsroom.store, now=newsroom.clock())
    _say(found, json=json)


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this list.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """Show a list, or every list, with its numbers of subscribers by state. Lists are named in newsletter.toml."""
    with App.open(settings()) as newsroom:
        if name is not None:
            lists.require(newsroom.store, name)
        found = [one for one in lists.counted(newsroom.store, now=newsroom.clock()) if name in {None, one.name}]
    _say(found, json=json)


def _say(found: list[MailingList], *, json: bool) -> None:
    if json:
        say.data([_as_data(one) for one in found])
        return
    for one in found:
        counts = ", ".join(f"{number:,} {status.value}" for status, number in one.counts.items())
        paused = f" ({one.paused:,} of them paused)" if one.paused else ""
        say.output().print(f"[bold]{say.shown(one.name)}[/]  {say.shown(one.title)}  {counts or 'nobody yet'}{paused}")


def _as_data(one: MailingList) -> dict[str, Any]:
    counts = {status.value: number for status, number in one.counts.items()}
    return {"name": one.name, "title": one.title, **counts, "paused": one.paused}
