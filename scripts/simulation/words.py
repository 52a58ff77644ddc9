"""What may become of what, and by how much clocks may differ: the checker's own tables, not the product's."""

from __future__ import annotations

from datetime import timedelta

HELD = "HELD-LATE"
QUIET = timedelta(minutes=5)
SKEW = timedelta(seconds=5)
"""Machines' clocks differ by up to two seconds, each way."""

TOLERANCE = timedelta(seconds=60)
"""A lease: what was looked at in time may be claimed that much later."""

OPEN = ("pending", "sending", "deferred")
ENDED = ("finished", "cancelled")

MAILING_MAY_BECOME = {
    "scheduled": {"sending", "paused", "cancelled"},
    "sending": {"paused", "finished", "cancelled"},
    # Again where it was held before its hour because a backup was put back.
    "paused": {"sending", "scheduled", "cancelled"},
    # Where a person has something of it sent again, or an answer came late.
    "finished": {"sending"},
    "cancelled": set[str](),
}

DELIVERY_MAY_BECOME = {
    "": {"pending"},
    "pending": {"withdrawn", "expired", "unknown", "accepted", "deferred"},
    "sending": {"accepted", "rejected", "deferred", "unknown", "pending", "withdrawn", "expired"},
    "deferred": {"pending", "withdrawn", "expired", "unknown", "accepted"},
    "unknown": {"accepted", "rejected", "deferred", "pending", "withdrawn"},
    "rejected": {"pending", "deferred", "withdrawn"},
    "expired": {"pending", "withdrawn"},
    "accepted": set[str](),
    "withdrawn": set[str](),
}
"""At the same fence. A commit may do two steps at once: record that it was put off, and withdraw it."""
