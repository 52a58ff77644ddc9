"""The envelope, and the little that the inbox reads of a message when it arrives. Pure, bounded and never raising.

Everything here is written by strangers: headers may be missing, repeated, endless, in no encoding at all.
"""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from functools import lru_cache

HEAD_BYTES = 64 * 1024
"""Headers past this are not looked at for the list (the message page shows them all)."""

SHOWN_CHARACTERS = 500
_DECODED_CHARACTERS = 8_000
_FIELD = re.compile(rb"^(from|to|subject)[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(rb"\r?\n[ \t]*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """Whom the sending server named (RFC 5321 section 2.3.1): `mail_from` is "" for a null return path."""

    mail_from: str
    rcpt_tos: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """What a list of messages shows of one: each decoded, in one line, shortened; "" where it is missing."""

    sender: str
    to: str
    subject: str


def headline(raw: bytes) -> Headline:
    """From, To and Subject of a message; the first of each counts."""
    found: dict[bytes, bytes] = {}
    for field in _FIELD.finditer(_head(raw)):
        found.setdefault(field[1].lower(), field[2])
    return Headline(
        sender=decoded(found.get(b"from", b"")),
        to=decoded(found.get(b"to", b"")),
        subject=decoded(found.get(b"subject", b"")),
    )


@lru_cache(maxsize=2048)  # a mailing's subject and sender come thousands of times
def decoded(value: bytes) -> str:
    """A header's raw value as one short line of text, its encoded words (RFC 2047) read."""
    return one_line(plain(_FOLD.sub(b" ", value[:_DECODED_CHARACTERS])))


def plain(value: bytes | str) -> str:
    """A header's raw value as text, its encoded words read where they can be; U+FFFD for what cannot."""
    text = value if isinstance(value, str) else _guessed(value)
    if "=?" not in text:
        return text
    try:
        return "".join(_chunk(part, charset) for part, charset in decode_header(text))
    except (HeaderParseError, NotBase64, ValueError):
        return text


def one_line(text: str) -> str:
    """`text` without line breaks, control characters and lone surrogates, at most 500 characters long."""
    whole = text.encode("utf-8", "surrogateescape" if _only_escapes(text) else "replace").decode("utf-8", "replace")
    line = _CONTROLS.sub(" ", whole).strip()
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def decode_text(data: bytes, charset: str | None) -> str:
    """Bytes as text in `charset`; in UTF-8 or, failing that, Latin-1 where the charset is missing or unknown."""
    try:
        return data.decode(charset, "replace") if charset else _guessed(data)
    except (LookupError, ValueError):  # no such charset, or one that makes no text (such as "hex")
        return _guessed(data)


def _head(raw: bytes) -> bytes:
    head = raw[:HEAD_BYTES]
    end = re.search(rb"\r?\n\r?\n", head)
    return head[: end.start()] if end else head


def _guessed(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _chunk(part: bytes | str, charset: str | None) -> str:
    return part if isinstance(part, str) else decode_text(part, charset)


def _only_escapes(text: str) -> bool:
    """Whether every lone surrogate stands for a byte, as in what aiosmtpd hands on."""
    return not any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in text)
