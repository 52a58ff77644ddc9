"""Every kind of alert: its code, how much it presses, and what it means. docs/runbook has a page for each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newsletter.store.statuses import AlertSeverity

_W, _C = AlertSeverity.WARNING, AlertSeverity.CRITICAL


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind. `title` goes on from "Alert: "; `todo` is the first thing to do, in a sentence."""

    code: str
    severity: AlertSeverity
    title: str
    todo: str

    @property
    def page(self) -> str:
        """Its page in the runbook, from the documentation's folder."""
        return f"runbook/{self.code.lower()}.md"


def _kinds(*kinds: tuple[str, AlertSeverity, str, str]) -> Iterable[Kind]:
    for code, severity, title, todo in kinds:
        yield Kind(code=code, severity=severity, title=title, todo=todo)


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in _kinds(
        (
            "NOT-READY",
            _C,
            "no approved issue by the time it had to be ready",
            "Approve and schedule the issue, or leave the day out: nothing is sent until somebody does.",
        ),
        (
            "HELD-LATE",
            _C,
            "a mailing was found too late and is held",
            "Decide whether it still goes out: resume it with new time, after a pause where it is being sent, or cancel it.",
        ),
        (
            "RESTORED",
            _C,
            "a backup of the database was put back",
            "Find out what has gone out since the backup; then `newsletter db accept-restore`, and decide on each mailing.",
        ),
        (
            "WAVES-MISSED",
            _W,
            "readers whose hour had passed were left out",
            "See how many it hit; send to them another way, or let it be.",
        ),
        (
            "NOT-SENT-BY-ITSELF",
            _C,
            "the day's issue did not go out by itself",
            "See what the gate has against it, mend it, and schedule it by hand.",
        ),
        (
            "SETTINGS-BROKEN",
            _W,
            "the settings were changed and cannot be used",
            "Mend the file: `newsletter doctor` names the place. Until then the last good settings count.",
        ),
        (
            "CLOCK-JUMPED",
            _W,
            "a machine's clock was moved",
            "See that the machine keeps its time by the network; nothing is sent early meanwhile.",
        ),
        (
            "NOBODY-SENDS",
            _C,
            "a mailing is being sent and no worker is at it",
            "Start a worker: `newsletter run`, or `newsletter worker`.",
        ),
        (
            "BREAKER-COMPLAINTS",
            _C,
            "a mailing was paused: too many complaints",
            "Find out what readers object to before anybody resumes it.",
        ),
        (
            "BREAKER-BOUNCES",
            _C,
            "a mailing was paused: too many addresses do not exist",
            "See where these addresses came from; clean the list, then resume.",
        ),
        (
            "BREAKER-TEMPORARY",
            _C,
            "a mailing was paused: too much is put off",
            "See which domains put mail off and why; resume once they take it.",
        ),
        (
            "BREAKER-ERRORS",
            _C,
            "a mailing was paused: the provider fails",
            "See the provider's status page; resume once it answers.",
        ),
        (
            "LATE-COMPLAINTS",
            _W,
            "a mailing that has finished drew too many complaints",
            "Find out what readers object to before the next one goes out.",
        ),
        (
            "LATE-BOUNCES",
            _W,
            "a mailing that has finished had too many addresses that do not exist",
            "See where these addresses came from, and clean the list before the next one.",
        ),
        (
            "SENDER-REFUSED",
            _C,
            "a mailing was paused: the other side refuses us",
            "Mend [sender] or its secret, start the worker again, then resume.",
        ),
        (
            "EDITION-DAMAGED",
            _C,
            "a mailing was paused: its edition cannot be read",
            "Restore the edition from a backup and resume, or cancel the mailing and send the issue anew.",
        ),
    )
}
