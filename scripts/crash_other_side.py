"""What is at the other end of the crash test's wire: a mail server or a provider that behaves badly, and its log."""

from __future__ import annotations

import argparse
import os
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from crash_sink import Sink

from newsletter.app import App
from newsletter.delivery import return_path
from newsletter.rehearsal.sendgrid import Plan, Provider, read_log
from newsletter.rehearsal.sendgrid.provider import KEY
from newsletter.web.app import create_app
from newsletter.web.serving import Server

CONNECTIONS = 4


class OtherSide(ABC):
    """What is at the end of the wire, and its log."""

    @abstractmethod
    def settings(self) -> str:
        """The newsroom's `[sender]`, that leads to it."""

    @abstractmethod
    def taken(self) -> Counter[str]:
        """Address → how often it took a message for it."""

    def refused(self) -> set[str]:
        return set()

    def misnamed(self, app: App) -> int:  # noqa: ARG002 - a provider has no return paths
        """Recipients whose attempts did not come under one Message-ID, or with a return path that is not theirs."""
        return 0

    def unknown_at_most(self, kills: int, recipients: int) -> int:
        """How many may be unknown after so many kills. Where there are events, these settle what was taken."""
        return recipients if kills else 0

    def start_telling(self, app: App) -> None:  # noqa: ARG002 - as in `misnamed`
        """Events begin to come; from a mail server none do."""
        return

    def told_all(self) -> bool:
        return True


class MailServer(OtherSide):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def settings(self) -> str:
        return f'kind = "smtp"\nport = {self._sink.port}\nreturn_path = "bounces@harbour.example"\n'

    def taken(self) -> Counter[str]:
        return Counter(self._sink.taken)

    def refused(self) -> set[str]:
        return set(self._sink.refused)

    def misnamed(self, app: App) -> int:
        several = sum(len(ids) != 1 for ids in self._sink.message_ids.values())
        return several + sum(not self._own(paths, app) for paths in self._sink.return_paths.values())

    @staticmethod
    def _own(paths: set[str], app: App) -> bool:
        """Whether all are signed and name one delivery, each another attempt."""
        named = [return_path.read(path, app.keys) for path in paths]
        return None not in named and len({one.delivery for one in named if one}) == 1

    def unknown_at_most(self, kills: int, recipients: int) -> int:
        return min(recipients, kills * CONNECTIONS + self._sink.unanswered)


class SendGrid(OtherSide):
    def __init__(self, provider: Provider, log: Path, stack: ExitStack) -> None:
        self._provider, self._log, self._stack = provider, log, stack

    def settings(self) -> str:
        key = self._provider.signing.public
        return f'kind = "sendgrid"\nurl = "{self._provider.url}"\nevents_key = "{key}"\n'

    def taken(self) -> Counter[str]:
        return Counter(one.address for one in read_log(self._log))

    def start_telling(self, app: App) -> None:
        server = self._stack.enter_context(Server(create_app(app)))
        self._provider.webhook = f"{server.url}/hooks/sendgrid"

    def told_all(self) -> bool:
        return self._provider.posting == 0


def make_other_side(asked: argparse.Namespace, folder: Path, stack: ExitStack) -> OtherSide:
    if asked.sender == "smtp":
        # A quarter of the longest delay is the mean one.
        return MailServer(stack.enter_context(Sink(seed=asked.seed, ill=asked.ill, delay=4 * asked.pace)))
    os.environ["NEWSLETTER_SENDGRID_KEY"] = KEY
    log = folder / "provider.log"
    plan = replace(Plan.bad_day(asked.seed, ill=asked.ill), slow=1.0, delay=2 * asked.pace)
    return SendGrid(stack.enter_context(Provider(log=log, plan=plan)), log, stack)
