"""From a file's bytes to numbered lines, and what a single line shows of quotation marks and ellipses.

Marks are looked for in three dresses: curly, straight, and UTF-8 that was decoded as Windows-1252 or Latin-1 on its way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.errors import InputError, place

MAX_BYTES = 1024 * 1024
"""A roundup is a morning's reading; a larger file is something else."""

OPEN = r"(?:[“„«‟\"＂]|â€œ|â\x80\x9c)"
CLOSE = r"(?:[”»\"＂]|â€\x9d|â\x80\x9d|â€(?![œ˜™¦“”\x9d\x80-\x9f]))"
ELLIPSIS = r"(?:…|\.{3,5}|\[…\]|\[\.{3}\]|â€¦|â\x80¦)"

_LEAD = r"[>*_•\s\[(…]*(?:\.{3,5}\s*)?(?:[-–—]\s+)?[*_]{0,3}"
_STARTS_OPEN = re.compile(rf"{_LEAD}{OPEN}")
_ENDS_CLOSED = re.compile(rf"(?:{CLOSE}|(?<=[.?!,…]’)“)[\s\])*_.,;:!?’']*$")
_ENDS_GERMAN = re.compile(r"“[\s\])*_.,;:!?]*$")
_ENDS_ELLIPSIS = re.compile(rf"{ELLIPSIS}[\s\])*_]*$")
_ONLY_ELLIPSIS = re.compile(rf"[\s\[(*_]*{ELLIPSIS}[\s\])*_]*$")
_LABEL = re.compile(
    r"^(?:(?:the|an?|here(?:’|')s (?:the|an?))\s+)?(?:(?:key|full|relevant|following)\s+)?"
    rf"(?:excerpt|extract|quote|quotation|passage|text|statement)s?\s*:\s*(?={OPEN}|$)",
    re.IGNORECASE,
)
_FIRST_OPEN = re.compile(OPEN)
_ANY_MARK = re.compile(rf"{OPEN}|{CLOSE}")
_MANY_BINARY = re.compile(r"[\x00-\x08\x0e-\x1f]")
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_TAIL = 60
"""How far from its end a line can be closed: marks, brackets and emphasis after the last word."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one line, without white space at its ends. `line` and `column` count from 1."""

    line: int
    column: int
    text: str

    def part(self, start: int, end: int | None = None) -> Piece:
        """The piece between two offsets of this one."""
        raw = self.text[start:end]
        text = raw.strip()
        return Piece(self.line, self.column + start + len(raw) - len(raw.lstrip()), text)


def decode(data: bytes, *, name: str) -> str:
    """The text of a roundup file; a byte order mark is dropped.

    Raises:
        InputError: empty, over 1 MiB, binary, or not UTF-8; names file and line.
    """
    if len(data) > MAX_BYTES:
        raise InputError(
            f"has {len(data):,} bytes; a roundup has {MAX_BYTES:,} at most",
            where=name,
            remedy="Split it, or check that it is the right file",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InputError("is UTF-16, not UTF-8", where=name, remedy="Save it as UTF-8 and try again") from error
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        if b"\x00" in data:
            raise InputError(
                "is a binary file, not text", where=place(name, line), remedy="Save it as plain text"
            ) from error
        raise InputError(
            f"is not UTF-8: byte 0x{data[error.start]:02x}",
            where=place(name, line, column),
            remedy="Save it as UTF-8 (it may be Latin-1 or Windows-1252) and try again",
        ) from error
    if found := _MANY_BINARY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(
            f"is a binary file, not text: control character U+{ord(found[0]):04X}",
            where=place(name, line),
            remedy="Save it as plain text and try again",
        )
    if not text.strip():
        raise InputError("is empty", where=place(name, 1), remedy="Paste the roundup into it")
    return text


def pieces(text: str) -> list[Piece]:
    """The non-blank lines of `text`, numbered."""
    found = []
    for number, raw in enumerate(_LINE_ENDS.split(text.removeprefix("\ufeff")), start=1):
        if stripped := raw.strip():
            found.append(Piece(number, len(raw) - len(raw.lstrip()) + 1, stripped))
    return found


def starts_open(text: str) -> bool:
    """Whether an opening mark stands at the beginning, brackets, bullets and emphasis aside, and something after it."""
    return len(text) > 1 and _STARTS_OPEN.match(text) is not None


def ends_closed(text: str) -> bool:
    """Whether a closing mark ends the text and no opener within is left for it to close first.

    `“They call it “progress”` stays open: the only closer belongs to the inner pair.
    """
    tail = text[-_TAIL:]
    if not _ENDS_CLOSED.search(tail) and not ("„" in text and _ENDS_GERMAN.search(tail)):
        return False
    opened, closed = text.count("“"), text.count("”")
    return not (opened > 1 and opened - closed == 1 and '"' not in text)


def is_closed(text: str) -> bool:
    """Whether nothing that was opened in the text is still open: it ends closed, or its marks balance."""
    if ends_closed(text):
        return True
    opened, closed = text.count("“"), text.count("”")
    if opened or closed:
        return 0 < closed >= opened
    straight = text.count('"')
    return straight > 0 and straight % 2 == 0


def ends_ellipsis(text: str) -> bool:
    """Whether the text trails off."""
    return _ENDS_ELLIPSIS.search(text[-_TAIL:]) is not None


def only_ellipsis(text: str) -> bool:
    """Whether the line is nothing but an ellipsis."""
    return len(text) < _TAIL and _ONLY_ELLIPSIS.match(text) is not None


def has_mark(text: str) -> bool:
    """Whether any double quotation mark stands in the text."""
    return _ANY_MARK.search(text) is not None


def last_close(text: str) -> int:
    """The offset just behind the last closing mark, or -1. A straight mark that can only open does not count."""
    end = -1
    for found in _ANY_MARK.finditer(text):
        mark = found[0]
        if mark in "“„«‟" or mark in {"â€œ", "â\x80\x9c"}:
            continue
        opens = mark in '"＂' and (found.start() == 0 or text[found.start() - 1].isspace())
        if not opens:
            end = found.end()
    return end


def first_open(text: str) -> int:
    """The offset of the first opening mark, or -1."""
    found = _FIRST_OPEN.search(text)
    return found.start() if found else -1


def has_label(text: str) -> bool:
    """Whether a label stands before the text (`The excerpt: “…`): it stays in the paragraph."""
    return _LABEL.match(text) is not None


def lost_opener(text: str) -> bool:
    """Whether more is closed in the line than was opened."""
    curly = text.count("”") - text.count("“")
    if len(text) == 1:
        return False
    return curly > 0 or (curly == 0 and "“" not in text and text.count('"') % 2 == 1 and ends_closed(text))
