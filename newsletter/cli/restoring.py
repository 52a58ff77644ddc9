"""`newsletter db accept-restore` and `mark-restored`: a backup was put back, and a person says so, or says how to go on."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter import reports
from newsletter.app import App
from newsletter.audience.erasures import Erasures, erase_again
from newsletter.cli import say
from newsletter.cli.acting import actor
from newsletter.cli.newsroom import settings
from newsletter.delivery import restored
from newsletter.errors import InputError
from newsletter.publishing import Mailing
from newsletter.reports import Report
from newsletter.store import Store
from newsletter.store.lineage import ACCEPT
from newsletter.store.statuses import DeliveryStatus

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; scripts need it.")]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def add_to(app: typer.Typer) -> None:
    """Make them commands of the group."""
    app.command("mark-restored")(mark)
    app.command("accept-restore")(accept)


def mark(yes: Yes = False) -> None:
    """Say that the database is a backup that was put back, where that is not noticed by itself.

    So it is where the whole machine went back, database and data/ together. Run it before anything else is started: what
    is not finished is held then, and nothing new begins before `accept-restore`.
    """
    with App.open(settings()) as newsroom:
        if already := restored.waiting(newsroom.store):
            say.note(f"It is known: {already}.")
            return
        if not yes:
            _ask("Hold everything that is not finished, as after a restore?")
        held = restored.mark(newsroom.store, actor=actor(newsroom), now=newsroom.clock())
        newsroom.watch.look(now=newsroom.clock())
        _say_held(newsroom, held)
        say.note(f"Nothing new begins before `{ACCEPT}`.")


def accept(yes: Yes = False, json: Json = False) -> None:
    """Say that sending may go on in a database that is a backup and was put back.

    It tells first what is held and what events tell of the time since. Each mailing stays held until somebody cancels it
    or resumes it. Who was erased after the backup, as far as this machine knows, is erased again.
    """
    with App.open(settings()) as newsroom:
        waiting = restored.waiting(newsroom.store)
        if not waiting:
            raise restored.nothing_waits()
        held, lost = restored.held(newsroom.store), restored.lost(newsroom.store)
        if not json:
            say.note(f"{waiting[0].upper()}{waiting[1:]}.")
            _say_held(newsroom, held)
            for one in lost:
                say.data_line(
                    f"mailing {one.mailing}, which this database does not know, went to {one.readers:,} readers or more: "
                    f"events of {one.first:%Y-%m-%d %H:%M} to {one.last:%Y-%m-%d %H:%M} UTC tell so"
                )
            say.note("An issue that went out after the backup and was made after it, too, is not known here at all.")
        if not yes:
            _ask("Has it been found out what went out since, and may sending go on?")
        again = _erase_again(newsroom)
        restored.accept(newsroom.store, actor=actor(newsroom), now=newsroom.clock())
        if json:
            say.data(
                {
                    "erased": again,
                    "held": [one.id for one in held],
                    "lost": [{"mailing": one.mailing, "readers": one.readers} for one in lost],
                }
            )
            return
        if again:
            say.note(f"Erased again, as after the backup: {len(again):,} ({', '.join(map(str, again[:20]))}).")
        say.note("Sending may go on. Recurring lists go on with the next slot.")
        if held:
            say.note("Each mailing that is held is cancelled, or resumed, for itself.")


def _erase_again(newsroom: App) -> list[int]:
    """Who was erased after the backup, as far as this machine knows."""
    erased = Erasures.of(newsroom.settings.data).since(restored.known_up_to(newsroom.store))
    return erase_again(
        newsroom.store, erased, fingerprint=newsroom.keys.fingerprint, now=newsroom.clock(), actor=actor(newsroom)
    )


def warn(store: Store) -> None:
    """Say it where somebody looks at what is to come."""
    if waiting := restored.waiting(store):
        say.note(f"Nothing goes out by itself: {waiting}. To go on: {ACCEPT}")


def may_have_it(report: Report) -> str:
    """What is known of a mailing that is held, in sentences."""
    number, counts = report.mailing.id, report.counts
    if report.mailing.started_at is None:
        return f"Mailing {number} had not begun when the backup was made; all of its readers may have it by now."
    return (
        f"Of mailing {number} {counts[DeliveryStatus.ACCEPTED]:,} of {report.prepared:,} readers had it when the backup was "
        f"made; the {report.waiting:,} others may have it by now."
    )


def _say_held(newsroom: App, held: list[Mailing]) -> None:
    for one in held:
        told = restored.told(newsroom.store, one.id)
        report = reports.of(newsroom.store, one.id, clock=newsroom.clock)
        events = f" Of {told:,} of them events tell that they have it." if told else ""
        say.data_line(say.plain(f"{one.issue} to {one.list_name}: {may_have_it(report)}{events}"))
        say.data_line(f"    newsletter mailing cancel {one.id}    or    newsletter mailing resume {one.id} --yes")
    if not held:
        say.note("No mailing was under way in it.")


def _ask(question: str) -> None:
    if not say.on_terminal():
        raise InputError("nobody is there to be asked", where="stdin", remedy="Give --yes to do it without a question")
    typer.confirm(question, abort=True, err=True)
