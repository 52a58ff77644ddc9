"""The readers' pages under load: 50 requests a second, with a million subscribers, at rest and beside a running mailing.

Targets (issue 6): the 95th percentile at most 100 ms with a million subscribers, at most 50 ms beside a running mailing;
at most 40 KB for each page, packed. The load is open: a request goes out when its time has come, whether the one before
has been answered or not, so that waiting is counted. Web server and worker are processes of their own, as in production.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import httpx
from bench_newsroom import PATIENCE, Asked, Newsroom, Process, newsroom, people, start_mailing
from bench_provider import provider
from bench_rows import Row, long_issue
from sqlalchemy import select

from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.publishing import Mailing, mailings
from newsletter.rehearsal.ports import take_port
from newsletter.rendering import Edition
from newsletter.store.statuses import MailingStatus
from newsletter.store.tables import wave

READERS = 1_000_000
RATE = 50.0
SECONDS = 30.0
ISSUES = 60
WARM_UP = 200
KILOBYTES = 40
_FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request of the load. `kind` is what it is reported under."""

    kind: str
    path: str
    form: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What came of a load: milliseconds by kind, and how many answers were no success."""

    taken: dict[str, list[float]]
    failed: int

    def percentile(self, part: float, kind: str | None = None) -> float:
        """Of all requests, or of one kind."""
        values = self.taken[kind] if kind else [value for each in self.taken.values() for value in each]
        return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def measured(asked: Asked) -> Iterator[Row]:
    """Rows of the pages at rest, beside a mailing, and of their sizes."""
    count = asked.readers(READERS)
    seconds = 2.0 if asked.quick else SECONDS
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        provider(Path(folder), seconds=0.3) as fake,
        newsroom(fake.sender, secrets=fake.secrets) as here,
    ):
        people(here.store, count)
        _publish(here)
        with _web(here) as url:
            yield from _sizes(here, url, count)
            at_rest = asyncio.run(_load(here, url, count, seconds))
            yield from _rows(f"{count:,} subscribers, {RATE:.0f} requests/s", at_rest, target=100)
            yield from _beside_a_mailing(here, url, count, seconds)


def _beside_a_mailing(here: Newsroom, url: str, count: int, seconds: float) -> Iterator[Row]:
    """The same load twice: while the readers' deliveries are written down, and while they are sent."""
    made = start_mailing(here.store, long_issue()[2], day=30)
    worker = here.worker(until_ready=True)
    try:
        freezing = asyncio.run(_load(here, url, count, seconds))
        still = not _released(here, made)
        yield from _rows(
            f"  beside a mailing that is {'frozen' if still else 'frozen, then sent'}", freezing, target=50
        )
        until = time.monotonic() + PATIENCE
        while not _released(here, made) and time.monotonic() < until:
            time.sleep(0.2)
        sending = asyncio.run(_load(here, url, count, seconds))
        status = mailings.get(here.store, made.id).status
        yield from _rows(f"  beside a mailing that is sent ({status} at the end)", sending, target=50)
    finally:
        worker.stop()
        worker.wait()


def _released(here: Newsroom, made: Mailing) -> bool:
    """Whether all deliveries of the mailing are written down."""
    with here.store.reading() as connection:
        waves = select(wave.c.released_at).where(wave.c.mailing_id == made.id)
        return None not in connection.execute(waves).scalars().all()


def _publish(here: Newsroom) -> None:
    """An archive: so many issues, each with words of its own."""
    _, _, edition = long_issue()
    target, now = lists.require(here.store, "daily"), system_clock()
    for number in range(ISSUES):
        day = date(2026, 9, 1) + timedelta(days=number)
        order = mailings.Order(
            issue=f"{day}-bench",
            edition=_varied(edition, number),
            target=target,
            local_date=day,
            not_later_than=now + timedelta(hours=6),
            actor="a benchmark",
        )
        made = mailings.create(here.store, order, now=now)
        started = mailings.move(here.store, made, made.start(now - timedelta(days=ISSUES - number)))
        # Long over: no worker looks for its readers.
        mailings.move(here.store, started, replace(started, status=MailingStatus.FINISHED, finished_at=now))


def _varied(edition: Edition, number: int) -> Edition:
    return replace(edition, subject=f"Question {number} of the harbour", preheader=f"An answer, number {number}")


@contextmanager
def _web(here: Newsroom) -> Iterator[str]:
    """`newsletter web`, as a person starts it, once it answers."""
    with closing(take_port("127.0.0.1", 0, purpose="the benchmark")) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "newsletter", "web", "--port", str(port)]
    process = Process.start(command, here.root, here.environ)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(url)
        yield url
    finally:
        process.stop()
        process.wait()


def _wait_until_it_answers(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > until:
            raise SystemExit("the pages do not come up")
        time.sleep(0.05)


def _sizes(here: Newsroom, url: str, count: int) -> Iterator[Row]:
    """Of each kind of page, packed, as it crosses the network; style sheet and icon come once and are kept."""
    seen = {}
    with httpx.Client(headers={"accept-encoding": "gzip"}) as client:
        for request in _requests(here, count):
            if not request.form and request.kind not in seen:
                with client.stream("GET", url + request.path) as answer:
                    size = sum(len(piece) for piece in answer.iter_raw())
                    seen[request.kind] = size
            if len(seen) == len(_KINDS) - 1:
                break
    largest = max(seen, key=lambda kind: seen[kind])
    yield Row(name=f"largest page, packed ({largest})", value=seen[largest] / 1024, unit="KB", target=KILOBYTES)


_KINDS = {
    "home": 4,
    "archive": 2,
    "search": 1,
    "issue": 4,
    "feed": 3,
    "preferences": 3,
    "leave page": 2,
    "unsubscribe": 1,
}
"""What readers ask for, and how often. One request in twenty writes: more than any newsletter sees."""


def _requests(here: Newsroom, count: int) -> Iterator[Request]:
    """What readers ask for, in no order, the same in each run."""
    chance = random.Random(7)
    target = lists.require(here.store, "daily")
    kinds, weights = list(_KINDS), list(_KINDS.values())
    while True:
        kind = chance.choices(kinds, weights)[0]
        token = here.app.keys.leave(chance.randint(1, count), target.id)
        day = date(2026, 9, 1) + timedelta(days=chance.randrange(ISSUES))
        paths = {
            "home": "/",
            "archive": f"/archive?page={chance.randint(1, ISSUES // 20)}",
            "search": "/archive?q=harbour+ferry",
            "issue": f"/archive/{day}-bench",
            "feed": chance.choice(("/feed.xml", "/feed.atom", "/feed.json")),
            "preferences": f"/preferences/{token}",
            "leave page": f"/leave/{token}",
            "unsubscribe": f"/leave/{token}",
        }
        yield Request(kind=kind, path=paths[kind], form="List-Unsubscribe=One-Click" if kind == "unsubscribe" else "")


async def _load(here: Newsroom, url: str, count: int, seconds: float) -> Load:
    """Ask at the rate for so long, once each issue has been asked for: the first time it is made ready, and kept."""
    taken: dict[str, list[float]] = defaultdict(list)
    failed = 0

    async def ask(client: httpx.AsyncClient, request: Request, *, counts: bool = True) -> None:
        nonlocal failed
        begun = time.perf_counter()
        if request.form:
            answer = await client.post(url + request.path, content=request.form, headers=_FORM)
        else:
            answer = await client.get(url + request.path)
        if counts:
            taken[request.kind].append((time.perf_counter() - begun) * 1000)
            failed += answer.status_code != 200

    requests = _requests(here, count)
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with httpx.AsyncClient(limits=limits, timeout=30, headers={"accept-encoding": "gzip"}) as client:
        for _ in range(WARM_UP):
            await ask(client, next(requests), counts=False)
        running: set[asyncio.Task[None]] = set()
        begun = time.perf_counter()
        for number in range(round(seconds * RATE)):
            await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            running.add(asyncio.create_task(ask(client, next(requests))))
        await asyncio.gather(*running)
    return Load(taken=taken, failed=failed)


def _rows(name: str, load: Load, *, target: float) -> Iterator[Row]:
    yield Row(name=f"{name}: 95 % within", value=load.percentile(0.95), unit="ms", target=target)
    reads = [value for kind, values in load.taken.items() if kind != "unsubscribe" for value in values]
    yield Row(
        name="    pages that only read: 95 % within",
        value=statistics.quantiles(reads, n=20)[-1],
        unit="ms",
        target=target,
    )
    yield Row(name="    half within", value=load.percentile(0.5), unit="ms")
    yield Row(name="    99 % within", value=load.percentile(0.99), unit="ms")
    slowest = max(load.taken, key=lambda kind: load.percentile(0.95, kind))
    yield Row(name=f"    the slowest kind ({slowest}): 95 % within", value=load.percentile(0.95, slowest), unit="ms")
    yield Row(
        name="    writes (unsubscribe): half within", value=statistics.median(load.taken["unsubscribe"]), unit="ms"
    )
    yield Row(name="    answers that were no success", value=load.failed, unit="answers", target=0)
