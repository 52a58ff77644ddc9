"""Counts that old deliveries and their attempts are rolled up into, and an index for what is told of whole requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATUSES = "'pending', 'sending', 'deferred', 'accepted', 'rejected', 'withdrawn', 'expired', 'unknown'"


def upgrade() -> None:
    """To this version."""
    for name in ("twice", "possibly_twice", "tries", "tried_again"):
        counted = sa.Column(f"rolled_up_{name}", sa.Integer(), server_default="0", nullable=False)
        op.add_column("mailing", counted)
    op.create_table(
        "delivery_count",
        sa.Column("id", _ID, nullable=False),
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"status IN ({_STATUSES})", name=op.f("ck_delivery_count_status")),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_delivery_count_mailing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_count")),
        sa.UniqueConstraint("mailing_id", "domain", "status", name=op.f("uq_delivery_count_mailing_id_domain_status")),
    )
    op.create_table(
        "reply_count",
        sa.Column("id", _ID, nullable=False),
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("outcome", sa.String(length=9), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'rejected', 'deferred', 'unknown')", name=op.f("ck_reply_count_outcome")
        ),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_reply_count_mailing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply_count")),
    )
    op.create_index(op.f("ix_reply_count_mailing_id"), "reply_count", ["mailing_id"], unique=False)
    op.create_index(op.f("ix_attempt_chunk_id_delivery_id"), "attempt", ["chunk_id", "delivery_id"], unique=False)
    op.drop_index(op.f("ix_attempt_chunk_id"), table_name="attempt")
