"""The options that say whom of a list a mailing is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from newsletter.app import App
    from newsletter.audience.choosing import Choice
    from newsletter.store.statuses import Exclusion

Segment = Annotated[
    str | None, typer.Option("--segment", metavar="NAME", help="Only to readers of the list in this segment.")
]
FilterText = Annotated[
    str | None,
    typer.Option("--filter", metavar="TEXT", help="Only to readers like this, such as 'tag:donor and not country:US'."),
]
ExcludedLists = Annotated[
    list[str] | None,
    typer.Option("--exclude-list", metavar="LIST", help="Not to readers of this list; may be given again."),
]


def chosen(
    newsroom: App, list_name: str, *, segment: str | None, text: str | None, without: list[str] | None
) -> Choice:
    """Whom the options ask for; says on stderr where they name what nobody has.

    Raises:
        InputError: there is no such segment or list, or the filter cannot be read.
    """
    from newsletter.audience import choosing, lists  # noqa: PLC0415 - see `acting.opened`
    from newsletter.audience.segments import parse  # noqa: PLC0415
    from newsletter.audience.segments.named import unheard_of  # noqa: PLC0415
    from newsletter.cli import say  # noqa: PLC0415

    target = lists.require(newsroom.store, list_name)
    found = choosing.choose(newsroom.store, target, segment=segment, text=text, without=without or ())
    if found.filter:
        with newsroom.store.reading() as connection:
            for said in unheard_of(connection, parse(found.filter)):
                say.note(f"Note: {said}")
    return found


def excluded_lines(excluded: Mapping[Exclusion, int]) -> Iterator[str]:
    """Who is left out and why, a reason a line."""
    from newsletter.reports.wording import why_left_out  # noqa: PLC0415 - see `acting.opened`

    for reason, count in excluded.items():
        yield f"{count:>9,}  {why_left_out(reason)}"
