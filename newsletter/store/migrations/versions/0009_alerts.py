"""Alerts: what is the matter, what was said about it, and what a mailing's circuit breaker remembers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
_STEPS = "'raised', 'reminded', 'resolved'"
_STATUSES = "'pending', 'sending', 'deferred', 'accepted', 'rejected', 'withdrawn', 'expired', 'unknown'"


def upgrade() -> None:
    """To this version."""
    _alerts()
    _announcements()
    op.create_table(
        "breaker",
        sa.Column("mailing_id", _ID, nullable=False, autoincrement=False),
        sa.Column("base", sa.JSON(), nullable=False),
        sa.Column("base_at", _INSTANT, nullable=True),
        sa.Column("tripped_at", _INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("canary_passed_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_breaker_mailing_id")),
        sa.PrimaryKeyConstraint("mailing_id", name=op.f("pk_breaker")),
    )
    # So that the breaker counts a mailing's few bounces and complaints without reading all of its events.
    op.create_index(op.f("ix_event_mailing_id_type"), "event", ["mailing_id", "type"], unique=False)


def _alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("id", _ID, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("open_key", sa.String(length=250), nullable=True),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.Column("raised_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("resolved_at", _INSTANT, nullable=True),
        sa.Column("resolution", sa.Text(), server_default="", nullable=False),
        sa.Column("acknowledged_at", _INSTANT, nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), server_default="", nullable=False),
        sa.Column("told", sa.String(length=8), nullable=True),
        sa.Column("told_at", _INSTANT, nullable=True),
        sa.CheckConstraint("severity IN ('warning', 'critical')", name=op.f("ck_alert_severity")),
        sa.CheckConstraint(f"told IN ({_STEPS})", name=op.f("ck_alert_told")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("open_key", name=op.f("uq_alert_open_key")),
    )
    op.create_index(op.f("ix_alert_told"), "alert", ["told"], unique=False)


def _announcements() -> None:
    op.create_table(
        "announcement",
        sa.Column("id", _ID, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=9), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.CheckConstraint(f"status IN ({_STATUSES})", name=op.f("ck_announcement_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
    )
    op.create_index(op.f("ix_announcement_code_created_at"), "announcement", ["code", "created_at"], unique=False)
    op.create_index(op.f("ix_announcement_status_due_at"), "announcement", ["status", "due_at"], unique=False)
    op.create_table(
        "announced",
        sa.Column("announcement_id", _ID, nullable=False),
        sa.Column("alert_id", _ID, nullable=False),
        sa.Column("step", sa.String(length=8), nullable=False),
        sa.CheckConstraint(f"step IN ({_STEPS})", name=op.f("ck_announced_step")),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_announced_alert_id")),
        sa.ForeignKeyConstraint(["announcement_id"], ["announcement.id"], name=op.f("fk_announced_announcement_id")),
        sa.PrimaryKeyConstraint("announcement_id", "alert_id", name=op.f("pk_announced")),
    )
    op.create_index(op.f("ix_announced_alert_id"), "announced", ["alert_id"], unique=False)
    op.create_table(
        "announcement_notice",
        sa.Column("notice_id", _ID, nullable=False, autoincrement=False),
        sa.Column("announcement_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["announcement.id"], name=op.f("fk_announcement_notice_announcement_id")
        ),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_announcement_notice_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_announcement_notice")),
    )
    op.create_index(
        op.f("ix_announcement_notice_announcement_id"), "announcement_notice", ["announcement_id"], unique=False
    )
