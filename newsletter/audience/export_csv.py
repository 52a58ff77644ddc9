"""Exporting the people of a list as a file that the import takes back."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import Any, TextIO

from sqlalchemy import Row, and_, select

from newsletter.audience import lists
from newsletter.audience.formulas import guarded
from newsletter.store import Store
from newsletter.store.tables import subscriber, subscription

HEADING = (
    "email",
    "name",
    "language",
    "zone",
    "hour",
    "status",
    "consent",
    "consent_source",
    "consent_at",
    "changed_at",
)
_PAGE = 5000


def export_csv(store: Store, out: TextIO, *, list_name: str) -> int:
    """Write everybody who is or was on a list to `out`, in the order in which they came to be known; returns how many.

    The status goes along, and an import leaves out who is not subscribed. Times are UTC (RFC 3339). Texts are guarded
    as `formulas` says, so that no spreadsheet runs them, and the import restores them: what comes back is what went
    out. Rows are read page by page: memory is flat, and no transaction stays open while a slow reader takes them.

    Args:
        store: the database.
        out: open with `newline=""`, in UTF-8.
        list_name: an existing list.

    Raises:
        InputError: there is no such list.
    """
    target = lists.require(store, list_name)
    writer = csv.writer(out)
    writer.writerow(HEADING)
    count, after = 0, 0
    while page := _page(store, target.id, after):
        writer.writerows(_cells(row) for row in page)
        count, after = count + len(page), page[-1].id
    return count


def _page(store: Store, list_id: int, after: int) -> list[Row[Any]]:
    """The next rows by subscriber: one walk along the index of (list, subscriber)."""
    columns = (
        subscriber.c.id,
        *(subscriber.c[name] for name in ("address", "name", "language", "zone", "hour")),
        *(subscription.c[name] for name in ("status", "consent_text", "consent_source", "consent_at", "changed_at")),
    )
    statement = (
        select(*columns)
        .join(subscription, subscription.c.subscriber_id == subscriber.c.id)
        .where(and_(subscription.c.list_id == list_id, subscription.c.subscriber_id > after))
        .order_by(subscription.c.subscriber_id)
        .limit(_PAGE)
    )
    with store.reading() as connection:
        return list(connection.execute(statement))


def _cells(row: Row[Any]) -> list[str]:
    texts = (
        row.address,
        row.name,
        row.language or "",
        row.zone or "",
        row.hour or "",
        row.status,
        row.consent_text,
        row.consent_source,
    )
    return [*(guarded(text) for text in texts), _time(row.consent_at), _time(row.changed_at)]


def _time(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
