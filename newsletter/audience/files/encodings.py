"""What encoding a file of text is in, judged by its bytes. Pure."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from newsletter.errors import InputError
from newsletter.settings import nearest

_ESCAPED = re.compile("[\udc80-\udcff]+")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_PARTING = (b",", b";", b"\t", b"\n", b"\r", b'"')
_PARTED = re.compile(rb'[,;\t\r\n"]')
_FIELD = 200
_SAMPLE = 1 << 13
_LEAST_FIELDS = 2
"""With one name a guess at the script may be wrong; with two, none of 70 samples was (tried)."""

_FAR = {
    "cp1251": "cp1251",
    "cp1253": "cp1253",
    "cp932": "cp932",
    "shift_jis": "cp932",
    "euc_jp": "euc_jp",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "cp949": "cp949",
    "euc_kr": "cp949",
}
"""Encodings of other scripts that charset-normalizer tells from Latin ones, even in 60 bytes of names (tried). Its word
on which Latin one a file is in is not taken: it takes cp1252 for cp1250, and that for cp1252."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """An encoding by Python's name. `guessed`: nothing in the file proves it; `broken`: some bytes may not be in it."""

    name: str
    guessed: bool = False
    broken: bool = False


class EncodingJudge:
    """Looks at all bytes of a file, in pieces of any size, and says what encoding they are in.

    A byte order mark is proof; so are NULs at every other place in the first piece, for UTF-16 without its mark. Text
    that is UTF-8 throughout is UTF-8; text with more UTF-8 characters than stray bytes is UTF-8 with broken rows;
    anything else is a guess: another script where charset-normalizer is sure of it, else Windows-1252, or Latin-1 where
    a byte is undefined there.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        self._proved: str | None = None
        self._unmarked = False
        self._started = False
        self._whole = self._stray = 0
        self._cp1252 = True
        self._sample = bytearray()

    def look_at(self, piece: bytes, *, final: bool = False) -> None:
        """Take the next piece of the file; the last one, which may be empty, is `final`."""
        if not self._started and piece:
            self._proved = next((name for mark, name in _BOMS if piece.startswith(mark)), None)
            if self._proved is None:
                self._proved = _unmarked_utf16(piece)
                self._unmarked = self._proved is not None
            self._started = True
        if not piece.isascii():
            self._cp1252 = self._cp1252 and not _NOT_IN_CP1252.search(piece)
            self._gather(piece)
        text = self._decoder.decode(piece, final)
        if text.isascii():
            return
        outside_ascii = len(text) - len(text.encode("ascii", "ignore"))
        stray = len(text) - len(_ESCAPED.sub("", text))
        self._whole += outside_ascii - stray
        self._stray += stray

    def verdict(self) -> Encoding:
        """The encoding of everything looked at."""
        if self._proved:
            return Encoding(
                name=self._proved, guessed=self._unmarked, broken=self._proved == "utf-8-sig" and self._stray > 0
            )
        if self._whole >= self._stray:
            return Encoding(name="utf-8", broken=self._stray > 0)
        if far := self._other_script():
            return Encoding(name=far, guessed=True, broken=True)
        return Encoding(name="cp1252" if self._cp1252 else "latin-1", guessed=True)

    def _gather(self, piece: bytes) -> None:
        """Keep the first fields that are not ASCII: addresses beside them would speak for a Latin script."""
        at = 0
        while len(self._sample) < _SAMPLE and (found := _NOT_ASCII.search(piece, at)):
            start = max(found.start() - _FIELD, at)
            start += max(map(piece[start : found.start()].rfind, _PARTING)) + 1
            end = _PARTED.search(piece, found.start())
            at = min(end.start() if end else len(piece), found.start() + _FIELD)
            self._sample += piece[start:at] + b"\n"

    def _other_script(self) -> str | None:
        if self._sample.count(b"\n") < _LEAST_FIELDS:
            return None
        found = from_bytes(bytes(self._sample)).best()
        return _FAR.get(found.encoding) if found else None


def _unmarked_utf16(piece: bytes) -> str | None:
    """UTF-16 by its NULs: in text with addresses most characters are ASCII, so that every other byte is one."""
    even, odd = piece[:4096:2].count(0), piece[1:4096:2].count(0)
    half = max(len(piece[:4096]) // 2, 1)
    if odd > half * 0.6 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.6 and odd < half * 0.05:
        return "utf-16-be"
    return None


def named(text: str) -> Encoding:
    """The encoding that a person has named.

    Raises:
        InputError: Python knows none by that name, or it is none of text.
    """
    try:
        found = codecs.lookup(text)
        "a".encode(found.name)
    except (LookupError, ValueError, UnicodeError):
        usual = ["utf-8", "utf-16", "cp1250", "cp1251", "cp1252", "cp1254", "latin-1", "mac-roman", "shift_jis"]
        raise InputError(f"no encoding is called {text[:40]!r}", remedy=nearest(text, usual)) from None
    # The mark, where there is one, is no part of the first heading.
    name = "utf-8-sig" if found.name == "utf-8" else found.name
    return Encoding(name=name, broken=not name.startswith(("utf-16", "utf-32")))


def is_text(text: str) -> bool:
    """Whether no bytes in `text` were left over from decoding in a broken encoding."""
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)
