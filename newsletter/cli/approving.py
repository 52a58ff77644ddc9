"""`newsletter issue test`, `approve` and `waive`: what a person answers for with their name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import say
from newsletter.cli.acting import issue_of, opened
from newsletter.errors import BlockedError

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.delivery.notices import Noticed
    from newsletter.publishing.examining import Examined
    from newsletter.publishing.user import User

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The issue: its folder's name.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def send_test(
    slug: Slug,
    to: Annotated[
        list[str], typer.Option("--to", metavar="ADDRESS", help="Where to send it. Repeatable.", show_default=False)
    ],
    json: AsJson = False,
) -> None:
    """Send this very edition to a few addresses, marked as a test, and record that it was tested."""
    with opened() as newsroom:
        user = newsroom.user()
        edition, notices = newsroom.send_test(issue_of(newsroom, slug), to, user=user)
    if json:
        found = [_noticed(notice) for notice in notices]
        say.data({"slug": slug, "edition": edition.digest, "by": user.name, "to": found})
    else:
        for notice in notices:
            say.data_line(f"{notice.status.value:9} {_mask(notice.address)}")
        say.note(f"Edition {edition.digest[:12]}, tested by {user.name}.")
    _refuse_failed(notices)


def approve(
    slug: Slug,
    edition: Annotated[
        str | None,
        typer.Option("--edition", metavar="DIGEST", help="Only if it is still this edition; may be cut short."),
    ] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take your approval back, of every edition of the issue.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Approve this very edition, with your name. Any edit makes another edition, which nobody has approved."""
    with opened() as newsroom:
        user = newsroom.user()
        if withdraw:
            _withdraw(newsroom, slug, user, json=json)
            return
        examined = newsroom.examine(issue_of(newsroom, slug))
        _check_expected(examined, edition)
        _approve(newsroom, examined, user, json=json)


def waive(
    slug: Slug,
    code: Annotated[str, typer.Argument(metavar="CODE", help="The finding's code.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it may stay.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Answer for a finding of this very edition, with your name and a reason. Any edit makes another edition."""
    from newsletter.publishing import waivers  # noqa: PLC0415 - see `acting.opened`

    with opened() as newsroom:
        user = newsroom.user()
        examined = newsroom.examine(issue_of(newsroom, slug))
        found = waivers.waive(
            newsroom.store,
            examined,
            code=code,
            reason=reason,
            user=user,
            waivable=newsroom.settings.checks.waivable,
            now=newsroom.clock(),
        )
    if json:
        waived = [finding.as_dict() for finding in found]
        say.data({"slug": slug, "edition": examined.digest, "by": user.name, "reason": reason, "waived": waived})
        return
    say.findings(found)
    say.note(f"Waived by {user.name}, in edition {examined.digest[:12]}.")


def _approve(newsroom: App, examined: Examined, user: User, *, json: bool) -> None:
    from newsletter.publishing import approvals  # noqa: PLC0415 - see `acting.opened`

    new = approvals.approve(newsroom.store, examined, user=user, now=newsroom.clock())
    after = newsroom.examine(examined.issue)
    missing = after.unsigned
    if json:
        signed = [{"by": each.by, "side": each.side, "at": each.at.isoformat()} for each in after.standing.approvals]
        say.data(
            {
                "slug": examined.issue.slug,
                "edition": examined.digest,
                "by": user.name,
                "new": new,
                "approvals": signed,
                "missing": [finding.as_dict() for finding in missing],
            }
        )
        return
    say.data_line(examined.digest)
    say.note(f"{'Approved' if new else 'Approved already'} by {user.name}.")
    if before := examined.standing.approved_before:
        say.note(
            f"The edition approved before was {before[:12]}. What changed: newsletter issue diff {examined.issue.slug}"
            f" --against {before[:12]}"
        )
    if missing:
        say.note("Before it can be sent:")
    say.findings(missing)


def _withdraw(newsroom: App, slug: str, user: User, *, json: bool) -> None:
    from newsletter.publishing import approvals  # noqa: PLC0415 - see `acting.opened`

    withdrawn = approvals.withdraw(newsroom.store, issue=issue_of(newsroom, slug).slug, user=user, now=newsroom.clock())
    if json:
        say.data({"slug": slug, "by": user.name, "withdrawn": withdrawn})
        return
    for digest in withdrawn:
        say.data_line(digest)
    say.note(f"{len(withdrawn)} approvals withdrawn." if withdrawn else f"{user.name} had approved nothing of it.")


def _check_expected(examined: Examined, given: str | None) -> None:
    """Refuse where the issue has changed since the person looked at it."""
    if given is None:
        return
    from newsletter.publishing.editions import digest_prefix  # noqa: PLC0415 - see `acting.opened`

    wanted = digest_prefix(given, where="--edition")
    if not examined.digest.startswith(wanted):
        slug = examined.issue.slug
        raise BlockedError(
            f"the issue is edition {examined.digest[:12]} now: something changed since {wanted[:12]}",
            remedy=f"See what: newsletter issue diff {slug}. Then test it, and approve it",
        )


def _refuse_failed(notices: list[Noticed]) -> None:
    failed = [notice for notice in notices if notice.status.value != "accepted"]
    if failed:
        first = failed[0]
        raise BlockedError(
            f"{len(failed)} of {len(notices)} test messages were not taken: {first.status.value}, {first.reply}",
            where=_mask(first.address),
            remedy="Check the address and [sender] in newsletter.toml, and test again",
        )


def _noticed(notice: Noticed) -> dict[str, Any]:
    return {"address": _mask(notice.address), "status": notice.status.value, "reply": notice.reply}


def _mask(address: str) -> str:
    from newsletter.audience.addresses import mask  # noqa: PLC0415 - see `acting.opened`

    return mask(address)
