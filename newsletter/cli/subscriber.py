"""`newsletter subscriber`: people in and out of the lists."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from newsletter.app import App
from newsletter.audience import export_people
from newsletter.audience.files.rows import Form
from newsletter.cli import person, say
from newsletter.cli.adding import add
from newsletter.cli.importing import import_
from newsletter.cli.newsroom import settings

app = typer.Typer(help="Import, export, add, look up, label and erase subscribers.", no_args_is_help=True)
app.command("import")(import_)


@app.command()
def export(
    list_name: Annotated[
        str,
        typer.Option("--list", metavar="LIST", help="The list, by its name in newsletter.toml.", show_default=False),
    ],
    form: Annotated[Form, typer.Option(help="Separated values, or JSON lines.")] = Form.CSV,
) -> None:
    """Write everybody who is or was on a list to stdout, with consent, tags and attributes; an import takes it back."""
    # Each form brings its own line ends, and whoever reads it expects UTF-8, whatever this terminal speaks.
    sys.stdout.reconfigure(newline="", encoding="utf-8")  # type: ignore[union-attr]  # it is a text file
    with App.open(settings()) as newsroom:
        count = export_people(newsroom.store, sys.stdout, list_name=list_name, form=form)
    say.note(f"{count:,} exported.")


app.command()(add)
person.register(app)
