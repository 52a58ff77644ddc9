"""How far the sender and domains of readers are within their limits, and who waits for their turn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
_HAS_TIME, _IN_TURN = "due_at IS NOT NULL", "pace_id IS NOT NULL"


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "pace",
        sa.Column("id", _ID, nullable=False),
        sa.Column("scope", sa.String(length=255), nullable=False),
        sa.Column("free_at", _INSTANT, nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("today", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("shut_until", _INSTANT, nullable=True),
        sa.Column("slowed_until", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pace")),
        sa.UniqueConstraint("scope", name=op.f("uq_pace_scope")),
    )
    op.add_column("delivery", sa.Column("pace_id", _ID, nullable=True))
    for columns, where in ((("due_at", "id"), _HAS_TIME), (("pace_id", "fence", "id"), _IN_TURN)):
        op.create_index(
            op.f("_".join(("ix_delivery_mailing_id", *columns))),
            "delivery",
            ["mailing_id", *columns],
            unique=False,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
