"""The tables of what deliveries and attempts become when they are old: counts without anybody in them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from newsletter.store.columns import metadata, one_of, row_id
from newsletter.store.statuses import DeliveryStatus, OutcomeKind

delivery_count = Table(
    "delivery_count",
    metadata,
    row_id(),
    # What deliveries become when they are rolled up: how many of the mailing to a domain were in a state.
    Column("mailing_id", ForeignKey("mailing.id"), nullable=False),
    # "" is all the domains that have few.
    Column("domain", String(255), nullable=False),
    Column("status", String(9), nullable=False),
    Column("number", Integer, nullable=False),
    one_of("status", DeliveryStatus),
    UniqueConstraint("mailing_id", "domain", "status"),
)

reply_count = Table(
    "reply_count",
    metadata,
    row_id(),
    # What attempts become: how many got a reply, addresses and queue numbers masked.
    Column("mailing_id", ForeignKey("mailing.id"), nullable=False, index=True),
    Column("outcome", String(9), nullable=False),
    Column("code", Integer),
    Column("reply", Text, nullable=False),
    Column("number", Integer, nullable=False),
    one_of("outcome", OutcomeKind),
)
