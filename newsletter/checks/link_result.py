"""What is known of a link after it was asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What came of it.

    `ok`: it answers. `dead`: it says that it is gone (404, 410), or its name does not exist. `unverified`: it may be
    fine for a reader; we could not tell (403, 429, 5xx, time, TLS). `refused`: it was not asked, see `address_guard` and
    `link_target`. `reserved`: a name for examples, never looked up.
    """

    OK = "ok"
    DEAD = "dead"
    UNVERIFIED = "unverified"
    REFUSED = "refused"
    RESERVED = "reserved"


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkResult:
    """The outcome of one link.

    Args:
        url: as it was given.
        verdict: what came of it.
        status: the last HTTP status; None where nothing answered.
        detail: the outcome in words that follow "the link …", such as "answers 404 Not Found".
        final_url: where redirects led; `url` without its fragment where there were none.
        checked_at: when it was asked, an aware instant in UTC; earlier than now where the cache knew.
    """

    url: str
    verdict: Verdict
    status: int | None
    detail: str
    final_url: str
    checked_at: datetime
