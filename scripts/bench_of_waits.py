"""How long another process waits that writes a row while something is done to all deliveries of a mailing, on SQLite.

`--deliveries N` for others than a million.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from bench_rows import QUICK, Row, show
from sqlalchemy import Connection, insert, text, update

from newsletter import store
from newsletter.delivery import control
from newsletter.delivery.expiring import expire_all
from newsletter.store import Store, tables

TARGET = 250.0
"""Milliseconds that another writer may wait."""

_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_LATER = _NOW + timedelta(hours=1)
_PATIENCE = 120.0


def main() -> None:
    """Measure each way in a database of its own."""
    many = 2_000 if QUICK else 1_000_000
    if "--deliveries" in sys.argv:
        many = int(sys.argv[sys.argv.index("--deliveries") + 1])
    rows = []
    for what, status in (("resolve", "unknown"), ("retry", "expired"), ("expire", "pending"), ("cancel", "pending")):
        wait, took = _measured(what, status, many)
        rows.append(Row(name=f"{what} {many:,}: another writer", value=wait * 1000, unit="ms", target=TARGET))
        rows.append(Row(name=f"{what} {many:,}: in all", value=took, unit="s"))
    show("waits", rows)


def _measured(what: str, status: str, many: int) -> tuple[float, float]:
    """The longest wait of the other process, and how long the whole took, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        url = store.sqlite_url(Path(folder) / "newsletter.db")
        with closing(store.open(url, busy_seconds=_PATIENCE)) as opened:
            with opened.writing() as connection:
                _fill(connection, status, many)
            spawned = multiprocessing.get_context("spawn")
            begun, over, longest = spawned.Event(), spawned.Event(), spawned.Queue()
            other = spawned.Process(target=_write, args=(url, begun, over, longest))
            other.start()
            if not begun.wait(_PATIENCE):
                raise RuntimeError("the other process did not begin")
            at = time.perf_counter()
            _do(what, opened)
            took = time.perf_counter() - at
            over.set()
            wait: float = longest.get()
            other.join()
    return wait, took


def _do(what: str, opened: Store) -> None:
    if what == "resolve":
        control.resolve(opened, 1, "accepted", deliveries=None, actor="bench", now=_LATER)
    elif what == "retry":
        control.retry(opened, 1, actor="bench", now=_LATER)
    elif what == "expire":
        expire_all(opened, 1, now=_LATER)
    else:
        control.cancel(opened, 1, actor="bench", now=_NOW)


def _write(url: str, begun: Event, over: Event, longest: Queue[float]) -> None:
    """The other process: writes a row, again and again."""
    waited = 0.0
    with closing(store.open(url, busy_seconds=_PATIENCE)) as opened:
        while not over.is_set():
            at = time.perf_counter()
            with opened.writing() as connection:
                connection.execute(update(tables.mailing_list).values(title="x"))
            waited = max(waited, time.perf_counter() - at) if begun.is_set() else 0.0
            begun.set()
            time.sleep(0.01)
    longest.put(waited)


def _fill(connection: Connection, status: str, many: int) -> None:
    """A mailing that is being sent, of which every delivery is in that state."""
    connection.execute(insert(tables.mailing_list).values(id=1, name="daily", title="x", created_at=_NOW))
    edition = {"digest": "d", "issue": "i", "subject": "s", "content": b"", "created_at": _NOW}
    connection.execute(insert(tables.edition).values(edition))
    mailing = {"id": 1, "list_id": 1, "local_date": _NOW.date(), "kind": "issue", "issue": "i", "edition_digest": "d"}
    state = {"status": "sending", "not_later_than": _NOW, "excluded": {}, "created_at": _NOW, "started_at": _NOW}
    connection.execute(insert(tables.mailing).values(**mailing, **state, selected=many, prepared=many))
    wave = {"id": 1, "mailing_id": 1, "due_at": _NOW, "edition_digest": "d", "released_at": _NOW}
    connection.execute(insert(tables.wave).values(wave))
    connection.execute(_DELIVERIES, {"many": many, "status": status, "then": "2026-11-23 10:00:00.000000"})


_DELIVERIES = text(
    "INSERT INTO delivery (mailing_id, wave_id, subscriber_id, status, fence, changed_at)"
    " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
    " SELECT 1, 1, i, :status, 0, :then FROM n"
)

if __name__ == "__main__":
    main()
