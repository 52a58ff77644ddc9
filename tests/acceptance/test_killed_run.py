"""Whatever of a running newsroom is killed, and however often: the scheduled issue goes out once, at its time."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from newsletter import reports, store
from newsletter.clock import system_clock
from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import defaults
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus

if TYPE_CHECKING:
    from conftest import Command

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
READERS = 200
CONNECTIONS = 4
BY_THE_SECOND = 25
BEFORE = ("scheduler", "worker", "run", "web")
DURING = ("worker", "scheduler", "run", "worker", "web", "run", "worker")
_STARTED = re.compile(r"(\w+): started, process (\d+)")


class Newsroom:
    """`newsletter run`, and what it has started."""

    def __init__(self, command: Command, folder: Path, port: int) -> None:
        self._command, self._folder, self._port = command, folder, port
        self._readers: list[threading.Thread] = []
        self.said: list[str] = []
        self.pids: dict[str, int] = {}
        self.start()

    def start(self) -> None:
        self.process = self._command.start("run", "--port", str(self._port), cwd=self._folder)
        self._readers.append(threading.Thread(target=self._listen, args=(self.process,)))
        self._readers[-1].start()

    def strike(self, victim: str, wait_until: Callable[..., None]) -> None:
        """Kill it once it is there."""
        if self.process.poll() is not None:
            self.start()
        if victim != "run":
            wait_until(lambda: victim in self.pids)
            with suppress(ProcessLookupError):
                os.kill(self.pids.pop(victim), signal.SIGKILL)
        else:
            self.process.kill()
            self.process.wait(30)
            self.pids.clear()
            self.start()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        for reader in self._readers:
            reader.join(60)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line)
            if (found := _STARTED.search(line)) and process is self.process:
                self.pids[found[1]] = int(found[2])


def scheduled(newsletter: Command, folder: Path) -> datetime:
    """The issue waits for an hour a few seconds from now."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    newsletter.run("issue", "schedule", FERRY, "--list", "daily", "--at", f"{tomorrow} 06:00", "--yes", cwd=folder)
    due = datetime.now(UTC) + timedelta(seconds=6)
    with (
        closing(store.open(store.sqlite_url(folder / "data" / "newsletter.db"))) as opened,
        opened.writing() as writing,
    ):
        writing.execute(update(tables.mailing).values(due_at=due))
        writing.execute(update(tables.wave).values(due_at=due))
    return due


def test_a_newsroom_that_is_killed_in_all_its_parts_sends_the_scheduled_issue_once_at_its_time(
    newsletter, lay_newsroom, free_port, wait_until, tmp_path
):
    dice = random.Random(11)
    with Inbox(port=0, clock=system_clock) as inbox:
        # So slow that it is killed while it sends.
        port = f"{inbox.port}\nper_second = {BY_THE_SECOND}"
        folder = lay_newsroom(tmp_path / "harbour", port=port, connections=CONNECTIONS)
        addresses = [f"reader{number:03}@reader.example" for number in range(READERS)]
        (folder / "readers.csv").write_text("email\n" + "\n".join(addresses) + "\n")
        newsletter.run("subscriber", "import", "readers.csv", "--list", "daily", "--yes", cwd=folder)
        due = scheduled(newsletter, folder)
        running = Newsroom(newsletter, folder, free_port())
        try:
            for victim in BEFORE:
                running.strike(victim, wait_until)
                time.sleep(dice.uniform(0.1, 0.6))
                assert not inbox.mailbox.count() or datetime.now(UTC) >= due
            for victim in DURING:
                before = inbox.mailbox.count()
                wait_until(lambda before=before: inbox.mailbox.count() > before, seconds=60)
                time.sleep(dice.uniform(0.0, 0.4))
                running.strike(victim, wait_until)
            assert inbox.mailbox.count() < READERS, "it was done before all was killed"
            with closing(store.open(store.sqlite_url(folder / "data" / "newsletter.db"))) as opened:
                wait_until(lambda: reports.of(opened, 1).finished, seconds=90)
                report = reports.of(opened, 1)
                with opened.reading() as connection:
                    actions = connection.execute(select(tables.audit.c.action)).scalars().all()
        finally:
            running.end()
        arrived = Counter(address for message in inbox.mailbox for address in message.rcpt_tos)
    unknown = report.counts[DeliveryStatus.UNKNOWN]
    assert actions.count("mailing.start") == 1
    assert report.mailing.started_at is not None
    assert timedelta(0) <= report.mailing.started_at - due < timedelta(seconds=30)
    assert report.prepared == READERS == report.counts[DeliveryStatus.ACCEPTED] + unknown
    assert unknown <= CONNECTIONS * (DURING.count("worker") + DURING.count("run"))
    assert set(arrived.values()) == {1}
    assert READERS - unknown <= len(arrived) <= READERS
    assert "a fault of the program" not in "".join(running.said)
