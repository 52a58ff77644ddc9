"""Writing an import's batches: one after the other on SQLite; on PostgreSQL three at once, while the next is read.

Two thirds of PostgreSQL's time for a row go into looking up what its foreign keys point to, and each connection has one
of the server's processes. Measured for a million rows, on four cores that had other work for more than four: 91 s where
one connection writes and the reading of the file waits for it, 70 s with two, 54, 59, 65 and 101 s with three (as much
as the other work left them). The server's processes take 55 to 60 s of processor time, and this one 30.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from newsletter.audience.files.people_rows import Claim
from newsletter.audience.settling import Settler, Tally
from newsletter.store import Store

WRITERS = 3
"""Connections of PostgreSQL that write. With three, reading the file and handing over its rows is what takes the longest."""
_AHEAD = WRITERS + 1
"""Batches that are in memory and not yet written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The claims of some rows, by the keys of their addresses, up to row number `to` of the file.

    `repeats` are keys that earlier batches have, too.
    """

    claims: Mapping[str, Claim]
    repeats: frozenset[str]
    to: int


Settled = Callable[[Batch, Tally], None]
"""Is told what became of each batch, in their order, by the thread that puts them."""


class Batches:
    """Settles batches, each in a transaction of its own. A context manager: at its end nothing is under way any more,
    and where it ends by an exception, what was not begun is left.

    Two batches that go on at once are about different people: one that repeats another begins when that has ended.
    """

    def __init__(self, store: Store, settler: Settler, *, dry_run: bool, settled: Settled) -> None:
        self._store, self._settler = store, settler
        self._dry_run = dry_run
        self._settled = settled
        # SQLite has one writer at a time, and its driver gives up the interpreter for each row: a reader beside it
        # would slow it down.
        self._threads = None if dry_run or store.is_sqlite else ThreadPoolExecutor(WRITERS, "import")
        self._under_way: deque[tuple[Batch, Future[Tally]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=kind is not None)

    def put(self, batch: Batch) -> None:
        """Settle `batch`, now or soon.

        Raises:
            InputError: the database did not take it, or one before it.
        """
        if self._threads is None:
            self._settled(batch, self._settle(batch))
            return
        self._wait(0 if batch.repeats else _AHEAD - 1)
        self._under_way.append((batch, self._threads.submit(self._settle, batch)))

    def finish(self) -> None:
        """Wait until all are settled.

        Raises:
            InputError: as `put`.
        """
        self._wait(0)

    def _wait(self, left: int) -> None:
        while len(self._under_way) > left:
            batch, future = self._under_way.popleft()
            self._settled(batch, future.result())

    def _settle(self, batch: Batch) -> Tally:
        if not batch.claims:
            return Tally()
        if self._dry_run:
            with self._store.reading() as connection:
                return self._settler.settle(connection, batch.claims, batch.repeats, dry_run=True)
        try:
            return self._write(batch, beside_alike=True)
        except IntegrityError:
            # Another import has just added one of these people. Once it is this one's turn alone, it sees them.
            return self._write(batch, beside_alike=False)

    def _write(self, batch: Batch, *, beside_alike: bool) -> Tally:
        def step(connection: Connection) -> Tally:
            return self._settler.settle(connection, batch.claims, batch.repeats, dry_run=False)

        return self._store.write(step, alone=True, beside_alike=beside_alike)
