"""What stands in a mailing's way, when its unknown is sent again, and what one request carried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("mailing", sa.Column("trouble", sa.Text(), server_default="", nullable=False))
    op.add_column("mailing", sa.Column("resend_after", sa.Integer(), nullable=True))
    op.add_column("chunk", sa.Column("one_request", sa.Boolean(), server_default=sa.false(), nullable=False))
