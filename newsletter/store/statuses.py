"""The states that rows may be in: one definition for the tables' CHECK constraints and for the nouns above."""

from __future__ import annotations

from enum import StrEnum


class SubscriptionStatus(StrEnum):
    """Where a subscriber stands with a list. Only SUBSCRIBED gets mail."""

    UNCONFIRMED = "unconfirmed"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"


class SuppressionReason(StrEnum):
    """Why an address gets nothing from any list. A complaint can never be lifted."""

    INVALID = "invalid"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    MANUAL = "manual"
    ERASED = "erased"


class ConsentStep(StrEnum):
    """What happened to a subscription, in the evidence that is kept of it."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    IMPORTED = "imported"
    ADDED = "added"
    LEFT = "left"
    UNDONE = "undone"
    PAUSED = "paused"
    RESUMED = "resumed"
    CHANGED = "changed"


class ConsentWay(StrEnum):
    """How a step of consent came to us.

    FORM is the sign-up form, LINK the page behind a mailed link, PAGE the preferences, ONE_CLICK the POST of RFC 8058,
    PROVIDER an event that a provider told.
    """

    FORM = "form"
    LINK = "link"
    PAGE = "page"
    ONE_CLICK = "one-click"
    COMMAND = "command"
    IMPORT = "import"
    PROVIDER = "provider"


class MailingKind(StrEnum):
    """What a mailing carries."""

    ISSUE = "issue"
    DIGEST = "digest"
    CORRECTION = "correction"


class MailingStatus(StrEnum):
    """A mailing's way: scheduled → sending (⇄ paused) → finished, or cancelled before its end."""

    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class ChunkStatus(StrEnum):
    """OPEN while a worker holds it under a lease, CLOSED when it gave it back, LAPSED when the lease ran out first."""

    OPEN = "open"
    CLOSED = "closed"
    LAPSED = "lapsed"


class DeliveryStatus(StrEnum):
    """One subscriber's row in a mailing. See `OPEN` and `ENDS`."""

    PENDING = "pending"
    SENDING = "sending"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


OPEN = (DeliveryStatus.PENDING, DeliveryStatus.SENDING, DeliveryStatus.DEFERRED)
"""The states that something has still to follow on."""

ENDS = (
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.REJECTED,
    DeliveryStatus.WITHDRAWN,
    DeliveryStatus.EXPIRED,
    DeliveryStatus.UNKNOWN,
)
"""The other states, in the order of the report's equation. Evidence may still settle an UNKNOWN one."""


class OutcomeKind(StrEnum):
    """How one attempt to hand a message over ended; each is the delivery's status of the same name."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"


class Exclusion(StrEnum):
    """Why a selected subscriber was not prepared, or withdrawn after; the first that holds, in this order.

    The last two are of deliveries only: the person is gone, the mailing was cancelled.
    """

    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    UNCONFIRMED = "unconfirmed"
    PAUSED = "paused"
    OTHER_LIST = "other_list"
    SEGMENT = "segment"
    HAS_ISSUE = "has_issue"
    TOO_LATE = "too_late"
    ERASED = "erased"
    CANCELLED = "cancelled"


class UserRole(StrEnum):
    """What a user may do; `publishing.user` says what that is."""

    WRITER = "writer"
    EDITOR = "editor"
    OPS = "ops"
    ADMIN = "admin"


class NoticeKind(StrEnum):
    """What a notice is for.

    ALREADY answers a request of somebody who is on the list, MANAGE carries the link to one's own data, ADDRESS asks a new
    address to confirm itself, MOVED tells the old one.
    """

    CONFIRMATION = "confirmation"
    WELCOME = "welcome"
    TEST = "test"
    ALERT = "alert"
    ALREADY = "already"
    MANAGE = "manage"
    ADDRESS = "address"
    MOVED = "moved"


class EventType(StrEnum):
    """What a provider tells about a delivery, in our words. OTHER is what we have no word for; its raw form is kept."""

    PROCESSED = "processed"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"


class AlertSeverity(StrEnum):
    """How much an alert presses: a warning can wait until somebody is at work, a critical one stops readers' mail."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlertStep(StrEnum):
    """What is told about an alert: that it is there, that it is there still, that it is over."""

    RAISED = "raised"
    REMINDED = "reminded"
    RESOLVED = "resolved"
