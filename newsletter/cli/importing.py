"""`newsletter subscriber import`: what is asked before, shown meanwhile and told afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from newsletter.app import App
from newsletter.audience import ImportResult, import_people
from newsletter.audience.files.columns import parse_mapped
from newsletter.audience.files.headings import Meaning
from newsletter.audience.files.people_file import PeopleFile, Said, open_people
from newsletter.audience.files.people_rows import Claim
from newsletter.audience.files.rejects import place_beside
from newsletter.audience.files.rows import Form, Layout
from newsletter.audience.settling import Fate
from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.errors import InputError

_FATES = {
    Fate.CONFIRMED: "had yet to confirm, and are on the list now",
    Fate.ALREADY: "on the list already",
    Fate.DUPLICATE: "again in this file",
    Fate.ENDED: "were on the list, and have left by this file",
    Fate.UNSUBSCRIBED: "left the list",
    Fate.UNCONFIRMED: "not confirmed",
}
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_WIDEST_CELL = 28


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV or JSON lines, plain or gzip; one reader a row.",
            show_default=False,
            readable=False,
        ),
    ],
    list_name: Annotated[
        str,
        typer.Option("--list", metavar="LIST", help="The list, by its name in newsletter.toml.", show_default=False),
    ],
    consent: Annotated[str | None, typer.Option(help="What these people agreed to, or how it is known.")] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="HEADING=MEANING",
            help="What a column means: address, name, tags, attribute:NAME, ignore, …; '*=attribute' for all others.",
        ),
    ] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="The consent holds for those who have yet to confirm, too.")
    ] = False,
    encoding: Annotated[str | None, typer.Option(help="The file's encoding, where the guess is wrong.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What parts the fields (comma, semicolon, tab, pipe), where the guess is wrong.")
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where bad rows are kept; else FILE.rejects.csv.", readable=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and count everything, show a sample, write nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing; without --consent, the file's name and hash stand for it.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Subscribe the people in a file to a list. Running it again adds only who is missing."""
    said = Said(mapped=parse_mapped(mapped or ()), encoding=encoding, delimiter=delimiter)
    if consent is not None and not consent.strip():
        raise InputError("--consent is empty", where="--consent", remedy="Say what these people agreed to")
    if consent is None and not (yes or dry_run or say.on_terminal()):
        _require_consent(file, said)
    with App.open(settings()) as newsroom, _bar() as bar:
        task = bar.add_task("Reading", total=None)
        result = import_people(
            newsroom.store,
            file,
            list_name=list_name,
            consent=consent if consent is not None or not (yes or dry_run) else "",
            rejects=rejects or place_beside(file),
            clock=newsroom.clock,
            said=said,
            confirmed=confirmed,
            progress=lambda done, total: bar.update(task, description="Importing", completed=done, total=total),
            dry_run=dry_run,
            fingerprint=newsroom.keys.fingerprint,
            ask=_asking(bar),
        )
    if json:
        say.data(_as_data(result))
    else:
        _say(result)


def _require_consent(file: Path, said: Said) -> None:
    """Where nobody can be asked, the file has to state it."""
    with open_people(file, said) as source:
        if Meaning.CONSENT not in source.layout.columns.places:
            remedy = "Give --consent TEXT, or --yes to record the file alone"
            raise InputError("consent is not stated", where=str(file), remedy=remedy)


def _asking(bar: Progress) -> Callable[[PeopleFile], str]:
    def ask(file: PeopleFile) -> str:
        bar.stop()
        say.note(f"{file.path.name}: {file.layout.rows:,} rows. {_read_as(file.layout)}")
        words = str(typer.prompt("What did these people agree to, and where is that known from", err=True))
        bar.start()
        return words

    return ask


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


def _as_data(result: ImportResult) -> dict[str, Any]:
    layout = result.layout
    return {
        "list": result.list_name,
        "rows": result.rows,
        **{fate.value: count for fate, count in result.fates.items()},
        "suppressed": {reason.value: count for reason, count in result.suppressed.items()},
        "rejected": result.rejected,
        "rejects": str(result.rejects) if result.rejects else None,
        "form": layout.form.value,
        "encoding": layout.encoding.name,
        "encoding_guessed": layout.encoding.guessed,
        "delimiter": layout.delimiter,
        "columns": layout.named(),
        "left_out": layout.left_out(),
        "sha256": layout.sha256,
        "dry_run": result.dry_run,
    }


def _say(result: ImportResult) -> None:
    say.note(_read_as(result.layout))
    if result.dry_run and result.sample:
        say.output().print(_sample(result.sample))
    told = "Would add" if result.dry_run else "Added"
    say.data_line(f"{told} {result.added:,} of {result.rows:,} rows to {result.list_name}.")
    counted = {words: result.fates[fate] for fate, words in _FATES.items()}
    counted |= {f"suppressed ({reason})": count for reason, count in result.suppressed.items()}
    counted["rejected"] = result.rejected
    for words, count in counted.items():
        if count:
            say.data_line(f"{count:>9,}  {words}")
    for reject in result.sample_rejects:
        say.note(f"  row {reject.row}, line {reject.line}: {reject.reason}")
    if result.rejects:
        say.note(f"The rejected rows are in {result.rejects}.")


def _read_as(layout: Layout) -> str:
    form = "JSON lines" if layout.form is Form.JSONL else f"CSV, {_DELIMITERS[layout.delimiter]} between fields"
    encoding = layout.encoding
    guessed = ", which is a guess: look at the names, and give --encoding if they are wrong" if encoding.guessed else ""
    columns = ", ".join(f"{heading} → {meaning}" for meaning, heading in layout.named().items())
    left_out = layout.left_out()
    more = f"; left out: {', '.join(left_out[:20])}{', …' if len(left_out) > 20 else ''}" if left_out else ""
    return f"Read as {form}, {encoding.name}{guessed}. Columns: {columns}{more}."


def _sample(claims: tuple[Claim, ...]) -> Table:
    """The first people as a table, with the columns that hold anything."""
    rows = [_row(claim) for claim in claims]
    shown = [name for name in rows[0] if any(row[name] for row in rows)]
    table = Table(*shown, box=None, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        table.add_row(*(say.shown(_short(row[name])) for name in shown))
    return table


def _row(claim: Claim) -> dict[str, str]:
    person = claim.person
    return {
        "address": person.address.text,
        "name": person.name,
        "status": claim.status.value if claim.status else "",
        "suppressed": ", ".join(claim.bars),
        "zone": person.zone or "",
        "hour": person.hour or "",
        "language": person.language or "",
        "tags": ", ".join(person.tags),
        "attributes": ", ".join(f"{name}: {value}" for name, value in person.attributes.items()),
    }


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 1] + "…"
