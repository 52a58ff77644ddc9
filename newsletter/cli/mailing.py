"""`newsletter mailing …`: see how mailings stand, and step in."""

from __future__ import annotations

import sys
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from newsletter import reports
from newsletter.app import App
from newsletter.cli import following, restoring, say
from newsletter.cli.acting import actor
from newsletter.cli.newsroom import settings
from newsletter.delivery import control
from newsletter.delivery.control import Unknown
from newsletter.errors import InputError
from newsletter.publishing import mailings
from newsletter.reports import Report
from newsletter.store.statuses import DeliveryStatus

app = typer.Typer(help="See how mailings stand, and step in.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", help="The mailing's number.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; scripts need it.")]
Hours = Annotated[
    float | None, typer.Option("--hours", help="How long it may take from now on.", min=0.01, max=24 * 14)
]

_HEAD = "   ID  date        phase       accepted of prepared       to go  issue to list"

_MOST_SHOWN = 100_000


class Verdict(StrEnum):
    """What a person decides on the unknown."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PENDING = "pending"


@app.command("list")
def list_mailings(
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 20,
    json: Json = False,
) -> None:
    """List the latest mailings, the newest first."""
    with App.open(settings()) as newsroom:
        found = [
            reports.of(newsroom.store, one.id, clock=newsroom.clock)
            for one in mailings.all_of(newsroom.store, limit=limit)
        ]
    if json:
        say.data([_row(report) for report in found])
        return
    if not found:
        say.note("There are no mailings.")
        return
    say.data_line(_HEAD)
    for report in found:
        _say_row(report)


@app.command()
def show(
    mailing: Number,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing it until it has ended; Ctrl-C leaves it alone.")
    ] = False,
    json: Json = False,
) -> None:
    """Show how a mailing stands: what is going on, what is in the way, what to do, the equation, and what befell it.

    With --follow a terminal shows the head of it anew every second; a pipe gets a line, or a JSON object on a line,
    whenever something has changed.
    """
    with App.open(settings()) as newsroom:
        if follow:
            following.follow(newsroom, mailing, json=json)
        if not (follow and json):
            _show(newsroom, mailing, json=json)


@app.command()
def pause(mailing: Number, json: Json = False) -> None:
    """Claim nothing more of a mailing; what is in the air is finished."""
    with App.open(settings()) as newsroom:
        control.pause(newsroom.store, mailing, actor=actor(newsroom), now=newsroom.clock())
        _show(newsroom, mailing, json=json)


@app.command()
def resume(mailing: Number, hours: Hours = None, yes: Yes = False, json: Json = False) -> None:
    """Go on with a paused mailing. One whose time is over needs --hours.

    One that is held because a backup of the database was put back asks first: who is left may have it already.
    """
    with App.open(settings()) as newsroom:
        more = timedelta(hours=hours) if hours is not None else None
        held = reports.of(newsroom.store, mailing, clock=newsroom.clock)
        restored = held.restored_at is not None
        if restored and not yes and say.on_terminal():
            _ask(f"{restoring.may_have_it(held)} Send it to all who are left?")
        control.resume(
            newsroom.store,
            mailing,
            actor=actor(newsroom),
            now=newsroom.clock(),
            more=more,
            restored=restored and (yes or say.on_terminal()),
        )
        newsroom.watch.rise(now=newsroom.clock())
        _show(newsroom, mailing, json=json)


@app.command()
def cancel(mailing: Number, yes: Yes = False, json: Json = False) -> None:
    """End a mailing: what is pending is withdrawn for good, what is in the air is finished."""
    with App.open(settings()) as newsroom:
        if not yes:
            waiting = reports.of(newsroom.store, mailing, clock=newsroom.clock).waiting
            _ask(f"Withdraw {waiting:,} deliveries of mailing {mailing} for good?")
        control.cancel(newsroom.store, mailing, actor=actor(newsroom), now=newsroom.clock())
        _show(newsroom, mailing, json=json)


@app.command()
def retry(mailing: Number, hours: Hours = None, yes: Yes = False, json: Json = False) -> None:
    """Try the failed ones again: what expired, and what was rejected for a reason that may have gone.

    Nobody else is touched. A worker sends them.
    """
    with App.open(settings()) as newsroom:
        if not yes:
            counts = reports.of(newsroom.store, mailing, clock=newsroom.clock).counts
            failed = counts[DeliveryStatus.EXPIRED] + counts[DeliveryStatus.REJECTED]
            _ask(f"Try up to {failed:,} deliveries of mailing {mailing} again?")
        more = timedelta(hours=hours) if hours is not None else control.PATIENCE
        done = control.retry(newsroom.store, mailing, actor=actor(newsroom), now=newsroom.clock(), more=more)
        say.note(f"To be tried again: {done.expired:,} expired, {done.rejected:,} rejected; {done.left:,} left alone.")
        _show(newsroom, mailing, json=json)


@app.command()
def resolve(
    mailing: Number,
    verdict: Annotated[
        Verdict | None,
        typer.Option("--as", help="They arrived; they did not and shall not; they shall be sent again."),
    ] = None,
    delivery: Annotated[
        list[int] | None, typer.Option("--delivery", metavar="N", help="Only this delivery; may be given again.")
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Show by name who may have got it, and with --as, decide. What is sent again counts as possibly twice."""
    with App.open(settings()) as newsroom:
        if verdict is None:
            _show_unknown(control.unknown_of(newsroom.store, mailing, limit=_MOST_SHOWN), json=json)
            return
        if not yes:
            _ask(f"Decide that {'these' if delivery else 'all unknown'} deliveries of mailing {mailing} are {verdict}?")
        done = control.resolve(
            newsroom.store,
            mailing,
            verdict.value,
            deliveries=delivery or None,
            actor=actor(newsroom),
            now=newsroom.clock(),
        )
        say.note(f"{done.decided:,} decided as {verdict.value}.")
        if done.quiet_until is not None:
            say.note(
                f"{done.left:,} were left: an answer may still come until {done.quiet_until:%H:%M:%S} UTC. Decide then on "
                "those that have not settled by themselves."
            )
        _show(newsroom, mailing, json=json)


def _show(newsroom: App, mailing: int, *, json: bool) -> None:
    report = reports.of(newsroom.store, mailing, clock=newsroom.clock)
    if json:
        say.data(report.as_dict())
    else:
        sys.stdout.write(say.plain(reports.as_text(report, width=say.width())))


def _say_row(report: Report) -> None:
    row = _row(report)
    say.data_line(
        f"{row['mailing']:>5}  {row['date']}  {row['phase']:<9}  {row['accepted']:>9,} of {row['prepared']:<9,}  "
        f"{row['waiting']:>9,}  {row['issue']} to {row['list']}"
    )
    if row["unknown"]:
        say.data_line(f"{'':17}  {row['unknown']:,} may have arrived: newsletter mailing resolve {row['mailing']}")
    if row["trouble"]:
        say.data_line(say.plain(f"{'':17}  in the way: {row['trouble']}"))


def _show_unknown(found: list[Unknown], *, json: bool) -> None:
    if json:
        say.data([_unknown(one) for one in found])
        return
    for one in found:
        since = f"{one.since:%Y-%m-%d %H:%M:%S} UTC"
        said = f"{one.delivery:>9}  {one.address}  {one.name}  since {since}: {one.why}"
        say.data_line(say.plain(said.replace("\n", " ")).rstrip())
    if not found:
        say.note("Nothing is unknown.")
        return
    if len(found) == _MOST_SHOWN:
        say.note(f"These are the first {_MOST_SHOWN:,}.")
    say.note("The numbers are the deliveries', as in Message-ID. Decide for all, or with --delivery N for some:")
    say.note("  --as accepted  the other side has it, as its log says")
    say.note("  --as rejected  it did not arrive, and is not to be sent any more")
    say.note("  --as pending   send it again; it counts as possibly twice")


def _unknown(one: Unknown) -> dict[str, Any]:
    return {
        "delivery": one.delivery,
        "address": one.address,
        "name": one.name,
        "since": one.since.isoformat(),
        "quiet_until": one.quiet_until.isoformat(),
        "why": one.why,
    }


def _row(report: Report) -> dict[str, Any]:
    kept = (
        "mailing",
        "date",
        "list",
        "issue",
        "status",
        "phase",
        "prepared",
        "accepted",
        "unknown",
        "workers",
        "trouble",
    )
    whole = report.as_dict()
    return {key: whole[key] for key in kept} | {"waiting": report.waiting}


def _ask(question: str) -> None:
    if not say.on_terminal():
        raise InputError("nobody is there to be asked", where="stdin", remedy="Give --yes to do it without a question")
    typer.confirm(question, abort=True, err=True)
