"""Reading `newsletter.toml`: every slip is one error, with what it is, where it stands and what to do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from newsletter.errors import InputError, place
from newsletter.settings.look import Side
from newsletter.settings.tables import DomainLimits, MailingList, Newsroom, RampUp, Settings
from newsletter.settings.values import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "newsletter.toml"

_TABLES = {name: each.default for name, each in Settings.model_fields.items() if isinstance(each.default, BaseModel)}
_INPUT_KEYS = frozenset(Settings.model_fields) - {"root"}
_NAME_TABLES = ("sides", "lists")


def find_newsroom(start: Path) -> Path:
    """The nearest folder at or above `start` with a `newsletter.toml`.

    Raises:
        InputError: there is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise InputError(
        f"no {FILE_NAME} here or in a folder above",
        where=str(start),
        remedy="Make a newsroom with `newsletter init DIR`, or go to the folder of yours",
    )


def load(root: Path) -> Settings:
    """Read the settings of the newsroom in folder `root`.

    Raises:
        InputError: the file is missing, is no TOML, or holds an unknown key or a value that cannot be; names file, line and key.
    """
    path = root / FILE_NAME
    data = read_toml(path)
    try:
        return Settings(root=root.resolve(), **_known_keys(path, data))
    except ValidationError as error:
        raise _explained(path, error) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or no TOML; names line and column.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="Make it a file that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", where=str(path), remedy="Save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _toml_fault(path, error) from error


def _toml_fault(path: Path, error: tomllib.TOMLDecodeError) -> InputError:
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
    fault, where = (found[1], place(path, int(found[2]), int(found[3]))) if found else (str(error), str(path))
    return InputError(f"is not valid TOML: {fault}", where=where, remedy="Mend that line")


def _known_keys(path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    for key in data:
        if key not in _INPUT_KEYS:
            raise InputError(f"unknown table or key {key!r}", where=str(path), remedy=nearest(key, sorted(_INPUT_KEYS)))
    return dict(data)


def _explained(path: Path, error: ValidationError) -> InputError:
    faults = error.errors()
    # A slip in a key’s name also leaves the key missing: the slip is what the reader can see.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    steps = [str(step) for step in first["loc"]]
    key = ".".join(steps)
    if first["type"] == "extra_forbidden":
        return InputError(f"unknown key {key!r}", where=str(path), remedy=nearest(steps[-1], _keys_at(steps[:-1])))
    if first["type"] == "missing":
        return InputError(f"{key!r} is missing", where=str(path), remedy="Add it")
    message = _TYPES.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return InputError(f"{key!r}: {message}", where=str(path), remedy="Correct that value")


_TYPES = {
    "string_type": "must be text in quotation marks",
    "model_type": "must be a table, with its keys below [the table’s name]",
    "dict_type": "must be a table, with its keys below [the table’s name]",
}
"""Kinds of pydantic’s errors in the words of TOML."""


def _keys_at(steps: list[str]) -> list[str]:
    """The keys that the table at `steps` may hold."""
    tables: dict[str, type[BaseModel]] = {"sides": Side, "lists": MailingList}
    tables |= {name: type(default) for name, default in _TABLES.items()} | {"newsroom": Newsroom}
    tables |= {"sender.ramp_up": RampUp, "sender.domains": DomainLimits}
    found = tables.get(".".join(steps[:2])) or tables.get(".".join(steps[:1]))
    return sorted(found.model_fields if found else _INPUT_KEYS)


def defaults() -> Path:
    """The folder with the packaged defaults: `templates/`, `outlets.toml`, `newsletter.toml`.

    In a checkout that is the repository's root, which is itself a newsroom; in a wheel, `newsletter/defaults/`.
    """
    packaged = Path(__file__).parent.parent / "defaults"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent.parent
