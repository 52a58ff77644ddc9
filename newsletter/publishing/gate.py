"""The gate: what stands between an edition and its readers. Pure: whoever calls hands in the facts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from newsletter.errors import BlockedError
from newsletter.findings import Finding, Severity, blocking
from newsletter.publishing.mailing import Mailing
from newsletter.store.statuses import MailingStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the gate judges.

    `issue_findings` are those of the issue itself; `recipients` is how many would get it now; `earlier` is the mailing
    that the list had on the same date, if any.
    """

    subject: str
    postal_address: str
    recipients: int
    list_name: str
    issue_findings: Sequence[Finding] = ()
    earlier: Mailing | None = None


def findings(facts: Facts) -> list[Finding]:
    """What the gate itself has against sending, the issue's own findings aside. None of these can be waived."""
    found = []
    if not facts.subject.strip():
        found.append(_error("GATE-SUBJECT-EMPTY", "the subject is empty: give one in issue.toml"))
    if not facts.postal_address.strip():
        found.append(
            _error(
                "GATE-POSTAL-ADDRESS",
                "there is no postal address: set postal_address under [newsroom] in newsletter.toml",
                why="Commercial mail must name one (CAN-SPAM Act, 15 U.S.C. 7704(a)(5)).",
            )
        )
    if facts.recipients == 0:
        found.append(_error("GATE-AUDIENCE-EMPTY", f"nobody on list {facts.list_name!r} can be mailed"))
    if facts.earlier is not None:
        found.append(_error("GATE-ALREADY-SENT", _already(facts.earlier)))
    return found


def pass_or_block(facts: Facts, *, waived: Collection[str] = ()) -> None:
    """Let the edition through, or refuse it.

    Args:
        facts: what is known.
        waived: codes of the issue's own findings that somebody answers for.

    Raises:
        BlockedError: with every finding that stands in the way.
    """
    against = [finding for finding in blocking(list(facts.issue_findings)) if finding.code not in waived]
    against += findings(facts)
    if against:
        count = f"{len(against)} findings stand" if len(against) > 1 else "a finding stands"
        raise BlockedError(f"{count} in the way: {against[0].message}", findings=against)


def _error(code: str, message: str, *, why: str | None = None) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, message=message, why=why)


def _already(earlier: Mailing) -> str:
    named = f"mailing {earlier.id}, issue {earlier.issue!r}"
    if earlier.status is MailingStatus.FINISHED:
        return f"list {earlier.list_name!r} had its issue of {earlier.local_date} already ({named})"
    if earlier.status is MailingStatus.CANCELLED:
        return f"the mailing of {earlier.local_date} to list {earlier.list_name!r} was cancelled ({named})"
    return (
        f"another edition of {earlier.local_date} is half-way to list {earlier.list_name!r} ({named}, edition "
        f"{earlier.edition_digest[:12]}); take back what was changed since, and send again: it goes on where it stopped"
    )
