"""`newsletter demo`: a whole newsroom in a temporary folder, from a roundup file to 500 inboxes on this machine."""

from __future__ import annotations

import json as json_format
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter import reports
from newsletter.app import App
from newsletter.audience import import_people
from newsletter.cli import say
from newsletter.cli.inbox import interruptible, wait_for_interrupt
from newsletter.cli.send import progress_bar
from newsletter.clock import system_clock
from newsletter.errors import BlockedError
from newsletter.issues import Issue
from newsletter.issues.dates import today_in
from newsletter.rehearsal import editor, judging
from newsletter.rehearsal.inbox import Inbox
from newsletter.rehearsal.newsroom import LIST, issue_from, lay_rehearsal, sample_issue
from newsletter.rehearsal.ports import take_free_port, take_port
from newsletter.rehearsal.readers import reader, write_readers
from newsletter.reports import Report
from newsletter.web.app import create_app
from newsletter.web.inbox.viewer import create_viewer
from newsletter.web.serving import Server

READERS = 500
PORT = 8025
CONSENT = "Invented for the demo; nobody was asked because nobody is there."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """The demo's newsroom, open, with its inbox and pages."""

    newsroom: App
    inbox: Inbox
    url: str
    folder: Path


def run(
    once: Annotated[
        bool, typer.Option("--once", help="Do it all, check the inbox, print one JSON line and leave.")
    ] = False,
    issue: Annotated[
        Path | None,
        typer.Option("--issue", metavar="FILE", help="Send this roundup file instead of the sample.", readable=False),
    ] = None,
    readers: Annotated[int, typer.Option(help="How many invented readers.", min=1, max=20_000)] = READERS,
    port: Annotated[
        int | None, typer.Option(help=f"The port for the browser; else {PORT}, or a free one.", min=0, max=65535)
    ] = None,
) -> None:
    """Make a newsroom in a temporary folder, send today's issue to invented readers, show their inbox. All on this machine."""
    started = time.monotonic()
    with interruptible(), _scene(port) as scene:
        composed = _issue(scene, issue)
        _subscribe(scene, readers)
        _sign_off(scene, composed)
        report = _send(scene, composed)
        if once:
            _judge(scene, composed, readers)
            answer = {
                "sent": report.as_dict()["accepted"],
                "inbox": len(judging.to_readers(scene.inbox.mailbox, [editor.ADDRESS])),
                "edition": report.mailing.edition_digest,
                "seconds": round(time.monotonic() - started, 2),
            }
            say.data_line(json_format.dumps(answer))
            return
        _show(scene, report)
        wait_for_interrupt()
        say.note("The newsroom is cleared away.")


@contextmanager
def _scene(port: int | None) -> Iterator[_Scene]:
    with (
        _listening(port) as listening,
        tempfile.TemporaryDirectory(prefix="newsletter-demo-") as name,
        Inbox(port=0, folder=Path(name) / "inbox") as inbox,
    ):
        folder = Path(name)
        url = f"http://localhost:{listening.getsockname()[1]}"
        settings = lay_rehearsal(folder, smtp_port=inbox.port, url=url)
        with App.open(settings) as newsroom:
            web = create_app(newsroom)
            shown: dict[str, Any] = {"newsroom": settings.newsroom.name, "zone": settings.newsroom.zone}
            web.mount("/inbox", create_viewer(inbox.mailbox, base_url=url, **shown))
            with Server(web, listening=listening):
                yield _Scene(newsroom=newsroom, inbox=inbox, url=url, folder=folder)


def _listening(port: int | None) -> socket.socket:
    """The browser's port, taken from the beginning: its number stands in the mail that is sent before it is served."""
    return take_free_port(preferred=PORT) if port is None else take_port("127.0.0.1", port, purpose="the demo")


def _issue(scene: _Scene, file: Path | None) -> Issue:
    settings = scene.newsroom.settings
    today = today_in(settings.newsroom.zone, system_clock())
    issue = issue_from(settings, file, today) if file else sample_issue(settings, today)
    say.note(f"Composed {issue.slug}: {len(issue.quotes)} quotes.")
    if file:
        decided = sum(quote.side_source == "decision" for quote in issue.quotes)
        say.note(f"The invented editor took {decided} suggested sides. An editor would look at these findings:")
        say.findings(issue.findings)
    return issue


def _sign_off(scene: _Scene, issue: Issue) -> None:
    signed = editor.sign_off(scene.newsroom, issue)
    if signed.waived:
        say.note(f"{editor.NAME}, who is invented, answers for these findings, which would stop a real send:")
        say.findings(signed.waived)
    say.note(f"{editor.NAME} tested edition {signed.edition[:12]} and approved it.")


def _subscribe(scene: _Scene, count: int) -> None:
    newsroom = scene.newsroom
    file = scene.folder / "readers.csv"
    write_readers(file, count)
    result = import_people(
        newsroom.store,
        file,
        list_name=LIST,
        consent=CONSENT,
        rejects=scene.folder / "rejects.csv",
        clock=newsroom.clock,
        fingerprint=newsroom.keys.fingerprint,
    )
    say.note(f"Imported {result.added:,} invented readers to the list {LIST}.")


def _send(scene: _Scene, issue: Issue) -> Report:
    newsroom = scene.newsroom
    plan = newsroom.plan(issue, LIST)
    with progress_bar() as on_progress:
        report = newsroom.send(plan, actor="demo", on_progress=on_progress)
    for line in reports.as_text(report).splitlines():
        say.note(f"  {line}" if line else "")
    if not report.finished:
        raise BlockedError(f"{report.waiting:,} deliveries are left", remedy="Start the demo again")
    return report


def _judge(scene: _Scene, issue: Issue, count: int) -> None:
    """Refuse to answer where the inbox does not hold exactly what was promised."""
    wanted = [reader(number)[0] for number in range(1, count + 1)]
    found = judging.faults(scene.inbox.mailbox, wanted, issue, aside=[editor.ADDRESS])
    if found:
        raise BlockedError(f"the inbox does not hold what was sent: {found[0]}, and {len(found) - 1} more faults")


def _show(scene: _Scene, report: Report) -> None:
    say.data_line(f"Inbox:    {scene.url}/inbox/")
    say.data_line(f"Newsroom: {scene.folder}")
    say.note(
        f"Edition {report.mailing.edition_digest[:12]} is in {report.as_dict()['accepted']:,} inboxes. Ctrl-C ends the demo."
    )
