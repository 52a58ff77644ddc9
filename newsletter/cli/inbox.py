"""`newsletter inbox`: a local inbox to rehearse with, and the pages that the mail's links lead to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated
from urllib.parse import urlsplit

import typer

from newsletter.app import App
from newsletter.cli import say
from newsletter.cli.newsroom import settings
from newsletter.delivery.senders import SENDGRID_KEY
from newsletter.rehearsal.inbox import Inbox
from newsletter.rehearsal.mailbox import Mailbox
from newsletter.rehearsal.sendgrid import Key, Provider
from newsletter.rehearsal.sendgrid.provider import KEY as PROVIDER_KEY
from newsletter.web.app import create_app
from newsletter.web.hooks import PATH as HOOK
from newsletter.web.inbox.viewer import create_viewer
from newsletter.web.serving import Server


def run(
    smtp_port: Annotated[
        int | None, typer.Option(help="The port for mail; else the sender's in newsletter.toml.", min=0, max=65535)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port for the browser; else the one in the newsroom's url.", min=0, max=65535)
    ] = None,
    sendgrid: Annotated[
        int | None,
        typer.Option(
            "--sendgrid", metavar="PORT", help="Stand in for SendGrid as well, on this port.", min=0, max=65535
        ),
    ] = None,
) -> None:
    """Take mail on this machine alone and show it in the browser, until Ctrl-C. Nothing leaves the machine."""
    found = settings()
    web_port = port if port is not None else urlsplit(found.newsroom.url).port or 8025
    mail_port = smtp_port if smtp_port is not None else found.sender.port
    with App.open(found) as newsroom, Inbox(port=mail_port, folder=found.data / "inbox", clock=newsroom.clock) as inbox:
        web = create_app(newsroom)
        viewer = create_viewer(
            inbox.mailbox,
            base_url=found.newsroom.url,
            newsroom=found.newsroom.name,
            zone=found.newsroom.zone,
            clock=newsroom.clock,
        )
        web.mount("/inbox", viewer)
        with Server(web, port=web_port) as server, _stand_in(newsroom, inbox.mailbox, sendgrid, hook=server.url + HOOK):
            say.data_line(f"Inbox: http://localhost:{server.port}/inbox/")
            say.note(f"It takes mail on 127.0.0.1:{inbox.port}. Ctrl-C ends it.")
            wait_for_interrupt()


@contextmanager
def _stand_in(newsroom: App, mailbox: Mailbox, port: int | None, *, hook: str) -> Iterator[None]:
    """Within the block, take what SendGrid would take, and post its signed events to our own pages."""
    if port is None:
        yield
        return
    # The same each time, and made up by nobody without our key: should the setting stay, the real pages take its events.
    signing = Key(int(newsroom.keys.user_hash("events of a rehearsed SendGrid")[:60], 16))
    is_set = newsroom.settings.sender.events_key == signing.public
    with Provider(port=port, mailbox=mailbox, webhook=hook if is_set else None, signing=signing) as provider:
        say.note("It stands in for SendGrid, with this in newsletter.toml:")
        for line in ("[sender]", 'kind = "sendgrid"', f'url = "{provider.url}"', f'events_key = "{signing.public}"'):
            say.note(f"    {line}")
        say.note(f"and {SENDGRID_KEY}={PROVIDER_KEY} in the environment.")
        if not is_set:
            say.note("Put it in and start this again: events come only then.")
        yield


_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a supervisor's stop, and a terminal whose window was closed: all three end a server in good order."""


def wait_for_interrupt(ended: threading.Event | None = None) -> None:
    """Sleep until Ctrl-C (or SIGTERM or SIGHUP, which do the same here), or until `ended` is set."""
    ended = ended or threading.Event()
    with _handled(lambda *_: ended.set()):
        ended.wait()


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, so that it is left in good order."""
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    previous = {number: signal.signal(number, handler) for number in _ENDS}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
