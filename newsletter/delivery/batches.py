"""What concerns up to a million deliveries is done in short transactions with a breath between them, so that no other
writer waits long.
"""

from __future__ import annotations

from newsletter.delivery import machine, steps
from newsletter.store import Store

ROWS = 4_000
"""Deliveries a transaction: another writer waits about as long as one takes (0.1 s where all their indexes change)."""

_BREATH = 0.05
"""Seconds between two on SQLite: its waiting writers do not queue, they look again every 25 to 100 ms."""


def breathe(store: Store) -> None:
    """Between two: let others write. On PostgreSQL nobody waits for a whole table."""
    steps.reached("batch.committed")
    if store.is_sqlite:
        machine.present().rest(_BREATH)
