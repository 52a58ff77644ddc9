"""A report as plain text, for terminals and mails. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from newsletter.reports.report import Happening, Phase, Report, Wave
from newsletter.store.statuses import ENDS, OPEN, DeliveryStatus, Exclusion, MailingStatus

_WHY = {
    Exclusion.SUPPRESSED: "suppressed",
    Exclusion.UNSUBSCRIBED: "unsubscribed",
    Exclusion.UNCONFIRMED: "not confirmed",
    Exclusion.HAS_ISSUE: "has it from another list",
    Exclusion.TOO_LATE: "their hour had passed",
}
_SHOWN_REPLIES = 10
_NOBODY = "and no worker is at it: start `newsletter worker`"
_LONG = frozenset({"ids", "edition", "issue", "list", "waived"})
_HAPPENED = {
    "mailing.create": "made",
    "mailing.schedule": "scheduled for {due}",
    "mailing.reschedule": "moved to {due}",
    "mailing.unschedule": "taken back before it began",
    "mailing.start": "started at its hour",
    "mailing.hold": "held: {why}",
    "mailing.waves_added": "waves added for {waves}",
    "mailing.reckoned_anew": "{waves} waves moved by new rules of their zones ({tzdata})",
    "mailing.pause": "paused {detail}",
    "mailing.resume": "resumed",
    "mailing.cancel": "cancelled",
    "mailing.retry": "failed ones to be tried again: {detail}",
    "mailing.resolve": "{deliveries} unknown decided as {as}",
    "canary.passed": "the canary was well, and the others followed",
    "worker.lost": "a worker died or slept past its lease and left {unknown} unknown",
    "worker.waited": "a worker waited {seconds} s for the database: {why}",
    "worker.clock_jumped": "the machine's clock was moved by {seconds} s; nobody was given up for that",
}


def as_text(report: Report) -> str:
    """The report in lines of plain text, the equation first. Ends in a line break."""
    return "\n".join(_lines(report)) + "\n"


def headline(report: Report) -> str:
    """The most important sentence."""
    if report.mailing.waits and report.mailing.due_at:
        return f"Scheduled: it goes out by itself at {_hour(report.mailing.due_at)}."
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


def phase(report: Report) -> str:
    """What is going on, and how long it will take, in a sentence; empty once the mailing has ended and all is known."""
    now, ends = report.phase, f"nothing is tried after {_hour(report.mailing.not_later_than)}"
    if now is Phase.SENDING:
        left = f"done in about {span(report.left)}" if report.left is not None else "the pace is not known yet"
        by = f"{report.workers} worker{'' if report.workers == 1 else 's'}" if report.workers else _NOBODY
        return f"Sending, {by}; {left}; {ends}."
    if now is Phase.RETRYING:
        again = f"next try at {_hour(report.next_due)}" if report.next_due else "next try soon"
        return f"Only deferred ones are left: {again}; {ends}."
    if now is Phase.WAITING and report.next_wave is not None:
        return f"Waiting for the wave of {_hour(report.next_wave)}; {ends}."
    if now is Phase.FREEZING:
        return f"The audience is being frozen{'' if report.workers else '; ' + _NOBODY}; {ends}."
    if now is Phase.PAUSED:
        return f"Nothing is claimed until somebody resumes it; {ends}."
    return ""


def held(report: Report) -> str:
    """What is to be said of the unknown; empty where there is none."""
    unknown = report.counts[DeliveryStatus.UNKNOWN]
    if not unknown:
        return ""
    waits = unknown - report.in_quiet
    parts = []
    if report.in_quiet:
        parts.append(f"{report.in_quiet:,} may still settle by themselves")
    if waits:
        parts.append(f"{waits:,} wait for a person: newsletter mailing resolve {report.mailing.id}")
    return f"{unknown:,} may have arrived: {', '.join(parts)}."


def span(length: timedelta) -> str:
    """A length of time in words: 40 s, 12 min, 3 h 5 min."""
    seconds = round(length.total_seconds())
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def happening(entry: Happening) -> str:
    """An entry of the audit in a line."""
    words = _HAPPENED.get(entry.action, entry.action)
    detail = " ".join(f"{key}={value}" for key, value in entry.detail.items() if key not in _LONG)
    said = words.format_map(defaultdict(lambda: "?", {"detail": detail, **entry.detail})).strip()
    return f"{entry.at:%Y-%m-%d %H:%M:%S}  {said} ({entry.actor})"


def _hour(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _lines(report: Report) -> Iterator[str]:
    mailing = report.mailing
    yield f"Mailing {mailing.id}: {mailing.issue} to list {mailing.list_name}, edition {mailing.edition_digest[:12]}"
    yield headline(report)
    if said := phase(report):
        yield said
    if report.trouble:
        yield f"In the way: {report.trouble}"
    if said := held(report):
        yield said
    yield from equation(report).splitlines()
    if not report.balanced:
        yield "THE EQUATION DOES NOT HOLD: the ledger is damaged; keep the database for inspection."
    if report.twice:
        yield f"{report.twice:,} were accepted twice."
    if report.possibly_twice:
        yield f"{report.possibly_twice:,} were possibly sent twice: sent again, and nothing is known of the first time."
    yield f"{report.duration.total_seconds():,.1f} s, {report.rate:,.0f} messages/s"
    if len(report.waves) > 1:
        yield from _titled("Waves", (_wave(wave) for wave in report.waves))
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
    if len(report.history) > 1:
        yield from _titled("History (UTC)", (happening(entry) for entry in report.history))


def _wave(wave: Wave) -> str:
    state = f"released {_hour(wave.released_at)}" if wave.released_at else "to come"
    if wave.skipped:
        state = "its hour had passed: left out"
    who = " ".join(word for word in (wave.zone or ("" if wave.hour else "everyone else"), wave.hour) if word)
    return f"{_hour(wave.due_at)}  {who}{', the few ahead' if wave.canary else ''}: {state}"


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield title
        yield from found
