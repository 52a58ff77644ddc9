"""Following a mailing: how it stands, again and again, until it has ended."""

from __future__ import annotations

import json as json_format
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from newsletter import reports
from newsletter.app import App
from newsletter.cli import say
from newsletter.reports import Report

_NAP = 1.0
_SHARE = 3.0
"""Looking takes at most one part in four of the time: at a million deliveries a look takes seconds."""


def follow(newsroom: App, mailing: int, *, json: bool) -> None:
    """Show it until it has ended and nothing of it is in the air, or until Ctrl-C; what is shown last stays.

    Raises:
        InputError: there is no such mailing.
    """
    looks = _looks(newsroom, mailing)
    try:
        if sys.stdout.isatty() and not json:
            _redraw(looks)
        else:
            _tell_changes(looks, json=json)
    except KeyboardInterrupt:
        say.note("The mailing goes on without you.")


def _looks(newsroom: App, mailing: int) -> Iterator[Report]:
    while True:
        began = time.monotonic()
        report = reports.of(newsroom.store, mailing, clock=newsroom.clock)
        yield report
        if report.mailing.ended and not report.waiting:
            return
        time.sleep(max(_NAP, _SHARE * (time.monotonic() - began)))


def _redraw(looks: Iterator[Report]) -> None:
    # Gone at the end: the whole report takes its place.
    with Live(console=Console(highlight=False), auto_refresh=False, transient=True) as screen:
        for report in looks:
            screen.update(Text(say.plain(reports.summary(report, width=say.width()).rstrip())), refresh=True)


def _tell_changes(looks: Iterator[Report], *, json: bool) -> None:
    told = None
    for report in looks:
        now = (report.mailing.status, report.phase, report.trouble, report.workers, dict(report.counts))
        if now == told:
            continue
        told = now
        if json:
            say.data_line(json_format.dumps(report.as_dict(), ensure_ascii=False))
        else:
            in_the_way = f" In the way: {report.trouble}" if report.trouble else ""
            say.data_line(say.plain(f"{report.at:%H:%M:%S} UTC  {reports.headline(report)}{in_the_way}"))
