"""Writing so that a reader, or a machine that loses power, finds the old bytes or the new and never half of either."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from newsletter.errors import BlockedError, InputError
from newsletter.issues.folder import read_plain

LOCK_SECONDS = 10.0
_LOCK_STEP = 0.02


def make_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder `target` with `files` in it, all at once.

    Raises:
        InputError: something of that name is there already, or the disk refuses. Nothing is left behind.
    """
    temporary = target.parent / f".new-{secrets.token_hex(8)}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        for name, data in files.items():
            _write_new(temporary / name, data)
        _sync_folder(temporary)
        if os.path.lexists(target):
            raise already_there(target)
        temporary.rename(target)
        _sync_folder(target.parent)
    except OSError as error:
        if os.path.lexists(target):
            raise already_there(target) from error
        raise InputError(
            f"cannot be made: {error.strerror}",
            where=str(target),
            remedy="See that the folder above it may be written and its disk has room",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def already_there(target: Path) -> InputError:
    """The refusal to write over an issue."""
    return InputError(
        "the issue exists already",
        where=str(target),
        remedy="Edit the files in that folder, or give another --title or --date",
    )


def replace_file(path: Path, data: bytes, *, expected: bytes) -> None:
    """Put `data` in the place of the file, whose bytes are `expected`; its permissions stay.

    Raises:
        BlockedError: the file holds something else by now. It is left as it is.
        InputError: the disk refuses.
    """
    temporary = path.parent / f".{path.name}-{secrets.token_hex(8)}"
    try:
        _write_new(temporary, data)
        temporary.chmod(path.stat().st_mode & 0o7777)
        if read_plain(path) != expected:
            raise BlockedError(
                "the file changed on disk in the meantime",
                where=str(path),
                remedy="Nothing was written; do it once more",
            )
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            remedy="See that its folder may be written and its disk has room",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the folder against other writers of this program; a lock on the folder itself leaves no file behind.

    Raises:
        BlockedError: somebody else held it for `seconds`.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _wait_for_lock(descriptor, folder, time.monotonic() + seconds)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, folder: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise BlockedError("somebody else is writing here", where=str(folder), remedy="Try again") from error
            time.sleep(_LOCK_STEP)
        else:
            return


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
