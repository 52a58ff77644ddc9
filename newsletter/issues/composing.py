"""From roundup files to a new issue folder: `prepare` decides, `compose` writes, all at once or not at all."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from newsletter.errors import InputError
from newsletter.findings import Finding, Severity
from newsletter.issues.atomic import already_there, make_folder
from newsletter.issues.dates import date_in_name, in_words, read_date
from newsletter.issues.folder import newsroom_outlets, read_plain
from newsletter.issues.fresh import fresh_issue_toml
from newsletter.issues.joining import shown_title
from newsletter.issues.naming import ISSUE_FILE, file_names, folder_name
from newsletter.issues.reading import Reading, read_roundup
from newsletter.settings import Settings

LONGEST_TITLE = 300
DATE_GUESSED = "ISSUE-DATE-GUESSED"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewIssue:
    """An issue that is ready to be written: its folder, its files by name, and what had to be guessed."""

    folder: Path
    files: dict[str, bytes]
    findings: tuple[Finding, ...]

    def write(self) -> Path:
        """Make the folder; gives its path.

        Raises:
            InputError: there is such a folder by now, or the disk refuses. Nothing is left half written.
        """
        make_folder(self.folder, self.files)
        return self.folder


def compose(settings: Settings, files: Sequence[Path], *, date: date | None, title: str | None, today: date) -> Path:
    """Make `issues/<date>-<slug>/` from roundup files, byte for byte, and a fresh `issue.toml`; gives its path.

    Args:
        settings: the newsroom's.
        files: the roundup files, in the order in which they are shown.
        date: the issue's date; None takes the roundup's own, else one in a file's name, else `today`.
        title: the issue's title; None takes the roundup's own.
        today: the present day in the newsroom's zone.

    Raises:
        InputError: a file cannot be used, or such an issue exists already; nothing was written.
    """
    return prepare(settings, files, date=date, title=title, today=today).write()


def prepare(
    settings: Settings,
    files: Sequence[Path],
    *,
    date: date | None,
    title: str | None,
    today: date,
    author: str | None = None,
) -> NewIssue:
    """What `compose` would write, with findings on what had to be guessed. Takes and raises the same; only reads.

    `author` is the user who composes it, for `issue.toml`.
    """
    _check_given(files, title)
    outlets = newsroom_outlets(settings)
    given = [(path, read_plain(path, follow=True)) for path in files]
    names = file_names(path.name for path in files)
    readings = [read_roundup(settings, str(path), data, outlets) for path, data in given]
    own_title = next((found for each in readings if (found := shown_title(each.roundup.title))), "")
    wanted = " ".join(title.split()) if title else None
    day, doubt = (date, None) if date else _day(readings, today)
    folder = settings.issues / folder_name(day, wanted or own_title, files[0].stem)
    if folder.exists() or folder.is_symlink():
        raise already_there(folder)
    toml = fresh_issue_toml(
        settings, day=day, doubt=doubt, title=wanted, own_title=own_title, roundups=names, author=author
    )
    contents = {ISSUE_FILE: toml.encode(), **{name: data for name, (_, data) in zip(names, given, strict=True)}}
    return NewIssue(folder=folder, files=contents, findings=_guessed(day, doubt))


def _check_given(files: Sequence[Path], title: str | None) -> None:
    if not files:
        raise InputError("no roundup file is given", remedy="Name one or more files")
    resolved = [os.path.realpath(path) for path in files]  # `Path.resolve` fails at links that go in a circle
    for number, path in enumerate(files):
        if resolved[number] in resolved[:number]:
            raise InputError("this file is given twice", where=str(path), remedy="Name each file once")
    if title is None:
        return
    if not title.strip() or len(title) > LONGEST_TITLE:
        raise InputError(f"a title has 1 to {LONGEST_TITLE} characters", where="--title", remedy="Give another")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in title):
        raise InputError(
            "line breaks and control characters cannot stand in a title", where="--title", remedy="Give another"
        )


def _day(readings: Sequence[Reading], today: date) -> tuple[date, str | None]:
    """The first date that a roundup names, else that of a file's name, else today; with the doubt there is about it."""
    for reading in readings:
        if written := read_date(reading.roundup.date or "", today=today):
            return written.day, f"{reading.roundup.date}: {written.doubt}" if written.doubt else None
    for reading in readings:
        if day := date_in_name(Path(reading.name).name):
            return day, f"it stands in the name of {Path(reading.name).name}, not in the text"
    return today, "no roundup names a date, so it is today’s"


def _guessed(day: date, doubt: str | None) -> tuple[Finding, ...]:
    if doubt is None:
        return ()
    message = f"the issue is dated {in_words(day)}, which is a guess: {doubt}. Check date in issue.toml"
    why = "The date stands in the e-mail’s head and in the archive’s address."
    return (Finding(code=DATE_GUESSED, severity=Severity.WARNING, message=message, file=ISSUE_FILE, why=why),)
