"""Notices to readers, written in the transaction of what they tell of. The worker sends them.

A page only writes down that somebody asked, in the same few statements whoever it was; what the answer is, if there is
one, is found when the notice is sent (`answering`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from newsletter.audience.addresses import Address
from newsletter.store.statuses import DeliveryStatus, NoticeKind
from newsletter.store.tables import notice

READER_KINDS = (
    NoticeKind.CONFIRMATION,
    NoticeKind.ALREADY,
    NoticeKind.WELCOME,
    NoticeKind.MANAGE,
    NoticeKind.ADDRESS,
    NoticeKind.MOVED,
)
"""The kinds that go to readers, where tests and alerts go to people of the newsroom."""


def write(
    connection: Connection,
    kind: NoticeKind,
    address: Address,
    *,
    now: datetime,
    subscriber_id: int | None = None,
    list_id: int | None = None,
    language: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Write a notice to one address; its number.

    Args:
        connection: writing.
        kind: one of `READER_KINDS`.
        address: where it goes.
        now: the instant of the request, aware.
        subscriber_id: whom it is about; None where that is still to be found.
        list_id: which list it is about, if one.
        language: what the reader reads, a BCP 47 tag; None: as the subscriber's, or the newsroom's.
        detail: how the request came, in plain data.
    """
    row = {
        "kind": kind,
        "address": address.text,
        "address_key": address.key,
        "subscriber_id": subscriber_id,
        "list_id": list_id,
        "language": language,
        "detail": dict(detail) if detail else None,
        "status": DeliveryStatus.PENDING,
        "created_at": now,
        "changed_at": now,
    }
    number: int = connection.execute(insert(notice).values(row).returning(notice.c.id)).scalar_one()
    return number
