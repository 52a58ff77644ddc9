"""A file of text from outside: what it may be, its bytes, and its lines in flat memory, as often as they are wanted."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from newsletter.audience.files.encodings import Encoding, EncodingJudge
from newsletter.errors import InputError, place

LONGEST_LINE = 1 << 20
"""Characters. A line past it is no row of people, and reading on would take all memory."""
_WIDEST = 4
"""Bytes of a character in the widest of encodings."""
_PIECE = 1 << 20
_BOMB_BYTES, _BOMB_RATIO = 64 << 20, 200
"""A packed file that grows to more than so many bytes and so many times its size is refused. Exports of readers shrink to a
tenth, those where each row repeats a long consent to a fortieth (tried)."""
_GZIP = b"\x1f\x8b"
_MAGIC = (
    (b"PK\x03\x04", "a spreadsheet or zip file"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
)
SAVE_AS_CSV = "Save it as “CSV UTF-8” and import that file"
_NAME_ONE = "Name a CSV file, or one of JSON lines"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What the bytes say. `nul`: there may be NUL characters in the text."""

    sha256: str
    encoding: Encoding
    nul: bool


class SourceFile:
    """A regular file, open, plain or packed by gzip."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self.packed = file.read(2) == _GZIP
        self._state = self._now()

    def judge(self, encoding: Encoding | None = None) -> Judged:
        """Look at every byte once. `encoding` is what a person has said of it.

        Raises:
            InputError: the file is empty or binary, damaged or a bomb, or a line is too long to be one.
        """
        digest, judge, nuls, size = hashlib.sha256(), EncodingJudge(), 0, 0
        lines = _LineLengths(self.path)
        for piece in self._pieces():
            if not size:
                self._refuse_magic(piece)
            size += len(piece)
            nuls += piece.count(0)
            lines.look_at(piece)
            if not self.packed:
                digest.update(piece)
            judge.look_at(piece)
        judge.look_at(b"", final=True)
        found = encoding or judge.verdict()
        if not size:
            raise InputError("is empty", where=str(self.path), remedy="Name a file with one address a line")
        # A few are dirt in a few rows, which are rejected by themselves.
        if nuls * 1000 > size and not found.name.startswith(("utf-16", "utf-32")):
            raise InputError("holds NUL bytes: it is binary", where=str(self.path), remedy=SAVE_AS_CSV)
        sha256 = self._packed_digest() if self.packed else digest.hexdigest()
        return Judged(sha256=sha256, encoding=found, nul=nuls > 0)

    @contextmanager
    def text(self, encoding: Encoding) -> Iterator[io.TextIOWrapper]:
        """The file as text, from its beginning; line ends stay as they are. Bytes that are not in a broken encoding
        become lone surrogates.
        """
        self._file.seek(0)
        source = cast("BinaryIO", gzip.GzipFile(fileobj=self._file)) if self.packed else self._file
        errors = "surrogateescape" if encoding.broken else "strict"
        text = io.TextIOWrapper(source, encoding=encoding.name, errors=errors, newline="")
        try:
            yield text
        finally:
            text.detach()
            if self.packed:
                source.close()

    def lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        """The lines of `text`, each with its end.

        Raises:
            InputError: one is too long.
        """
        read, number = text.readline, 0
        while line := read(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise _too_long(self.path, number)
            yield line

    def check_unchanged(self) -> None:
        """See that nobody wrote to the file since it was opened.

        Raises:
            InputError: somebody did.
        """
        if self._now() != self._state:
            raise self.changed()

    def changed(self) -> InputError:
        """What to raise where it was."""
        return InputError("was changed while it was read", where=str(self.path), remedy="Run the import again")

    def _pieces(self) -> Iterator[bytes]:
        self._file.seek(0)
        if not self.packed:
            while piece := self._file.read(_PIECE):
                yield piece
            return
        small, size = max(os.fstat(self._file.fileno()).st_size, 1), 0
        try:
            with gzip.GzipFile(fileobj=self._file) as unpacked:
                while piece := unpacked.read(_PIECE):
                    size += len(piece)
                    if size > _BOMB_BYTES and size > _BOMB_RATIO * small:
                        raise InputError(
                            f"grows to more than {_BOMB_RATIO} times its size: no file of people does",
                            where=str(self.path),
                            remedy="Unpack it yourself if you trust it",
                        )
                    yield piece
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"is a damaged gzip file: {error}", where=str(self.path), remedy="Get it anew") from error

    def _packed_digest(self) -> str:
        self._file.seek(0)
        digest = hashlib.sha256()
        while piece := self._file.read(_PIECE):
            digest.update(piece)
        return digest.hexdigest()

    def _refuse_magic(self, start: bytes) -> None:
        for magic, what in _MAGIC:
            if start.startswith(magic):
                raise InputError(f"is {what}, not CSV", where=str(self.path), remedy=SAVE_AS_CSV)

    def _now(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns


class _LineLengths:
    """Stops at a line that is too long as soon as it is, however many gigabytes follow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number, self._length = 1, 0

    def look_at(self, piece: bytes) -> None:
        last = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        self._number += piece.count(b"\n") or piece.count(b"\r")
        self._length = len(piece) - last - 1 if last >= 0 else self._length + len(piece)
        if self._length > _WIDEST * LONGEST_LINE:
            raise _too_long(self._path, self._number)


def _too_long(path: Path, number: int) -> InputError:
    return InputError(
        f"a line is longer than {LONGEST_LINE:,} characters",
        where=place(path, number),
        remedy="Name a file with one reader a line",
    )


@contextmanager
def open_source(path: Path) -> Iterator[SourceFile]:
    """The file at `path`.

    Raises:
        InputError: it is missing, no regular file, or unreadable.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("is no regular file", where=str(path), remedy=_NAME_ONE)
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot be read: {reason}", where=str(path), remedy=f"{_NAME_ONE}, that you may read"
        ) from error
    with file:
        yield SourceFile(path, file)
