"""`newsletter issue`: compose, look at, decide and render the day's issue."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter.cli import approving, checking, previewing, provenance, say, scheduling
from newsletter.cli.acting import author
from newsletter.cli.choosing import ask_sides, parsed_choices, source_of, suggested_choices
from newsletter.cli.newsroom import has_database
from newsletter.cli.newsroom import settings as newsroom
from newsletter.clock import system_clock
from newsletter.errors import InputError
from newsletter.findings import Severity
from newsletter.issues import Issue, Quote, decide_sides, load, newsroom_outlets, prepare
from newsletter.issues.dates import in_words, today_in
from newsletter.rendering import render as render_issue
from newsletter.rendering.writing import write_edition
from newsletter.settings import Settings

app = typer.Typer(help="Compose, decide and render issues.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The issue: its folder's name.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command()
def new(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Roundup files, in the order shown.", show_default=False, readable=False
        ),
    ],
    day: Annotated[
        str | None, typer.Option("--date", help="The issue's date, YYYY-MM-DD; else the roundup's own.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The issue's title; else the roundup's own.")] = None,
    json: AsJson = False,
) -> None:
    """Compose an issue from roundup files: a folder with the files as they are and an issue.toml for the decisions."""
    settings = newsroom()
    today = today_in(settings.newsroom.zone, system_clock())
    composed = prepare(settings, files, date=_day(day), title=title, today=today, author=author())
    composed.write()
    slug = composed.folder.name
    issue = load(settings, slug, outlets=newsroom_outlets(settings))
    say.findings((*composed.findings, *issue.findings))
    if json:
        say.data({"slug": slug, "folder": str(composed.folder), **_summary(issue)})
        return
    say.data_line(slug)
    if issue.undecided:
        say.note(f"Next: newsletter issue side {slug}")


@app.command()
def show(
    slug: Slug,
    digest: Annotated[
        bool, typer.Option("--digest", help="Explain the edition: what it is made from, and who signed it.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Print an issue: its decisions, sections and quotes, and who signed its edition; findings go to stderr."""
    if digest:
        provenance.explain(slug, json=json)
        return
    settings = newsroom()
    issue = _load(settings, slug)
    # Looking at an issue makes no database.
    known = has_database(settings)
    if json:
        findings = [finding.as_dict() for finding in issue.findings]
        sign_off = provenance.sign_off_of(slug) if known else None
        say.data({"slug": slug, **_summary(issue), "findings": findings, "sign_off": sign_off})
        return
    _print(issue)
    if known:
        provenance.print_sign_off(slug)
    say.findings(issue.findings)


@app.command()
def side(
    slug: Slug,
    chosen: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ID=SIDE", help="Decide one quote's side; ID may be cut short. Repeatable."),
    ] = None,
    suggested: Annotated[
        bool, typer.Option("--suggested", help="Take every suggestion for an undecided quote.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Decide the sides of quotes: asks one key a quote, or takes --set ID=left."""
    settings = newsroom()
    issue = _load(settings, slug)
    choices: dict[str, str | None] = {}
    if suggested:
        choices |= suggested_choices(issue.undecided)
    if chosen:
        choices |= parsed_choices(chosen)
    if not chosen and not suggested:
        choices |= ask_sides(issue.undecided, settings.sides)
    decided = decide_sides(settings, slug, choices) if choices else {}
    left = _load(settings, slug).undecided
    if json:
        say.data({"slug": slug, "decided": decided, "undecided": [quote.id for quote in left]})
        return
    say.note(f"{len(decided)} decided, {len(left)} undecided.")
    for quote in left:
        say.data_line(f"{quote.id}  {source_of(quote)}")


@app.command()
def render(
    slug: Slug,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Where to write email.html, email.txt, message.eml, manifest.json.",
            show_default=False,
            readable=False,
        ),
    ],
    json: AsJson = False,
) -> None:
    """Render an issue to the bytes that readers get, with sample values in the slots."""
    settings = newsroom()
    issue = _load(settings, slug)
    edition = render_issue(issue, settings)
    files = write_edition(edition, out)
    say.findings(issue.findings)
    if json:
        say.data({"slug": slug, "edition": edition.digest, "files": [str(path) for path in files]})
        return
    say.data_line(edition.digest)
    for path in files:
        say.note(f"  {path}")


app.command(name="test")(approving.send_test)
app.command()(approving.approve)
app.command()(approving.waive)
app.command()(scheduling.schedule)
app.command()(scheduling.unschedule)
app.command()(provenance.diff)
app.command()(previewing.preview)
app.command()(checking.check)


def _load(settings: Settings, slug: str) -> Issue:
    return load(settings, slug, outlets=newsroom_outlets(settings))


def _day(written: str | None) -> date | None:
    if written is None:
        return None
    try:
        return datetime.strptime(written, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError as error:
        raise InputError(f"{written!r} is no date", where="--date", remedy="Write it as 2026-11-24") from error


def _summary(issue: Issue) -> dict[str, Any]:
    return {
        "title": issue.title,
        "date": issue.date.isoformat(),
        "subject": issue.subject,
        "preheader": issue.preheader,
        "template": issue.template,
        "lists": list(issue.lists),
        "sections": [
            {
                "heading": section.heading,
                "side": section.side,
                "stance": section.stance,
                "quotes": [_quote(quote) for quote in section.quotes],
                "prose": list(section.prose),
            }
            for section in issue.sections
        ],
        "blocks": [
            {"kind": block.kind.value, "heading": block.heading, "text": block.text, "link": block.link}
            for block in issue.blocks
        ],
    }


def _quote(quote: Quote) -> dict[str, Any]:
    data = {
        "id": quote.id,
        "side": quote.side,
        "side_source": quote.side_source,
        "author": quote.author,
        "outlet": quote.outlet,
        "attribution": quote.attribution,
        "link": quote.link,
        "paragraphs": list(quote.paragraphs),
        "file": quote.file,
        "lines": list(quote.lines),
    }
    if quote.suggestion:
        data |= {"side_suggested": quote.suggestion.lean.value, "side_reason": quote.suggestion.reason}
    return data


def _print(issue: Issue) -> None:
    console = say.output()
    console.print(f"[bold]{say.shown(issue.title)}[/] · {in_words(issue.date)}")
    console.print(f"Subject: {say.shown(issue.subject)}\nPreheader: {say.shown(issue.preheader)}")
    console.print(f"Template {say.shown(issue.template)}, lists {say.shown(', '.join(issue.lists) or 'none')}")
    for section in issue.sections:
        console.print(f"\n[bold]{say.shown(section.heading or 'Introduction')}[/]")
        if section.stance:
            console.print(f"  [italic]{say.shown(section.stance)}[/]")
        for quote in section.quotes:
            console.print(f"  {quote.id}  {(quote.side or '—'):12} {say.shown(source_of(quote))}")
    blocking = sum(finding.severity is Severity.ERROR for finding in issue.findings)
    others = len(issue.findings) - blocking
    console.print(
        f"\n{blocking} blocking and {others} other findings in the text. All checks: newsletter issue check {issue.slug}"
    )
