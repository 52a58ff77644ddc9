"""Where the newsroom's keys are kept: in the environment, or in a file that is made on first use."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from newsletter.errors import InputError
from newsletter.tokens.keys import TokenKeys

SECRET_NAME = "NEWSLETTER_SECRET_KEY"  # noqa: S105 - the name of an environment variable

_KEY_BYTES = 32


def load_keys(given: str | None, file: Path, *, new: bool = True) -> TokenKeys:
    """The newsroom's keys.

    Args:
        given: the secret NEWSLETTER_SECRET_KEY: one key, or several separated by commas, oldest first: a new one is
            added at the end and none taken away, so that links in old mail go on working; None where it is not set.
        file: where the keys are kept otherwise, one a line in the same order; made with one new key on first use, for
            its owner's eyes only.
        new: whether the newsroom is new. Where it is not, a missing file means that the key is lost or kept elsewhere,
            and another one would break every link already mailed.

    Raises:
        InputError: the key is too short or missing, or the file cannot be read or made.
    """
    text = given.replace(",", "\n") if given is not None else _kept(file, new=new)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        return TokenKeys({number: line.encode() for number, line in enumerate(lines)})
    except InputError as error:
        where = SECRET_NAME if given is not None else str(file)
        raise InputError(error.what, where=where, remedy=error.remedy) from None


def _kept(file: Path, *, new: bool) -> str:
    if not new and not file.exists():
        raise InputError(
            "the secret key is missing, and links in old mail need it",
            where=str(file),
            remedy=f"Put it back from a backup, or set {SECRET_NAME}",
        )
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make(file)
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the secret key cannot be read or made: {getattr(error, 'strerror', None) or 'is no text'}",
            where=str(file),
            remedy="Put the key back from a backup: links in old mail need it",
        ) from error


def _make(file: Path) -> None:
    """Write a new key. Whoever links first wins: of two processes that start at once both go on with the same key."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_hex(_KEY_BYTES) + "\n")
            opened.flush()
            os.fsync(descriptor)
        try:
            # Unlike os.replace, a link never takes the place of a file that is there.
            os.link(temporary, file)
        except FileExistsError:
            return
        _sync_folder(file.parent)
    finally:
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """A name is on the disk when its folder is; a key lost to a power cut would break every link already mailed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
