"""A template: one folder of small text files, read whole, so that its hash and every include are known beforehand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import InputError, place
from newsletter.settings import Settings, defaults

BODY, TEXT, AUTHOR_CSS = "body.mjml", "body.txt", "author.css"
REQUIRED = (BODY, TEXT, AUTHOR_CSS)
SUFFIXES = frozenset({".mjml", ".css", ".txt"})
LARGEST_FILE = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFolder:
    """The template's name, its folder and the text of each file, by POSIX path within the folder."""

    name: str
    folder: Path
    files: Mapping[str, str]

    @property
    def hash(self) -> str:
        """SHA-256 over names and texts, in hexadecimal; the folder's own place plays no part."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            for part in (name, self.files[name]):
                data = part.encode()
                digest.update(b"%d\n" % len(data) + data)
        return digest.hexdigest()

    def where(self, name: str, line: int | None = None, column: int | None = None) -> str:
        """The place of a file of this template, as errors show it."""
        return place(self.folder / name, line, column)


def open_template(settings: Settings, name: str) -> TemplateFolder:
    """The newsroom's template called `name`, or the packaged one of that name.

    Raises:
        InputError: there is none, a file is missing, too large, not UTF-8, or lies outside the folder.
    """
    folder = _find(settings, name)
    files = {path.relative_to(folder).as_posix(): _read(folder, path) for path in _paths(folder)}
    for required in REQUIRED:
        if required not in files:
            raise InputError(
                f"the template {name!r} lacks {required}",
                where=str(folder),
                remedy="Copy the file from the packaged template `daily` and change it",
            )
    return TemplateFolder(name=name, folder=folder, files=files)


def _find(settings: Settings, name: str) -> Path:
    shelves = (settings.templates, defaults() / "templates" / "email")
    if _NAME.fullmatch(name):
        for shelf in shelves:
            if (shelf / name).is_dir():
                return shelf / name
    known = sorted({path.name for shelf in shelves if shelf.is_dir() for path in shelf.iterdir() if path.is_dir()})
    raise InputError(
        f"there is no template {name!r}",
        where=str(settings.templates),
        remedy=f"Known are: {', '.join(known)}" if known else "Lay down the packaged ones with `newsletter init`",
    )


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())


def _read(folder: Path, path: Path) -> str:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            "this file lies outside its template's folder", where=str(path), remedy="Put a copy in its place"
        )
    try:
        data = path.read_bytes()
        if len(data) > LARGEST_FILE:
            raise InputError(
                f"is larger than {LARGEST_FILE // 1024} KB", where=str(path), remedy="Divide or shorten it"
            )
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", where=str(path), remedy="Save it as UTF-8") from error
