"""What readers choose about their mail and stay: a pause, the hour, the zone, the language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, update

from newsletter.audience import evidence
from newsletter.audience.evidence import Step
from newsletter.audience.people import check_hour, check_language, check_zone
from newsletter.errors import InputError
from newsletter.store import Store, audit
from newsletter.store.statuses import ConsentStep, ConsentWay, SubscriptionStatus
from newsletter.store.tables import subscriber, subscription

WEEKS = (1, 2, 4)
"""For how many weeks a list can be paused. Whoever wants longer leaves: a forgotten pause becomes a complaint."""


def pause(
    store: Store,
    subscriber_id: int,
    list_id: int,
    *,
    weeks: int,
    at: datetime,
    how: ConsentWay,
    zone: str = "UTC",
    network: str = "",
    actor: str = "",
) -> datetime | None:
    """Send nothing of the list for some weeks; until when (UTC), or None where the reader is not on it.

    A pause that goes on already ends when the new one does. What is being sent just now is left out too. `zone` is the
    clock that weeks are counted by: a pause of a week leaves out as many issues whether summer time ends in it or not.
    `actor` is who does it, where that is not the reader.

    Raises:
        InputError: not for so many weeks.
    """
    if weeks not in WEEKS:
        raise InputError(f"a list cannot be paused for {weeks} weeks", remedy="Choose 1, 2 or 4")
    # Days are added on the wall clock; what that shows twice, or never, is settled on the way back to UTC.
    until = (at.astimezone(ZoneInfo(zone)) + timedelta(weeks=weeks)).astimezone(UTC)
    said = Step(at=at, what=ConsentStep.PAUSED, how=how, network=network)
    return until if _set(store, subscriber_id, list_id, until, said, actor=actor) else None


def resume(
    store: Store,
    subscriber_id: int,
    list_id: int,
    *,
    at: datetime,
    how: ConsentWay,
    network: str = "",
    actor: str = "",
) -> bool:
    """End a pause; whether there was one."""
    said = Step(at=at, what=ConsentStep.RESUMED, how=how, network=network)
    return _set(store, subscriber_id, list_id, None, said, also=subscription.c.paused_until > at, actor=actor)


def choose(
    store: Store,
    subscriber_id: int,
    *,
    zone: str | None = None,
    hour: str | None = None,
    language: str | None = None,
    at: datetime,
) -> bool:
    """Keep what the reader chose: None leaves it as it is, "" is the list's own. Whether the reader is there.

    Args:
        store: the database.
        subscriber_id: who.
        zone: an IANA name.
        hour: the local hour, such as 07:00.
        language: a BCP 47 tag.
        at: the instant of the request.

    Raises:
        InputError: no such zone, hour or language.
    """
    values = chosen(zone=zone, hour=hour, language=language)
    if not values:
        return False
    who = f"subscriber:{subscriber_id}"

    def step(connection: Connection) -> bool:
        found = keep(connection, subscriber_id, values)
        if found:
            audit.note(connection, "subscriber.choose", who, {}, actor=who, at=at)
        return found

    return store.write(step)


def chosen(*, zone: str | None, hour: str | None, language: str | None) -> dict[str, str | None]:
    """What `keep` writes, for those that are not None.

    Raises:
        InputError: no such zone, hour or language.
    """
    given = ((zone, check_zone, "zone"), (hour, check_hour, "hour"), (language, check_language, "language"))
    return {name: check(text.strip()) for text, check, name in given if text is not None}


def keep(connection: Connection, subscriber_id: int, values: Mapping[str, str | None]) -> bool:
    """Write what was chosen; whether the reader is there."""
    statement = update(subscriber).where(subscriber.c.id == subscriber_id).values(dict(values))
    return connection.execute(statement).rowcount == 1


def _set(
    store: Store,
    subscriber_id: int,
    list_id: int,
    until: datetime | None,
    said: Step,
    *,
    also: ColumnElement[bool] | None = None,
    actor: str = "",
) -> bool:
    where = evidence.of_pair(subscriber_id, list_id)
    on_it = where & (subscription.c.status == SubscriptionStatus.SUBSCRIBED)
    on_it = on_it if also is None else on_it & also
    who = f"subscriber:{subscriber_id}"

    def step(connection: Connection) -> bool:
        changed = connection.execute(update(subscription).where(on_it).values(paused_until=until)).rowcount == 1
        if changed:
            evidence.note(connection, where, said)
            action = "subscription.pause" if until else "subscription.resume"
            audit.note(connection, action, who, {"list": list_id}, actor=actor or who, at=said.at)
        return changed

    return store.write(step)
