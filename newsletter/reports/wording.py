"""A report as plain text, for terminals and mails. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from newsletter.reports.advice import advice
from newsletter.reports.report import Domain, Happening, Phase, Report, Wave
from newsletter.store.statuses import ENDS, OPEN, DeliveryStatus, Exclusion, MailingStatus

_WHY = {
    Exclusion.SUPPRESSED: "suppressed",
    Exclusion.UNSUBSCRIBED: "unsubscribed",
    Exclusion.UNCONFIRMED: "not confirmed",
    Exclusion.PAUSED: "paused by the reader",
    Exclusion.OTHER_LIST: "on a list that is left out",
    Exclusion.SEGMENT: "not in the segment",
    Exclusion.HAS_ISSUE: "has it, or may have it, from another mailing",
    Exclusion.TOO_LATE: "their hour had passed",
    Exclusion.ERASED: "erased",
    Exclusion.CANCELLED: "the mailing was cancelled",
}
_SHOWN_REPLIES = 10
_COLUMN = 11
_NOBODY = "no worker is at it"
_FINE = frozenset({DeliveryStatus.ACCEPTED, DeliveryStatus.PENDING, DeliveryStatus.SENDING})
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


def why_left_out(reason: Exclusion) -> str:
    """The reason in words."""
    return _WHY[reason]


def as_text(report: Report, *, width: int | None = None) -> str:
    """The report in lines of plain text, what matters most first. Ends in a line break.

    Args:
        report: what is told.
        width: of the terminal, where longer lines are to be broken between words.
    """
    return _joined([*_head(report), *_details(report)], width)


def summary(report: Report, *, width: int | None = None) -> str:
    """The head of it alone: how the mailing stands, what is in the way, what to do, and the equation."""
    return _joined(_head(report), width)


def headline(report: Report) -> str:
    """The most important sentence."""
    counts, status = report.counts, report.mailing.status
    if report.mailing.waits and report.mailing.due_at:
        return f"Scheduled: it goes out by itself at {_hour(report.mailing.due_at)}."
    accepted, prepared = counts[DeliveryStatus.ACCEPTED], report.prepared
    if status is MailingStatus.FINISHED and accepted == prepared:
        return f"Finished: all {prepared:,} accepted."
    if status is MailingStatus.FINISHED:
        return f"Finished: {accepted:,} of {prepared:,} accepted."
    if status is MailingStatus.CANCELLED:
        air = f", {report.waiting:,} still in the air" if report.waiting else ""
        return f"Cancelled: {accepted:,} of {prepared:,} accepted, {counts[DeliveryStatus.WITHDRAWN]:,} withdrawn{air}."
    return f"{status.value.capitalize()}: {accepted:,} of {prepared:,} accepted, {report.waiting:,} to go."


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
    now, ends = report.phase, f"nothing is tried after {_until(report.mailing.not_later_than, report.at)}"
    if now is Phase.SENDING:
        return f"{_workers(report).capitalize()}{_pace(report)}; {ends}."
    if now is Phase.RETRYING:
        again = f"next try at {_clock(report.next_due)}" if report.next_due else "next try soon"
        return f"Only deferred ones are left, {_workers(report)}: {again}; {ends}."
    if now is Phase.WAITING and report.next_wave is not None:
        return f"Waiting for the wave of {_until(report.next_wave, report.at)}, {_workers(report)}; {ends}."
    if now is Phase.FREEZING:
        return f"The audience is being frozen, {_workers(report)}; {ends}."
    if now is Phase.PAUSED:
        return f"Nothing is claimed until somebody resumes it; {ends}."
    return ""


def trouble(report: Report) -> str:
    """What stands in the way and since when; empty where nothing does."""
    if not report.trouble:
        return ""
    if report.trouble_since is None:
        return f"In the way: {report.trouble}"
    lasted = span(max(report.at - report.trouble_since, timedelta(0)))
    return f"In the way since {_clock(report.trouble_since)} UTC ({lasted}): {report.trouble}"


def held(report: Report) -> str:
    """What is to be said of the unknown; empty where there is none."""
    unknown = report.counts[DeliveryStatus.UNKNOWN]
    if not unknown:
        return ""
    waits = unknown - report.in_quiet
    parts = []
    if report.in_quiet and report.events_come:
        parts.append(f"{report.in_quiet:,} may still settle by themselves")
    elif report.in_quiet:
        parts.append(f"{report.in_quiet:,} became so just now, and a mail server tells nothing later")
    if waits and report.resend_after is not None and not report.mailing.ended:
        parts.append(
            f"{waits:,} will be sent again {span(report.resend_after)} after they became so, as the list wants"
        )
    elif waits:
        parts.append(f"{waits:,} wait for a person")
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
    told = {"detail": detail, **entry.detail}
    if isinstance(due := told.get("due"), str):
        told["due"] = _hour(datetime.fromisoformat(due))
    said = words.format_map(defaultdict(lambda: "?", told)).strip()
    return f"{entry.at:%Y-%m-%d %H:%M:%S}  {said} ({entry.actor})"


def _hour(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


def _until(moment: datetime, now: datetime) -> str:
    """The hour, and how far it is from now."""
    away = f"in {span(moment - now)}" if moment > now else f"{span(now - moment)} ago"
    return f"{_hour(moment)} ({away})"


def _workers(report: Report) -> str:
    if not report.workers:
        return _NOBODY
    return f"{report.workers} worker{'' if report.workers == 1 else 's'} at it"


def _pace(report: Report) -> str:
    if not report.workers:
        return ""
    if report.left is None:
        return "; nothing was accepted in the last minute"
    return f", {report.pace:,.1f}/s; done in about {span(report.left)}, at {_clock(report.at + report.left)} UTC"


def _head(report: Report) -> Iterator[str]:
    mailing = report.mailing
    yield f"Mailing {mailing.id}: {mailing.issue} to list {mailing.list_name}, edition {mailing.edition_digest[:12]}"
    if report.choice.in_words:
        yield f"Only to {report.choice.in_words}"
    yield headline(report)
    yield from filter(None, (phase(report), trouble(report), held(report)))
    if report.twice:
        yield f"{report.twice:,} were accepted twice."
    if report.possibly_twice:
        yield f"{report.possibly_twice:,} were possibly sent twice: sent again, and nothing is known of the first time."
    if said := advice(report):
        yield f"To do: {said}."
    yield ""
    yield from equation(report).splitlines()
    if not report.balanced:
        yield "THE EQUATION DOES NOT HOLD: the ledger is damaged; keep the database for inspection."
    elif report.waiting:
        yield f"Both lines add up; {report.waiting:,} are still open."
    else:
        yield "Both lines add up, and nothing is open."
    again = f", {report.tried_again:,} were tried more than once" if report.tried_again else ""
    tries = f"; {report.tries:,} tries{again}" if report.tries else ""
    yield f"{_lasted(report)}, {report.rate:,.0f} messages/s on average{tries}"


def _lasted(report: Report) -> str:
    short = report.duration < timedelta(seconds=90)
    length = f"{report.duration.total_seconds():,.1f} s" if short else span(report.duration)
    return length if report.mailing.ended else f"{length} so far"


def _details(report: Report) -> Iterator[str]:
    if len(report.waves) > 1:
        yield from _titled("Waves", (_wave(wave) for wave in report.waves))
    yield from _titled("Excluded", (f"{count:>9,}  {_WHY[reason]}" for reason, count in report.excluded.items()))
    yield from _titled(
        "Withdrawn since they were prepared",
        (f"{count:>9,}  {_WHY[reason]}" for reason, count in report.withdrawn_for.items()),
    )
    yield from _titled("Domains", (f"{domain.total:>9,}  {_domain(domain)}" for domain in report.domains))
    yield from _titled(
        "Replies",
        (
            f"{reply.attempts:>9,}  {reply.outcome}: {f'{reply.code} ' if reply.code else ''}{reply.text}"
            for reply in report.replies[:_SHOWN_REPLIES]
        ),
    )
    yield from _titled("May have arrived (unknown)", _unknown(report))
    if len(report.history) > 1:
        yield from _titled("History (UTC)", (happening(entry) for entry in report.history))


def _domain(domain: Domain) -> str:
    """The domain, and those of its deliveries that were not accepted."""
    others = [f"{number:,} {status.value}" for status, number in domain.counts.items() if status not in _FINE]
    return f"{domain.name}{': ' if others else ''}{', '.join(sorted(others))}"


def _unknown(report: Report) -> Iterator[str]:
    """Addresses are shortened: those that look alike are counted together."""
    for address, number in Counter(report.unknown).most_common():
        yield f"{number:>9,}  {address}"
    if more := report.counts[DeliveryStatus.UNKNOWN] - len(report.unknown):
        yield f"{more:>9,}  more: newsletter mailing resolve {report.mailing.id}"


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


def _joined(lines: Iterable[str], width: int | None) -> str:
    broken = (part for line in lines for part in (_broken(line, width) if width else [line]))
    return "\n".join(broken) + "\n"


def _broken(line: str, width: int) -> list[str]:
    """The line in as many as it takes; what follows a number stays under it."""
    indent = " " * (_COLUMN if line.startswith(" ") else 4)
    return textwrap.wrap(
        line, max(width, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]
