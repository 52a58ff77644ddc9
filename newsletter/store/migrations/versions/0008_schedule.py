"""The schedule: when a mailing is due and by which clocks, waves by hour and for the few who go ahead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
_KEY = ["mailing_id", "zone", "hour", "canary"]


def upgrade() -> None:
    """To this version."""
    op.add_column("list", sa.Column("calendar", sa.Text(), server_default="", nullable=False))
    op.add_column("list", sa.Column("calendar_since", _INSTANT, nullable=True))
    op.add_column("subscriber", sa.Column("hour", sa.String(length=5), nullable=True))
    op.create_index(op.f("ix_subscriber_zone_hour_id"), "subscriber", ["zone", "hour", "id"], unique=False)
    for column in (
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("hour", sa.String(length=5), nullable=True),
        sa.Column("tzdata", sa.String(length=20), nullable=True),
        sa.Column("by_reader", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("canary", sa.Integer(), server_default="0", nullable=False),
        sa.Column("late_limit", sa.Integer(), nullable=True),
        sa.Column("skips_past", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("mailing", column)
    op.create_index(op.f("ix_mailing_status_due_at"), "mailing", ["status", "due_at"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        _waves_made_anew()
    else:
        _waves_altered()


def _waves_altered() -> None:
    for column in _wave_columns():
        op.add_column("wave", column)
    op.drop_constraint(op.f("uq_wave_mailing_id_zone"), "wave", type_="unique")
    op.create_unique_constraint(op.f("uq_wave_mailing_id_zone_hour_canary"), "wave", _KEY)


def _waves_made_anew() -> None:
    """SQLite cannot drop a constraint: the table is made anew under its name.

    Chunks and deliveries point to its rows. Deferred, that is looked at when all is committed; and the rows must come
    back into a table of the same name, or SQLite would go on counting them as missing.
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE wave_kept AS SELECT * FROM wave")
    op.drop_table("wave")
    op.create_table(
        "wave",
        sa.Column("id", _ID, nullable=False),
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("zone", sa.String(length=64), server_default="", nullable=False),
        *_wave_columns(),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("edition_digest", sa.String(length=64), nullable=False),
        sa.Column("frozen_to", _ID, server_default="0", nullable=False),
        sa.Column("released_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["edition_digest"], ["edition.digest"], name=op.f("fk_wave_edition_digest")),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_wave_mailing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave")),
        sa.UniqueConstraint(*_KEY, name=op.f("uq_wave_mailing_id_zone_hour_canary")),
    )
    op.execute(
        "INSERT INTO wave (id, mailing_id, zone, due_at, edition_digest, frozen_to, released_at)"
        " SELECT id, mailing_id, zone, due_at, edition_digest, frozen_to, released_at FROM wave_kept"
    )
    op.execute("DROP TABLE wave_kept")


def _wave_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("hour", sa.String(length=5), server_default="", nullable=False),
        sa.Column("canary", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("not_later_than", _INSTANT, nullable=True),
        sa.Column("skipped", sa.Boolean(), server_default=sa.false(), nullable=False),
    ]
