"""A new newsroom's folder: settings, outlets and templates from the packaged defaults, and an empty place for issues."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

import tomlkit

from newsletter.errors import InputError
from newsletter.settings import FILE_NAME, defaults

GITIGNORE = "# What the system writes for itself: the database and its keys. Never for git.\n/data/\n"
_EXAMPLE_ADDRESS = "newsletter@example.org"


def lay_newsroom(folder: Path) -> list[str]:
    """Lay a new newsroom down in `folder`, which is made where it is missing; gives the files' names.

    Everything is prepared beside it and then moved in, the settings last: a folder with settings is a whole newsroom.

    Raises:
        InputError: a newsroom or a file of that name is there already, or the disk refuses. Nothing was changed then.
    """
    target = folder.absolute()
    if (target / FILE_NAME).exists():
        raise InputError("there is a newsroom already", where=str(folder), remedy="Name another folder")
    temporary = target.parent / f".new-{secrets.token_hex(8)}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        _prepare(temporary, _name(target))
        parts = sorted((entry.name for entry in temporary.iterdir()), key=lambda name: name == FILE_NAME)
        for part in parts:
            if os.path.lexists(target / part):
                raise InputError(
                    "is there already", where=str(folder / part), remedy="Move it away, or name another folder"
                )
        laid = sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*") if path.is_file())
        target.mkdir(exist_ok=True)
        for part in parts:
            (temporary / part).rename(target / part)
    except OSError as error:
        raise InputError(
            f"the newsroom cannot be made: {_refusal(error)}", where=str(folder), remedy="Name another folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return laid


def _refusal(error: OSError) -> str:
    """The system's words; copying a folder collects them, file by file."""
    return str(error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror)


def _prepare(folder: Path, name: str) -> None:
    source = defaults()
    shutil.copytree(source / "templates", folder / "templates")
    shutil.copyfile(source / "outlets.toml", folder / "outlets.toml")
    (folder / "issues").mkdir()
    (folder / ".gitignore").write_text(GITIGNORE, encoding="utf-8")
    (folder / FILE_NAME).write_text(_settings(source / FILE_NAME, name), encoding="utf-8")


def _settings(example: Path, name: str) -> str:
    """The example's settings with this newsroom's name, and without what only the example can know."""
    document = tomlkit.parse(example.read_text(encoding="utf-8"))
    newsroom = document["newsroom"]
    newsroom.update(
        {"name": name, "postal_address": "", "zone": "UTC", "from_name": name, "from_address": _EXAMPLE_ADDRESS}
    )
    newsroom.pop("reply_to", None)
    document["lists"]["daily"]["title"] = f"{name}, daily"
    return tomlkit.dumps(document)


def _name(folder: Path) -> str:
    plain = "".join(each if each.isprintable() and each not in "-_" else " " for each in folder.name)
    words = plain.split()
    return " ".join(word[:1].upper() + word[1:] for word in words) or "Our newsletter"
