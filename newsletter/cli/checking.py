"""`newsletter issue check`, and `newsletter check`: what is wrong with an issue, and what each code means."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import say
from newsletter.cli.acting import opened
from newsletter.cli.newsroom import has_database
from newsletter.cli.newsroom import settings as newsroom
from newsletter.clock import system_clock
from newsletter.errors import InputError
from newsletter.findings import Finding, Severity
from newsletter.issues import Issue, load, newsroom_outlets
from newsletter.settings import Settings

if TYPE_CHECKING:
    from newsletter.checks import Rule, Waiver
    from newsletter.checks.formats import Answer

BLOCKED = 1

app = typer.Typer(help="Explain what is checked.", no_args_is_help=True)


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def check(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The issue: its folder's name.", show_default=False)],
    form: Annotated[
        Format, typer.Option("--format", help="For people, for programs, for GitHub's annotations, or SARIF 2.1.0.")
    ] = Format.TEXT,
    fail_level: Annotated[
        Severity, typer.Option("--fail-level", help="Exit with 1 where findings weigh this much or more.")
    ] = Severity.ERROR,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no links; what they answered lately counts.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Show the safe fixes as a diff, and make them if you agree.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Make the fixes without asking.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Check an issue as it would be sent: its words, links, size, mail programs, accessibility, the law."""
    settings, now = newsroom(), system_clock()
    issue = load(settings, slug, outlets=newsroom_outlets(settings))
    form = Format.JSON if json else form
    if fix and _fix(issue, settings, quiet=form is not Format.TEXT, yes=yes):
        issue = load(settings, slug, outlets=newsroom_outlets(settings))
    answer = _answer(issue, settings, now, offline=offline)
    _print(answer, form, issue, settings)
    if answer.blocks(fail_level):
        raise typer.Exit(BLOCKED)


@app.command()
def rule(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A finding's code, such as QUOTE-UNCLOSED.")],
    json: AsJson = False,
) -> None:
    """Explain a code: what it means, why it is checked, by whose word, and what to do."""
    from newsletter.checks import require  # noqa: PLC0415 - lxml and the renderer, which other commands do not wait for

    found = require(code)
    if json:
        say.data(_told(found))
        return
    console = say.output()
    console.print(f"[bold]{found.code}[/] · {say.severity(found.severity)} · {found.group}")
    console.print(say.shown(f"{found.title[0].upper()}{found.title[1:]}."))
    rows = [("Why", found.why), ("Source", found.source), ("What to do", f"{found.fix}."), ("Example", found.example)]
    for name, text in rows:
        if text:
            console.print(f"\n[dim]{name}[/]\n  {say.shown(text)}")


@app.command()
def rules(json: AsJson = False) -> None:
    """List every code with its weight and what it finds."""
    from newsletter.checks import RULES, Group  # noqa: PLC0415 - see `rule`

    if json:
        say.data([_told(each) for each in RULES.values()])
        return
    console = say.output()
    for group in Group:
        console.print(f"\n[bold]{group}[/]")
        for each in sorted(RULES.values(), key=lambda one: one.code):
            if each.group is group:
                console.print(f"  {each.code:24} {say.severity(each.severity, 8)} {say.shown(each.title)}")


def _answer(issue: Issue, settings: Settings, now: datetime, *, offline: bool) -> Answer:
    from newsletter.checks import apply_waivers, gather, require, run  # noqa: PLC0415 - see `rule`
    from newsletter.checks.formats import Answer  # noqa: PLC0415 - see `rule`
    from newsletter.rendering import render  # noqa: PLC0415 - see `rule`
    from newsletter.rendering.template_faults import FaultyTemplateError  # noqa: PLC0415 - see `rule`

    for code in settings.checks.waivable:
        require(code, where="[checks] waivable in newsletter.toml")  # a slip there would never be noticed
    try:
        edition = render(issue, settings)
    except FaultyTemplateError as error:
        found = (*issue.findings, _from_the_root(error.finding, settings))
        return Answer(slug=issue.slug, edition="", root=_root(settings), findings=found)
    subject = gather(issue, edition, settings, outlets=newsroom_outlets(settings), now=now, offline=offline)
    waivers = _waivers(settings, issue, edition.digest)
    standing, waived = apply_waivers(run(subject), waivers, waivable=settings.checks.waivable)
    return Answer(slug=issue.slug, edition=edition.digest, root=_root(settings), findings=standing, waived=waived)


def _from_the_root(finding: Finding, settings: Settings) -> Finding:
    from newsletter.checks.spots import shown_path  # noqa: PLC0415 - see `rule`

    return replace(finding, file=shown_path(Path(finding.file), settings)) if finding.file else finding


def _waivers(settings: Settings, issue: Issue, digest: str) -> list[Waiver]:
    """What people answer for in this edition; a newsroom whose database is not made yet has nobody."""
    from newsletter.checks import Waiver  # noqa: PLC0415 - see `rule`

    if not has_database(settings):
        return []
    from newsletter.publishing.standing import standing  # noqa: PLC0415 - see `acting.opened`

    with opened() as found, found.store.reading() as connection:
        known = standing(connection, issue=issue.slug, digest=digest).waivers
    return [Waiver(code=each.code, name=each.by, reason=each.reason) for each in known]


def _root(settings: Settings) -> str:
    """The newsroom's folder as seen from here; "" where we are in it, the whole path where it lies elsewhere."""
    here = Path.cwd().resolve()
    inside = settings.root.is_relative_to(here)
    relative = settings.root.relative_to(here).as_posix() if inside else settings.root.as_posix()
    return "" if relative == "." else relative


def _print(answer: Answer, form: Format, issue: Issue, settings: Settings) -> None:
    from newsletter.checks import formats  # noqa: PLC0415 - see `rule`

    match form:
        case Format.JSON:
            say.data(answer.as_dict())
        case Format.SARIF:
            say.data(formats.sarif_log(answer))
        case Format.GITHUB:
            for line in formats.workflow_commands(answer):
                say.data_line(line)
        case Format.TEXT:
            _print_text(answer, issue, settings)


def _print_text(answer: Answer, issue: Issue, settings: Settings) -> None:
    from newsletter.checks.spots import IssueFiles, NewsroomFiles, line_at  # noqa: PLC0415 - see `rule`

    console = say.output()
    files, others = IssueFiles(issue.inputs), NewsroomFiles(settings, issue.template)
    for finding in answer.findings:
        line = line_at(finding.file, finding.line, files, others) if finding.file and finding.line else None
        _print_finding(finding, answer, line)
    for each in answer.waived:
        waiver = each.waiver
        console.print(f"[dim]waived by {say.shown(waiver.name)}: {say.shown(waiver.reason)} \\[{waiver.code}][/]")
    edition = f"edition {answer.edition[:12]}" if answer.edition else "no edition: it cannot be rendered"
    console.print(f"{say.shown(answer.summary())} [dim]· {edition}[/]")


def _print_finding(finding: Finding, answer: Answer, line: str | None) -> None:
    from newsletter.checks import RULES  # noqa: PLC0415 - see `rule`
    from newsletter.checks.formats import excerpt  # noqa: PLC0415 - see `rule`

    console = say.output()
    say.finding(console, finding, file=answer.place(finding))
    if line is not None and finding.line is not None and finding.column is not None:
        end = finding.end_column or (finding.fix.end_column if finding.fix else None)
        shown, carets = excerpt(line, finding.column, end)
        number = str(finding.line)
        console.print(f"  [dim]{number} |[/] {say.shown(shown)}")
        console.print(f"  [dim]{' ' * len(number)} |[/] [{say.color(finding.severity)}]{carets}[/]")
    if finding.code in RULES:
        console.print(f"  [dim]=[/] {say.shown(RULES[finding.code].fix)}\n")


def _fix(issue: Issue, settings: Settings, *, quiet: bool, yes: bool) -> bool:
    """Show the safe fixes, and make them where a person agrees; says whether anything was written."""
    from newsletter.checks import plan_fixes, write_fixes  # noqa: PLC0415 - see `rule`

    planned = plan_fixes(issue, issue.findings, settings, newsroom_outlets(settings))
    if not planned:
        say.note("There is nothing that can be fixed safely.")
        return False
    console = say.errors() if quiet else say.output()
    for each in planned:
        for line in each.diff(f"issues/{issue.slug}/{each.name}").splitlines():
            console.print(say.shown(line))
    count = sum(len(each.settled) for each in planned)
    if not yes and not _agreed(count):
        return False
    write_fixes(settings, issue.slug, planned)
    say.note(f"{count} fixed.")
    return True


def _agreed(count: int) -> bool:
    if not say.on_terminal():
        raise InputError(
            "nobody is there to be asked", where="stdin", remedy="Give --yes to make the fixes without a question"
        )
    return typer.confirm(f"Make {'these' if count > 1 else 'this'} {count} fix{'es' if count > 1 else ''}?", err=True)


def _told(each: Rule) -> dict[str, Any]:
    return {
        "code": each.code,
        "severity": each.severity.value,
        "group": each.group.value,
        "title": each.title,
        "why": each.why,
        "source": each.source,
        "fix": each.fix,
        "example": each.example or None,
    }
