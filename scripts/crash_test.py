"""Kills senders at random and at every named step of the protocol; the log of the other side is the judge.

A newsroom in a temporary folder sends one mailing through worker processes that are killed again and again. A worker is
the same as `newsletter worker`, with shorter waits between the tries and smaller chunks, so that there is more to kill.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import structlog
from crash_sink import Sink
from crash_workers import PATIENCE, Workers
from sqlalchemy import insert, select

from newsletter import reports
from newsletter.app import App
from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.delivery import return_path, stopping
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.control import unknown_of
from newsletter.delivery.senders.base import Capabilities, ChunkConnection, MessageConnection, Sender
from newsletter.delivery.standing_by import StandBy
from newsletter.delivery.steps import STEPS
from newsletter.publishing import mailings
from newsletter.rehearsal.postgresql import cluster
from newsletter.rehearsal.sendgrid import Plan, Provider, read_log
from newsletter.rehearsal.sendgrid.provider import KEY
from newsletter.rendering import Edition
from newsletter.settings import load
from newsletter.store import tables
from newsletter.web.app import create_app
from newsletter.web.serving import Server

CONNECTIONS = 4
SECONDS_A_KILL = 1.5
NEAR_END = 0.85
NONCE = "0123456789abcdef"
QUICK = Backoff(first=0.3, longest=2.0)
EDITION = Edition(
    subject="A rehearsal of crashes",
    preheader="Nobody is lost",
    html=f"<p>Hello slot{NONCE}nameend, <a href='http://localhost/leave/slot{NONCE}leaveend'>leave</a></p>",
    text=f"Hello slot{NONCE}nameend\nLeave: http://localhost/leave/slot{NONCE}leaveend\n",
    nonce=NONCE,
    from_name="The Harbour Letter",
    from_address="letter@harbour.example",
    from_header="From: The Harbour Letter <letter@harbour.example>",
    reply_to=None,
    language="en",
    base_url="http://localhost:8025",
    manifest={},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Smaller:
    """A sender that takes smaller chunks."""

    sender: Sender
    chunk: int

    @property
    def name(self) -> str:
        return self.sender.name

    @property
    def place(self) -> str:
        return self.sender.place

    @property
    def capabilities(self) -> Capabilities:
        able = self.sender.capabilities
        return able if able.whole_messages else replace(able, chunk=self.chunk)

    def check(self, *, stop: threading.Event | None = None) -> None:
        self.sender.check(stop=stop)

    def open(self) -> MessageConnection | ChunkConnection:
        return self.sender.open()


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


def main() -> None:
    asked = arguments()
    if asked.as_worker:
        work(Path(asked.as_worker), asked.chunk)
        return
    with tempfile.TemporaryDirectory(prefix="crashtest-") as name, ExitStack() as stack:
        stack.enter_context(database(asked.store))
        other_side = make_other_side(asked, Path(name), stack)
        root = make_newsroom(Path(name), other_side)
        app = stack.enter_context(App.open(load(root)))
        other_side.start_telling(app)
        mailing_id = make_mailing(app, asked.recipients)
        kills, missed = torture(app, mailing_id, other_side, root, asked)
        verdict = judge(app, mailing_id, other_side, asked)
        verdict["missed"] = missed
        verdict["unknown_at_most"] = other_side.unknown_at_most(kills.total(), asked.recipients)
    verdict["kills"] = kills.total()
    print(json.dumps({"killed_at": dict(sorted(kills.items()))}), file=sys.stderr)
    print(json.dumps(verdict))
    held = verdict["balanced"] and verdict["unknown"] <= verdict["unknown_at_most"] and verdict["kills"] >= asked.kills
    held = held and not verdict["misnamed"] and not (missed and asked.kills >= 2 * len(STEPS))
    sys.exit(1 if verdict["lost"] or verdict["twice"] or not held else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/crashtest", description=__doc__)
    parser.add_argument("--sender", choices=["smtp", "sendgrid"], default="smtp")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--recipients", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ill", type=float, default=0.15, help="the share of calls that fare badly")
    parser.add_argument("--chunk", type=int, default=0, help="deliveries a call, where a call takes several")
    parser.add_argument("--as-worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.chunk = asked.chunk or max(1, min(1_000, asked.recipients // (20 * max(asked.kills, 1))))
    # So slow that there is a kill every second or so while the mailing is sent, and not after.
    calls = asked.recipients if asked.sender == "smtp" else asked.recipients / asked.chunk
    asked.pace = min(asked.kills * SECONDS_A_KILL * CONNECTIONS * asked.workers / calls, 0.5)
    return asked


def work(root: Path, chunk: int) -> None:
    """Be a worker, as `newsletter worker` is."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with App.open(load(root)) as app:
        sender = Smaller(sender=app.sender(), chunk=chunk)
        standing_by = StandBy(store=app.store, keys=app.keys, sender=sender, clock=app.clock, backoff=QUICK)
        with stopping(standing_by.stop):
            standing_by.run()


@contextmanager
def database(kind: str) -> Iterator[None]:
    """PostgreSQL where it is asked for: the one of DATABASE_URL, or a cluster of its own."""
    if kind == "sqlite" or os.environ.get("DATABASE_URL"):
        yield
        return
    with cluster() as server:
        os.environ["DATABASE_URL"] = server.url
        yield


def make_other_side(asked: argparse.Namespace, folder: Path, stack: ExitStack) -> OtherSide:
    if asked.sender == "smtp":
        # A quarter of the longest delay is the mean one.
        return MailServer(stack.enter_context(Sink(seed=asked.seed, ill=asked.ill, delay=4 * asked.pace)))
    os.environ["NEWSLETTER_SENDGRID_KEY"] = KEY
    log = folder / "provider.log"
    plan = replace(Plan.bad_day(asked.seed, ill=asked.ill), slow=1.0, delay=2 * asked.pace)
    return SendGrid(stack.enter_context(Provider(log=log, plan=plan)), log, stack)


def make_newsroom(folder: Path, other_side: OtherSide) -> Path:
    root = folder / "newsroom"
    root.mkdir()
    (root / "outlets.toml").write_text("", encoding="utf-8")
    (root / "newsletter.toml").write_text(
        f"""
        [newsroom]
        name = "The Harbour Letter"
        postal_address = "1 Harbour Row"
        from_address = "letter@harbour.example"
        [lists.daily]
        title = "The Daily"
        [sender]
        connections = {CONNECTIONS}
        timeout_seconds = 2
        {other_side.settings()}
        """,
        encoding="utf-8",
    )
    return root


def addresses(number: int) -> list[str]:
    return [f"r{each:06}@readers.example" for each in range(number)]


def make_mailing(app: App, recipients: int) -> int:
    """Readers, and a mailing to them that has been started and not frozen."""
    target, now = lists.require(app.store, "daily"), system_clock()
    person = {"domain": "readers.example", "name": "Reader", "created_at": now}
    consent = {
        "list_id": target.id,
        "status": "subscribed",
        "consent_text": "invented",
        "consent_source": "the crash test",
        "consent_at": now,
        "changed_at": now,
    }
    with app.store.writing() as connection:
        people = [{"address": each, "address_key": each, **person} for each in addresses(recipients)]
        connection.execute(insert(tables.subscriber), people)
        ids = connection.execute(select(tables.subscriber.c.id)).scalars().all()
        connection.execute(insert(tables.subscription), [{"subscriber_id": each, **consent} for each in ids])
    order = mailings.Order(
        issue="2026-11-23-crashes",
        edition=EDITION,
        target=target,
        local_date=date(2026, 11, 23),
        not_later_than=now + timedelta(hours=6),
        actor="the crash test",
    )
    made = mailings.create(app.store, order, now=now)
    return mailings.move(app.store, made, made.start(now)).id


DANGEROUS = ("claim.committed", "call.returned", "record.writing", "call.begins", "record.committed", "lapse.writing")


def named_steps(kills: int, dice: random.Random) -> list[str]:
    """Where to kill by name: at every step where there are kills enough, else at the most dangerous ones."""
    chosen = list(STEPS) if kills >= 2 * len(STEPS) else list(DANGEROUS[: max(kills // 2, 1)])
    dice.shuffle(chosen)
    # Frozen first (and written before it is committed), finished last.
    # What follows a death is reached by one worker of several: the sooner it is looked for, the more chances there are.
    first = ("freeze.writing", "freeze.committed", "lapse.writing", "lapse.committed")
    in_turn = (*first, "", "finish.writing", "finish.committed")
    chosen.sort(key=lambda step: in_turn.index(step if step in in_turn else ""))
    once = ("freeze", "lapse", "finish")
    return [f"{step}:{1 if step.startswith(once) else dice.randint(1, 6)}" for step in chosen]


def torture(
    app: App, mailing_id: int, other_side: OtherSide, root: Path, asked: argparse.Namespace
) -> tuple[Counter[str], list[str]]:
    """Kill until it has been enough and the mailing has ended; who was killed where, and the steps that nobody died at."""
    dice = random.Random(asked.seed)
    steps = named_steps(asked.kills, dice)
    command = [sys.executable, str(Path(__file__)), "--as-worker", str(root), "--chunk", str(asked.chunk)]
    workers = Workers(command, number=asked.workers, steps=steps)
    give_up = time.monotonic() + PATIENCE
    try:
        while not has_ended(app, mailing_id) or not other_side.told_all():
            if time.monotonic() > give_up:
                print(reports.as_text(reports.of(app.store, mailing_id)), file=sys.stderr)
                raise SystemExit("the mailing does not come to its end")
            workers.look_after()
            progress = sum(other_side.taken().values()) / asked.recipients
            workers.near_end = progress > NEAR_END
            if workers.kills.total() < asked.kills * min(progress * 1.1, 1.0):
                time.sleep(dice.uniform(0.3, 1.5))
                workers.kill(dice)
            time.sleep(0.05)
        while workers.kills.total() < asked.kills:
            # Also those who have nothing to do may be killed.
            workers.near_end = False
            workers.kill(dice)
            time.sleep(0.1)
            workers.look_after()
    finally:
        workers.end()
    return workers.kills, workers.missed


def has_ended(app: App, mailing_id: int) -> bool:
    return mailings.get(app.store, mailing_id).ended


def judge(app: App, mailing_id: int, other_side: OtherSide, asked: argparse.Namespace) -> dict[str, Any]:
    """By the other side's log: lost is who got nothing, was not refused there and is not listed by name."""
    settle(app, mailing_id)
    report = reports.of(app.store, mailing_id)
    taken, refused = other_side.taken(), other_side.refused()
    listed = {one.address for one in unknown_of(app.store, mailing_id, limit=asked.recipients)}
    wanted = set(addresses(asked.recipients))
    return {
        "lost": len(wanted - set(taken) - refused - listed),
        "twice": sum(count > 1 for count in taken.values()),
        "unknown": len(listed),
        "unknown_that_got_it": len(listed & set(taken)),
        "recipients": asked.recipients,
        "taken": len(taken),
        "rejected": len(refused),
        "balanced": report.finished,
        "misnamed": other_side.misnamed(app),
        "seed": asked.seed,
    }


def settle(app: App, mailing_id: int) -> None:
    """The last events have come: let them count."""
    from newsletter.delivery import evidence  # noqa: PLC0415 - as a worker does it every few seconds

    with app.store.writing() as connection:
        evidence.settle(connection, mailing_id, now=system_clock())


if __name__ == "__main__":
    main()
