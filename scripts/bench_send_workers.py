"""Four worker processes against one, on PostgreSQL, by a provider that takes 300 ms to answer.

Target (issue 4): at most 30 % of one worker's time. Each has the same number of connections, so few that it waits for
the provider and not for this machine. The workers stand by before the mailing is started, which is frozen by then.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_newsroom import Asked, Newsroom, long_edition, newsroom, people, server, start_mailing, wait_for_end
from bench_provider import Fake, provider
from bench_rows import Row

from newsletter.clock import system_clock
from newsletter.delivery import control, release

READERS = 120_000
CONNECTIONS = 1
ANSWER_SECONDS = 0.3
WORKERS = 4
_ACTOR = "a benchmark"


def measured(asked: Asked) -> Iterator[Row]:
    """Rows of one worker, and of several."""
    count = asked.readers(READERS, quick=8_000)
    with server() as url, _provider() as fake:
        settings = f"{fake.sender}\nconnections = {CONNECTIONS}"
        with newsroom(settings, database=url, secrets=fake.secrets) as here:
            people(here.store, count)
            alone = _seconds(here, workers=1, day=23)
            together = _seconds(here, workers=WORKERS, day=24)
    size = f"{count:,} on PostgreSQL, a provider that takes {ANSWER_SECONDS * 1000:.0f} ms, connections each: {CONNECTIONS}"
    yield Row(name=f"{size}: one worker", value=alone, unit="s")
    yield Row(name=f"  {WORKERS} workers", value=together, unit="s")
    yield Row(
        name=f"  {WORKERS} workers' share of one worker's time", value=100 * together / alone, unit="%", target=30
    )


@contextmanager
def _provider() -> Iterator[Fake]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, provider(Path(folder), seconds=ANSWER_SECONDS) as fake:
        yield fake


def _seconds(here: Newsroom, *, workers: int, day: int) -> float:
    """From the word to go until the mailing is finished."""
    made = start_mailing(here.store, long_edition(), day=day)
    release(here.store, made, clock=system_clock)
    control.pause(here.store, made.id, actor=_ACTOR, now=system_clock())
    running = [here.worker(until_ready=True) for _ in range(workers)]
    begun = time.perf_counter()
    control.resume(here.store, made.id, actor=_ACTOR, now=system_clock())
    wait_for_end(here.store, made)
    seconds = time.perf_counter() - begun
    for each in running:
        each.stop()
    for each in running:
        each.wait()
    return seconds
