"""What an edition was made from, who signed it, and how it differs from another: `issue show --digest`, `issue diff`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import say
from newsletter.cli.acting import issue_of, opened
from newsletter.errors import InputError
from newsletter.issues import Issue

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.publishing import Mailing
    from newsletter.publishing.examining import Examined
    from newsletter.rendering.difference import Difference

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The issue: its folder's name.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def diff(
    slug: Slug,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST",
            help="A frozen edition, by the first digits of its digest; else what was approved, sent or tested last.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Show in words what changed since an edition that was looked at: quotes, subject, sides, links, template, versions."""
    from newsletter.rendering.difference import compare  # noqa: PLC0415 - see `acting.opened`

    with opened() as newsroom:
        issue = issue_of(newsroom, slug)
        from_, how = _chosen(newsroom, slug, against)
        from newsletter.publishing.editions import edition_of  # noqa: PLC0415

        difference = compare(edition_of(newsroom.store, from_), newsroom.examine(issue).edition)
    if json:
        say.data({"slug": slug, "since": how, "same": not difference.changes, **difference.as_dict()})
        return
    _print_difference(difference, how)


def explain(slug: str, *, json: bool) -> None:
    """Print what the issue's present edition is made from, and who signed it."""
    with opened() as newsroom:
        issue = issue_of(newsroom, slug)
        examined = newsroom.examine(issue)
        mailings = _mailings(newsroom, issue)
    manifest = dict(examined.edition.manifest)
    if json:
        record = {**_record(examined), "mailings": [_mailing(mailing) for mailing in mailings]}
        say.data({"digest": examined.digest, "manifest": manifest, "record": record})
        return
    console = say.output()
    console.print(f"[bold]{examined.digest}[/]")
    for line in (*_made_from(manifest), "", *_signed(examined, mailings)):
        console.print(say.shown(line))


def sign_off_of(slug: str) -> dict[str, Any] | None:
    """How the issue's present edition stands, for `issue show --json`; None where nothing is on record."""
    found = _known(slug)
    return None if found is None else _record(found[0])


def print_sign_off(slug: str) -> None:
    """The same in words; nothing where nothing is on record."""
    if (found := _known(slug)) is None:
        return
    say.output().print("")
    for line in _signed(*found):
        say.output().print(say.shown(line))


def _known(slug: str) -> tuple[Examined, list[Mailing]] | None:
    with opened() as newsroom:
        issue = issue_of(newsroom, slug)
        from newsletter.publishing.standing import last_looked_at  # noqa: PLC0415 - see `acting.opened`

        with newsroom.store.reading() as connection:
            if last_looked_at(connection, issue=slug) is None:
                return None
        return newsroom.examine(issue), _mailings(newsroom, issue)


def _mailings(newsroom: App, issue: Issue) -> list[Mailing]:
    from newsletter.publishing import mailings  # noqa: PLC0415 - see `acting.opened`

    return mailings.of_issue(newsroom.store, issue.slug)


def _chosen(newsroom: App, slug: str, against: str | None) -> tuple[str, str]:
    """The digest to compare with, and in a word what it was."""
    from newsletter.publishing import editions  # noqa: PLC0415 - see `acting.opened`
    from newsletter.publishing.standing import last_looked_at  # noqa: PLC0415

    if against is not None:
        return editions.by_prefix(newsroom.store, against, issue=slug, where="--against"), "frozen"
    with newsroom.store.reading() as connection:
        looked = last_looked_at(connection, issue=slug)
    if looked is None:
        raise InputError(
            f"no edition of {slug} was approved, sent or tested yet, so there is nothing to compare with",
            remedy=f"Test it first: newsletter issue test {slug} --to ADDRESS",
        )
    return looked.edition, looked.how


def _print_difference(difference: Difference, how: str) -> None:
    if not difference.changes:
        say.data_line(f"Nothing changed: this is edition {difference.after[:12]}, which was {how}.")
        return
    count = len(difference.changes)
    changes = "1 change" if count == 1 else f"{count} changes"
    say.data_line(f"{changes} from edition {difference.before[:12]}, which was {how}, to {difference.after[:12]}:")
    for change in difference.changes:
        say.output().print(say.shown(f"- {change.sentence}"))


def _made_from(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield f"{manifest['title']}, {manifest['date']}"
    if manifest.get("author"):
        yield f"composed by {manifest['author']}"
    yield ""
    yield "Inputs (SHA-256)"
    yield from (f"  {entry['sha256']}  {entry['name']}" for entry in manifest["inputs"])
    template = manifest["template"]
    yield ""
    yield f"Template {template['name']} (SHA-256)"
    yield f"  {template['sha256']}  all of it"
    yield from (f"  {digest}  {name}" for name, digest in manifest["template_files"].items())
    yield ""
    yield "Settings that shape it (colours and sides: --json)"
    yield from (f"  newsroom.{key} = {value!r}" for key, value in manifest["settings"]["newsroom"].items())
    yield ""
    yield "Made by"
    yield from (f"  {name} {version}" for name, version in manifest["versions"].items())
    yield ""
    yield "Sizes"
    yield from (f"  {part} {size:,} bytes" for part, size in manifest["sizes"].items())


def _signed(examined: Examined, mailings: list[Mailing]) -> Iterator[str]:
    standing = examined.standing
    yield f"Edition {examined.digest[:12]}"
    yield from (f"  tested by {test.by}, {_at(test.at)}" for test in standing.tests)
    for untaken in standing.untaken:
        yield f"  a test by {untaken.by}, {_at(untaken.at)}, does not count: {untaken.status.value}"
    yield from (f"  approved by {approval.by}, {_at(approval.at)}" for approval in standing.approvals)
    for waiver in standing.waivers:
        yield f"  {waiver.code} waived by {waiver.by}, {_at(waiver.at)}: {waiver.reason}"
    for mailing in mailings:
        which = "" if mailing.edition_digest == examined.digest else f", edition {mailing.edition_digest[:12]}"
        yield f"  mailing {mailing.id} to {mailing.list_name}{which}: {mailing.status.value}"
    for finding in examined.unsigned:
        yield f"  {finding.message} [{finding.code}]"


def _record(examined: Examined) -> dict[str, Any]:
    standing = examined.standing
    return {
        "edition": examined.digest,
        "tested": [{"by": test.by, "at": test.at.isoformat()} for test in standing.tests],
        "tests_that_do_not_count": [
            {"by": test.by, "at": test.at.isoformat(), "status": test.status.value} for test in standing.untaken
        ],
        "approved": [{"by": each.by, "side": each.side, "at": each.at.isoformat()} for each in standing.approvals],
        "waived": [
            {"code": each.code, "by": each.by, "reason": each.reason, "at": each.at.isoformat()}
            for each in standing.waivers
        ],
        "tested_before": standing.tested_before,
        "approved_before": standing.approved_before,
        "missing": [finding.as_dict() for finding in examined.unsigned],
    }


def _mailing(mailing: Mailing) -> dict[str, Any]:
    return {
        "id": mailing.id,
        "list": mailing.list_name,
        "edition": mailing.edition_digest,
        "status": mailing.status.value,
    }


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
