"""An issue rendered, checked, and looked up: all that its sign-off and its sending are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from newsletter import checks
from newsletter.findings import Finding
from newsletter.issues import Issue
from newsletter.publishing.gate import SignOff, unsigned
from newsletter.publishing.standing import Standing, standing
from newsletter.rendering import Edition, render
from newsletter.roundups import Outlets
from newsletter.settings import ApprovalSettings, Settings
from newsletter.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """An issue with its edition, and what is known of that: findings still open, findings waived, who signed."""

    issue: Issue
    edition: Edition
    open: tuple[Finding, ...]
    waived: tuple[Finding, ...]
    standing: Standing
    rules: ApprovalSettings

    @property
    def digest(self) -> str:
        """The edition's."""
        return self.standing.edition

    @property
    def sign_off(self) -> SignOff:
        """What the gate judges signatures by."""
        return SignOff(issue=self.issue.slug, standing=self.standing, rules=self.rules, author=self.issue.author)

    @property
    def unsigned(self) -> list[Finding]:
        """What is missing until it is tested and approved as the newsroom's rules ask."""
        return unsigned(self.sign_off)


def examine(store: Store, issue: Issue, settings: Settings, *, outlets: Outlets, now: datetime) -> Examined:
    """Render the issue, check it offline (what links answered lately counts) and look up where its edition stands.

    Nothing is written.

    Raises:
        InputError: it cannot be rendered, or the database cannot be used.
    """
    edition = render(issue, settings)
    with store.reading() as connection:
        found = standing(connection, issue=issue.slug, digest=edition.digest)
    subject = checks.gather(issue, edition, settings, outlets=outlets, now=now)
    waivers = [checks.Waiver(code=each.code, name=each.by, reason=each.reason) for each in found.waivers]
    still, waived = checks.apply_waivers(checks.run(subject), waivers, waivable=settings.checks.waivable)
    return Examined(
        issue=issue,
        edition=edition,
        open=still,
        waived=tuple(each.finding for each in waived),
        standing=found,
        rules=settings.approval,
    )
