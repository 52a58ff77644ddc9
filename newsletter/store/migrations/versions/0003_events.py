"""Events: what providers tell about deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
_TYPES = (
    "'processed', 'deferred', 'delivered', 'bounced', 'dropped', 'opened', 'clicked', 'complained', 'unsubscribed', "
    "'other'"
)


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("provider_event", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=12), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("mailing_id", _ID, nullable=True),
        sa.Column("delivery_id", _ID, nullable=True),
        sa.Column("attempt", sa.String(length=100), nullable=True),
        sa.Column("provider_id", sa.String(length=200), nullable=True),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.CheckConstraint(f"type IN ({_TYPES})", name=op.f("ck_event_type")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("provider", "provider_event", name=op.f("uq_event_provider_provider_event")),
    )
    op.create_index(op.f("ix_event_attempt"), "event", ["attempt"], unique=False)
    op.create_index(op.f("ix_event_delivery_id"), "event", ["delivery_id"], unique=False)
