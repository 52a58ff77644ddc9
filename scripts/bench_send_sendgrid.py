"""One worker on SQLite hands a mailing over to the fake SendGrid, from the freeze to the last outcome, ledger and all.

Targets (issue 4): a million in 60 s and 300 MB. The provider's own log is the judge of who got it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_newsroom import Asked, ended, long_edition, newsroom, people, start_mailing
from bench_provider import provider
from bench_rows import Row
from sqlalchemy import select

from newsletter.publishing import Mailing
from newsletter.store import Store
from newsletter.store.tables import wave

READERS = 1_000_000


def measured(asked: Asked) -> Iterator[Row]:
    """Rows of one worker."""
    count = asked.readers(READERS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, provider(Path(folder)) as fake:
        with newsroom(fake.sender, secrets=fake.secrets) as here:
            people(here.store, count)
            made = start_mailing(here.store, long_edition())
            ran = here.worker("--once").wait()
            if not ended(here.store, made):
                raise SystemExit("the mailing did not come to its end")
            frozen = freezing_seconds(here.store, made)
        fake.judge(count)
    yield Row(name=f"{count:,} by SendGrid, one worker on SQLite", value=ran.seconds, unit="s", target=60)
    yield Row(name="  of that freezing them", value=frozen, unit="s")
    yield Row(name="  the worker's time on a core", value=ran.cpu_seconds, unit="s")
    yield Row(name="  its peak memory", value=ran.peak_megabytes, unit="MB", target=300)


def freezing_seconds(store: Store, made: Mailing) -> float:
    """From the start of the mailing to the release of its wave, the worker's own start included."""
    with store.reading() as connection:
        of_it = select(wave.c.released_at, wave.c.due_at).where(wave.c.mailing_id == made.id)
        row = connection.execute(of_it).one()
        seconds: float = (row.released_at - row.due_at).total_seconds()
        return seconds
