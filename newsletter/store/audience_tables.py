"""The tables of what is known of readers besides their subscriptions: evidence, tags, attributes; and of segments and of
limits of rate.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from newsletter.store.columns import Instant, metadata, one_of, row_id
from newsletter.store.statuses import ConsentStep, ConsentWay

wording = Table(
    "wording",
    metadata,
    row_id(),
    # The words that people agreed to and where that is recorded, such as a file's name and hash or a page, kept once: a
    # million consents share a few. The digest is SHA-256, in hexadecimal, of text, NUL and source in UTF-8.
    Column("digest", String(64), nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("source", String(300), nullable=False),
)

consent = Table(
    "consent",
    metadata,
    row_id(),
    # Append-only: what happened to a subscription, step by step. `subscription` itself says what holds now.
    Column("subscription_id", ForeignKey("subscription.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("what", String(9), nullable=False),
    Column("how", String(9), nullable=False),
    # The network that it came from, such as 192.0.2.0/24 or 2001:db8:1::/48; "" where that is unknown.
    Column("network", String(43), nullable=False, server_default=""),
    Column("wording_id", ForeignKey("wording.id")),
    Column("language", String(35)),
    one_of("what", ConsentStep),
    one_of("how", ConsentWay),
    Index(None, "subscription_id", "id"),
)

tag = Table("tag", metadata, row_id(), Column("name", String(100), nullable=False, unique=True))

subscriber_tag = Table(
    "subscriber_tag",
    metadata,
    Column("tag_id", ForeignKey("tag.id"), nullable=False),
    Column("subscriber_id", ForeignKey("subscriber.id"), nullable=False, index=True),
    # In this order: those of a tag by number, which is how segments ask.
    PrimaryKeyConstraint("tag_id", "subscriber_id"),
    sqlite_with_rowid=False,
)

attribute = Table(
    "attribute",
    metadata,
    Column("subscriber_id", ForeignKey("subscriber.id"), nullable=False, autoincrement=False),
    # In lower case; `value_key` is what the value is compared by (caseless, NFKC).
    Column("name", String(40), nullable=False),
    Column("value", String(500), nullable=False),
    Column("value_key", String(500), nullable=False),
    PrimaryKeyConstraint("subscriber_id", "name"),
    # Those with a value by number.
    Index(None, "name", "value_key", "subscriber_id"),
    sqlite_with_rowid=False,
)

segment = Table(
    "segment",
    metadata,
    row_id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("filter", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

excluded_list = Table(
    "excluded_list",
    metadata,
    # Whoever is subscribed to such a list does not get the mailing.
    Column("mailing_id", ForeignKey("mailing.id"), nullable=False, autoincrement=False),
    Column("list_id", ForeignKey("list.id"), nullable=False),
    PrimaryKeyConstraint("mailing_id", "list_id"),
)

rate = Table(
    "rate",
    metadata,
    # How often something was asked for in a span of time that began then. The key is a keyed hash of what is limited, an
    # address or a network: nobody reads here who asked.
    Column("key", String(64), nullable=False),
    Column("starts_at", Instant, nullable=False, index=True),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint("key", "starts_at"),
)
