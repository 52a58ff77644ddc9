"""`newsletter template`: copy a template to change it, and check it before an issue needs it."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.checks import check_notice
from newsletter.cli import say
from newsletter.cli.newsroom import settings as newsroom
from newsletter.rendering import NOTICES, check_template, copy_template, notice_names, template_names

app = typer.Typer(help="The e-mail's templates: copy one, check one.", no_args_is_help=True)

FAULTY = 1

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The template: its folder under templates/email.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command()
def new(
    name: Name,
    source: Annotated[str, typer.Option("--from", metavar="NAME", help="The template to copy.")] = "daily",
    json: AsJson = False,
) -> None:
    """Copy a template, with the pieces it shares with others, to a folder of your own to change."""
    settings = newsroom()
    folder = copy_template(settings, name, source=source)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if json:
        say.data({"template": name, "from": source, "folder": str(folder), "files": files})
        return
    say.data_line(str(folder))
    if name in notice_names(settings):
        use = "" if name in NOTICES else f"; only {', '.join(NOTICES)} are sent"
        say.note(f"Next: change the files, newsletter template check {name}{use}")
        return
    say.note(f'Next: put template = "{name}" into an issue.toml, change the files, newsletter template check {name}')


@app.command()
def check(name: Name, json: AsJson = False) -> None:
    """Check a template: filled in with an invented issue or notice, all its faults with file, line and column."""
    settings = newsroom()
    found = check_template(settings, name)
    if not found and name in notice_names(settings):
        found = check_notice(settings, name)
    if json:
        say.data({"template": name, "findings": [finding.as_dict() for finding in found]})
    else:
        say.findings(found)
        say.note(f"{len(found)} faults" if len(found) != 1 else "1 fault")
    if found:
        raise typer.Exit(FAULTY)


@app.command(name="list")
def list_(json: AsJson = False) -> None:
    """List the templates, the newsroom's own and those that come with the program: of issues, then of notices."""
    settings = newsroom()
    names, notices = template_names(settings), notice_names(settings)
    if json:
        say.data({"templates": list(names), "notices": list(notices)})
        return
    for name in names:
        say.data_line(name)
    for name in notices:
        say.data_line(f"{name:<16} notice")
