"""What a person can do about a mailing as it stands, in a sentence with the command. Pure."""

from __future__ import annotations

from newsletter.reports.report import Phase, Report
from newsletter.store.statuses import DeliveryStatus

_AT_WORK = frozenset({Phase.FREEZING, Phase.SENDING, Phase.RETRYING, Phase.WAITING})


def advice(report: Report) -> str:
    """The next step; empty where there is none to take."""
    number, phase = report.mailing.id, report.phase
    if not report.balanced:
        return "keep the database as it is, and report this: nothing should be sent until it is understood"
    if phase is Phase.PAUSED:
        return _paused(report, number)
    if phase in _AT_WORK and not report.workers:
        # While `newsletter send` freezes, it is not a worker yet.
        # A worker is not known before it claims something, nor is `newsletter send` while it freezes.
        none = "if none runs and newsletter send is not at it" if phase is Phase.FREEZING else "if none runs"
        return f"start a worker, {none}: newsletter worker (newsletter run keeps one running)"
    if phase in _AT_WORK and report.trouble:
        return (
            f"see to what is in the way; nobody is given up before {report.mailing.not_later_than:%H:%M} UTC, and it "
            f"goes on by itself. Stop trying: newsletter mailing pause {number}"
        )
    if phase in _AT_WORK:
        return ""
    return _ended(report, number)


def _paused(report: Report, number: int) -> str:
    late = report.mailing.not_later_than <= report.at
    if report.restored_at is not None:
        return (
            f"find out who has it (docs/runbook/restored.md), and end it: newsletter mailing cancel {number}. Or send it "
            f"to all who are left: newsletter mailing resume {number} --yes{' --hours 6' if late else ''}"
        )
    resume = f"newsletter mailing resume {number}{' --hours 6' if late else ''}"
    first = "mend what is in the way, then " if report.trouble else "its time is over; " if late else ""
    return f"{first}{resume}. Or end it: newsletter mailing cancel {number}"


def _ended(report: Report, number: int) -> str:
    if report.waiting:
        return (
            "wait: what is in the air gets its end; what a dead worker held, from any worker or the same command again"
        )
    if report.counts[DeliveryStatus.UNKNOWN] > (report.in_quiet if report.events_come else 0):
        return f"decide on the unknown: newsletter mailing resolve {number} lists them by name"
    if report.in_quiet:
        return "wait five minutes: answers and events may still settle the unknown"
    if report.phase is Phase.FINISHED and report.counts[DeliveryStatus.EXPIRED]:
        return f"try those again that expired: newsletter mailing retry {number}"
    return ""
