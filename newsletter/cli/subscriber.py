"""`newsletter subscriber`: people in and out of the lists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.app import App
from newsletter.audience import ImportResult, export_csv, import_csv, subscribers
from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.errors import InputError

app = typer.Typer(help="Import, export, add and look up subscribers.", no_args_is_help=True)

ListName = Annotated[
    str, typer.Option("--list", metavar="LIST", help="The list, by its name in newsletter.toml.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="One reader a row.", show_default=False, readable=False)
    ],
    list_name: ListName,
    consent: Annotated[str | None, typer.Option(help="What these people agreed to, or how it is known.")] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where bad rows are kept; else FILE.rejects.csv.", readable=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count everything, write nothing.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing; without --consent, the file's name and hash stand for it.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Subscribe the people in a CSV file to a list. Running it again adds only who is missing."""
    words = consent if consent is not None else _asked_consent(file, needed=not (yes or dry_run))
    kept = rejects or file.with_name(f"{file.stem}.rejects.csv")
    with App.open(settings()) as newsroom, _bar() as bar:
        task = bar.add_task("Importing", total=None)
        result = import_csv(
            newsroom.store,
            file,
            list_name=list_name,
            consent=words,
            rejects=kept,
            clock=newsroom.clock,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            dry_run=dry_run,
            fingerprint=newsroom.keys.fingerprint,
        )
    if json:
        say.data(_import_data(result))
    else:
        _say_import(result)


@app.command()
def export(list_name: ListName) -> None:
    """Write a list's subscribers to stdout as CSV."""
    sys.stdout.reconfigure(newline="")  # type: ignore[union-attr]  # a text file; CSV brings its own line ends
    with App.open(settings()) as newsroom:
        count = export_csv(newsroom.store, sys.stdout, list_name=list_name)
    say.note(f"{count:,} exported.")


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="The reader's e-mail address.", show_default=False)],
    list_name: ListName,
    consent: Annotated[str, typer.Option(help="How and when this person agreed.", show_default=False)],
    name: Annotated[str, typer.Option(help="The reader's name.")] = "",
    json: AsJson = False,
) -> None:
    """Subscribe one person who agreed to it."""
    with App.open(settings()) as newsroom:
        found, changed = subscribers.add(
            newsroom.store,
            address,
            list_name=list_name,
            consent=consent,
            clock=newsroom.clock,
            source="command line",
            name=name,
            fingerprint=newsroom.keys.fingerprint,
        )
    if json:
        say.data({"subscriber": found.id, "changed": changed})
    else:
        say.note("added." if changed else "was on the list already.")


@app.command()
def show(
    address: Annotated[str, typer.Argument(help="The reader's e-mail address.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Print what is known of a person: lists, consent, suppression."""
    with App.open(settings()) as newsroom:
        found = subscribers.find(newsroom.store, address, fingerprint=newsroom.keys.fingerprint)
    if found is None:
        raise InputError("nobody here has this address", where=address, remedy="Check the spelling")
    person = {
        "subscriber": found.id,
        "address": found.address,
        "name": found.name,
        "suppressed": found.suppressed.value if found.suppressed else None,
        "subscriptions": [
            {
                "list": one.list_name,
                "status": one.status.value,
                "changed_at": one.changed_at.isoformat(),
                "consent": one.consent_text,
                "consent_source": one.consent_source,
                "consent_at": one.consent_at.isoformat(),
            }
            for one in found.subscriptions
        ],
    }
    if json:
        say.data(person)
        return
    for key, value in person.items():
        if not isinstance(value, list):
            say.data_line(f"{key:12} {value if value is not None else 'no'}")
    for one in found.subscriptions:
        consent = f"{one.consent_text} ({one.consent_source}, {one.consent_at:%Y-%m-%d} UTC)"
        say.data_line(f"{one.list_name:12} {one.status.value} since {one.changed_at:%Y-%m-%d} UTC: {consent}")


def _asked_consent(file: Path, *, needed: bool) -> str:
    if not needed:
        return ""
    if not say.on_terminal():
        raise InputError(
            "consent is not stated", where=str(file), remedy="Give --consent TEXT, or --yes to record the file alone"
        )
    return str(typer.prompt("What did these people agree to, and where is that known from", err=True))


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=say.errors(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _import_data(result: ImportResult) -> dict[str, Any]:
    return {
        "list": result.list_name,
        "rows": result.rows,
        "added": result.added,
        "already": result.already,
        "duplicates": result.duplicates,
        "unsubscribed": result.unsubscribed,
        "unconfirmed": result.unconfirmed,
        "suppressed": {reason.value: count for reason, count in result.suppressed.items()},
        "rejected": result.rejected,
        "rejects": str(result.rejects) if result.rejects else None,
        "encoding": result.encoding,
        "delimiter": result.delimiter,
        "columns": dict(result.columns),
        "sha256": result.sha256,
        "dry_run": result.dry_run,
    }


def _say_import(result: ImportResult) -> None:
    told = "Would add" if result.dry_run else "Added"
    guessed = " (guessed)" if result.encoding_guessed else ""
    say.note(f"Read as {result.encoding}{guessed}, fields parted by {result.delimiter!r}: {_columns(result)}")
    say.data_line(f"{told} {result.added:,} of {result.rows:,} rows to {result.list_name}.")
    counted = {
        "on the list already": result.already,
        "again in this file": result.duplicates,
        "left the list": result.unsubscribed,
        "not confirmed": result.unconfirmed,
        "suppressed": sum(result.suppressed.values()),
        "rejected": result.rejected,
    }
    for words, count in counted.items():
        if count:
            say.data_line(f"{count:>9,}  {words}")
    for reject in result.sample_rejects:
        say.note(f"  row {reject.row}, line {reject.line}: {reject.reason}")
    if result.rejects:
        say.note(f"The rejected rows are in {result.rejects}.")


def _columns(result: ImportResult) -> str:
    return ", ".join(f"{heading} → {meaning}" for heading, meaning in result.columns.items())
