"""Where things stand in the files that editors can change: roundups, `issue.toml`, the template, `newsletter.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from newsletter.errors import InputError
from newsletter.issues.folder import read_plain
from newsletter.issues.naming import ISSUE_FILE
from newsletter.issues.toml_places import Places, Step
from newsletter.rendering.template_folder import SHARED, TemplateFolder, open_template
from newsletter.settings import FILE_NAME, Settings, defaults

_LINE_ENDS = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """A place in a file: line and columns from 1, in characters, `end_column` behind the last; None where not known.

    `file` is a name within the issue's folder, or a path from the newsroom's root.
    """

    file: str | None = None
    line: int | None = None
    column: int | None = None
    end_column: int | None = None


NOWHERE = Spot()


def divided(text: str) -> list[str]:
    """The lines of a text, without their ends, counted as the reader of roundups counts them."""
    return _LINE_ENDS.split(text)


def find(needle: str, lines: Sequence[str], file: str, *, first: int = 1, last: int | None = None) -> Spot | None:
    """Where `needle` first stands within one of the lines `first` to `last`."""
    for number in range(first, min(last or len(lines), len(lines)) + 1) if needle else ():
        at = lines[number - 1].find(needle)
        if at >= 0:
            return Spot(file=file, line=number, column=at + 1, end_column=at + 1 + len(needle))
    return None


class IssueFiles:
    """The files of one issue: its `inputs`, as they were read."""

    def __init__(self, inputs: Sequence[tuple[str, bytes]]) -> None:
        texts = {name: data.decode("utf-8-sig", errors="replace") for name, data in inputs}
        self.lines: Mapping[str, list[str]] = {name: divided(text) for name, text in texts.items()}
        self._decisions = texts.get(ISSUE_FILE, "")

    @cached_property
    def _places(self) -> Places:
        return Places(self._decisions.replace("\r\n", "\n"))

    @property
    def roundups(self) -> tuple[str, ...]:
        """The names of the roundup files, in the order read."""
        return tuple(name for name in self.lines if name != ISSUE_FILE)

    def has_key(self, *path: Step) -> bool:
        """Whether `issue.toml` gives that key a value."""
        return len(path) == 1 and self._places.line(*path) is not None

    def key(self, *path: Step, value: str = "") -> Spot:
        """Where a key of `issue.toml` has `value`: the value itself where it stands as it is, else the key's line."""
        line = self._places.line(*path)
        if line is None:
            return Spot(file=ISSUE_FILE, line=1, column=1)
        lines = self.lines[ISSUE_FILE]
        within = find(value, lines, ISSUE_FILE, first=line, last=line) or find(value, lines, ISSUE_FILE, first=line)
        return within or Spot(file=ISSUE_FILE, line=line, column=1)

    def text(self, needle: str, *, file: str | None = None, first: int = 1, last: int | None = None) -> Spot | None:
        """Where `needle` stands: in `file` between two lines, or in any roundup, or in `issue.toml`."""
        if file is not None:
            return find(needle, self.lines.get(file, ()), file, first=first, last=last)
        found = (find(needle, self.lines[name], name) for name in (*self.roundups, ISSUE_FILE) if name in self.lines)
        return next((spot for spot in found if spot), None)


class NewsroomFiles:
    """The template and the settings that shaped an edition. Read when a fault is to be placed, and not before."""

    def __init__(self, settings: Settings, template: str) -> None:
        self._settings = settings
        self._template = template

    @cached_property
    def _files(self) -> dict[str, list[str]]:
        """The template's files by their paths, its own first, then those of the shared ones that it includes."""
        try:
            template = open_template(self._settings, self._template)
        except InputError:  # what cannot be read now shaped the edition earlier; the finding goes without its place
            return {}
        named = sorted(_included(template), key=lambda name: (name.startswith(SHARED), name))
        return {shown_path(template.path(name), self._settings): template.files[name].split("\n") for name in named}

    @cached_property
    def _settings_text(self) -> str:
        try:
            return read_plain(self._settings.root / FILE_NAME).decode("utf-8-sig", errors="replace")
        except InputError:
            return ""

    @property
    def template(self) -> Spot:
        """The template as a whole: its body."""
        return Spot(file=f"templates/email/{self._template}/body.mjml")

    def in_template(self, *needles: str, suffix: str = "") -> Spot:
        """Where the first of `needles` that occurs stands in the template's files, or the template as a whole."""
        for needle in needles:
            for name, lines in self._files.items():
                if name.endswith(suffix) and (spot := find(needle, lines, name)):
                    return spot
        return self.template

    def matching(self, pattern: re.Pattern[str]) -> Spot:
        """Where the pattern first matches in the template's HTML and CSS, or the template as a whole."""
        return next(self._matches(pattern), self.template)

    def _matches(self, pattern: re.Pattern[str]) -> Iterator[Spot]:
        for name, lines in self._files.items():
            for number, line in enumerate(lines, start=1) if not name.endswith(".txt") else ():
                if found := pattern.search(line):
                    yield Spot(file=name, line=number, column=found.start() + 1, end_column=found.end() + 1)

    def setting(self, *path: str) -> Spot:
        """Where a key of `newsletter.toml` stands, or the table it belongs to."""
        line = Places(self._settings_text.replace("\r\n", "\n")).line(*path) if self._settings_text else None
        return Spot(file=FILE_NAME, line=line or 1, column=1)

    def in_settings(self, needle: str) -> Spot | None:
        """Where `needle` stands in `newsletter.toml`, whatever its case."""
        lines = divided(self._settings_text.casefold())
        return find(needle.casefold(), lines, FILE_NAME)

    def line(self, file: str, number: int) -> str | None:
        """A line of the template or of `newsletter.toml`, from 1; None where there is none."""
        lines = divided(self._settings_text) if file == FILE_NAME else self._files.get(file, [])
        return lines[number - 1] if 0 < number <= len(lines) else None


def _included(template: TemplateFolder) -> set[str]:
    """The names of the template's own files, and of the shared ones that they name, directly or through each other."""
    found = {name for name in template.files if not name.startswith(SHARED)}
    waiting = list(found)
    while waiting:
        text = template.files[waiting.pop()]
        new = {name for name in template.files if name not in found and name in text}
        found |= new
        waiting += new
    return found


def shown_path(path: Path, settings: Settings) -> str:
    """The path from the newsroom's root; for a packaged file, from the program's."""
    for root in (settings.root, defaults()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.as_posix()


def line_at(file: str, number: int, issue: IssueFiles, newsroom: NewsroomFiles) -> str | None:
    """The line that a finding stands on, as it was checked; None where there is none."""
    lines = issue.lines.get(file)
    if lines is None:
        return newsroom.line(file, number)
    return lines[number - 1] if 0 < number <= len(lines) else None
