"""Secrets: from the environment, or from files that it names."""

from __future__ import annotations

import os
from pathlib import Path

from newsletter.errors import InputError

DATABASE = "DATABASE_URL"
"""The secret with the database's URL; where it is not set, an SQLite file in the newsroom's data folder."""


def secret(name: str) -> str | None:
    """The secret in the environment variable `name`, or in the file that `NAME_FILE` names; None where neither is set.

    Raises:
        InputError: the named file cannot be read.
    """
    if value := os.environ.get(name):
        return value
    if file := os.environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            fault = getattr(error, "strerror", None) or "it is no text"
            raise InputError(
                f"the file named by {name}_FILE cannot be read: {fault}",
                where=file,
                remedy="Name a text file that this user may read",
            ) from error
    return None
