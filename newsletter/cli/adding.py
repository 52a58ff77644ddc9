"""`newsletter subscriber add`: one person, by their own confirmation or by a consent that is on record."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.app import App
from newsletter.audience import joining, subscribers
from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.errors import InputError
from newsletter.store.statuses import ConsentWay

_SOURCE = "command line"


def add(
    address: Annotated[str, typer.Argument(help="The reader's e-mail address.", show_default=False)],
    list_name: Annotated[
        str,
        typer.Option("--list", metavar="LIST", help="The list, by its name in newsletter.toml.", show_default=False),
    ],
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="They agreed already: subscribe them at once. Needs --consent.")
    ] = False,
    consent: Annotated[str, typer.Option(help="How and when this person agreed.")] = "",
    name: Annotated[str, typer.Option(help="The reader's name; with --confirmed.")] = "",
    language: Annotated[str, typer.Option(help="What they read, such as de: of the mail that asks them.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Ask one person by mail whether they want a list; or, with --confirmed, subscribe one who agreed to it."""
    if confirmed:
        _subscribe(address, list_name, consent=consent, name=name, language=language, json=json)
        return
    for option, given in (("--consent", consent), ("--name", name)):
        if given:
            remedy = "Add --confirmed if they agreed already; otherwise leave it out, and they are asked by mail"
            raise InputError(f"{option} goes with --confirmed", where=option, remedy=remedy)
    with App.open(settings()) as newsroom:
        joining.request(
            newsroom.store,
            newsroom.keys,
            list_name,
            address,
            language=language or None,
            source=_SOURCE,
            network="",
            text="",
            limits=newsroom.settings.joining,
            now=newsroom.clock(),
            how=ConsentWay.COMMAND,
        )
    if json:
        say.data({"subscriber": None, "changed": False, "asked": True})
    else:
        say.note("is asked by mail, as soon as a worker runs (newsletter run); nothing changes until they confirm.")


def _subscribe(address: str, list_name: str, *, consent: str, name: str, language: str, json: bool) -> None:
    with App.open(settings()) as newsroom:
        found, changed = subscribers.add(
            newsroom.store,
            address,
            list_name=list_name,
            consent=consent,
            clock=newsroom.clock,
            source=_SOURCE,
            name=name,
            language=language,
            fingerprint=newsroom.keys.fingerprint,
        )
    if json:
        say.data({"subscriber": found.id, "changed": changed, "asked": False})
    else:
        say.note("added." if changed else "was on the list already.")
