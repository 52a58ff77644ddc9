"""A report as plain text, for terminals and mails. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from newsletter.reports.report import Report
from newsletter.store.statuses import ENDS, OPEN, DeliveryStatus, Exclusion, MailingStatus

_WHY = {
    Exclusion.SUPPRESSED: "suppressed",
    Exclusion.UNSUBSCRIBED: "unsubscribed",
    Exclusion.UNCONFIRMED: "not confirmed",
    Exclusion.HAS_ISSUE: "has it from another list",
}
_SHOWN_REPLIES = 10


def as_text(report: Report) -> str:
    """The report in lines of plain text, the equation first. Ends in a line break."""
    return "\n".join(_lines(report)) + "\n"


def headline(report: Report) -> str:
    """The most important sentence."""
    accepted, prepared = report.counts[DeliveryStatus.ACCEPTED], report.prepared
    if report.mailing.status is MailingStatus.FINISHED and accepted == prepared:
        return f"Finished: all {prepared:,} accepted."
    if report.mailing.status is MailingStatus.FINISHED:
        return f"Finished: {accepted:,} of {prepared:,} accepted."
    return (
        f"{report.mailing.status.value.capitalize()}: {accepted:,} of {prepared:,} accepted, {report.waiting:,} to go."
    )


def equation(report: Report) -> str:
    """Both lines of the equation, with their numbers; states that are at 0 are left out, `accepted` excepted."""
    excluded = sum(report.excluded.values())
    parts = [
        f"{report.counts[status]:,} {status.value}"
        for status in (*ENDS, *OPEN)
        if report.counts[status] or status is DeliveryStatus.ACCEPTED
    ]
    return (
        f"{report.selected:,} selected = {report.prepared:,} prepared + {excluded:,} excluded\n"
        f"{report.prepared:,} prepared = {' + '.join(parts)}"
    )


def _lines(report: Report) -> Iterator[str]:
    mailing = report.mailing
    yield f"Mailing {mailing.id}: {mailing.issue} to list {mailing.list_name}, edition {mailing.edition_digest[:12]}"
    yield headline(report)
    yield from equation(report).splitlines()
    if not report.balanced:
        yield "THE EQUATION DOES NOT HOLD: the ledger is damaged; keep the database for inspection."
    if report.twice:
        yield f"{report.twice:,} were accepted twice."
    yield f"{report.duration.total_seconds():,.1f} s, {report.rate:,.0f} messages/s"
    yield from _titled("Excluded", (f"{count:>9,}  {_WHY[reason]}" for reason, count in report.excluded.items()))
    yield from _titled("Domains", (f"{domain.total:>9,}  {domain.name}" for domain in report.domains))
    yield from _titled(
        "Replies",
        (
            f"{reply.attempts:>9,}  {reply.outcome}: {f'{reply.code} ' if reply.code else ''}{reply.text}"
            for reply in report.replies[:_SHOWN_REPLIES]
        ),
    )
    yield from _titled("May have arrived (unknown)", (f"           {address}" for address in report.unknown))


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield title
        yield from found
