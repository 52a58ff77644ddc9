"""Message headers for the wire: encoded (RFC 2047), folded (RFC 5322, section 2.1.1), never a line more than meant."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

import idna

from newsletter.errors import InputError

WORD = 75
"""The longest encoded-word (RFC 2047, section 2)."""
FOLD = 76
"""Where lines are folded: the longest line that holds encoded-words (RFC 2047), under the 78 of RFC 5322."""
LONGEST_LINE = 998
_PREFIX, _ROOM = len("=?utf-8?q?"), WORD - len("=?utf-8?q??=")
_PHRASE_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_QUOTABLE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


def refuse_controls(value: str, *, name: str) -> str:
    """The value, unless it holds what could start a header or end a line.

    Raises:
        InputError: it holds a control character, a line separator or half a character.
    """
    for character in "" if value.isprintable() else value:
        if unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"}:
            raise InputError(
                f"{name} holds the control character U+{ord(character):04X}",
                where=name,
                remedy="Remove it and try again",
            )
    return value


def text_header(name: str, value: str) -> str:
    """`Name: value` without the last line end, for unstructured values such as a subject.

    Raises:
        InputError: the value holds control characters.
    """
    refuse_controls(value, name=name)
    words = value.split(" ") if _PLAIN.fullmatch(value) and "=?" not in value else None
    if words is None or any(len(word) > FOLD - 1 for word in words):
        words = encoded_words(value, first=FOLD - len(name) - 2) if value else [""]
    return _folded(f"{name}:", words)


def address_header(display: str, address: str, *, name: str) -> str:
    """`Name: display <address>` without the last line end; the bare address where there is no display name.

    Raises:
        InputError: control characters, or an address that cannot stand in a header.
    """
    return phrase_header(display, ascii_address(address), name=name)


def phrase_header(display: str, angle: str, *, name: str) -> str:
    """`Name: display <angle>` without the last line end, as From, To and List-Id are written; `angle` is trusted ASCII.

    Raises:
        InputError: the display name holds control characters.
    """
    display = refuse_controls(display, name=name).strip()
    if not display:
        return f"{name}: <{angle}>"
    if _QUOTABLE.fullmatch(display) and "=?" not in display and len(name) + len(display) + 4 <= FOLD:
        words = [f'"{display}"']
    else:
        words = encoded_words(display, first=FOLD - len(name) - 2)
    return _folded(f"{name}:", [*words, f"<{angle}>"])


@lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return ""
    return ascii_domain if _DOMAIN.fullmatch(ascii_domain) and len(ascii_domain) <= 253 else ""


def ascii_address(address: str) -> str:
    """The address as headers and SMTP without SMTPUTF8 take it: the domain in A-labels (RFC 5891).

    Raises:
        InputError: the part before the @ is not ASCII or needs quoting, or the domain cannot be.
    """
    local, _, domain = address.rpartition("@")
    ascii_domain = _ascii_domain(domain)
    if not ascii_domain or not _LOCAL.fullmatch(local) or len(local) > 64:
        reason = (
            "its part before the @ is not ASCII (that would need SMTPUTF8)"
            if not local.isascii()
            else "it is malformed"
        )
        raise InputError(f"an address cannot be written to: {reason}", remedy="Ask the reader for another address")
    return f"{local}@{ascii_domain}"


def encoded_words(text: str, *, first: int = FOLD) -> list[str]:
    """The text as encoded-words in UTF-8: one where it fits, else by the shorter of the two encodings.

    No character is divided between words.

    Args:
        text: what to encode.
        first: how many columns the first word may take.
    """
    for letter, encode in (("q", _q), ("b", _b)):
        whole = encode(text)
        if len(whole) <= min(_ROOM, first - _PREFIX - 2):
            return [f"=?utf-8?{letter}?{whole}?="]
    as_q = list(_packed(text, first, "q", _q))
    as_b = list(_packed(text, first, "b", _b))
    return min(as_q, as_b, key=lambda words: sum(map(len, words)))


def _packed(text: str, first: int, letter: str, encode: Callable[[str], str]) -> Iterator[str]:
    room = min(_ROOM, max(first - _PREFIX - 2, 12))
    word = ""
    for character in text:
        if word and len(encode(word + character)) > room:
            yield f"=?utf-8?{letter}?{encode(word)}?="
            word, room = "", _ROOM
        word += character
    yield f"=?utf-8?{letter}?{encode(word)}?="


def _q(text: str) -> str:
    return "".join(
        chr(byte) if byte in _PHRASE_SAFE else "_" if byte == 0x20 else f"={byte:02X}" for byte in text.encode()
    )


def _b(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _folded(start: str, words: list[str]) -> str:
    lines, line = [], start
    for word in words:
        if len(line) + 1 + len(word) > FOLD and line != start:
            lines.append(line)
            line = ""
        line += " " + word
    return "\r\n".join([*lines, line])
