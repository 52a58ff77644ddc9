"""Which newsroom a command works on."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

from newsletter import settings as newsroom_settings
from newsletter.errors import InputError
from newsletter.roundups import Outlets
from newsletter.settings import Settings
from newsletter.settings.secrets import DATABASE

_chosen: ContextVar[Path | None] = ContextVar("newsroom", default=None)


def choose(folder: Path | None) -> None:
    """Work on the newsroom in `folder`; None means the nearest at or above the present folder."""
    _chosen.set(folder)


def settings() -> Settings:
    """The settings of the newsroom that this command works on.

    Raises:
        InputError: there is no newsroom, or its settings cannot be used.
    """
    return newsroom_settings.load(newsroom_settings.find_newsroom(_chosen.get() or _here()))


def settings_if_any() -> Settings | None:
    """The same, or None outside a newsroom where none was named."""
    if _chosen.get() is None:
        try:
            newsroom_settings.find_newsroom(_here())
        except InputError:
            return None
    return settings()


def has_database(found: Settings) -> bool:
    """Whether there is a database to look into: the newsroom's file, or one on a server. Asking makes none."""
    return found.database.exists() or newsroom_settings.secret(DATABASE) is not None


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise InputError("this folder was removed", where=".", remedy="Go to another folder") from error


def outlets(found: Settings | None) -> Outlets:
    """The newsroom's outlets; outside a newsroom, those that come with the program."""
    folder = found.root if found else newsroom_settings.defaults()
    path = folder / "outlets.toml"
    return Outlets.load(path) if path.exists() else Outlets()
