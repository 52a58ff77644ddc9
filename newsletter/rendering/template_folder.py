"""A template: one folder of small text files, read whole, so that its hash and every include are known beforehand.

What templates have in common stands once, in the folder `_shared` beside them, and is read as `shared/…`. A file that a
template keeps under that name itself comes first: a copied template carries its own and is whole.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.errors import InputError, place
from newsletter.rendering.template_faults import FaultyTemplateError
from newsletter.settings import Settings, defaults

BODY, TEXT, AUTHOR_CSS = "body.mjml", "body.txt", "author.css"
REQUIRED = (BODY, TEXT, AUTHOR_CSS)
HEAD = "head.txt"
"""The subject and, in a second line, the preheader of a notice: only templates of notices have this file."""
SHARED, SHELF = "shared/", "_shared"
"""What stands before the name of a shared file, and the folder such files are kept in."""
SUFFIXES = frozenset({".mjml", ".css", ".txt"})
LARGEST_FILE = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFolder:
    """The template's name, its folder and the text of each file, by POSIX path within the folder.

    `shared` is the folder that the files under `shared/` were read from, those that the template keeps itself excepted
    (`own` names all files of its own).
    """

    name: str
    folder: Path
    files: Mapping[str, str]
    shared: Path | None = None
    own: frozenset[str] = field(default=frozenset())

    @property
    def hash(self) -> str:
        """SHA-256 over names and texts, in hexadecimal; the folder's own place plays no part."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            for part in (name, self.files[name]):
                data = part.encode()
                digest.update(b"%d\n" % len(data) + data)
        return digest.hexdigest()

    @property
    def is_notice(self) -> bool:
        """Whether notices are made with it, and not issues."""
        return HEAD in self.own

    def path(self, name: str) -> Path:
        """Where a file of this template is."""
        if self.shared is not None and name.startswith(SHARED) and name not in self.own:
            return self.shared / name.removeprefix(SHARED)
        return self.folder / name

    def where(self, name: str, line: int | None = None, column: int | None = None) -> str:
        """The place of a file of this template, as errors show it."""
        return place(self.path(name), line, column)


def open_template(settings: Settings, name: str, *, own: bool = True) -> TemplateFolder:
    """The newsroom's template called `name`, or the packaged one of that name; without `own` only that.

    Raises:
        InputError: there is none, a file is missing, too large, not UTF-8, or lies outside the folder.
    """
    folder = _find(settings, name, own=own)
    files = _files(folder)
    shared = next((shelf for shelf in (folder.parent / SHELF, packaged_templates() / SHELF) if shelf.is_dir()), None)
    common = {SHARED + file: text for file, text in _files(shared).items()} if shared else {}
    for required in REQUIRED:
        if required not in files:
            raise FaultyTemplateError(
                "TEMPLATE-FILE",
                f"the template {name!r} lacks {required}",
                file=str(folder),
                remedy="Copy the file from the packaged template `daily` and change it",
            )
    return TemplateFolder(name=name, folder=folder, files=common | files, shared=shared, own=frozenset(files))


def template_names(settings: Settings) -> tuple[str, ...]:
    """The names of all templates that issues can name, the newsroom's own and the packaged ones."""
    return tuple(sorted(path.name for path in _templates(settings) if not (path / HEAD).is_file()))


def notice_names(settings: Settings) -> tuple[str, ...]:
    """The names of all templates of notices: those that this program sends, and copies of the newsroom's own."""
    return tuple(sorted(path.name for path in _templates(settings) if (path / HEAD).is_file()))


def _templates(settings: Settings) -> Iterator[Path]:
    """The folder of each template, the newsroom's own in the place of the packaged one of that name."""
    shelves = (shelf for shelf in (packaged_templates(), settings.templates) if shelf.is_dir())
    yield from {path.name: path for shelf in shelves for path in shelf.iterdir() if _is_template(path)}.values()


def packaged_templates() -> Path:
    """The folder of the templates that come with the program."""
    return defaults() / "templates" / "email"


def is_name(name: str) -> bool:
    """Whether a template may be called so: letters, digits, `_` and `-`, at most 64."""
    return bool(_NAME.fullmatch(name))


def _is_template(path: Path) -> bool:
    return is_name(path.name) and path.is_dir()


def _find(settings: Settings, name: str, *, own: bool) -> Path:
    for shelf in (settings.templates, packaged_templates()) if own else (packaged_templates(),):
        if _is_template(shelf / name) and (shelf / name).parent == shelf:
            return shelf / name
    known = (*template_names(settings), *notice_names(settings))
    raise InputError(
        f"there is no template {name!r}",
        where=str(settings.templates),
        remedy=f"Known are: {', '.join(known)}" if known else "Lay down the packaged ones with `newsletter init`",
    )


def _files(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return {path.relative_to(folder).as_posix(): _read(folder, path) for path in paths}


def _read(folder: Path, path: Path) -> str:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _unfit(path, "this file lies outside its template's folder", "Put a copy in its place")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unfit(path, f"cannot be read: {error.strerror}", "Let this program read it") from error
    if len(data) > LARGEST_FILE:
        raise _unfit(path, f"is larger than {LARGEST_FILE // 1024} KB", "Divide or shorten it")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise _unfit(path, "is not UTF-8 text", "Save it as UTF-8") from error


def _unfit(path: Path, what: str, remedy: str) -> FaultyTemplateError:
    return FaultyTemplateError("TEMPLATE-FILE", what, file=str(path), remedy=remedy)
