"""Which database this is, so that a backup that is put back is known for one."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """To this version."""
    lineage = op.create_table(
        "lineage",
        sa.Column("id", _ID, nullable=False),
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("era", _ID, server_default="0", nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("restored_at", _INSTANT, nullable=True),
        sa.Column("restored_why", sa.Text(), server_default="", nullable=False),
        sa.Column("restored_to", _INSTANT, nullable=True),
        sa.Column("accepted_at", _INSTANT, nullable=True),
        sa.Column("accepted_by", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage")),
        sa.UniqueConstraint("identity", name=op.f("uq_lineage_identity")),
    )
    # A backup by `newsletter db backup` has no such row.
    op.bulk_insert(lineage, [{"identity": secrets.token_hex(16)}])
    op.add_column("mailing", sa.Column("restored_at", _INSTANT, nullable=True))
