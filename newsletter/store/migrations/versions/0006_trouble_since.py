"""Since when something stands in a mailing's way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("mailing", sa.Column("trouble_since", sa.DateTime(timezone=True), nullable=True))
