"""The invented editor of a rehearsal: does what an editor does before an issue may go out, and through the same gate."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.app import App
from newsletter.errors import BlockedError
from newsletter.findings import Finding, blocking
from newsletter.issues import Issue
from newsletter.publishing import approvals, users, waivers
from newsletter.store.statuses import DeliveryStatus, UserRole

NAME = "Ines Editor"
ADDRESS = "ines@newsroom.example"
REASON = "Invented for the rehearsal; nobody reads it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """An edition that was tested and approved, with the error findings that the editor answers for."""

    edition: str
    waived: tuple[Finding, ...]


def sign_off(newsroom: App, issue: Issue) -> Signed:
    """Add the editor to the newsroom, waive what blocks, send the test to `ADDRESS`, approve.

    Raises:
        InputError: the issue cannot be rendered, or the mail server does not answer.
        BlockedError: a finding stands in the way that nobody may answer for, or the test was not taken.
    """
    now = newsroom.clock()
    keys = newsroom.keys
    user, _ = users.add(
        newsroom.store, NAME, UserRole.EDITOR, side=None, hashed=keys.user_hash, actor="rehearsal", now=now
    )
    examined = newsroom.examine(issue)
    waived = tuple(blocking(list(examined.open)))
    for code in dict.fromkeys(finding.code for finding in waived):
        allowed = newsroom.settings.checks.waivable
        waivers.waive(newsroom.store, examined, code=code, reason=REASON, user=user, waivable=allowed, now=now)
    _, notices = newsroom.send_test(issue, [ADDRESS], user=user)
    if notices[0].status is not DeliveryStatus.ACCEPTED:
        raise BlockedError(f"the inbox did not take the test: {notices[0].reply}", remedy="Start again")
    approvals.approve(newsroom.store, newsroom.examine(issue) if waived else examined, user=user, now=now)
    return Signed(edition=examined.digest, waived=waived)
