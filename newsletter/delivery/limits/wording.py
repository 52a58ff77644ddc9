"""What a limit or a domain in trouble means for a mailing, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from newsletter.delivery.limits.pace import Pace
from newsletter.delivery.limits.rules import Limits

_NAMED = 3


def trouble(sender: Pace, waited_for: Sequence[Pace], limits: Limits, now: datetime) -> str:
    """What holds mail up; empty where nothing does that a person would not expect.

    A rate is what the newsroom has asked for, and no trouble; a day whose number is used up is told.

    Args:
        sender: the sender's own pace.
        waited_for: the domains that deliveries wait for.
        limits: what the settings allow.
        now: the hour, UTC.
    """
    if limits.sender.any and not sender.left_today(limits.sender, now):
        return f"today's {sender.today:,} of the ramp-up are used; goes on at {_hour(sender.opens_at(limits.sender, now), now)}"
    said = list(_of_domains(waited_for, limits, now))
    more = f"; and {len(said) - _NAMED:,} more domains" if len(said) > _NAMED else ""
    return "; ".join(said[:_NAMED]) + more


def _of_domains(waited_for: Iterable[Pace], limits: Limits, now: datetime) -> Iterator[str]:
    for pace in waited_for:
        limit = limits.of_scope(pace.scope)
        opens = _hour(pace.opens_at(limit, now), now)
        if not pace.left_today(limit, now):
            yield f"today's {pace.today:,} for {pace.scope} are used; its mail goes on at {opens}"
        elif pace.is_shut(now):
            times = "" if pace.failures == 1 else f", {pace.failures} times in a row"
            yield f"{pace.scope} takes no more for now{times}: its mail waits and is tried one at a time from {opens}"
        elif pace.is_slowed(now):
            yield f"{pace.scope} puts everybody off: its mail goes slowly until it takes some"


def _hour(moment: datetime, now: datetime) -> str:
    """An hour of today, or of another day at its midnight."""
    return f"{moment:%H:%M UTC}" if moment.date() != now.date() else f"{moment:%H:%M:%S UTC}"
