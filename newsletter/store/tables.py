"""The tables. The migrations build the same; a test holds the two equal."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from newsletter.store.columns import BigId as BigId  # noqa: PLC0414 - offered beside the tables
from newsletter.store.columns import Instant as Instant  # noqa: PLC0414
from newsletter.store.columns import metadata as metadata  # noqa: PLC0414
from newsletter.store.columns import one_of, row_id
from newsletter.store.statuses import (
    ChunkStatus,
    DeliveryStatus,
    EventType,
    Exclusion,
    MailingKind,
    MailingStatus,
    NoticeKind,
    OutcomeKind,
    SubscriptionStatus,
    SuppressionReason,
    UserRole,
)

mailing_list = Table(
    "list",
    metadata,
    row_id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("title", String(300), nullable=False),
    Column("created_at", Instant, nullable=False),
    # The calendar that its settings name, in a line, and since when: slots before that were never promised.
    Column("calendar", Text, nullable=False, server_default=""),
    Column("calendar_since", Instant),
)

subscriber = Table(
    "subscriber",
    metadata,
    row_id(),
    # As the person typed it; `address_key` is what it is compared by (case, IDNA, Unicode); `domain` is the key's.
    Column("address", String(400), nullable=False),
    Column("address_key", String(400), nullable=False, unique=True),
    Column("domain", String(255), nullable=False),
    Column("name", String(300), nullable=False, server_default=""),
    Column("language", String(35)),
    Column("zone", String(64)),
    # The local hour that the reader chose, such as 07:00; NULL: the list's.
    Column("hour", String(5)),
    Column("created_at", Instant, nullable=False),
    # A wave's readers, in order, without walking the whole list.
    Index(None, "zone", "hour", "id"),
    # No number twice: links in an erased person's old mail would open the next one's pages.
    sqlite_autoincrement=True,
)

_PAUSED = "paused_until IS NOT NULL"
subscription = Table(
    "subscription",
    metadata,
    row_id(),
    Column("list_id", ForeignKey("list.id"), nullable=False),
    Column("subscriber_id", ForeignKey("subscriber.id"), nullable=False, index=True),
    Column("status", String(12), nullable=False),
    Column("consent_text", Text, nullable=False),
    Column("consent_source", String(300), nullable=False),
    Column("consent_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    # Until when the reader wants no mail; it ends by itself. NULL, or past: no pause.
    Column("paused_until", Instant),
    # What the reader said when they left, if anything.
    Column("left_reason", Text, nullable=False, server_default=""),
    one_of("status", SubscriptionStatus),
    # In this order, so that freezing an audience walks one list by subscriber.
    UniqueConstraint("list_id", "subscriber_id"),
    # Counts by state, and of segments, from the index alone.
    Index(None, "list_id", "status", "subscriber_id"),
    # Of the few who pause, or did: it costs the others nothing.
    Index(None, "list_id", "paused_until", sqlite_where=text(_PAUSED), postgresql_where=text(_PAUSED)),
)

suppression = Table(
    "suppression",
    metadata,
    row_id(),
    # Erasure leaves no address: the key becomes NULL and a keyed hash stays, so that no import brings the person back.
    Column("address_key", String(400)),
    Column("address_hash", String(64)),
    Column("reason", String(12), nullable=False),
    Column("at", Instant, nullable=False),
    Column("evidence", Text, nullable=False, server_default=""),
    one_of("reason", SuppressionReason),
    CheckConstraint("address_key IS NOT NULL OR address_hash IS NOT NULL", name="names_someone"),
    UniqueConstraint("address_key", "reason"),
    UniqueConstraint("address_hash", "reason"),
)

edition = Table(
    "edition",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("issue", String(200), nullable=False),
    Column("subject", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

user = Table(
    "user",
    metadata,
    row_id(),
    # As it was given; `name_key` is what it is compared by, so that nobody signs twice as `Ada` and `ada`.
    Column("name", String(100), nullable=False),
    Column("name_key", String(200), nullable=False, unique=True),
    Column("role", String(6), nullable=False),
    # A key of the newsroom's sides, where rules ask for an approval from each.
    Column("side", String(100)),
    # A keyed hash: the token itself is shown once and kept nowhere.
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    one_of("role", UserRole),
)

approval = Table(
    "approval",
    metadata,
    row_id(),
    Column("edition_digest", ForeignKey("edition.digest"), nullable=False),
    Column("issue", String(200), nullable=False, index=True),
    Column("user_id", ForeignKey("user.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    UniqueConstraint("edition_digest", "user_id"),
)

waiver = Table(
    "waiver",
    metadata,
    row_id(),
    Column("edition_digest", ForeignKey("edition.digest"), nullable=False),
    Column("issue", String(200), nullable=False, index=True),
    Column("code", String(100), nullable=False),
    Column("user_id", ForeignKey("user.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("edition_digest", "code"),
)

notice = Table(
    "notice",
    metadata,
    row_id(),
    Column("kind", String(12), nullable=False),
    # As for a subscriber: the form for the wire, and the key that suppression is looked up by.
    Column("address", String(400), nullable=False),
    Column("address_key", String(400), nullable=False),
    # Whom it is for, where that is a subscriber, about which list, in which language. No foreign key to the person: a
    # notice to an address goes with the address when that is erased.
    Column("subscriber_id", BigId, index=True),
    Column("list_id", ForeignKey("list.id")),
    Column("language", String(35)),
    # What the request came with; never a token, which is made when the notice is sent.
    Column("detail", JSON(none_as_null=True)),
    # What a test shows, and who asked for it.
    Column("issue", String(200)),
    Column("edition_digest", ForeignKey("edition.digest")),
    Column("user_id", ForeignKey("user.id")),
    Column("status", String(9), nullable=False),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant),
    Column("code", Integer),
    Column("reply", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    one_of("kind", NoticeKind),
    one_of("status", DeliveryStatus),
    Index(None, "address_key", "kind"),
    Index(None, "edition_digest", "kind", "status"),
    Index(None, "issue", "kind"),
    Index(None, "status", "due_at"),
    sqlite_autoincrement=True,
)

mailing = Table(
    "mailing",
    metadata,
    row_id(),
    Column("list_id", ForeignKey("list.id"), nullable=False),
    Column("local_date", Date, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("sequence", Integer, nullable=False, server_default="1"),
    Column("issue", String(200), nullable=False, index=True),
    Column("edition_digest", ForeignKey("edition.digest"), nullable=False),
    Column("status", String(10), nullable=False),
    Column("not_later_than", Instant, nullable=False),
    Column("selected", Integer, nullable=False, server_default="0"),
    Column("prepared", Integer, nullable=False, server_default="0"),
    Column("excluded", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    # What stands in the way just now, in a sentence; empty while all is well.
    Column("trouble", Text, nullable=False, server_default=""),
    # Since when something has; what it is may change meanwhile.
    Column("trouble_since", Instant),
    # Held because a backup was put back: those it has still to go to may have it already.
    Column("restored_at", Instant),
    # Seconds after which what is unknown is sent again; NULL: a person decides.
    Column("resend_after", Integer),
    # When its first wave is due; NULL for one that a person sends now.
    Column("due_at", Instant),
    # What the waves' instants were reckoned from, and by which rules, so that they follow when those change.
    Column("zone", String(64)),
    Column("hour", String(5)),
    Column("tzdata", String(20)),
    # Whether each reader gets it at the hour of their own zone.
    Column("by_reader", Boolean, nullable=False, server_default=false()),
    # How many of 10,000 readers go five minutes ahead of the others.
    Column("canary", Integer, nullable=False, server_default="0"),
    # Seconds by which a wave may be late and still begin by itself.
    Column("late_limit", Integer),
    # Whether waves whose hour had passed are skipped instead of sent at once.
    Column("skips_past", Boolean, nullable=False, server_default=false()),
    # Which of the list's readers it goes to, as the filter stood when it was ordered; "" is all. And the name it had.
    Column("filter", Text, nullable=False, server_default=""),
    Column("segment", String(100), nullable=False, server_default=""),
    # Of those deliveries that `db prune` has rolled up: how many count as twice and as possibly twice, all their tries,
    # and how many had more than one.
    Column("rolled_up_twice", Integer, nullable=False, server_default="0"),
    Column("rolled_up_possibly_twice", Integer, nullable=False, server_default="0"),
    Column("rolled_up_tries", Integer, nullable=False, server_default="0"),
    Column("rolled_up_tried_again", Integer, nullable=False, server_default="0"),
    # And how many were withdrawn for each reason.
    Column("rolled_up_reasons", JSON(none_as_null=True)),
    one_of("kind", MailingKind),
    one_of("status", MailingStatus),
    UniqueConstraint("list_id", "local_date", "kind", "sequence"),
    Index(None, "status", "due_at"),
)

wave = Table(
    "wave",
    metadata,
    row_id(),
    Column("mailing_id", ForeignKey("mailing.id"), nullable=False),
    # "" is everyone: NULLs are never equal, so the constraint below would let a second such wave in.
    Column("zone", String(64), nullable=False, server_default=""),
    # The local hour that its readers chose; "" is the mailing's.
    Column("hour", String(5), nullable=False, server_default=""),
    # The few of the zone and hour who go ahead.
    Column("canary", Boolean, nullable=False, server_default=false()),
    Column("due_at", Instant, nullable=False),
    # After this it does not begin by itself; NULL: after the mailing's own limit.
    Column("not_later_than", Instant),
    # Its hour had passed when the mailing was scheduled, and the list skips such: its readers are counted, none is mailed.
    Column("skipped", Boolean, nullable=False, server_default=false()),
    Column("edition_digest", ForeignKey("edition.digest"), nullable=False),
    # The last subscriber looked at, so that freezing goes on where a killed process stopped.
    Column("frozen_to", BigId, nullable=False, server_default="0"),
    Column("released_at", Instant),
    UniqueConstraint("mailing_id", "zone", "hour", "canary"),
)

chunk = Table(
    "chunk",
    metadata,
    row_id(),
    Column("wave_id", ForeignKey("wave.id"), nullable=False, index=True),
    Column("status", String(8), nullable=False),
    Column("fence", Integer, nullable=False, server_default="1"),
    Column("worker", String(200), nullable=False),
    # One request carries all of it, so that an event about one of its deliveries speaks for every one.
    Column("one_request", Boolean, nullable=False, server_default=false()),
    Column("created_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
    one_of("status", ChunkStatus),
    Index(None, "status", "lease_until"),
)

pace = Table(
    "pace",
    metadata,
    row_id(),
    # A domain of readers, or "" for the sender: whatever has a limit, or is in trouble.
    Column("scope", String(255), nullable=False, unique=True),
    # When it is even with its rate.
    Column("free_at", Instant),
    # How many messages were taken on a day of UTC.
    Column("day", Date),
    Column("today", Integer, nullable=False, server_default="0"),
    # How often in a row a domain was found to take nothing, and until when it is left alone.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("shut_until", Instant),
    Column("slowed_until", Instant),
)

_HAS_TIME, _IN_TURN = "due_at IS NOT NULL", "pace_id IS NOT NULL"
delivery = Table(
    "delivery",
    metadata,
    row_id(),
    Column("mailing_id", ForeignKey("mailing.id"), nullable=False),
    Column("wave_id", ForeignKey("wave.id"), nullable=False),
    # No foreign key: the row is made by selecting from `subscriber`, and checking each of a million rows again would only
    # cost time. Whoever is erased leaves the delivery without them: its own number, negative, stands here.
    Column("subscriber_id", BigId, nullable=False),
    Column("status", String(9), nullable=False),
    # How often it was claimed; an outcome counts only while this is still the number of its own claim.
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("chunk_id", ForeignKey("chunk.id")),
    # A deferred one is not tried before.
    Column("due_at", Instant),
    # The pace that a deferred one without an instant of its own waits for: its turn has not come.
    Column("pace_id", BigId),
    # Why it was withdrawn, NULL as long as it is not.
    Column("reason", String(12)),
    Column("changed_at", Instant, nullable=False),
    one_of("status", DeliveryStatus),
    one_of("reason", Exclusion),
    UniqueConstraint("mailing_id", "subscriber_id"),
    # Claims, and the counts of a report without touching the rows.
    Index(None, "mailing_id", "status", "id"),
    # Of few deliveries, as a rule, and of none that is frozen or accepted: these cost them nothing.
    Index(None, "mailing_id", "due_at", "id", sqlite_where=text(_HAS_TIME), postgresql_where=text(_HAS_TIME)),
    Index(None, "mailing_id", "pace_id", "fence", "id", sqlite_where=text(_IN_TURN), postgresql_where=text(_IN_TURN)),
)

attempt = Table(
    "attempt",
    metadata,
    row_id(),
    Column("chunk_id", ForeignKey("chunk.id"), nullable=False),
    # NULL where one request carried the whole chunk.
    Column("delivery_id", BigId, index=True),
    Column("fence", Integer, nullable=False),
    Column("outcome", String(9), nullable=False),
    Column("code", Integer),
    Column("reply", Text, nullable=False, server_default=""),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    one_of("outcome", OutcomeKind),
    # Finds the one row that stands for a whole request among the thousands that a chunk may have.
    Index(None, "chunk_id", "delivery_id"),
)

event = Table(
    "event",
    metadata,
    row_id(),
    Column("provider", String(20), nullable=False),
    # The provider's own name for the event: it posts some more than once.
    Column("provider_event", String(200), nullable=False),
    Column("type", String(12), nullable=False),
    # When it happened, as the provider says; events come late and out of order.
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    # What we handed over with the message. No foreign keys: events outlive the deliveries that `db prune` rolls up.
    Column("mailing_id", BigId),
    Column("delivery_id", BigId, index=True),
    # Chunk and attempt, as `Handed.attempt` said.
    Column("attempt", String(100), index=True),
    # The provider's name for the message.
    Column("provider_id", String(200)),
    # An open or a click by a program and not by a person.
    Column("machine", Boolean, nullable=False),
    Column("raw", JSON, nullable=False),
    one_of("type", EventType),
    UniqueConstraint("provider", "provider_event"),
    Index(None, "mailing_id", "type"),
)

audit = Table(
    "audit",
    metadata,
    row_id(),
    Column("at", Instant, nullable=False, index=True),
    Column("actor", String(200), nullable=False),
    Column("action", String(100), nullable=False),
    # Such as `mailing:12` or `subscriber:407`: ids only, never an address.
    Column("subject", String(200), nullable=False, index=True),
    Column("detail", JSON, nullable=False),
)
