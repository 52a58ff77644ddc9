"""`newsletter issue schedule` and `unschedule`: an issue's slot on a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli import say
from newsletter.cli.acting import actor, issue_of, opened
from newsletter.cli.choosing_readers import ExcludedLists, FilterText, Segment, chosen, excluded_lines
from newsletter.errors import InputError
from newsletter.settings import written_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from newsletter.app import App
    from newsletter.publishing import Mailing
    from newsletter.publishing.scheduling import Proposal
    from newsletter.store.statuses import Exclusion

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The issue: its folder's name.", show_default=False)]
List = Annotated[str, typer.Option("--list", metavar="LIST", help="The list it goes to.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def schedule(
    slug: Slug,
    list_name: List,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Day and local time, \"2026-11-24 06:00\", or one of them; else the issue's date and the list's hour.",
        ),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Whose clocks that time is on; else those of the list.")
    ] = None,
    local: Annotated[
        bool | None,
        typer.Option("--local/--at-once", help="Each reader at that hour of their own zone, or all at one instant."),
    ] = None,
    canary: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Send to a share of the readers first, such as 1%, or none.")
    ] = None,
    segment: Segment = None,
    filter_text: FilterText = None,
    exclude_list: ExcludedLists = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask where readers get it at once.")] = False,
    expect: Annotated[
        int | None,
        typer.Option(
            "--expect", metavar="N", help="How many readers it should go to; confirms an unusual number.", min=0
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Give this very edition of an issue its slot on a list, or move it. It goes out by itself, whatever is edited later.

    It passes the same gate as a send. `newsletter scheduler`, or `newsletter run`, has to be running at its hour.
    """
    from newsletter.cli.confirming import with_readers_confirmed  # noqa: PLC0415 - see `acting.opened`
    from newsletter.publishing import scheduling  # noqa: PLC0415
    from newsletter.publishing.wish import Wish  # noqa: PLC0415

    wish = Wish(at=at, zone=zone, local=local, canary=canary)
    with opened() as newsroom:
        examined = newsroom.examine(issue_of(newsroom, slug))
        now = newsroom.clock()
        choice = chosen(newsroom, list_name, segment=segment, text=filter_text, without=exclude_list)
        proposal = with_readers_confirmed(
            lambda number: scheduling.propose(
                newsroom.store, newsroom.settings, examined, list_name, wish, now=now, expected=number, choice=choice
            ),
            expect,
            ask=not (yes or dry_run),
        )
        excluded = _excluded(newsroom, proposal, now)
        if proposal.at_once and not (dry_run or yes):
            _ask(proposal)
        made = None
        if not dry_run:
            made = scheduling.schedule(newsroom.store, proposal, actor=actor(newsroom), now=newsroom.clock())
    if json:
        say.data(_as_data(proposal, made) | {"excluded": {reason.value: n for reason, n in excluded.items()}})
        return
    for line in (*_lines(proposal, made), *excluded_lines(excluded)):
        say.output().print(say.shown(line))
    say.note(
        "Nothing was changed."
        if made is None
        else f"See it with the others: newsletter schedule show --list {list_name}"
    )


def _excluded(newsroom: App, proposal: Proposal, now: datetime) -> Mapping[Exclusion, int]:
    """Who of the list would be left out, as things stand."""
    from newsletter.delivery import survey  # noqa: PLC0415 - see `acting.opened`

    return survey(
        newsroom.store,
        list_id=proposal.target.id,
        issue=proposal.examined.issue.slug,
        choice=proposal.choice,
        now=now,
        mailing_id=proposal.before.id if proposal.before else None,
    ).excluded


def unschedule(slug: Slug, list_name: List, json: AsJson = False) -> None:
    """Take a scheduled issue back before its hour; its slot is free again."""
    from newsletter.publishing import scheduling  # noqa: PLC0415 - see `acting.opened`

    with opened() as newsroom:
        taken = scheduling.unschedule(newsroom.store, slug, list_name, actor=actor(newsroom), now=newsroom.clock())
    if json:
        say.data({"slug": slug, "list": list_name, "mailing": taken.id, "date": taken.local_date.isoformat()})
        return
    say.data_line(f"{slug} is taken back from list {list_name}, {taken.local_date}. Nothing of it was sent.")


def _ask(proposal: Proposal) -> None:
    if not say.on_terminal():
        raise InputError(
            f"{proposal.at_once:,} readers would get it at once, and nobody is there to be asked",
            where="stdin",
            remedy="Give --yes to schedule it without a question",
        )
    for line in _lines(proposal, None):
        say.note(line)
    typer.confirm(f"Send to {proposal.at_once:,} readers at once?", abort=True, err=True)


def _lines(proposal: Proposal, made: Mailing | None) -> Iterator[str]:
    from newsletter.cli.clocks import wave_lines  # noqa: PLC0415 - see `acting.opened`
    from newsletter.publishing.calendar import hour_in_words  # noqa: PLC0415

    timing, waves = proposal.timing, proposal.waves
    if made is None:
        done = "would be moved" if proposal.before else "would be scheduled"
    else:
        done = f"is {'moved' if proposal.before else 'scheduled'} as mailing {made.id}"
    edition = f"edition {proposal.examined.digest[:12]}"
    yield f"“{proposal.examined.edition.subject}” {done}: list {proposal.target.name}, {edition}"
    several = f"in {len(waves)} waves, the first on " if len(waves) > 1 else ""
    zone = next(wave.clock.zone for wave in waves if wave.due_at == proposal.due_at and not wave.skipped)
    first = f"{hour_in_words(proposal.due_at, zone or timing.zone)}, {proposal.due_at:%Y-%m-%d %H:%M} UTC"
    only = f" (only {proposal.choice.in_words})" if proposal.choice.in_words else ""
    yield f"{proposal.readers:,} readers{only}, {several}{first}"
    if len(waves) > 1:
        yield ""
        yield from wave_lines(waves, timing)
        yield ""
    if proposal.at_once:
        yield f"{proposal.at_once:,} readers get it at once: their hour has passed."
    if proposal.too_late:
        why = "the list skips those" if timing.skips_past else f"that was more than {written_length(timing.limit)} ago"
        yield f"{proposal.too_late:,} readers do not get it: their hour has passed, and {why}."
    for note in proposal.notes:
        yield f"{note[:1].upper()}{note[1:]}."


def _as_data(proposal: Proposal, made: Mailing | None) -> dict[str, object]:
    from newsletter.cli.clocks import wave_data  # noqa: PLC0415 - see `acting.opened`

    timing = proposal.timing
    return {
        "issue": proposal.examined.issue.slug,
        "list": proposal.target.name,
        "edition": proposal.examined.digest,
        "mailing": made.id if made else None,
        "moved": proposal.before is not None,
        "date": timing.day.isoformat(),
        "time": f"{timing.hour:%H:%M}",
        "zone": timing.zone,
        "local": timing.by_reader,
        "due_at": proposal.due_at.isoformat(),
        **proposal.choice.as_dict(),
        "readers": proposal.readers,
        "at_once": proposal.at_once,
        "too_late": proposal.too_late,
        "notes": proposal.notes,
        "waves": [wave_data(wave, timing) for wave in proposal.waves],
        "dry_run": made is None,
    }
