"""`newsletter db …`: bring the database to the present form, back it up, remove what is old."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from newsletter import settings as newsroom_settings
from newsletter import store
from newsletter.audience import retention
from newsletter.audience.retention import Forgotten
from newsletter.cli import restoring, say
from newsletter.cli.newsroom import settings
from newsletter.clock import system_clock
from newsletter.delivery import stopping
from newsletter.delivery.identity import is_dead
from newsletter.errors import BlockedError, InputError
from newsletter.reports import pruning
from newsletter.reports.pruning import Pruned
from newsletter.settings import Settings
from newsletter.settings.secrets import DATABASE
from newsletter.store import Store, backup, schema, sqlite
from newsletter.tokens import SECRET_NAME, load_keys

app = typer.Typer(help="Bring the database to the present form, back it up, remove what is old.", no_args_is_help=True)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; scripts need it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do, and do nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]

_BACKUPS = "backups"


@app.command()
def upgrade(
    dry_run: DryRun = False,
    yes: Yes = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back it up first, as after a backup of your own.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring the database to the form that this version works with, all or nothing, after backing it up.

    Processes of the older version must have ended.
    """
    found = settings()
    with _database(found, new=True) as opened:
        with opened.reading() as connection:
            version, at_work = schema.version_of(connection), schema.at_work(connection)
        lacks = schema.missing(opened.place, version)
        at_work = [name for name in at_work if not is_dead(name)]
        if json:
            say.data({"form": version, "steps": [{"form": step.version, "what": step.what} for step in lacks]})
        else:
            say.note(f"{opened.place} is in form {version}." if version else f"{opened.place} has no tables yet.")
            for step in lacks:
                say.data_line(f"{step.version}  {step.what}")
        if not lacks:
            say.note("That is the form that this version works with: nothing is to be done.")
            return
        if at_work and not dry_run:
            raise BlockedError(
                f"{len(at_work)} other processes use the database ({', '.join(at_work[:3])})",
                where=opened.place,
                remedy="Stop them, and run this again: they would go on in the old form",
            )
        if dry_run:
            return
        if not yes:
            _ask(f"Bring {opened.place} to form {lacks[-1].version}?")
        if version is not None and not no_backup:
            _say_made(_make_backup(opened, found))
        schema.upgrade(opened)
    say.note(f"The database is in form {lacks[-1].version} now.")


@app.command("backup")
def back_up(
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="PATH", help="A new file, or a folder; without it, data/backups.", readable=False),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", metavar="N", help="Remove older backups in the folder, so that N are left.", min=1),
    ] = None,
    json: Json = False,
) -> None:
    """Write the whole database into one file while everything goes on, and look it through.

    SQLite's backup is an SQLite file, PostgreSQL's an archive for pg_restore. The keys in data/secret.key are not in it.
    """
    if keep is not None and to is not None and not to.is_dir():
        raise InputError("--keep needs a folder", where=str(to), remedy="Name an existing folder with --to")
    found = settings()
    with _database(found) as opened:
        made = _make_backup(opened, found, to)
    removed = backup.rotate(made.file.parent, keep=keep) if keep is not None else ()
    if json:
        say.data({"file": str(made.file), "bytes": made.size, "removed": [str(path) for path in removed]})
        return
    say.data_line(str(made.file))
    _say_made(made)
    for path in removed:
        say.note(f"Removed {path}.")
    say.note(
        "Keep the secret keys (data/secret.key) as well, in another place: no link in old mails works without them."
    )


@app.command()
def prune(dry_run: DryRun = False, yes: Yes = False, json: Json = False) -> None:
    """Turn old deliveries into the counts of their report, and remove what is older than the settings of retention say.

    Other processes go on meanwhile; cut off, the next run goes on where this one stopped.
    """
    found, now = settings(), system_clock()
    with _database(found, present=True) as opened:
        planned = pruning.survey(opened, found.retention, now=now)
        people = retention.survey(opened, found.retention, now=now)
        if dry_run or not _anything(planned, people):
            _say_pruned(planned, people, done=False, json=json)
            return
        if not yes:
            _say_pruned(planned, people, done=False, json=False)
            _ask("Do it?")
        began, asked = time.monotonic(), Event()
        with stopping(asked.set):
            done = pruning.prune(opened, found.retention, now=now, stop=asked.is_set)
            # The keys are needed for people alone.
            forgotten = Forgotten() if people == Forgotten() else _forget(opened, found, now, asked)
    _say_pruned(done, forgotten, done=True, json=json)
    say.note(f"It took {time.monotonic() - began:.1f} s." if not asked.is_set() else "Stopped: the next run goes on.")


@app.command()
def scrub(yes: Yes = False, json: Json = False) -> None:
    """Rewrite the SQLite file, so that no byte of what was deleted or erased is left in it or beside it.

    Writers wait meanwhile: some seconds for a million readers. PostgreSQL does this by itself, in its own time.
    """
    found = settings()
    with _database(found) as opened:
        if not opened.is_sqlite:
            raise BlockedError(
                "PostgreSQL keeps its files by itself",
                where=opened.place,
                remedy="To have the room back at once: VACUUM FULL, as its owner",
            )
        with opened.reading() as connection:
            busy = schema.at_work(connection)
        if busy and not yes:
            _ask(f"Something is being sent ({', '.join(busy)}), and would wait. Do it all the same?")
        began = time.monotonic()
        sqlite.scrub(opened.engine, opened.place)
    if json:
        say.data({"file": str(found.database), "seconds": round(time.monotonic() - began, 1)})
    else:
        say.note(f"The file was written anew in {time.monotonic() - began:.1f} s. Backups keep what they have.")


def _forget(opened: Store, found: Settings, now: datetime, asked: Event) -> Forgotten:
    keys = load_keys(newsroom_settings.secret(SECRET_NAME), found.data / "secret.key")
    return retention.forget(opened, found.retention, now=now, fingerprint=keys.fingerprint, stop=asked.is_set)


restoring.add_to(app)


@contextmanager
def _database(found: Settings, *, new: bool = False, present: bool = False) -> Iterator[Store]:
    """The newsroom's database, as it is; `new`: also without tables; `present`: only in the present form.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    given = newsroom_settings.secret(DATABASE)
    if given is None and not found.database.exists():
        raise _no_database(str(found.database))
    opened = store.open(given or store.sqlite_url(found.database), any_form=True)
    try:
        with opened.reading() as connection:
            version = schema.version_of(connection)
        if version is None and not new:
            raise _no_database(opened.place)
        if version is not None and present:
            schema.prepare(opened)
        yield opened
    finally:
        opened.close()


def _no_database(place: str) -> InputError:
    return InputError("there is no database yet", where=place, remedy="The first command that needs it makes it")


def _make_backup(opened: Store, found: Settings, to: Path | None = None) -> backup.Backup:
    if to is None:
        to = found.data / _BACKUPS
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
    return backup.make(opened, to, now=system_clock())


def _say_made(made: backup.Backup) -> None:
    say.note(f"Backed up to {made.file} ({made.size / 1e6:,.1f} MB).")


def _anything(planned: Pruned, people: Forgotten) -> bool:
    rows = (planned.deliveries, planned.event_bodies, planned.events, planned.notices)
    return any((*rows, people.unconfirmed, people.left))


def _say_pruned(pruned: Pruned, people: Forgotten, *, done: bool, json: bool) -> None:
    if json:
        say.data(pruned.as_dict() | asdict(people))
        return
    verb = ("became", "were emptied", "were removed") if done else ("become", "are emptied", "are removed")
    for number, what in (
        (pruned.deliveries, f"deliveries of {pruned.mailings:,} mailings {verb[0]} counts"),
        (pruned.event_bodies, f"events {verb[1]}"),
        (pruned.events, f"events {verb[2]}"),
        (pruned.notices, f"notices {verb[2]}"),
        (people.unconfirmed, f"sign-ups that nobody confirmed {verb[2]}"),
        (people.left, f"people who had left every list {'were erased' if done else 'are erased'}"),
    ):
        if number:
            say.data_line(f"{number:>12,} {what}")
    if not _anything(pruned, people):
        say.note("Nothing is old enough.")
    for mailing in pruned.unknown_in:
        say.note(
            f"Mailing {mailing} is left alone: who got it is not known of all. `newsletter mailing resolve {mailing}`"
        )


def _ask(question: str) -> None:
    if not say.on_terminal():
        raise InputError("nobody is there to be asked", where="stdin", remedy="Give --yes to do it without a question")
    typer.confirm(question, abort=True, err=True)
