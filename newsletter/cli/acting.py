"""Who acts, and on what: for commands that sign with a name."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from newsletter.cli.newsroom import settings
from newsletter.issues import Issue, load
from newsletter.settings import secret
from newsletter.tokens import USER_TOKEN

if TYPE_CHECKING:
    from newsletter.app import App


@contextmanager
def opened() -> Iterator[App]:
    """The newsroom that the command works on, open."""
    # Here, so that `issue render` and `issue side`, in the same group of commands, do not wait for the database's library.
    from newsletter.app import App  # noqa: PLC0415

    with App.open(settings()) as newsroom:
        yield newsroom


def issue_of(newsroom: App, slug: str) -> Issue:
    """The issue called `slug`.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    return load(newsroom.settings, slug, outlets=newsroom.outlets)


def actor(newsroom: App) -> str:
    """Who is named in the audit: the user whose token is set, else whoever is signed in on this machine.

    Raises:
        InputError: the token is nobody's.
    """
    user = newsroom.user_if_any()
    return user.name if user else f"{login_name()} (command line)"


def author() -> str | None:
    """Who composes: the user whose token is set, else nobody that is known. The database is opened only for a token.

    Raises:
        InputError: the token is nobody's.
    """
    if secret(USER_TOKEN) is None:
        return None
    with opened() as newsroom:
        return newsroom.user().name


def login_name() -> str:
    """Who is signed in on this machine: a number where the system has no name for them, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
