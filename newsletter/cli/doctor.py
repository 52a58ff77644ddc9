"""`newsletter doctor`: what is wrong with the set-up, and what to do about it."""

from __future__ import annotations

import ipaddress
import os
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from newsletter.cli import say
from newsletter.cli.newsroom import settings as newsroom
from newsletter.clock import system_clock
from newsletter.errors import InputError
from newsletter.findings import Severity
from newsletter.settings import Settings, secret

if TYPE_CHECKING:
    from newsletter.doctor import Diagnosis, Fine, Found, Installation, Record, Resolver

BLOCKED = 1
_TITLES = {
    "settings": "Settings",
    "keys": "Keys",
    "database": "Database",
    "clock": "Clock",
    "disk": "Disk",
    "sender": "Sender",
    "alerts": "Alerts",
    "dns": "DNS",
}
_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "i"}


def run(
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask neither the sender, the alerts’ webhook nor the DNS.")
    ] = False,
    nameserver: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS[:PORT]", help="The name server to ask; without it, those of this machine."),
    ] = None,
    sends_from: Annotated[
        str | None,
        typer.Option(metavar="IP", help="The address that your mail leaves from, for SPF and its reverse name."),
    ] = None,
    records: Annotated[
        bool, typer.Option("--records", help="Print the DNS records to publish, and look at nothing.")
    ] = False,
    fail_level: Annotated[
        Severity, typer.Option("--fail-level", help="Exit with 1 where findings weigh this much or more.")
    ] = Severity.ERROR,
    adopt_keys: Annotated[
        bool,
        typer.Option("--adopt-keys", help="Take this shell's secret keys as the newsroom's, where the old are lost."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --adopt-keys: without asking.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Look over settings, keys, database, clock, disk, sender, alerts and DNS, and say what to do about what is wrong."""
    settings = newsroom()
    if adopt_keys:
        _adopt(settings, yes=yes)
        return
    from newsletter import doctor  # noqa: PLC0415 - the database's and the DNS's libraries, for this command alone

    resolver = None if offline or records else doctor.Resolver(nameserver)
    installation = _installation(settings, resolver, _address(sends_from))
    if records:
        _print_records(doctor.records_to_publish(installation), json=json)
        return
    diagnosis = doctor.examine(installation)
    if json:
        say.data(diagnosis.as_dict())
    else:
        _print(diagnosis, installation)
    if diagnosis.blocks(fail_level):
        raise typer.Exit(BLOCKED)


def _installation(settings: Settings, resolver: Resolver | None, sends_from: str | None) -> Installation:
    from newsletter.app import KEY_FILE  # noqa: PLC0415 - see `run`
    from newsletter.doctor import Installation  # noqa: PLC0415 - see `run`
    from newsletter.settings.secrets import DATABASE  # noqa: PLC0415 - see `run`

    return Installation(
        settings=settings,
        secret=secret,
        key_file=settings.data / KEY_FILE,
        environ=os.environ,
        database_url=secret(DATABASE),
        resolver=resolver,
        sends_from=sends_from,
        clock=system_clock,
    )


def _address(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise InputError(
            f"{text[:80]!r} is no IP address", where="--sends-from", remedy="Give one, such as 203.0.113.7"
        ) from error


def _print_records(records: tuple[Record, ...], *, json: bool) -> None:
    if json:
        say.data([record.as_dict() for record in records])
        return
    for record in records:
        say.data_line(record.as_line())


def _print(diagnosis: Diagnosis, installation: Installation) -> None:
    from newsletter.doctor import Area, Fine, Found  # noqa: PLC0415 - see `run`

    console = say.output()
    console.print(f"[bold]{say.shown(diagnosis.newsroom)}[/] [dim]· {say.shown(str(installation.settings.root))}[/]")
    for area in Area:
        said = diagnosis.of(area)
        if not said:
            continue
        console.print(f"\n[bold]{_TITLES[area]}[/]")
        for each in said:
            if isinstance(each, Fine):
                _print_fine(console, each)
            elif isinstance(each, Found):
                _print_found(console, each)
            else:
                _print_wrapped(console, "[dim]-[/] ", "  ", each.why)
    console.print(f"\n{say.shown(diagnosis.summary())}")
    if diagnosis.found:
        console.print("[dim]`newsletter check rule CODE` explains a code.[/]")


def _print_fine(console: Console, each: Fine) -> None:
    _print_wrapped(console, "[green]✓[/] ", "  ", each.text)


def _print_found(console: Console, each: Found) -> None:
    finding = each.finding
    mark = f"[{say.color(finding.severity)}]{_MARKS[finding.severity]}[/] "
    lines = _wrapped(console, f"{finding.severity}: {finding.message} [{finding.code}]", 2)
    for number, line in enumerate(lines):
        shown = say.shown(line)
        if number == 0:
            shown = shown.replace(finding.severity.value, say.severity(finding.severity), 1)
        console.print(f"{mark if number == 0 else '  '}{shown}")
    if each.where and each.where not in finding.message:
        _print_wrapped(console, "  [dim]at[/] ", "     ", each.where)
    stop = "" if each.remedy.endswith((":", "?", ".", "!")) else "."
    _print_wrapped(console, "  [dim]=[/] ", "    ", f"{each.remedy}{stop}")
    for record in each.records:
        # Never broken: it is there to be copied.
        console.print(f"    {say.shown(record.as_line())}")


def _print_wrapped(console: Console, first: str, later: str, text: str) -> None:
    for number, line in enumerate(_wrapped(console, text, len(later))):
        console.print(f"{first if number == 0 else later}{say.shown(line)}")


def _wrapped(console: Console, text: str, indent: int) -> list[str]:
    """The text in lines that fit beside the indent on a terminal; in one piece for files and pipes."""
    if not console.is_terminal:
        return [text]
    width = max(20, console.width - indent)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _adopt(settings: Settings, *, yes: bool) -> None:
    """Write to the audit that these are the keys from now on."""
    from newsletter import store, tokens  # noqa: PLC0415 - see `run`
    from newsletter.app import KEY_FILE  # noqa: PLC0415 - see `run`
    from newsletter.cli.acting import login_name  # noqa: PLC0415 - see `run`
    from newsletter.settings.secrets import DATABASE  # noqa: PLC0415 - see `run`
    from newsletter.store import known_keys  # noqa: PLC0415 - see `run`

    if not yes and not (say.on_terminal() and typer.confirm(_QUESTION, err=True)):
        if say.on_terminal():
            return
        raise InputError("nobody is there to be asked", where="stdin", remedy="Give --yes, if the old keys are lost")
    keys = tokens.load_keys(secret(tokens.SECRET_NAME), settings.data / KEY_FILE, new=False)
    opened = store.open(secret(DATABASE) or store.sqlite_url(settings.database))
    try:
        with opened.writing() as connection:
            changed = known_keys.adopt(
                connection, keys.fingerprints(), actor=f"{login_name()} (command line)", at=system_clock()
            )
    finally:
        opened.close()
    say.note(f"{len(changed)} adopted." if changed else "These are the keys that the database knows.")


_QUESTION = "Links in all mail that was sent with the old keys stop working, unsubscribing too. Go on?"
