"""Freezing an audience on SQLite and on PostgreSQL, with another writer all along.

Targets (issue 4): a million in 15 s on SQLite and in 20 s on PostgreSQL, and nobody waits for longer than 250 ms.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bench_newsroom import Asked, Newsroom, Probe, Process, long_edition, newsroom, people, server, start_mailing
from bench_rows import Row

READERS = 1_000_000
_SENDER = 'kind = "inbox"'


def measured(asked: Asked) -> Iterator[Row]:
    """Rows for both databases."""
    count = asked.readers(READERS)
    with newsroom(_SENDER) as on_sqlite:
        yield from _rows(on_sqlite, "SQLite", count, target=15)
    with server() as url, newsroom(_SENDER, database=url) as on_postgresql:
        yield from _rows(on_postgresql, "PostgreSQL", count, target=20)


def _rows(where: Newsroom, database: str, count: int, *, target: float) -> list[Row]:
    people(where.store, count)
    made = start_mailing(where.store, long_edition())
    with Probe(where.store) as probe:
        ran = Process.start([sys.executable, __file__, str(made.id)], where.root, where.environ).wait()
    size = f"freezing {count:,} on {database}"
    return [
        Row(name=size, value=ran.seconds, unit="s", target=target),
        Row(
            name=f"  longest wait of another writer, of {len(probe.waits):,}",
            value=probe.longest,
            unit="ms",
            target=250,
        ),
        Row(name="  peak memory", value=ran.peak_megabytes, unit="MB"),
    ]


def freeze(mailing_id: int) -> None:
    """The process that freezes."""
    from newsletter.app import App  # noqa: PLC0415 - of this process only
    from newsletter.delivery import release  # noqa: PLC0415
    from newsletter.publishing import mailings  # noqa: PLC0415
    from newsletter.settings import load  # noqa: PLC0415

    with App.open(load(Path.cwd())) as app:
        release(app.store, mailings.get(app.store, mailing_id), clock=app.clock)


if __name__ == "__main__":
    freeze(int(sys.argv[1]))
