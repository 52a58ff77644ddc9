"""The gate: what stands between an edition and its readers. Pure: whoever calls hands in the facts.

One gate for everything that goes to readers: checked, tested, approved, and all three for this very edition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from newsletter.errors import BlockedError
from newsletter.findings import Finding, Severity, blocking
from newsletter.publishing.audience_size import Usual, objection
from newsletter.publishing.mailing import Mailing
from newsletter.publishing.standing import Approval, Standing, UntakenTest
from newsletter.publishing.user import name_key
from newsletter.settings import ApprovalSettings
from newsletter.store.statuses import DeliveryStatus, MailingStatus

_TOLD = frozenset({"SUBJECT-EMPTY", "LAW-ADDRESS", "AUDIENCE-EMPTY"})
"""Codes of checks whose matter the gate judges itself, so that no waiver helps; one finding of each is enough."""

AUDIENCE_SIZE = "GATE-AUDIENCE-SIZE"
_WHY_SIZE = "An audience that changes overnight is a broken import or a wrong list more often than news."

_BECAME = {
    DeliveryStatus.PENDING: "waits to be sent",
    DeliveryStatus.SENDING: "is on its way",
    DeliveryStatus.REJECTED: "was refused",
    DeliveryStatus.WITHDRAWN: "was not sent: the address is suppressed",
    DeliveryStatus.EXPIRED: "was not sent in time",
    DeliveryStatus.UNKNOWN: "may have arrived, but no answer was recorded",
}
"""What became of a test that does not count."""

_WHY_SAME = "What was looked at is what is sent: any edit makes another edition, which has to be looked at again."


@dataclass(frozen=True, kw_only=True, slots=True)
class SignOff:
    """Who has to have signed an edition, and who has. `author` is the issue's, None where nobody is named."""

    issue: str
    standing: Standing
    rules: ApprovalSettings
    author: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the gate judges.

    `open_findings` are those of the checks that nobody has waived; `recipients` is how many would get it now; `earlier`
    is the mailing that the list had on the same date, if any, and `earlier_open` how many of its deliveries have no end
    yet; `sign_off` is None where nobody has to sign. `usual` is how many readers the list's mailings have, `expected` the
    number that a person has named for this one, and `only` whom of the list it is for, in words, "" for all.
    """

    subject: str
    postal_address: str
    recipients: int
    list_name: str
    open_findings: Sequence[Finding] = ()
    earlier: Mailing | None = None
    earlier_open: int = 0
    sign_off: SignOff | None = None
    usual: Usual | None = None
    expected: int | None = None
    only: str = ""


def findings(facts: Facts) -> list[Finding]:
    """What the gate itself has against sending, the findings of the checks aside. None of these can be waived."""
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
        found.append(_error("GATE-AUDIENCE-EMPTY", _nobody(facts)))
    elif against := objection(facts.recipients, facts.usual, facts.expected):
        found.append(_error(AUDIENCE_SIZE, against, why=_WHY_SIZE))
    if facts.earlier is not None and not (facts.earlier.status is MailingStatus.CANCELLED and not facts.earlier_open):
        found.append(_earlier(facts.earlier, facts.earlier_open))
    elif facts.sign_off is not None:
        # After a mailing of the day nothing that anybody signs would let this one through.
        found += unsigned(facts.sign_off)
    return found


def unsigned(sign_off: SignOff) -> list[Finding]:
    """What is missing until the edition is tested and approved as the newsroom's rules ask; in the order to do it."""
    standing = sign_off.standing
    untested = list(_test_missing(sign_off))
    unapproved = list(_approvals_missing(sign_off))
    if unapproved and standing.approved_before:
        return [_other(sign_off, standing.approved_before, "approved"), *untested, *unapproved]
    if untested and standing.tested_before:
        return [_other(sign_off, standing.tested_before, "tested"), *untested, *unapproved]
    return [*untested, *unapproved]


def pass_or_block(facts: Facts) -> None:
    """Let the edition through, or refuse it.

    Raises:
        BlockedError: with every finding that stands in the way.
    """
    against = [finding for finding in blocking(list(facts.open_findings)) if finding.code not in _TOLD]
    block(against + findings(facts))


def block(against: Sequence[Finding]) -> None:
    """Nothing where there is nothing against it.

    Raises:
        BlockedError: with all of `against`.
    """
    if against:
        count = f"{len(against)} findings stand" if len(against) > 1 else "a finding stands"
        raise BlockedError(f"{count} in the way: {against[0].message}", findings=against)


def _other(sign_off: SignOff, before: str, done: str) -> Finding:
    said = (
        f"the edition that was {done} is {before[:12]}, and this one is {sign_off.standing.edition[:12]}; "
        f"`newsletter issue diff {sign_off.issue}` shows what changed"
    )
    return _error("GATE-OTHER-EDITION", said, why=_WHY_SAME)


def _test_missing(sign_off: SignOff) -> Iterator[Finding]:
    if sign_off.rules.tested and not sign_off.standing.tests:
        last = "".join(f" ({_untaken(test)})" for test in sign_off.standing.untaken[-1:])
        said = f"nobody has tested this edition{last}; do it with `newsletter issue test {sign_off.issue} --to ADDRESS`"
        yield _error("GATE-NOT-TESTED", said, why=_WHY_SAME)


def _untaken(test: UntakenTest) -> str:
    """What became of a test that does not count."""
    return f"the test by {test.by} of {test.at:%Y-%m-%d %H:%M} UTC {_BECAME[test.status]}"


def _approvals_missing(sign_off: SignOff) -> Iterator[Finding]:
    rules = sign_off.rules
    if not rules.by_author and sign_off.author is None and (rules.needed or rules.sides):
        said = (
            f'the author may not approve, and nobody says who that is: add author = "…" to {sign_off.issue}/issue.toml'
        )
        yield _error("GATE-AUTHOR-UNKNOWN", said)
    counted = _counted(sign_off)
    ignored = "; the author’s own does not count" if len(counted) < len(sign_off.standing.approvals) else ""
    todo = f"do it with `newsletter issue approve {sign_off.issue}`"
    if len(counted) < rules.needed:
        said = f"this edition has {len(counted)} of {rules.needed} approvals{ignored}; {todo}"
        yield _error("GATE-NOT-APPROVED", said, why=_WHY_SAME)
    for side in rules.sides:
        if all(approval.side != side for approval in counted):
            said = f"nobody of side {side!r} has approved this edition{ignored}; {todo}"
            yield _error("GATE-SIDE-NOT-APPROVED", said)


def _counted(sign_off: SignOff) -> list[Approval]:
    """The approvals that count: without the author's where the rules say so."""
    if sign_off.rules.by_author or sign_off.author is None:
        return list(sign_off.standing.approvals)
    author = name_key(sign_off.author)
    return [approval for approval in sign_off.standing.approvals if name_key(approval.by) != author]


def _nobody(facts: Facts) -> str:
    only = f", of those it is for ({facts.only})," if facts.only else ""
    return f"nobody on list {facts.list_name!r}{only} can be mailed"


def _error(code: str, message: str, *, why: str | None = None) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, message=message, why=why)


def _earlier(earlier: Mailing, still_open: int) -> Finding:
    if not earlier.waits:
        return _error("GATE-ALREADY-SENT", _already(earlier, still_open))
    said = (
        f"issue {earlier.issue!r} is scheduled for {earlier.local_date} on list {earlier.list_name!r} (mailing "
        f"{earlier.id}); take it back with `newsletter issue unschedule {earlier.issue} --list {earlier.list_name}`"
    )
    return _error("GATE-SLOT-TAKEN", said)


def _already(earlier: Mailing, still_open: int) -> str:
    named = f"mailing {earlier.id}, issue {earlier.issue!r}"
    if earlier.status is MailingStatus.FINISHED:
        return f"list {earlier.list_name!r} had its issue of {earlier.local_date} already ({named})"
    if earlier.status is MailingStatus.CANCELLED:
        # Whoever is still in the air there would be left out here, and may then not get it there either.
        return (
            f"the mailing of {earlier.local_date} to list {earlier.list_name!r} was cancelled ({named}), and "
            f"{still_open:,} of its messages have no end yet; send again once `newsletter mailing show {earlier.id}` "
            f"says that nothing is to go (`newsletter mailing cancel {earlier.id}` again ends what a killed process left)"
        )
    return (
        f"another edition of {earlier.local_date} is half-way to list {earlier.list_name!r} ({named}, edition "
        f"{earlier.edition_digest[:12]}); take back what was changed since, and send again: it goes on where it stopped. "
        f"Or end it with `newsletter mailing cancel {earlier.id}`, and send this edition to those who have not got it"
    )
