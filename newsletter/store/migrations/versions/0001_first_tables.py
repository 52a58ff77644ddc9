"""The first tables: lists and subscribers, editions, and the ledger of what was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "audit",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"], unique=False)
    op.create_table(
        "edition",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("issue", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_edition")),
    )
    op.create_table(
        "list",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list")),
        sa.UniqueConstraint("name", name=op.f("uq_list_name")),
    )
    op.create_table(
        "subscriber",
        sa.Column("id", _ID, nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("address_key", sa.String(length=400), nullable=False),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=300), server_default="", nullable=False),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscriber_address_key")),
    )
    op.create_table(
        "suppression",
        sa.Column("id", _ID, nullable=False),
        sa.Column("address_key", sa.String(length=400), nullable=True),
        sa.Column("address_hash", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("evidence", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "reason IN ('invalid', 'bounce', 'complaint', 'manual', 'erased')", name=op.f("ck_suppression_reason")
        ),
        sa.CheckConstraint(
            "address_key IS NOT NULL OR address_hash IS NOT NULL", name=op.f("ck_suppression_names_someone")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        sa.UniqueConstraint("address_hash", "reason", name=op.f("uq_suppression_address_hash_reason")),
        sa.UniqueConstraint("address_key", "reason", name=op.f("uq_suppression_address_key_reason")),
    )
    op.create_table(
        "mailing",
        sa.Column("id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="1", nullable=False),
        sa.Column("issue", sa.String(length=200), nullable=False),
        sa.Column("edition_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("not_later_than", _INSTANT, nullable=False),
        sa.Column("selected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("prepared", sa.Integer(), server_default="0", nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=True),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.CheckConstraint("kind IN ('issue', 'digest', 'correction')", name=op.f("ck_mailing_kind")),
        sa.CheckConstraint(
            "status IN ('scheduled', 'sending', 'paused', 'finished', 'cancelled')", name=op.f("ck_mailing_status")
        ),
        sa.ForeignKeyConstraint(["edition_digest"], ["edition.digest"], name=op.f("fk_mailing_edition_digest")),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name=op.f("fk_mailing_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailing")),
        sa.UniqueConstraint(
            "list_id", "local_date", "kind", "sequence", name=op.f("uq_mailing_list_id_local_date_kind_sequence")
        ),
    )
    op.create_index(op.f("ix_mailing_issue"), "mailing", ["issue"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("consent_text", sa.Text(), nullable=False),
        sa.Column("consent_source", sa.String(length=300), nullable=False),
        sa.Column("consent_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "status IN ('unconfirmed', 'subscribed', 'unsubscribed')", name=op.f("ck_subscription_status")
        ),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name=op.f("fk_subscription_list_id")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_subscription_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("list_id", "subscriber_id", name=op.f("uq_subscription_list_id_subscriber_id")),
    )
    op.create_index(op.f("ix_subscription_subscriber_id"), "subscription", ["subscriber_id"], unique=False)
    op.create_table(
        "wave",
        sa.Column("id", _ID, nullable=False),
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("zone", sa.String(length=64), server_default="", nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("edition_digest", sa.String(length=64), nullable=False),
        sa.Column("frozen_to", _ID, server_default="0", nullable=False),
        sa.Column("released_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["edition_digest"], ["edition.digest"], name=op.f("fk_wave_edition_digest")),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_wave_mailing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave")),
        sa.UniqueConstraint("mailing_id", "zone", name=op.f("uq_wave_mailing_id_zone")),
    )
    op.create_table(
        "chunk",
        sa.Column("id", _ID, nullable=False),
        sa.Column("wave_id", _ID, nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="1", nullable=False),
        sa.Column("worker", sa.String(length=200), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("lease_until", _INSTANT, nullable=False),
        sa.CheckConstraint("status IN ('open', 'closed', 'lapsed')", name=op.f("ck_chunk_status")),
        sa.ForeignKeyConstraint(["wave_id"], ["wave.id"], name=op.f("fk_chunk_wave_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunk")),
    )
    op.create_index(op.f("ix_chunk_status_lease_until"), "chunk", ["status", "lease_until"], unique=False)
    op.create_index(op.f("ix_chunk_wave_id"), "chunk", ["wave_id"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", _ID, nullable=False),
        sa.Column("chunk_id", _ID, nullable=False),
        sa.Column("delivery_id", _ID, nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=9), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'rejected', 'deferred', 'unknown')", name=op.f("ck_attempt_outcome")
        ),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunk.id"], name=op.f("fk_attempt_chunk_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index(op.f("ix_attempt_chunk_id"), "attempt", ["chunk_id"], unique=False)
    op.create_index(op.f("ix_attempt_delivery_id"), "attempt", ["delivery_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", _ID, nullable=False),
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("wave_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("chunk_id", _ID, nullable=True),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'sending', 'deferred', 'accepted', 'rejected', 'withdrawn', 'expired', 'unknown')",
            name=op.f("ck_delivery_status"),
        ),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunk.id"], name=op.f("fk_delivery_chunk_id")),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_delivery_mailing_id")),
        sa.ForeignKeyConstraint(["wave_id"], ["wave.id"], name=op.f("fk_delivery_wave_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("mailing_id", "subscriber_id", name=op.f("uq_delivery_mailing_id_subscriber_id")),
    )
    op.create_index(op.f("ix_delivery_mailing_id_status_id"), "delivery", ["mailing_id", "status", "id"], unique=False)
