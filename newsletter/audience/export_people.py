"""Exporting the people of a list as a file that the import takes back."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from sqlalchemy import Connection, Row, and_, bindparam, select

from newsletter.audience import lists
from newsletter.audience.files.cells import written_instant, written_tags
from newsletter.audience.files.columns import MOST_ATTRIBUTES, PREFIX
from newsletter.audience.files.formulas import guarded
from newsletter.audience.files.rows import Form
from newsletter.audience.labelling import known_attributes
from newsletter.errors import BlockedError
from newsletter.store import Store
from newsletter.store.among import among, among_texts
from newsletter.store.audience_tables import attribute, subscriber_tag, tag
from newsletter.store.tables import subscriber, subscription, suppression

HEADING = (
    *("email", "name", "language", "zone", "hour", "status", "changed_at", "paused_until", "left_reason", "suppressed"),
    *("tags", "consent", "consent_source", "consent_at"),
)
_PAGE = 5000
_PEOPLE = (
    select(
        *(subscriber.c[name] for name in ("id", "address", "address_key", "name", "language", "zone", "hour")),
        *(subscription.c[name] for name in ("status", "changed_at", "paused_until", "left_reason")),
        *(subscription.c[name] for name in ("consent_text", "consent_source", "consent_at")),
    )
    .join(subscription, subscription.c.subscriber_id == subscriber.c.id)
    .where(and_(subscription.c.list_id == bindparam("list"), subscription.c.subscriber_id > bindparam("after")))
    .order_by(subscription.c.subscriber_id)
    .limit(_PAGE)
)
_TAGS = (
    select(subscriber_tag.c.subscriber_id, tag.c.name)
    .join(tag, tag.c.id == subscriber_tag.c.tag_id)
    .where(among(subscriber_tag.c.subscriber_id, "people"))
)
_VALUES = select(attribute.c.subscriber_id, attribute.c.name, attribute.c.value).where(
    among(attribute.c.subscriber_id, "people")
)
_BARS = select(suppression.c.address_key, suppression.c.reason).where(among_texts(suppression.c.address_key, "keys"))


@dataclass(frozen=True, slots=True)
class _Exported:
    """A row of the list, with what is known of the person besides."""

    row: Row[Any]
    tags: Sequence[str]
    attributes: dict[str, str]
    bars: Sequence[str]


def export_people(store: Store, out: TextIO, *, list_name: str, form: Form = Form.CSV) -> int:
    """Write everybody who is or was on a list to `out`, in the order in which they came to be known; returns how many.

    Standing, suppression and consent go along, and an import into an empty newsroom gives the same audience. Times are UTC
    (RFC 3339). In separated values texts are guarded as `formulas` says, so that no spreadsheet runs them; the import
    restores them. Rows are read page by page: memory is flat, and no transaction stays open while a slow reader takes
    them.

    Args:
        store: the database.
        out: open with `newline=""`, in UTF-8.
        list_name: an existing list.
        form: separated values with a column for each attribute, or JSON lines.

    Raises:
        InputError: there is no such list.
        BlockedError: there are too many different attributes for columns.
    """
    target = lists.require(store, list_name)
    write = _csv_writer(out, _attribute_columns(store)) if form is Form.CSV else _json_writer(out)
    count = 0
    for page in _pages(store, target.id):
        write(page)
        count += len(page)
    return count


def _attribute_columns(store: Store) -> list[str]:
    with store.reading() as connection:
        names = known_attributes(connection)
    if len(names) > MOST_ATTRIBUTES:
        raise BlockedError(
            f"there are {len(names)} different attributes, too many for columns",
            remedy="Export JSON lines: --form jsonl",
        )
    return names


def _pages(store: Store, list_id: int) -> Iterator[list[_Exported]]:
    after = 0
    while True:
        with store.reading() as connection:
            rows = connection.execute(_PEOPLE, {"list": list_id, "after": after}).all()
            page = _with_labels(connection, rows)
        if not page:
            return
        yield page
        after = rows[-1].id


def _with_labels(connection: Connection, rows: Sequence[Row[Any]]) -> list[_Exported]:
    people = [row.id for row in rows]
    tags: dict[int, list[str]] = {}
    for number, name in connection.execute(_TAGS, {"people": people}):
        tags.setdefault(number, []).append(name)
    values: dict[int, dict[str, str]] = {}
    for number, name, value in connection.execute(_VALUES, {"people": people}):
        values.setdefault(number, {})[name] = value
    bars: dict[str, list[str]] = {}
    for key, reason in connection.execute(_BARS, {"keys": [row.address_key for row in rows]}):
        bars.setdefault(key, []).append(reason)
    return [
        _Exported(
            row,
            sorted(tags.get(row.id, ())),
            dict(sorted(values.get(row.id, {}).items())),
            sorted(bars.get(row.address_key, ())),
        )
        for row in rows
    ]


def _csv_writer(out: TextIO, names: Sequence[str]) -> Callable[[Iterable[_Exported]], object]:
    writer = csv.writer(out)
    writer.writerow((*HEADING, *(PREFIX + name for name in names)))
    return lambda page: writer.writerows(_cells(one, names) for one in page)


def _cells(one: _Exported, names: Sequence[str]) -> list[str]:
    values = [one.attributes.get(name, "") for name in names]
    listed = (",".join(one.bars), written_tags(one.tags))
    return [guarded(text) for text in (*_texts(one.row), *listed, *_consent(one.row), *values)]


def _texts(row: Row[Any]) -> Iterable[str]:
    known = (row.address, row.name, row.language or "", row.zone or "", row.hour or "", row.status)
    return (*known, written_instant(row.changed_at), written_instant(row.paused_until), row.left_reason)


def _consent(row: Row[Any]) -> Iterable[str]:
    return (row.consent_text, row.consent_source, written_instant(row.consent_at))


def _json_writer(out: TextIO) -> Callable[[Iterable[_Exported]], object]:
    return lambda page: out.writelines(
        json.dumps(_object(one), ensure_ascii=False, separators=(",", ":")) + "\n" for one in page
    )


def _object(one: _Exported) -> dict[str, Any]:
    """The same with JSON's own lists and objects, without what is empty."""
    row = one.row
    texts: dict[str, Any] = dict(zip(HEADING, (*_texts(row), "", "", *_consent(row)), strict=True))
    texts |= {"suppressed": one.bars, "tags": one.tags, "attributes": one.attributes}
    return {name: value for name, value in texts.items() if value}
