"""What is said about alerts: the mail, and what a webhook gets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newsletter.alerts.alert import Raised
from newsletter.store.statuses import AlertSeverity, AlertStep

_LEAD = {AlertStep.RAISED: "Alert", AlertStep.REMINDED: "Still so", AlertStep.RESOLVED: "Over"}
_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """An alert with what is told of it."""

    alert: Raised
    step: AlertStep


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """One thing that is said: about alerts of one kind, as a mail and as plain data."""

    code: str
    subject: str
    text: str
    payload: dict[str, Any]


def announcement(told: Sequence[Told], *, newsroom: str, now: datetime) -> Announcement:
    """What to say of alerts of one kind; of those that are open first, in the order of their numbers."""
    ordered = sorted(told, key=lambda one: (one.step is AlertStep.RESOLVED, one.alert.id))
    kind = ordered[0].alert.kind
    subject = f"[{newsroom}] {_headline(ordered)}"
    return Announcement(
        code=kind.code,
        subject=subject,
        text="\n".join(_lines(ordered)),
        payload={
            "type": "alert",
            "newsroom": newsroom,
            "code": kind.code,
            "severity": _heaviest(ordered).value,
            "step": ordered[0].step.value,
            "at": now.isoformat(),
            # Chat programs show a field of this name and need nothing else.
            "text": "\n".join([subject, *(one.alert.message for one in ordered[:_SHOWN])]),
            "alerts": [{**one.alert.as_dict(), "step": one.step.value} for one in ordered],
        },
    )


def _headline(ordered: Sequence[Told]) -> str:
    first = ordered[0]
    about = first.alert.subject if len(ordered) == 1 else f"{len(ordered)} of them"
    return f"{_LEAD[first.step]}: {first.alert.kind.title} ({about})"


def _heaviest(ordered: Sequence[Told]) -> AlertSeverity:
    critical = any(one.alert.severity is AlertSeverity.CRITICAL for one in ordered)
    return AlertSeverity.CRITICAL if critical else AlertSeverity.WARNING


def _lines(ordered: Sequence[Told]) -> Iterator[str]:
    for one in ordered[:_SHOWN]:
        yield from _about(one)
        yield ""
    if len(ordered) > _SHOWN:
        yield f"And {len(ordered) - _SHOWN} more: newsletter alert list"
        yield ""
    kind = ordered[0].alert.kind
    waiting = [one.alert.id for one in ordered if one.alert.open]
    if waiting:
        yield f"What to do: {kind.todo}"
        yield f"The runbook has more: docs/{kind.page}"
        yield f"Reminders end with: newsletter alert acknowledge {waiting[0]}"
    else:
        yield "Nothing is left to do."


def _about(one: Told) -> Iterator[str]:
    alert = one.alert
    yield f"{_LEAD[one.step]}: {alert.message}"
    since = f"{alert.subject}, since {_hour(alert.raised_at)}"
    often = f", noticed {alert.times:,} times" if alert.times > 1 else ""
    yield f"  alert {alert.id}, {since}{often}"
    if alert.resolved_at is not None:
        why = f": {alert.resolution}" if alert.resolution else ""
        yield f"  over since {_hour(alert.resolved_at)}{why}"


def _hour(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
