"""Who signs off: users, approvals and waivers of editions, and notices, which carry the test sends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "user",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=6), nullable=False),
        sa.Column("side", sa.String(length=100), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("disabled_at", _INSTANT, nullable=True),
        sa.CheckConstraint("role IN ('writer', 'editor', 'ops', 'admin')", name=op.f("ck_user_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("name_key", name=op.f("uq_user_name_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_token_hash")),
    )
    op.create_table(
        "approval",
        sa.Column("id", _ID, nullable=False),
        sa.Column("edition_digest", sa.String(length=64), nullable=False),
        sa.Column("issue", sa.String(length=200), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("withdrawn_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["edition_digest"], ["edition.digest"], name=op.f("fk_approval_edition_digest")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_approval_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sa.UniqueConstraint("edition_digest", "user_id", name=op.f("uq_approval_edition_digest_user_id")),
    )
    op.create_index(op.f("ix_approval_issue"), "approval", ["issue"], unique=False)
    op.create_table(
        "waiver",
        sa.Column("id", _ID, nullable=False),
        sa.Column("edition_digest", sa.String(length=64), nullable=False),
        sa.Column("issue", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["edition_digest"], ["edition.digest"], name=op.f("fk_waiver_edition_digest")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_waiver_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiver")),
        sa.UniqueConstraint("edition_digest", "code", name=op.f("uq_waiver_edition_digest_code")),
    )
    op.create_index(op.f("ix_waiver_issue"), "waiver", ["issue"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("address_key", sa.String(length=400), nullable=False),
        sa.Column("issue", sa.String(length=200), nullable=True),
        sa.Column("edition_digest", sa.String(length=64), nullable=True),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.CheckConstraint("kind IN ('confirmation', 'welcome', 'test', 'alert')", name=op.f("ck_notice_kind")),
        sa.CheckConstraint(
            "status IN ('pending', 'sending', 'deferred', 'accepted', 'rejected', 'withdrawn', 'expired', 'unknown')",
            name=op.f("ck_notice_status"),
        ),
        sa.ForeignKeyConstraint(["edition_digest"], ["edition.digest"], name=op.f("fk_notice_edition_digest")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_notice_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(
        op.f("ix_notice_edition_digest_kind_status"), "notice", ["edition_digest", "kind", "status"], unique=False
    )
    op.create_index(op.f("ix_notice_issue_kind"), "notice", ["issue", "kind"], unique=False)
    op.create_index(op.f("ix_notice_status_due_at"), "notice", ["status", "due_at"], unique=False)
