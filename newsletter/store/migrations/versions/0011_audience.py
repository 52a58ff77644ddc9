"""The audience: evidence of consent step by step, tags, attributes, segments, pauses, and why a delivery was withdrawn."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
_STEPS = "'requested', 'confirmed', 'imported', 'added', 'left', 'undone', 'paused', 'resumed', 'changed'"
_WAYS = "'form', 'link', 'page', 'one-click', 'command', 'import', 'provider'"
_KINDS = "'confirmation', 'welcome', 'test', 'alert', 'already', 'manage', 'address', 'moved'"
_STATUSES = "'pending', 'sending', 'deferred', 'accepted', 'rejected', 'withdrawn', 'expired', 'unknown'"
_REASONS = (
    "'suppressed', 'unsubscribed', 'unconfirmed', 'paused', 'other_list', 'segment', 'has_issue', 'too_late', 'erased', "
    "'cancelled'"
)
_OLD_NOTICE = (
    "id, kind, address, address_key, issue, edition_digest, user_id, status, fence, due_at, code, reply, created_at, "
    "changed_at"
)


def upgrade() -> None:
    """To this version."""
    if op.get_bind().dialect.name == "sqlite":
        _subscribers_made_anew()
    _evidence()
    _what_is_known()
    _choosing()
    _limits()
    op.add_column("subscription", sa.Column("paused_until", _INSTANT, nullable=True))
    op.add_column("subscription", sa.Column("left_reason", sa.Text(), server_default="", nullable=False))
    op.create_index(
        op.f("ix_subscription_list_id_status_subscriber_id"), "subscription", ["list_id", "status", "subscriber_id"]
    )
    pausing = sa.text("paused_until IS NOT NULL")
    op.create_index(
        op.f("ix_subscription_list_id_paused_until"),
        "subscription",
        ["list_id", "paused_until"],
        sqlite_where=pausing,
        postgresql_where=pausing,
    )
    op.add_column("mailing", sa.Column("filter", sa.Text(), server_default="", nullable=False))
    op.add_column("mailing", sa.Column("rolled_up_reasons", sa.JSON(), nullable=True))
    op.add_column("mailing", sa.Column("segment", sa.String(length=100), server_default="", nullable=False))
    if op.get_bind().dialect.name == "sqlite":
        _notices_made_anew()
        _deliveries_on_sqlite()
    else:
        _notices_altered()
        op.add_column("delivery", sa.Column("reason", sa.String(length=12), nullable=True))
        op.create_check_constraint(op.f("ck_delivery_reason"), "delivery", f"reason IN ({_REASONS})")
    op.create_index(op.f("ix_notice_subscriber_id"), "notice", ["subscriber_id"])
    op.create_index(op.f("ix_notice_address_key_kind"), "notice", ["address_key", "kind"])
    _first_evidence()


def _evidence() -> None:
    op.create_table(
        "wording",
        sa.Column("id", _ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wording")),
        sa.UniqueConstraint("digest", name=op.f("uq_wording_digest")),
    )
    op.create_table(
        "consent",
        sa.Column("id", _ID, nullable=False),
        sa.Column("subscription_id", _ID, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("what", sa.String(length=9), nullable=False),
        sa.Column("how", sa.String(length=9), nullable=False),
        sa.Column("network", sa.String(length=43), server_default="", nullable=False),
        sa.Column("wording_id", _ID, nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.CheckConstraint(f"what IN ({_STEPS})", name=op.f("ck_consent_what")),
        sa.CheckConstraint(f"how IN ({_WAYS})", name=op.f("ck_consent_how")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"], name=op.f("fk_consent_subscription_id")),
        sa.ForeignKeyConstraint(["wording_id"], ["wording.id"], name=op.f("fk_consent_wording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_subscription_id_id"), "consent", ["subscription_id", "id"])


def _what_is_known() -> None:
    op.create_table(
        "tag",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("name", name=op.f("uq_tag_name")),
    )
    op.create_table(
        "subscriber_tag",
        sa.Column("tag_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_subscriber_tag_subscriber_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_subscriber_tag_tag_id")),
        sa.PrimaryKeyConstraint("tag_id", "subscriber_id", name=op.f("pk_subscriber_tag")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_subscriber_tag_subscriber_id"), "subscriber_tag", ["subscriber_id"])
    op.create_table(
        "attribute",
        sa.Column("subscriber_id", _ID, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=500), nullable=False),
        sa.Column("value_key", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_attribute_subscriber_id")),
        sa.PrimaryKeyConstraint("subscriber_id", "name", name=op.f("pk_attribute")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_attribute_name_value_key_subscriber_id"), "attribute", ["name", "value_key", "subscriber_id"]
    )


def _choosing() -> None:
    op.create_table(
        "segment",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("name", name=op.f("uq_segment_name")),
    )
    op.create_table(
        "excluded_list",
        sa.Column("mailing_id", _ID, nullable=False, autoincrement=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name=op.f("fk_excluded_list_list_id")),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_excluded_list_mailing_id")),
        sa.PrimaryKeyConstraint("mailing_id", "list_id", name=op.f("pk_excluded_list")),
    )


def _limits() -> None:
    op.create_table(
        "rate",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "starts_at", name=op.f("pk_rate")),
    )
    op.create_index(op.f("ix_rate_starts_at"), "rate", ["starts_at"])


def _subscribers_made_anew() -> None:
    """SQLite gives the highest number once more when its row is deleted, unless the table was made to know better: links
    in an erased person's old mail would open the next one's pages. Made anew as in 0008.
    """
    kept = "id, address, address_key, domain, name, language, zone, hour, created_at"
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE subscriber_kept AS SELECT * FROM subscriber")
    op.drop_table("subscriber")
    op.create_table(
        "subscriber",
        sa.Column("id", _ID, nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("address_key", sa.String(length=400), nullable=False),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=300), server_default="", nullable=False),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("hour", sa.String(length=5), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscriber_address_key")),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO subscriber ({kept}) SELECT {kept} FROM subscriber_kept ORDER BY id")  # noqa: S608 - our words
    op.execute("DROP TABLE subscriber_kept")
    op.create_index(op.f("ix_subscriber_zone_hour_id"), "subscriber", ["zone", "hour", "id"])


def _deliveries_on_sqlite() -> None:
    """SQLite adds a constraint only with its column; a million rows need not be written again for that."""
    op.execute(
        f"ALTER TABLE delivery ADD COLUMN reason VARCHAR(12) CONSTRAINT ck_delivery_reason CHECK (reason IN ({_REASONS}))"
    )


def _notice_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("subscriber_id", _ID, nullable=True),
        sa.Column("list_id", _ID, nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=True),
    ]


def _notices_altered() -> None:
    for column in _notice_columns():
        op.add_column("notice", column)
    op.create_foreign_key(op.f("fk_notice_list_id"), "notice", "list", ["list_id"], ["id"])
    op.drop_constraint(op.f("ck_notice_kind"), "notice", type_="check")
    op.create_check_constraint(op.f("ck_notice_kind"), "notice", f"kind IN ({_KINDS})")


def _notices_made_anew() -> None:
    """SQLite cannot change a constraint: the table is made anew under its name, as in 0008."""
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE notice_kept AS SELECT * FROM notice")
    op.drop_table("notice")
    op.create_table(
        "notice",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("address_key", sa.String(length=400), nullable=False),
        *_notice_columns(),
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
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_notice_kind")),
        sa.CheckConstraint(f"status IN ({_STATUSES})", name=op.f("ck_notice_status")),
        sa.ForeignKeyConstraint(["edition_digest"], ["edition.digest"], name=op.f("fk_notice_edition_digest")),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name=op.f("fk_notice_list_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_notice_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notice_edition_digest_kind_status"), "notice", ["edition_digest", "kind", "status"])
    op.create_index(op.f("ix_notice_issue_kind"), "notice", ["issue", "kind"])
    op.create_index(op.f("ix_notice_status_due_at"), "notice", ["status", "due_at"])
    op.execute(f"INSERT INTO notice ({_OLD_NOTICE}) SELECT {_OLD_NOTICE} FROM notice_kept")  # noqa: S608 - our words
    op.execute("DROP TABLE notice_kept")


def _first_evidence() -> None:
    """What each subscription said of its consent until now is the first step that is known of it."""
    connection = op.get_bind()
    said = sa.text("SELECT DISTINCT consent_text, consent_source FROM subscription")
    rows = [
        {"digest": hashlib.sha256(f"{text}\0{source}".encode()).hexdigest(), "text": text, "source": source}
        for text, source in connection.execute(said)
    ]
    if rows:
        insert = "INSERT INTO wording (digest, text, source) VALUES (:digest, :text, :source)"
        connection.execute(sa.text(insert), rows)
    connection.execute(
        sa.text(
            "INSERT INTO consent (subscription_id, at, what, how, wording_id)"
            " SELECT s.id, s.consent_at, CASE WHEN s.consent_source = 'added by hand' THEN 'added' ELSE 'imported' END,"
            " CASE WHEN s.consent_source = 'added by hand' THEN 'command' ELSE 'import' END, w.id"
            " FROM subscription s JOIN wording w ON w.text = s.consent_text AND w.source = s.consent_source ORDER BY s.id"
        )
    )
