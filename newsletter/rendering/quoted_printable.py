"""Quoted-printable (RFC 2045, section 6.7) in segments that can be joined without wrapping anything again.

A segment starts at column 0 and ends there too: after a hard line end or a soft one. No line
starts with a dot (SMTP would have to stuff it: RFC 5321, section 4.5.2) or with `From ` (mbox
writers would mangle it), none exceeds 76 characters.
"""

from __future__ import annotations

import re

LINE = 76
_CODES = {bytes([value]): b"=%02X" % value for value in range(256)}
_LITERAL = re.compile(rb"[^ -<>-~\t]")
SOFT = b"=\r\n"


def segment(text: str, *, ends: bool = False) -> bytes:
    """The text, in UTF-8 and quoted-printable, ready to be joined to
    another segment; LF and CRLF become hard line ends.

    Args:
        text: what to encode.
        ends: whether this is the last segment, which needs no soft break after it.
    """
    *whole, rest = re.split("\r\n|\n", text)
    lines = [_line(line, b"\r\n") for line in whole]
    if rest:
        lines.append(_line(rest, b"" if ends else SOFT))
    return b"".join(lines)


def _line(text: str, end: bytes) -> bytes:
    encoded = _LITERAL.sub(lambda found: _CODES[found[0]], text.encode("utf-8", "replace"))
    if encoded[-1:] in (b" ", b"\t") and end != SOFT:
        encoded = encoded[:-1] + _CODES[encoded[-1:]]
    pieces: list[bytes] = []
    position = 0
    while position < len(encoded):
        window = encoded[position : position + LINE]
        guarded = _guarded(window)
        piece = guarded[: _cut(guarded)]
        pieces.append(piece)
        position += len(piece) - (len(guarded) - len(window))
    return SOFT.join(pieces) + end


def _guarded(line: bytes) -> bytes:
    if line.startswith(b"."):
        return b"=2E" + line[1:]
    if line.startswith(b"From "):
        return b"=46" + line[1:]
    return line


def _cut(line: bytes) -> int:
    """How many characters this line takes, a soft break's `=` allowed for and no `=XX` divided."""
    limit = LINE - 1
    if len(line) <= limit:
        return len(line)
    for back in (1, 2):
        if line[limit - back : limit - back + 1] == b"=":
            return limit - back
    return limit
