"""Import of many rows with tags and attributes, one in a hundred broken, twice; then counts and exports of what came in.

Targets (issue 6): a million rows under 60 s and 200 MB, every broken row kept and every good one on the list; counts under
100 ms. On SQLite, and on a PostgreSQL server of our own whose commits reach the disk.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bench_newsroom import Asked, Newsroom, Process, newsroom, server
from bench_rows import Row, milliseconds

from newsletter.audience import lists
from newsletter.audience.segments import counting, parsing
from newsletter.clock import system_clock
from newsletter.store.statuses import SubscriptionStatus

ROWS = 1_000_000
_SENDER = 'kind = "inbox"'
_BROKEN = (
    "no address,Broken,Europe/Berlin,a,US",
    "broken{0}@example.org,Broken,Mars/Olympus,a,US",
    "broken{0}@example.org,Broken,Europe/Berlin,a,US,one,too,many",
    'broken{0}@example.org,"Broken,Europe/Berlin,a,US',
)
_NAMES = ("Ada Reader", "Jón Þórsson", "Ilse Varga", "", "Tomas O’Reith", "李小龍", "Mira de la Cruz", "=N. Abara")
_COUNTRIES = ("US", "DE", "New Zealand", "FR", "JP")
_FILTERS = ("tag:tag3", 'tag:"group 3" and not country:US', 'country:"New Zealand" or zone:Asia/Tokyo')


def measured(asked: Asked) -> Iterator[Row]:
    """Rows for both databases."""
    count = asked.readers(ROWS)
    with newsroom(_SENDER) as on_sqlite:
        yield from _rows(on_sqlite, "SQLite", count)
    with server() as url, newsroom(_SENDER, database=url) as on_postgresql:
        yield from _rows(on_postgresql, "PostgreSQL", count)


def _rows(room: Newsroom, database: str, count: int) -> Iterator[Row]:
    file = room.root / "readers.csv"
    broken = _write(file, count)
    command = ("subscriber", "import", str(file), "--list", "daily", "--yes", "--json")
    yield from _ran(room, f"import of {count:,} rows, {database}", command, seconds=60)
    yield from _ran(room, f"the same again, {database}", command, seconds=60)
    with (room.root / "readers.rejects.csv").open(encoding="utf-8-sig") as kept:
        lost = broken - (sum(1 for _ in kept) - 1)
    yield Row(name=f"broken rows of {broken:,} not kept, {database}", value=abs(lost), unit="rows", target=0)
    (target,) = lists.counted(room.store, now=system_clock())
    missing = count - broken - target.counts[SubscriptionStatus.SUBSCRIBED]
    yield Row(name=f"good rows not on the list, {database}", value=abs(missing), unit="rows", target=0)
    yield from _counts(room, database, target)
    for form in ("csv", "jsonl"):
        export = ("subscriber", "export", "--list", "daily", "--form", form)
        yield from _ran(room, f"export, {form}, {database}", export, seconds=None)


def _ran(room: Newsroom, name: str, arguments: tuple[str, ...], *, seconds: float | None) -> Iterator[Row]:
    """The command, run as a person runs it."""
    with (room.root / "out").open("wb") as out:
        ran = Process.start([sys.executable, "-m", "newsletter", *arguments], room.root, room.environ, out=out).wait()
    yield Row(name=name, value=ran.seconds, unit="s", target=seconds)
    yield Row(name="  memory at its peak", value=ran.peak_megabytes, unit="MB", target=200)


def _counts(room: Newsroom, database: str, target: lists.MailingList) -> Iterator[Row]:
    taken = milliseconds(lambda: lists.counted(room.store, now=system_clock()), times=20)
    yield Row(name=f"counts of all lists, {database}", value=taken, unit="ms", target=100)
    for text in _FILTERS:
        wanted = parsing.parse(text)

        def count() -> None:
            with room.store.reading() as connection:
                counting.count(connection, target.id, wanted)  # noqa: B023 - measured at once

        yield Row(name=f"count of {text}, {database}", value=milliseconds(count, times=20), unit="ms", target=100)


def _write(file: Path, count: int) -> int:
    """An invented file; how many of its rows are broken."""
    broken = 0
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write("email,name,zone,tags,attribute:country\r\n")
        for number in range(count):
            if number % 100 == 99:
                out.write(_BROKEN[broken % len(_BROKEN)].format(number) + "\r\n")
                broken += 1
                continue
            name, country = _NAMES[number % 8], _COUNTRIES[number % 5]
            tags = f'"tag{number % 10},group {number % 7}"'
            out.write(f"reader.{number}@mail{number % 50}.example,{name},Europe/Berlin,{tags},{country}\r\n")
    return broken
