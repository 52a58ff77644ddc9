"""The table of one row that says which database this is. `lineage` tells what it is for."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from newsletter.store.columns import BigId, Instant, metadata, row_id

lineage = Table(
    "lineage",
    metadata,
    row_id(),
    # A random word; another one from each restore on.
    Column("identity", String(32), nullable=False, unique=True),
    # Rises while anything is sent.
    Column("era", BigId, nullable=False, server_default="0"),
    Column("seen_at", Instant),
    # Where the database is kept; NULL before it was used.
    Column("place", Text),
    # When it was noticed that a backup was put back, why that is thought, and of when the backup is.
    Column("restored_at", Instant),
    Column("restored_why", Text, nullable=False, server_default=""),
    Column("restored_to", Instant),
    # Whose word it was that sending may go on, and when.
    Column("accepted_at", Instant),
    Column("accepted_by", String(200), nullable=False, server_default=""),
)
