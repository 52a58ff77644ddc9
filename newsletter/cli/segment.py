"""`newsletter segment`: readers by what is known of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from newsletter.app import App
from newsletter.audience import lists
from newsletter.audience.lists import MailingList
from newsletter.audience.segments import named, parse
from newsletter.audience.segments.counting import Count, count
from newsletter.cli import say
from newsletter.cli.acting import actor
from newsletter.cli.newsroom import settings
from newsletter.errors import InputError

app = typer.Typer(help="Readers by what is known of them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The segment's name.", show_default=False)]
OfList = Annotated[str | None, typer.Option("--list", metavar="LIST", help="Count readers of this list only.")]
Exact = Annotated[bool, typer.Option("--exact", help="Count one by one, however long it takes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.callback()
def _group() -> None:
    """Readers by what is known of them: a filter such as `tag:donor and not country:US`, under a name."""


@app.command()
def add(
    name: Name,
    text: Annotated[
        str,
        typer.Argument(metavar="FILTER", help="Such as 'tag:donor and not country:US'.", show_default=False),
    ],
    replace: Annotated[bool, typer.Option("--replace", help="Change the filter of a segment that is there.")] = False,
    list_name: OfList = None,
    json: AsJson = False,
) -> None:
    """Give a filter a name, and say how many readers it keeps. Mailings ordered before keep the filter they had."""
    with App.open(settings()) as newsroom:
        kept = named.put(newsroom.store, name, text, replace=replace, actor=actor(newsroom), now=newsroom.clock())
        _say(newsroom, [kept], list_name, exactly=False, json=json)


@app.command("list")
def list_segments(list_name: OfList = None, exact: Exact = False, json: AsJson = False) -> None:
    """List all segments with their numbers of readers on each list."""
    with App.open(settings()) as newsroom:
        found = named.all_of(newsroom.store)
        _say(newsroom, found, list_name, exactly=exact, json=json)
    if not found and not json:
        say.note("There are no segments. Add one: newsletter segment add NAME FILTER")


@app.command()
def show(name: Name, list_name: OfList = None, exact: Exact = False, json: AsJson = False) -> None:
    """Show a segment: its filter, and how many readers it keeps on each list."""
    with App.open(settings()) as newsroom:
        _say(newsroom, [named.require(newsroom.store, name)], list_name, exactly=exact, json=json)


@app.command("count")
def count_filter(
    text: Annotated[
        str,
        typer.Argument(metavar="FILTER", help="Such as 'tag:donor and not country:US'.", show_default=False),
    ],
    list_name: OfList = None,
    exact: Exact = False,
    json: AsJson = False,
) -> None:
    """Say how many readers a filter keeps, without giving it a name."""
    wanted = str(parse(text))
    with App.open(settings()) as newsroom:
        unnamed = named.Segment(id=0, name="", filter=wanted, created_at=newsroom.clock())
        _say(newsroom, [unnamed], list_name, exactly=exact, json=json)


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; scripts need it.")] = False,
    json: AsJson = False,
) -> None:
    """Forget a segment. No reader is touched, and mailings ordered with it keep their filter."""
    with App.open(settings()) as newsroom:
        found = named.require(newsroom.store, name)
        if not yes:
            if not say.on_terminal():
                raise InputError("nobody is there to be asked", where="stdin", remedy="Give --yes to remove it")
            typer.confirm(f"Forget segment {name} ({found.filter})?", abort=True, err=True)
        named.remove(newsroom.store, name, actor=actor(newsroom), now=newsroom.clock())
    if json:
        say.data({"segment": name, "removed": True})
    else:
        say.note(f"Segment {name} is forgotten.")


def _say(newsroom: App, found: list[named.Segment], list_name: str | None, *, exactly: bool, json: bool) -> None:
    targets = [lists.require(newsroom.store, list_name)] if list_name else lists.all_of(newsroom.store)
    counted = [(each, _counts(newsroom, each, targets, exactly=exactly)) for each in found]
    if json:
        say.data([_as_data(each, counts) for each, counts in counted])
        return
    for each, counts in counted:
        say.output().print(f"[bold]{say.shown(each.name or 'filter')}[/]  {say.shown(each.filter)}")
        for target, number in counts:
            say.data_line(f"{_number(number):>18}  readers of {target.name}")
    with newsroom.store.reading() as connection:
        for said in {said for each in found for said in named.unheard_of(connection, parse(each.filter))}:
            say.note(f"Note: {said}")
    if any(not number.exact for _, counts in counted for _, number in counts):
        say.note("Estimates, by a sample: 19 times of 20 no further off than ±. For exact numbers: --exact")


def _counts(
    newsroom: App, of: named.Segment, targets: list[MailingList], *, exactly: bool
) -> list[tuple[MailingList, Count]]:
    with newsroom.store.reading() as connection:
        return [(target, count(connection, target.id, parse(of.filter), exactly=exactly)) for target in targets]


def _number(number: Count) -> str:
    return f"{number.readers:,}" if number.exact else f"about {number.readers:,} ± {number.margin:,}"


def _as_data(of: named.Segment, counts: list[tuple[MailingList, Count]]) -> dict[str, Any]:
    return {
        "segment": of.name or None,
        "filter": of.filter,
        "readers": [
            {"list": target.name, "readers": number.readers, "exact": number.exact, "margin": number.margin}
            for target, number in counts
        ],
    }
