"""`newsletter roundup`: roundup files by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import say
from newsletter.cli.newsroom import outlets, settings_if_any
from newsletter.issues.folder import read_plain
from newsletter.roundups import Roundup, Section, decode, read
from newsletter.settings import RoundupSettings

app = typer.Typer(help="Read roundup files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Read roundup files."""


@app.command()
def parse(
    file: Annotated[
        Path, typer.Argument(help="A roundup file: UTF-8 text, at most 1 MiB.", show_default=False, readable=False)
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the structured roundup as one JSON object.")] = False,
) -> None:
    """Print what stands in a roundup file: sections, quotes, sources, suggested sides; findings go to stderr."""
    settings = settings_if_any()
    rules = settings.roundup if settings else RoundupSettings()
    text = decode(read_plain(file, follow=True), name=str(file))
    roundup = read(text, outlets=outlets(settings), longest_quote_words=rules.longest_quote_words, name=str(file))
    if json:
        say.data(roundup.as_dict())
        return
    _print(roundup)
    say.findings(roundup.findings, file=str(file))


def _print(roundup: Roundup) -> None:
    console = say.output()
    console.print(f"[bold]{say.shown(roundup.title or 'No title')}[/] · {say.shown(roundup.date or 'no date')}")
    for section in roundup.sections:
        _print_section(section)
    if roundup.furniture:
        console.print(f"\n[dim]Set aside: {say.shown(' · '.join(roundup.furniture))}[/]")


def _print_section(section: Section) -> None:
    console = say.output()
    lean = f" ({section.lean})" if section.lean else ""
    console.print(f"\n[bold]{say.shown(section.heading or 'Introduction')}[/]{lean}")
    if section.summary:
        console.print(f"  [italic]{say.shown(section.summary)}[/]")
    for quote in section.quotes:
        words = sum(len(paragraph.split()) for paragraph in quote.paragraphs)
        side = quote.lean or (f"{quote.suggestion.lean}? {quote.suggestion.reason}" if quote.suggestion else "")
        source = " · ".join(part for part in (quote.author, quote.outlet) if part) or "no source"
        console.print(
            f"  {quote.id}  {say.shown(source)}  [dim]lines {quote.lines[0]}-{quote.lines[1]}, {words} words[/]"
            + (f"  {say.shown(side)}" if side else "")
        )
    for text in section.prose:
        console.print(f"  [dim]{say.shown(text)}[/]")
