"""How often readers may ask for mail: counted in the database, so that limits hold over processes and restarts.

What is counted stands under keyed hashes. The table stays small: networks share 65,536 counters, addresses are counted
only while the whole newsroom is within its limit, and spans that are over are swept away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.errors import BlockedError
from newsletter.settings import JoiningSettings
from newsletter.store.audience_tables import rate
from newsletter.tokens import TokenKeys

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_BUCKET_DIGITS = 4
"""Hexadecimal: 65,536 counters for all networks. Two that ask within an hour seldom share one, and nobody can choose to."""


class LimitError(BlockedError):
    """Too much was asked for, from one network or in all. `retry_after` is the number of seconds until it may be again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many requests came from your network", remedy="Try again in an hour")
        self.retry_after = retry_after


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """Whether a request is within the limits. `retry_after` is 0 where network and newsroom are within theirs; otherwise
    seconds. `address` says whether the address is within its own: where it is not, nothing is said and nothing is sent.
    """

    retry_after: int = 0
    address: bool = True


def take(
    connection: Connection, keys: TokenKeys, limits: JoiningSettings, *, network: str, address_key: str, now: datetime
) -> Taken:
    """Count one request for mail to an address, in the caller's transaction, which must be committed either way.

    The statements depend on what was counted and never on whether the address is known here.
    """
    hour = _began(now, HOUR)
    left = int((hour + HOUR - now).total_seconds()) + 1
    if network:
        bucket = "network:" + keys.rate_key("network", network)[:_BUCKET_DIGITS]
        if _count(connection, bucket, hour) > limits.per_network_an_hour:
            return Taken(retry_after=left)
    if _count(connection, "everyone", hour) > limits.all_an_hour:
        return Taken(retry_after=left)
    asked = _count(connection, "address:" + keys.rate_key("address", address_key), _began(now, DAY))
    return Taken(address=asked <= limits.per_address_a_day)


def sweep(connection: Connection, *, now: datetime) -> int:
    """Remove the counters of spans that are over; how many there were."""
    return connection.execute(delete(rate).where(rate.c.starts_at < now - DAY)).rowcount


def _began(now: datetime, span: timedelta) -> datetime:
    """When the span that holds this instant began: hours and days of UTC."""
    return datetime.fromtimestamp(now.timestamp() // span.total_seconds() * span.total_seconds(), UTC)


def _count(connection: Connection, key: str, starts_at: datetime) -> int:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    more = {"number": rate.c.number + 1}
    statement = insert(rate).values(key=key, starts_at=starts_at, number=1)
    counting = statement.on_conflict_do_update(index_elements=["key", "starts_at"], set_=more)
    number: int = connection.execute(counting.returning(rate.c.number)).scalar_one()
    return number
