"""`newsletter schedule`: what goes out in the days to come."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from newsletter.app import App
from newsletter.cli import restoring, say
from newsletter.cli.clocks import local_time, utc_time, wave_data, wave_lines
from newsletter.cli.newsroom import settings
from newsletter.errors import InputError
from newsletter.issues.dates import in_words
from newsletter.publishing.timetable import Entry, WaveTime, timetable
from newsletter.publishing.wish import configured

app = typer.Typer(help="See what goes out when.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """See what goes out when."""


@app.command()
def show(
    days: Annotated[int, typer.Option(help="How many days from now.", min=1, max=366)] = 14,
    list_name: Annotated[str | None, typer.Option("--list", metavar="LIST", help="Only this list.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    ics: Annotated[bool, typer.Option("--ics", help="Print it as a calendar that other programs read.")] = False,
) -> None:
    """Show every slot of the days to come: each time in words with its zone and in UTC, and how many readers it has.

    Slots of a list's calendar that have no issue yet are named too.
    """
    if json and ics:
        raise InputError("--json and --ics are two forms", where="--ics", remedy="Give one of them")
    with App.open(settings()) as newsroom:
        restoring.warn(newsroom.store)
        if list_name is not None:
            configured(newsroom.settings.lists, list_name)
        now = newsroom.clock()
        found = timetable(newsroom.store, newsroom.settings, now=now, days=days, list_name=list_name)
    if ics:
        # Here, so that the other forms do not wait for the library.
        from newsletter.cli.calendar_file import calendar_file  # noqa: PLC0415

        sys.stdout.flush()
        sys.stdout.buffer.write(calendar_file(found, newsroom.settings.newsroom, now=now))
        return
    if json:
        say.data([_as_data(entry) for entry in found])
        return
    console = say.output()
    for entry in found:
        title, *lines = _lines(entry, now)
        console.print(f"[bold]{say.shown(title)}[/]")
        for line in lines:
            console.print(say.shown(line))
    if not found:
        say.note(f"Nothing is scheduled in the next {days} days.")


def _lines(entry: Entry, now: datetime) -> Iterator[str]:
    mailing = entry.mailing
    yield f"{in_words(entry.day)} · {entry.list_name}"
    if mailing is None or mailing.timing is None:
        yield f"  {local_time(entry.due_at, entry.zone)}  {utc_time(entry.due_at)}  no issue yet"
        yield ""
        return
    yield f"  “{entry.subject}” ({mailing.issue})"
    waves = f" in {len(entry.waves)} waves" if len(entry.waves) > 1 else ""
    yield f"  mailing {mailing.id}, {mailing.status.value}, edition {mailing.edition_digest[:12]}: {entry.readers:,} readers{waves}"
    yield from wave_lines(entry.waves, mailing.timing, [_state(wave, now) for wave in entry.waves])
    yield ""


def _state(wave: WaveTime, now: datetime) -> str:
    if wave.skipped:
        return ""
    if wave.released_at:
        return "released"
    return "found too late: waits for a person" if wave.late else "due now" if wave.due_at <= now else ""


def _as_data(entry: Entry) -> dict[str, Any]:
    mailing = entry.mailing
    data: dict[str, Any] = {
        "list": entry.list_name,
        "date": entry.day.isoformat(),
        "zone": entry.zone,
        "due_at": entry.due_at.isoformat(),
        "status": mailing.status.value if mailing else "empty",
    }
    if mailing is None or mailing.timing is None:
        return data
    return data | {
        "mailing": mailing.id,
        "issue": mailing.issue,
        "subject": entry.subject,
        "edition": mailing.edition_digest,
        "local": mailing.timing.by_reader,
        "readers": entry.readers,
        "waves": [
            wave_data(wave, mailing.timing)
            | {"late": wave.late, "released_at": wave.released_at.isoformat() if wave.released_at else None}
            for wave in entry.waves
        ],
    }
