"""Kills senders at random and at every named step of the protocol; the log of the other side is the judge.

A newsroom in a temporary folder sends one mailing through worker processes that are killed again and again. A worker is
the same as `newsletter worker`, with shorter waits between the tries and smaller chunks, so that there is more to kill.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import structlog
from crash_sink import Sink
from sqlalchemy import insert, select

from newsletter import reports
from newsletter.app import App
from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.delivery import stopping
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.control import unknown_of
from newsletter.delivery.senders.base import Capabilities, ChunkConnection, MessageConnection, Sender
from newsletter.delivery.standing_by import StandBy
from newsletter.delivery.steps import CRASH_AT, STEPS
from newsletter.publishing import mailings
from newsletter.rehearsal.sendgrid import Plan, Provider, read_log
from newsletter.rehearsal.sendgrid.provider import KEY
from newsletter.rendering import Edition
from newsletter.settings import load
from newsletter.store import tables
from newsletter.web.app import create_app
from newsletter.web.serving import Server

CONNECTIONS = 4
SECONDS_A_KILL = 1.5
SECONDS_TO_STEP = 6.0
PATIENCE = 600.0
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

    def check(self) -> None:
        self.sender.check()

    def open(self) -> MessageConnection | ChunkConnection:
        return self.sender.open()


class OtherSide:
    """What is at the end of the wire, and its log."""

    def settings(self) -> str:
        raise NotImplementedError

    def taken(self) -> Counter[str]:
        raise NotImplementedError

    def refused(self) -> set[str]:
        return set()

    def unknown_at_most(self, kills: int, recipients: int) -> int:
        """How many may be unknown after so many kills. Where there are events, these settle what was taken."""
        return recipients if kills else 0

    def start_telling(self, app: App) -> None:
        """Events begin to come."""

    def told_all(self) -> bool:
        return True


class MailServer(OtherSide):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def settings(self) -> str:
        return f'kind = "smtp"\nport = {self._sink.port}\n'

    def taken(self) -> Counter[str]:
        return Counter(self._sink.taken)

    def refused(self) -> set[str]:
        return set(self._sink.refused)

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


@dataclass(kw_only=True, slots=True)
class Running:
    """A worker process, where it is to die (empty: anywhere), and whether it was killed from outside."""

    process: subprocess.Popen[bytes]
    step: str
    started: float
    killed: bool = False

    @property
    def spared(self) -> bool:
        """Whether it is given time to come to its step."""
        long = PATIENCE if self.step.startswith("finish") else SECONDS_TO_STEP
        return bool(self.step) and time.monotonic() - self.started < long


class Workers:
    """The worker processes, and what has killed them. Every other one is told to die at a step."""

    def __init__(self, root: Path, *, number: int, chunk: int, steps: list[str]) -> None:
        self._command = [sys.executable, str(Path(__file__)), "--as-worker", str(root), "--chunk", str(chunk)]
        self._steps = steps
        self._started = 0
        self.near_end = False
        self.kills: Counter[str] = Counter()
        self._running = [self._start() for _ in range(number)]

    def look_after(self) -> None:
        """Start again what has died."""
        for place, worker in enumerate(self._running):
            code = worker.process.poll()
            if code is None:
                continue
            if code != -signal.SIGKILL:
                raise SystemExit(f"a worker ended by itself, with {code}")
            self._note(worker)
            self._running[place] = self._start()

    def kill(self, dice: random.Random) -> None:
        """Kill one at random, if there is one to kill."""
        free = [worker for worker in self._running if not worker.killed and not worker.spared]
        if free:
            chosen = dice.choice(free)
            chosen.killed = True
            chosen.process.kill()

    def end(self) -> None:
        """Ask all to stop; they must obey."""
        for worker in self._running:
            worker.process.send_signal(signal.SIGTERM)
        for worker in self._running:
            code = worker.process.wait(60)
            if code == -signal.SIGKILL:
                self._note(worker)
            elif code not in {0, -signal.SIGTERM}:
                # SIGTERM ends a worker at once that has only just begun to load.
                raise SystemExit(f"a worker ended with {code} when it was asked to stop")

    @property
    def missed(self) -> list[str]:
        """The steps that nobody died at."""
        return sorted(
            {step.partition(":")[0] for step in (*self._steps, *(each.step for each in self._running)) if step}
        )

    def _note(self, worker: Running) -> None:
        step = worker.step.partition(":")[0]
        if worker.killed and worker.step:
            # It never came to its step: another shall.
            self._steps.append(worker.step)
        self.kills["random" if worker.killed or not step else step] += 1

    def _start(self) -> Running:
        self._started += 1
        # The first two are told to die while the audience is frozen, then every other one; at the end, at its steps.
        open_steps = [step for step in self._steps if step.startswith("finish") == self.near_end]
        step = open_steps[0] if open_steps and (self._started <= 2 or self._started % 2 or self.near_end) else ""
        if step:
            self._steps.remove(step)
        environment = {**os.environ, **({CRASH_AT: step} if step else {})}
        process = subprocess.Popen(self._command, env=environment)
        return Running(process=process, step=step, started=time.monotonic())


def main() -> None:
    asked = arguments()
    if asked.as_worker:
        work(Path(asked.as_worker), asked.chunk)
        return
    with tempfile.TemporaryDirectory(prefix="crashtest-") as name, ExitStack() as stack:
        stack.enter_context(database(asked.store, Path(name)))
        other_side = make_other_side(asked, Path(name), stack)
        root = make_newsroom(Path(name), other_side)
        app = stack.enter_context(App.open(load(root)))
        other_side.start_telling(app)
        mailing_id = make_mailing(app, asked.recipients)
        kills = torture(app, mailing_id, other_side, root, asked)
        verdict = judge(app, mailing_id, other_side, asked)
        verdict["unknown_at_most"] = other_side.unknown_at_most(kills.total(), asked.recipients)
    verdict["kills"] = kills.total()
    print(json.dumps({"killed_at": dict(sorted(kills.items()))}), file=sys.stderr)
    print(json.dumps(verdict))
    held = verdict["balanced"] and verdict["unknown"] <= verdict["unknown_at_most"] and verdict["kills"] >= asked.kills
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
def database(kind: str, folder: Path) -> Iterator[None]:
    """PostgreSQL where it is asked for: the one of DATABASE_URL, or a cluster of its own."""
    if kind == "sqlite" or os.environ.get("DATABASE_URL"):
        yield
        return
    from crash_postgres import cluster  # noqa: PLC0415 - only where it is used

    with cluster(folder) as url:
        os.environ["DATABASE_URL"] = url
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
    chosen.sort(key=lambda step: (step != "freeze.writing", step != "freeze.committed", step.startswith("finish")))
    once = ("freeze", "lapse", "finish")
    return [f"{step}:{1 if step.startswith(once) else dice.randint(1, 6)}" for step in chosen]


def torture(app: App, mailing_id: int, other_side: OtherSide, root: Path, asked: argparse.Namespace) -> Counter[str]:
    """Kill until it has been enough and the mailing has ended; who was killed where."""
    dice = random.Random(asked.seed)
    steps = named_steps(asked.kills, dice)
    workers = Workers(root, number=asked.workers, chunk=asked.chunk, steps=steps)
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
    if workers.missed:
        print(f"nobody came to {', '.join(workers.missed)}", file=sys.stderr)
    return workers.kills


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
        "seed": asked.seed,
    }


def settle(app: App, mailing_id: int) -> None:
    """The last events have come: let them count."""
    from newsletter.delivery import evidence  # noqa: PLC0415 - as a worker does it every few seconds

    with app.store.writing() as connection:
        evidence.settle(connection, mailing_id, now=system_clock())


if __name__ == "__main__":
    main()
