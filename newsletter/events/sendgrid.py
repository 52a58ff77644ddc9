"""SendGrid's events in our words. Pure; what is posted is hostile until its signature has been verified, and odd after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from newsletter.errors import InputError
from newsletter.events.event import Event
from newsletter.store.statuses import EventType

PROVIDER = "sendgrid"
_LONGEST_WORD = 100
_LONGEST_ID = 200

_TYPES = {
    "processed": EventType.PROCESSED,
    "deferred": EventType.DEFERRED,
    "delivered": EventType.DELIVERED,
    "bounce": EventType.BOUNCED,
    "blocked": EventType.BOUNCED,
    "dropped": EventType.DROPPED,
    "open": EventType.OPENED,
    "click": EventType.CLICKED,
    "spamreport": EventType.COMPLAINED,
    "unsubscribe": EventType.UNSUBSCRIBED,
    "group_unsubscribe": EventType.UNSUBSCRIBED,
}


def events_of(body: bytes, *, now: datetime) -> list[Event]:
    """The events of a posted body; what is no object is left out.

    Args:
        body: the request's bytes.
        now: stands in for a time that makes no sense.

    Raises:
        InputError: it is no JSON array.
    """
    try:
        # What is no JSON (RFC 8259, section 6) and Python reads all the same, PostgreSQL does not keep: null instead.
        posted = json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InputError("the posted events are no JSON") from error
    if not isinstance(posted, list):
        raise InputError("the posted events are no JSON array")
    return [_event(raw, now) for raw in posted if isinstance(raw, dict)]


def _event(raw: Mapping[str, Any], now: datetime) -> Event:
    return Event(
        provider=PROVIDER,
        identity=_word(raw.get("sg_event_id"), _LONGEST_ID) or _digest(raw),
        type=_TYPES.get(str(raw.get("event")), EventType.OTHER),
        at=_instant(raw.get("timestamp")) or now,
        mailing_id=_number(raw.get("mailing")),
        delivery_id=_number(raw.get("delivery")),
        attempt=_word(raw.get("attempt"), _LONGEST_WORD),
        provider_id=_word(raw.get("sg_message_id"), _LONGEST_ID),
        machine=raw.get("sg_machine_open") is True,
        raw=raw,
    )


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _digest(raw: Mapping[str, Any]) -> str:
    """A name for an event that has none: the same for the same event."""
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def _word(value: Any, longest: int) -> str | None:
    if isinstance(value, str) and value and len(value) <= longest and value.isprintable():
        return value
    return None


def _number(value: Any) -> int | None:
    """An id as we handed it over: digits, within the 64 bits of a row's number."""
    text = value if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _instant(value: Any) -> datetime | None:
    if isinstance(value, int) and 0 < value < 2**33:
        return datetime.fromtimestamp(value, UTC)
    return None
