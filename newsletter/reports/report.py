"""The report: counts that must add up. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from newsletter.audience.addresses import without_addresses
from newsletter.audience.choosing import EVERYBODY, Choice
from newsletter.publishing import Mailing
from newsletter.store.statuses import ENDS, OPEN, DeliveryStatus, Exclusion, MailingStatus

RECENT = timedelta(seconds=60)
"""The time that the present pace is taken from."""


class Phase(StrEnum):
    """Where a mailing is: its state, and while it is being sent, what is going on."""

    SCHEDULED = "scheduled"
    FREEZING = "freezing"
    SENDING = "sending"
    RETRYING = "retrying"
    WAITING = "waiting"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Replies that say the same, addresses and queue numbers masked: how many attempts got one."""

    outcome: str
    code: int | None
    text: str
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Domain:
    """The deliveries to one domain, by state (only the states that occur)."""

    name: str
    counts: Mapping[DeliveryStatus, int]

    @property
    def total(self) -> int:
        """All deliveries to it."""
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """One of the mailing's waves; `zone` and `hour` are empty for everyone else's. Instants are UTC."""

    zone: str
    due_at: datetime
    released_at: datetime | None
    hour: str = ""
    canary: bool = False
    skipped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """Something that befell the mailing, or that a person did to it, from the audit."""

    at: datetime
    actor: str
    action: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A mailing's report at the instant `at` (UTC).

    `counts` names every state. `twice` counts deliveries that were accepted more than once, `possibly_twice` those sent
    again though nothing is known of an earlier attempt. `domains` are the largest; `unknown` lists some of those whose
    message may have arrived, addresses masked; `in_quiet` of them became so a moment ago and may settle by themselves.
    `trouble` is what stands in the way, since `trouble_since`; `workers` is how many processes hold something of it;
    `next_due` is when a deferred one is tried again; `recently` is how many were accepted in the last `RECENT`. `tries`
    counts the attempts at all deliveries, `tried_again` the deliveries with more than one. `resend_after` is when the
    unknown is sent again by the list's own rule, None where a person decides. `withdrawn_for` says why deliveries were
    withdrawn, as far as that is still known; `choice` whom of the list the mailing is for.
    """

    mailing: Mailing
    at: datetime
    selected: int
    prepared: int
    excluded: Mapping[Exclusion, int]
    counts: Mapping[DeliveryStatus, int]
    twice: int
    domains: tuple[Domain, ...]
    replies: tuple[Reply, ...]
    unknown: tuple[str, ...]
    possibly_twice: int = 0
    in_quiet: int = 0
    trouble: str = ""
    trouble_since: datetime | None = None
    restored_at: datetime | None = None
    events_come: bool = True
    tries: int = 0
    tried_again: int = 0
    resend_after: timedelta | None = None
    workers: int = 0
    waves: tuple[Wave, ...] = ()
    next_due: datetime | None = None
    recently: int = 0
    history: tuple[Happening, ...] = ()
    withdrawn_for: Mapping[Exclusion, int] = field(default_factory=dict)
    choice: Choice = EVERYBODY

    @property
    def phase(self) -> Phase:
        """Where on its way the mailing is."""
        status = self.mailing.status
        if status is not MailingStatus.SENDING:
            return Phase(status.value)
        if any(wave.released_at is None and wave.due_at <= self.at for wave in self.waves):
            return Phase.FREEZING
        if self.counts[DeliveryStatus.PENDING] or self.counts[DeliveryStatus.SENDING]:
            return Phase.SENDING
        if self.counts[DeliveryStatus.DEFERRED]:
            return Phase.RETRYING
        return Phase.WAITING if any(wave.released_at is None for wave in self.waves) else Phase.SENDING

    @property
    def left(self) -> timedelta | None:
        """How long it will take at the present pace; None where nobody is at it, nothing goes, or nothing is to go now."""
        going = self.counts[DeliveryStatus.PENDING] + self.counts[DeliveryStatus.SENDING]
        if self.phase is not Phase.SENDING or not (going and self.recently and self.workers):
            return None
        return timedelta(seconds=going / self.pace)

    @property
    def pace(self) -> float:
        """Accepted messages a second, of late."""
        return self.recently / max(min(self.duration, RECENT).total_seconds(), 1.0)

    @property
    def next_wave(self) -> datetime | None:
        """When the next wave is released."""
        return min((wave.due_at for wave in self.waves if wave.released_at is None), default=None)

    @property
    def balanced(self) -> bool:
        """Whether both sides of the equation are equal."""
        added = sum(self.counts[status] for status in (*ENDS, *OPEN))
        return self.selected == self.prepared + sum(self.excluded.values()) and self.prepared == added

    @property
    def waiting(self) -> int:
        """Deliveries that something has still to follow on."""
        return sum(self.counts[status] for status in OPEN)

    @property
    def finished(self) -> bool:
        """Whether the mailing has ended, and the equation holds with nothing pending.

        The equation alone holds before anybody was selected, too.
        """
        return self.mailing.status is MailingStatus.FINISHED and self.balanced and self.waiting == 0

    @property
    def duration(self) -> timedelta:
        """From the start to the end, or to now."""
        if self.mailing.started_at is None:
            return timedelta(0)
        return (self.mailing.finished_at or self.at) - self.mailing.started_at

    @property
    def rate(self) -> float:
        """Accepted messages a second."""
        seconds = self.duration.total_seconds()
        return self.counts[DeliveryStatus.ACCEPTED] / seconds if seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data; instants in ISO 8601, UTC."""
        mailing = self.mailing
        return {
            "mailing": mailing.id,
            "issue": mailing.issue,
            "list": mailing.list_name,
            "date": mailing.local_date.isoformat(),
            "edition": mailing.edition_digest,
            "status": mailing.status.value,
            "phase": self.phase.value,
            "seconds_left": round(self.left.total_seconds()) if self.left is not None else None,
            "pace": round(self.pace, 1),
            "trouble": self.trouble,
            "trouble_since": self.trouble_since.isoformat() if self.trouble_since else None,
            "restored_at": self.restored_at.isoformat() if self.restored_at else None,
            "finished": self.finished,
            "balanced": self.balanced,
            "selected": self.selected,
            "excluded": {reason.value: count for reason, count in self.excluded.items()},
            "prepared": self.prepared,
            **self.choice.as_dict(),
            **{status.value: self.counts[status] for status in (*ENDS, *OPEN)},
            "withdrawn_for": {reason.value: count for reason, count in self.withdrawn_for.items()},
            "twice": self.twice,
            "possibly_twice": self.possibly_twice,
            "unknown_in_quiet_period": self.in_quiet,
            "resend_unknown_after_seconds": round(self.resend_after.total_seconds()) if self.resend_after else None,
            "attempts": self.tries,
            "tried_again": self.tried_again,
            "workers": self.workers,
            "next_try_at": self.next_due.isoformat() if self.next_due else None,
            "not_later_than": mailing.not_later_than.isoformat(),
            "waves": [
                {
                    "zone": wave.zone,
                    "hour": wave.hour,
                    "canary": wave.canary,
                    "skipped": wave.skipped,
                    "due_at": wave.due_at.isoformat(),
                    "released_at": wave.released_at.isoformat() if wave.released_at else None,
                }
                for wave in self.waves
            ],
            "started_at": mailing.started_at.isoformat() if mailing.started_at else None,
            "finished_at": mailing.finished_at.isoformat() if mailing.finished_at else None,
            "seconds": round(self.duration.total_seconds(), 3),
            "rate": round(self.rate, 1),
            "domains": [{"domain": d.name, **{s.value: n for s, n in d.counts.items()}} for d in self.domains],
            "replies": [
                {"outcome": r.outcome, "code": r.code, "reply": r.text, "attempts": r.attempts} for r in self.replies
            ],
            "unknown_addresses": list(self.unknown),
            "history": [
                {"at": h.at.isoformat(), "actor": h.actor, "action": h.action, "detail": dict(h.detail)}
                for h in self.history
            ],
        }


# Queue numbers, message ids, session names: words of eight or more letters and digits with a digit among them.
_NUMBER = re.compile(r"\b(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{8,}\b")


def masked(reply: str) -> str:
    """A reply without what differs from recipient to recipient, so that equal ones can be counted together."""
    return _NUMBER.sub("…", without_addresses(reply))


def clustered(replies: Iterable[tuple[str, int | None, str, int]]) -> tuple[Reply, ...]:
    """(outcome, code, text, attempts) with equal ones counted together, the most frequent first."""
    counted: Counter[tuple[str, int | None, str]] = Counter()
    for outcome, code, text, attempts in replies:
        counted[outcome, code, masked(text)] += attempts
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0][0], item[0][2]))
    return tuple(Reply(outcome=key[0], code=key[1], text=key[2], attempts=count) for key, count in ordered)


def by_domain(rows: Iterable[tuple[str, str, int]], *, most: int) -> tuple[Domain, ...]:
    """(domain, status, deliveries) as the `most` largest domains, largest first."""
    domains: dict[str, dict[DeliveryStatus, int]] = {}
    for name, status, count in rows:
        domains.setdefault(name, {})[DeliveryStatus(status)] = count
    found = [Domain(name=name, counts=counts) for name, counts in domains.items()]
    return tuple(sorted(found, key=lambda domain: (-domain.total, domain.name))[:most])
