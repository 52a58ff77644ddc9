"""Issue folders on disk: finding one by its slug, and reading its files without being led out of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import InputError
from newsletter.issues.decisions import MAX_BYTES
from newsletter.issues.naming import ISSUE_FILE, is_component
from newsletter.roundups import Outlets
from newsletter.settings import Settings, nearest

OUTLETS_FILE = "outlets.toml"
ROUNDUP_SUFFIXES = frozenset({".txt", ".md", ".text", ".markdown"})
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Links are not followed, and a pipe in a file's place does not make the reader wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueFolder:
    """One issue's folder. `slug` is its name."""

    slug: str
    path: Path

    @property
    def issue_file(self) -> Path:
        """The decisions."""
        return self.path / ISSUE_FILE

    def read(self, name: str) -> bytes:
        """The bytes of a file in the folder.

        Raises:
            InputError: it is missing, a link, no plain file, over 1 MiB, or cannot be read.
        """
        return read_plain(self.path / name)

    def roundup_names(self) -> list[str]:
        """The files that look like roundups, by name; links and hidden files are not among them."""
        return sorted(
            entry.name
            for entry in os.scandir(self.path)
            if entry.is_file(follow_symlinks=False)
            and is_component(entry.name)
            and Path(entry.name).suffix.casefold() in ROUNDUP_SUFFIXES
        )


def slugs(settings: Settings) -> tuple[str, ...]:
    """The slugs of all issues of the newsroom, in order; dated ones are thereby in the order of their days."""
    try:
        entries = list(os.scandir(settings.issues))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(settings.issues), remedy="Make it a folder that you may read"
        ) from error
    found = (entry for entry in entries if is_component(entry.name) and entry.is_dir(follow_symlinks=False))
    return tuple(sorted(entry.name for entry in found if (Path(entry.path) / ISSUE_FILE).is_file()))


def find_issue(settings: Settings, slug: str) -> IssueFolder:
    """The folder of the issue called `slug`.

    Raises:
        InputError: `slug` is no plain folder name, or there is no such issue; names the nearest slugs.
    """
    if not is_component(slug):
        raise InputError(
            f"{slug[:100]!r} is no issue's name", remedy="Give the name of a folder under issues/, without slashes"
        )
    path = settings.issues / slug
    if path.is_symlink() or not path.is_dir():
        raise InputError(
            f"there is no issue {slug!r}", where=str(settings.issues), remedy=_nearest_slugs(settings, slug)
        )
    if not os.path.lexists(path / ISSUE_FILE):
        raise InputError(
            f"has no {ISSUE_FILE}", where=str(path), remedy="Compose issues with `newsletter issue new FILE`"
        )
    return IssueFolder(slug=slug, path=path)


def read_plain(path: Path, *, follow: bool = False) -> bytes:
    """The bytes of a plain file; a link is followed only where `follow` says so.

    Raises:
        InputError: it is missing, a link, no plain file, over 1 MiB, or cannot be read.
    """
    try:
        with os.fdopen(os.open(path, _OPEN & ~os.O_NOFOLLOW if follow else _OPEN), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise InputError("is no plain file", where=str(path), remedy="Give a text file")
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), remedy="Check the name") from error
    except OSError as error:
        if not follow and path.is_symlink():
            fault = InputError(
                "is a link, and links are not followed", where=str(path), remedy="Put the file itself there"
            )
            raise fault from error
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="Name a text file that you may read"
        ) from error
    except ValueError as error:  # a name with a NUL
        raise InputError("is no file's name", where=repr(str(path)), remedy="Check the name") from error
    if len(data) > MAX_BYTES:
        size = max(about.st_size, len(data))
        raise InputError(
            f"has {size:,} bytes; {MAX_BYTES:,} are the most", where=str(path), remedy="Shorten or split it"
        )
    return data


def newsroom_outlets(settings: Settings) -> Outlets:
    """The newsroom's known outlets; none where it has no `outlets.toml`.

    Raises:
        InputError: the file is there and cannot be used.
    """
    path = settings.root / OUTLETS_FILE
    return Outlets.load(path) if path.exists() else Outlets()


def _nearest_slugs(settings: Settings, slug: str) -> str:
    known = slugs(settings)
    if not known:
        return "Compose one with `newsletter issue new FILE`"
    alike = [each for each in known if slug.casefold() in each.casefold()][-3:]
    return f"Did you mean {' or '.join(map(repr, alike))}?" if alike else nearest(slug, list(known[-10:]))
