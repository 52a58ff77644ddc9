"""`newsletter alert …`: what is the matter, and who has it in hand."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter import alerts
from newsletter.alerts import Raised
from newsletter.alerts.tellings import Telling, tellings_of
from newsletter.cli import say
from newsletter.cli.acting import actor, opened

app = typer.Typer(help="See what is the matter, and say that you have it in hand.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", help="The alert's number.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@app.command("list")
def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """List the open alerts, the newest first."""
    with opened() as newsroom:
        found = alerts.all_of(newsroom.store, only_open=not everything, limit=limit)
    if json:
        say.data([one.as_dict() for one in found])
        return
    for one in found:
        say.data_line(_line(one))
    if not found:
        say.note("There are no alerts." if everything else "Nothing is the matter.")


@app.command()
def show(alert: Number, json: Json = False) -> None:
    """Show an alert: what it means, what to do, and who was told how."""
    with opened() as newsroom:
        found = alerts.require(newsroom.store, alert)
        told = tellings_of(newsroom.store, alert)
    if json:
        say.data(found.as_dict() | {"tellings": [one.as_dict() for one in told]})
        return
    for line in _lines(found, told):
        say.data_line(line)


@app.command()
def acknowledge(alert: Number, json: Json = False) -> None:
    """Say that you have it in hand: nobody is reminded of it any more. It stays open until it is over."""
    with opened() as newsroom:
        found = alerts.acknowledge(newsroom.store, alert, actor=actor(newsroom), now=newsroom.clock())
    if json:
        say.data(found.as_dict())
        return
    say.note(f"Alert {found.id} is acknowledged by {found.acknowledged_by}.")


def _line(one: Raised) -> str:
    return f"{one.id:>5}  {one.raised_at:%Y-%m-%d %H:%M} UTC  {_state(one):<12}  {one.code}  {one.message}"


def _state(one: Raised) -> str:
    if not one.open:
        return "over"
    return "acknowledged" if one.acknowledged_at else one.severity.value


def _lines(found: Raised, told: list[Telling]) -> list[str]:
    since = f"{found.raised_at:%Y-%m-%d %H:%M} UTC"
    lines = [
        f"Alert {found.id}: {found.kind.title} ({found.code}, {_state(found)})",
        found.message,
        f"About {found.subject}, since {since}, noticed {found.times:,} time{'' if found.times == 1 else 's'}",
    ]
    if found.resolved_at:
        why = f": {found.resolution}" if found.resolution else ""
        lines.append(f"Over since {found.resolved_at:%Y-%m-%d %H:%M} UTC{why}")
    else:
        lines += [f"To do: {found.kind.todo}", f"The runbook has more: docs/{found.kind.page}"]
    if found.acknowledged_at:
        lines.append(f"Acknowledged by {found.acknowledged_by} at {found.acknowledged_at:%Y-%m-%d %H:%M} UTC")
    if told:
        lines += ["", "Told (UTC)"]
    for one in told:
        reply = f": {one.reply}" if one.reply else ""
        lines.append(f"{one.at:%Y-%m-%d %H:%M}  {one.step.value:<8}  {one.channel:<7}  {one.status.value}{reply}")
    return lines
