"""A copy of a template for a newsroom to change: whole, with the shared pieces that it uses."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from newsletter.errors import InputError
from newsletter.rendering.template_folder import is_name, open_template
from newsletter.settings import Settings


def copy_template(settings: Settings, name: str, *, source: str) -> Path:
    """Copy the template called `source` to the newsroom's template `name`; gives the new folder.

    What `source` shares with others comes along as files of its own under `shared/`: later changes to the shared folder,
    or of the program, do not reach the copy. The folder appears whole or not at all.

    Raises:
        InputError: `name` cannot be a template's name or is taken, there is no `source`, or the disk refuses.
    """
    target = settings.templates / name
    if not is_name(name):
        raise InputError(f"no template can be called {name!r}", remedy="Use letters, digits, - and _, at most 64")
    if os.path.lexists(target):
        raise InputError("there is a template of that name", where=str(target), remedy="Choose another name")
    original = open_template(settings, source)
    temporary = settings.templates / f".new-{secrets.token_hex(8)}"
    try:
        for file, text in original.files.items():
            _write(temporary / file, text)
        temporary.rename(target)
    except OSError as error:
        remedy = "See that the folder may be written and its disk has room"
        raise InputError(f"cannot be made: {error.strerror}", where=str(target), remedy=remedy) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
