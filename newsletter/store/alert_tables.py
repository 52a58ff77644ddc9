"""The tables of alerts: what is the matter, what was said about it, and what a mailing's circuit breaker remembers."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from newsletter.store.statuses import AlertSeverity, AlertStep, DeliveryStatus
from newsletter.store.tables import BigId, Instant, metadata

_SEVERITIES = ", ".join(f"'{word}'" for word in AlertSeverity)
_STEPS = ", ".join(f"'{word}'" for word in AlertStep)
_STATUSES = ", ".join(f"'{word}'" for word in DeliveryStatus)

alert = Table(
    "alert",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("code", String(40), nullable=False),
    # What it is about, such as `mailing:12` or `list:daily:2026-11-24`: never an address.
    Column("subject", String(200), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("message", Text, nullable=False),
    # Code and subject while it is open, NULL once it is resolved: NULLs are never equal, so of each there is one open.
    Column("open_key", String(250), unique=True),
    # How often it was raised since it is open.
    Column("times", Integer, nullable=False, server_default="1"),
    Column("raised_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("resolution", Text, nullable=False, server_default=""),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", String(200), nullable=False, server_default=""),
    # The last step that was told, NULL while nobody was told of it; and when.
    Column("told", String(8), index=True),
    Column("told_at", Instant),
    CheckConstraint(f"severity IN ({_SEVERITIES})", name="severity"),
    CheckConstraint(f"told IN ({_STEPS})", name="told"),
)

announcement = Table(
    "announcement",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("code", String(40), nullable=False),
    Column("created_at", Instant, nullable=False),
    # The words of the mail.
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    # What the webhook gets, and how that went; no status where there is no webhook.
    Column("payload", JSON, nullable=False),
    Column("status", String(9)),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant),
    Column("reply", Text, nullable=False, server_default=""),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint(f"status IN ({_STATUSES})", name="status"),
    Index(None, "code", "created_at"),
    Index(None, "status", "due_at"),
)

announced = Table(
    "announced",
    metadata,
    # Which alerts an announcement tells of, and what of each.
    Column("announcement_id", ForeignKey("announcement.id"), primary_key=True),
    Column("alert_id", ForeignKey("alert.id"), primary_key=True, index=True),
    Column("step", String(8), nullable=False),
    CheckConstraint(f"step IN ({_STEPS})", name="step"),
)

announcement_notice = Table(
    "announcement_notice",
    metadata,
    # The mails that carry it.
    Column("notice_id", ForeignKey("notice.id"), primary_key=True, autoincrement=False),
    Column("announcement_id", ForeignKey("announcement.id"), nullable=False, index=True),
)

breaker = Table(
    "breaker",
    metadata,
    Column("mailing_id", ForeignKey("mailing.id"), primary_key=True, autoincrement=False),
    # What had been counted when a person let it go on: only what comes after counts.
    Column("base", JSON, nullable=False),
    Column("base_at", Instant),
    Column("tripped_at", Instant),
    Column("reason", Text, nullable=False, server_default=""),
    # When the canary was found to be well.
    Column("canary_passed_at", Instant),
)
