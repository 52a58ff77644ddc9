"""An event: what a provider tells about one delivery. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newsletter.store.statuses import EventType


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event. `identity` is the provider's name for it; `at` (UTC) is when it happened, as the provider says.

    `mailing_id`, `delivery_id` and `attempt` are what we handed over with the message, None where it did not come back.
    `provider_id` is the provider's name for the message. `machine`: opened or clicked by a program.
    """

    provider: str
    identity: str
    type: EventType
    at: datetime
    mailing_id: int | None
    delivery_id: int | None
    attempt: str | None
    provider_id: str | None
    machine: bool
    raw: Mapping[str, Any]
