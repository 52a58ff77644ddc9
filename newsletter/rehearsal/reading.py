"""A kept message taken apart for reading: bodies, headers, parts. Pure; whatever the bytes are, it never raises.

The standard library's parser with its oldest policy is used, because that one reads everything and validates nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

from newsletter.rehearsal.envelope import decode_text, one_line, plain

MOST_PARTS = 500
MOST_HEADERS = 500
LONGEST_HEADER = 8_000
INLINE_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What is shown in place. SVG is not: it can carry scripts."""

# What the parser and its decoders raise on bytes that are no message.
_UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError)
_FOLD = re.compile(r"\r?\n[ \t]*")

# Typeshed parametrises Message by what its headers give.
_Part = Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Something enclosed: `number` is its place in the message, `content_id` its name for `cid:` links, "" for none."""

    number: int
    content_type: str
    name: str
    size: int
    content_id: str

    @property
    def shown_inline(self) -> bool:
        """Whether it is an image that the message's HTML may show."""
        return self.content_type in INLINE_IMAGES


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A message as a reader meets it.

    `html` and `text` are the first of each, None where there is none; `headers` are in order, unfolded, encoded words
    read; `fault` says in words why the message could not be taken apart, "" where it could.
    """

    html: str | None = None
    text: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    fault: str = ""

    def header(self, name: str) -> str:
        """The first header of that name, in any case; "" where there is none."""
        return next((value for field, value in self.headers if field.lower() == name.lower()), "")


def read(raw: bytes) -> Reading:
    """Take a message apart."""
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
        leaves = _leaves(message)
        headers = tuple(_header(name, value) for name, value in message.raw_items())
    except _UNREADABLE as error:
        return Reading(fault=f"The message cannot be taken apart ({type(error).__name__}). Its source is whole.")
    html, text = (_body(leaves, subtype) for subtype in ("html", "plain"))
    enclosed = tuple(_described(number, leaf) for number, leaf in enumerate(leaves) if leaf not in (html, text))
    return Reading(html=_text(html), text=_text(text), headers=headers[:MOST_HEADERS], parts=enclosed)


def part_bytes(raw: bytes, number: int) -> bytes:
    """The bytes of the part with that number; b"" where there is none."""
    try:
        leaves = _leaves(BytesParser(policy=compat32).parsebytes(raw))
    except _UNREADABLE:
        return b""
    return _bytes(leaves[number]) if 0 <= number < len(leaves) else b""


def _leaves(message: _Part) -> list[_Part]:
    """The parts that hold something, in order. An enclosed message is one of them: it is not part of this one."""
    found: list[_Part] = []
    waiting = [message]
    while waiting and len(found) < MOST_PARTS:
        part = waiting.pop()
        payload = part.get_payload()
        if isinstance(payload, list) and not part.get_content_type().startswith("message/"):
            waiting.extend(child for child in reversed(payload) if isinstance(child, Message))
        else:
            found.append(part)
    return found


def _body(leaves: list[_Part], subtype: str) -> _Part | None:
    for leaf in leaves:
        if leaf.get_content_type() == f"text/{subtype}" and _disposition(leaf) != "attachment":
            return leaf
    return None


def _text(leaf: _Part | None) -> str | None:
    if leaf is None:
        return None
    try:
        charset = leaf.get_content_charset()
    except _UNREADABLE:
        charset = None
    return decode_text(_bytes(leaf), charset)


def _bytes(leaf: _Part) -> bytes:
    try:
        payload = leaf.get_payload()
        if isinstance(payload, list):
            return b"\n".join(child.as_bytes() for child in payload if isinstance(child, Message))
        decoded = leaf.get_payload(decode=True)
    except _UNREADABLE:
        return b""
    return decoded if isinstance(decoded, bytes) else b""


def _described(number: int, leaf: _Part) -> Part:
    try:
        name = one_line(plain(leaf.get_filename() or ""))
    except _UNREADABLE:
        name = ""
    return Part(
        number=number,
        content_type=one_line(leaf.get_content_type()),
        name=name,
        size=len(_bytes(leaf)),
        content_id=one_line(str(leaf.get("Content-ID", ""))).strip("<> "),
    )


def _disposition(leaf: _Part) -> str:
    return str(leaf.get("Content-Disposition", "")).partition(";")[0].strip().lower()


def _header(name: object, value: object) -> tuple[str, str]:
    """A header for showing. The parser keeps bytes that are no ASCII as lone surrogates."""
    raw = str(value)[:LONGEST_HEADER].encode("utf-8", "surrogateescape")
    shown = _FOLD.sub(" ", plain(raw))
    return one_line(str(name)), "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
