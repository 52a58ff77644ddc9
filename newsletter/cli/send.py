"""`newsletter send`: a mailing now."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter import reports
from newsletter.app import App, Plan
from newsletter.cli import say
from newsletter.cli.acting import actor, issue_of, opened
from newsletter.cli.choosing_readers import ExcludedLists, FilterText, Segment, chosen, excluded_lines
from newsletter.cli.confirming import with_readers_confirmed
from newsletter.delivery import Progress as Sent
from newsletter.delivery import stopping
from newsletter.errors import BlockedError, InputError
from newsletter.store.statuses import MailingStatus


def run(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The issue: its folder's name.", show_default=False)],
    list_name: Annotated[str, typer.Option("--list", metavar="LIST", help="The list it goes to.", show_default=False)],
    segment: Segment = None,
    filter_text: FilterText = None,
    exclude_list: ExcludedLists = None,
    now: Annotated[bool, typer.Option("--now", help="Send at once, which is what this command does.")] = True,  # noqa: ARG001 - said for clearness; scheduling is another command
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent to how many, and send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; scripts need it.")] = False,
    expect: Annotated[
        int | None,
        typer.Option(
            "--expect", metavar="N", help="How many readers it should go to; confirms an unusual number.", min=0
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Send an issue to a list now, and print the report. A send that was cut off goes on where it stopped."""
    with opened() as newsroom:
        issue = issue_of(newsroom, slug)
        choice = chosen(newsroom, list_name, segment=segment, text=filter_text, without=exclude_list)
        plan = with_readers_confirmed(
            lambda number: newsroom.plan(issue, list_name, expected=number, choice=choice),
            expect,
            ask=not (yes or dry_run),
        )
        if dry_run:
            _say_plan(plan, _done(newsroom, plan), json=json)
            return
        if not yes:
            _ask(plan, _done(newsroom, plan))
        who, stop = actor(newsroom), Event()
        # Around the report too: who is asked to stop after the last message still says how it went.
        with stopping(stop.set):
            with progress_bar() as on_progress:
                report = newsroom.send(plan, actor=who, on_progress=on_progress, stop=stop)
            if json:
                say.data(report.as_dict())
            else:
                sys.stdout.write(say.plain(reports.as_text(report, width=say.width())))
            sys.stdout.flush()
    if report.mailing.status is MailingStatus.PAUSED:
        why = f"mailing {report.mailing.id} is paused" + (f": {report.trouble}" if report.trouble else "")
        raise BlockedError(why, remedy=f"Once that is mended: newsletter mailing resume {report.mailing.id}")
    if not report.finished:
        left = f"{report.waiting:,} deliveries are left" if report.waiting else "the readers were not all selected yet"
        raise BlockedError(left, remedy="Send again to go on with them")


@contextmanager
def progress_bar() -> Iterator[Callable[[Sent], None]]:
    """A bar on stderr while a mailing is sent, where that is a terminal; gives what is to be told of the progress."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=say.errors(),
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("Sending", total=None)

        def update(sent: Sent) -> None:
            bar.update(task, completed=sent.done, total=sent.total, description=sent.trouble or "Sending")

        yield update


def _ask(plan: Plan, done: int) -> None:
    if not say.on_terminal():
        raise InputError("nobody is there to be asked", where="stdin", remedy="Give --yes to send without a question")
    say.note(_sentence(plan, done))
    typer.confirm("Send now?", abort=True, err=True)


def _say_plan(plan: Plan, done: int, *, json: bool) -> None:
    if json:
        say.data(
            {
                "issue": plan.issue.slug,
                "list": plan.target.name,
                "edition": plan.edition.digest,
                **plan.choice.as_dict(),
                "selected": plan.audience.selected,
                "prepared": plan.audience.prepared,
                "excluded": {reason.value: count for reason, count in plan.audience.excluded.items()},
                "goes_on_with": plan.unfinished.id if plan.unfinished else None,
                "done": done,
                "dry_run": True,
            }
        )
        return
    say.data_line(_sentence(plan, done))
    for line in excluded_lines(plan.audience.excluded):
        say.data_line(line)
    say.note("Nothing was sent.")


def _sentence(plan: Plan, done: int) -> str:
    audience = plan.audience
    goes_on = f" It goes on with mailing {plan.unfinished.id}, where {done:,} are done." if plan.unfinished else ""
    only = f" (only {plan.choice.in_words})" if plan.choice.in_words else ""
    return (
        f"“{plan.edition.subject}” goes to {audience.prepared:,} of {audience.selected:,} on {plan.target.name}{only}, "
        f"edition {plan.edition.digest[:12]}.{goes_on}"
    )


def _done(newsroom: App, plan: Plan) -> int:
    """Deliveries of a send that was cut off that nothing more follows on."""
    if plan.unfinished is None:
        return 0
    report = reports.of(newsroom.store, plan.unfinished.id, clock=newsroom.clock)
    return sum(report.counts.values()) - report.waiting
