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
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import crash_days
import crash_waves
import structlog
from crash_other_side import CONNECTIONS, OtherSide, make_other_side
from crash_workers import PATIENCE, Workers
from plain_edition import plain_edition
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
from newsletter.delivery.steps import SCHEDULER_STEPS, STEPS
from newsletter.publishing import mailings
from newsletter.rehearsal.postgresql import cluster
from newsletter.settings import load
from newsletter.store import tables

SECONDS_A_KILL = 1.5
NEAR_END = 0.85
QUICK = Backoff(first=0.3, longest=2.0)
EDITION = plain_edition("A rehearsal of crashes", "Hello")


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


def main() -> None:
    asked = arguments()
    if asked.as_worker:
        work(Path(asked.as_worker), asked.chunk)
        return
    if asked.as_scheduler:
        schedule(Path(asked.as_scheduler))
        return
    if asked.days:
        with database(asked.store):
            sys.exit(0 if crash_days.run(asked) else 1)
    with tempfile.TemporaryDirectory(prefix="crashtest-") as name, ExitStack() as stack:
        stack.enter_context(database(asked.store))
        other_side = make_other_side(asked, Path(name), stack)
        root = make_newsroom(Path(name), other_side)
        app = stack.enter_context(App.open(load(root)))
        other_side.start_telling(app)
        mailing_id = make_mailing(app, asked)
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
    parser.add_argument("--waves", type=int, default=0, help="in so many waves, that schedulers start")
    parser.add_argument(
        "--days", type=int, default=0, help="so many days under a driven clock, in place of one mailing"
    )
    parser.add_argument("--schedulers", type=int, default=2, help="how many run for waves and for days")
    parser.add_argument("--as-worker", help=argparse.SUPPRESS)
    parser.add_argument("--as-scheduler", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.chunk = asked.chunk or max(1, min(1_000, asked.recipients // (20 * max(asked.kills, 1))))
    # So slow that there is a kill every second or so while the mailing is sent, and not after.
    calls = asked.recipients if asked.sender == "smtp" else asked.recipients / asked.chunk
    asked.pace = min(asked.kills * SECONDS_A_KILL * CONNECTIONS * asked.workers / calls, 0.5)
    # The waves come while there is killing.
    asked.length = timedelta(seconds=0.8 * asked.kills * SECONDS_A_KILL)
    return asked


def schedule(root: Path) -> None:
    """Be a scheduler, as `newsletter scheduler` is."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with App.open(load(root)) as app:
        scheduler = app.scheduler()
        with stopping(scheduler.stop):
            scheduler.run()


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


def make_mailing(app: App, asked: argparse.Namespace) -> int:
    """Readers, and a mailing to them: started and not frozen, or scheduled in waves."""
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
        people = [{"address": each, "address_key": each, **person} for each in addresses(asked.recipients)]
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
    if not asked.waves:
        return mailings.move(app.store, made, made.start(now)).id
    crash_waves.part(app, made, number=asked.waves, length=asked.length, now=now)
    return made.id


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
    ours = [sys.executable, str(Path(__file__))]
    workers = Workers([*ours, "--as-worker", str(root), "--chunk", str(asked.chunk)], number=asked.workers, steps=steps)
    starts = [f"{step}:1" for step in SCHEDULER_STEPS if step.startswith("start")]
    number = asked.schedulers if asked.waves else 0
    schedulers = Workers([*ours, "--as-scheduler", str(root)], number=number, steps=starts if number else [])
    pools = (workers, schedulers)
    give_up = time.monotonic() + PATIENCE
    try:
        while not has_ended(app, mailing_id) or not other_side.told_all():
            if time.monotonic() > give_up:
                print(reports.as_text(reports.of(app.store, mailing_id)), file=sys.stderr)
                raise SystemExit("the mailing does not come to its end")
            for pool in pools:
                pool.look_after()
            progress = sum(other_side.taken().values()) / asked.recipients
            workers.near_end = progress > NEAR_END
            if workers.kills.total() < asked.kills * min(progress * 1.1, 1.0):
                time.sleep(dice.uniform(0.3, 1.5))
                workers.kill(dice)
                schedulers.kill(dice)
            if asked.waves:
                crash_waves.move_some(app, number=asked.waves, recipients=asked.recipients, dice=dice)
            time.sleep(0.05)
        while workers.kills.total() < asked.kills:
            # Also those who have nothing to do may be killed.
            workers.near_end = False
            workers.kill(dice)
            time.sleep(0.1)
            workers.look_after()
    finally:
        for pool in pools:
            pool.end()
    return workers.kills + schedulers.kills, [*workers.missed, *schedulers.missed]


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
