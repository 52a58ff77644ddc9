"""A roundup file of an issue, read: its name, its bytes, and what the parser found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.errors import InputError, place
from newsletter.issues.decisions import Decisions, read_decisions
from newsletter.issues.folder import IssueFolder
from newsletter.issues.naming import ISSUE_FILE
from newsletter.roundups import Outlets, Roundup, decode, read
from newsletter.settings import Settings, nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One roundup file."""

    name: str
    data: bytes
    roundup: Roundup


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """All that an issue's folder says: the bytes of its `issue.toml`, the decisions in it, its roundups in order.

    `unused` names the files that look like roundups and are not among them.
    """

    folder: IssueFolder
    issue_file: bytes
    decisions: Decisions
    readings: tuple[Reading, ...]
    unused: tuple[str, ...]


def read_contents(settings: Settings, folder: IssueFolder, outlets: Outlets) -> Contents:
    """Read the folder's files.

    Raises:
        InputError: a file is missing, or cannot be read or used; names the file and, where there is one, the line.
    """
    issue_file = folder.read(ISSUE_FILE)
    decisions = read_decisions(issue_file, where=str(folder.issue_file), sides=settings.sides)
    present = folder.roundup_names()
    names = present if decisions.table.roundups is None else decisions.table.roundups
    _check_names(folder, decisions, names, present)
    return Contents(
        folder=folder,
        issue_file=issue_file,
        decisions=decisions,
        readings=tuple(read_roundup(settings, name, folder.read(name), outlets, folder) for name in names),
        unused=tuple(name for name in present if name not in names),
    )


def read_roundup(
    settings: Settings, name: str, data: bytes, outlets: Outlets, folder: IssueFolder | None = None
) -> Reading:
    """Read one roundup; `folder` gives errors the whole path.

    Raises:
        InputError: binary, not UTF-8, over 1 MiB or empty.
    """
    where = str(folder.path / name) if folder else name
    text = decode(data, name=where)
    roundup = read(text, outlets=outlets, longest_quote_words=settings.roundup.longest_quote_words, name=where)
    return Reading(name=name, data=data, roundup=roundup)


def _check_names(folder: IssueFolder, decisions: Decisions, names: Sequence[str], present: Sequence[str]) -> None:
    if not names:
        raise InputError(
            "has no roundup file", where=str(folder.path), remedy="Put one in, with a name that ends in .txt"
        )
    for number, name in enumerate(names):
        where = place(folder.issue_file, decisions.places.line("roundups", number))
        if name in names[:number]:
            raise InputError(f"the roundup {name!r} is named twice", where=where, remedy="Take one of them out")
        if not (folder.path / name).exists() and name not in present:
            remedy = nearest(name, list(present)) if present else "Put the file back into the folder"
            raise InputError(f"there is no roundup {name!r}", where=where, remedy=remedy)
