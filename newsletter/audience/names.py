"""Names as they are kept: one line, any script, nothing that could break out of a header. Pure."""

from __future__ import annotations

import re
import unicodedata

from newsletter.errors import InputError

LONGEST_NAME = 200
"""Characters. Longer than any name, shorter than what bends a mail client's greeting."""

_ORDINARY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,'-]*")
_BLANKS = re.compile(r"[\s\u2028\u2029]+")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")


def clean_name(text: str) -> str:
    """`text` as a name in one line, composed (NFC).

    Line breaks, tabs and runs of blanks become one space; other control characters and the marks that turn the
    direction of the text after them (UAX 9, explicit formatting) are dropped. Quotation marks, angle brackets, emoji
    and right-to-left scripts stay: whoever writes the name into a page or a header escapes it there.

    Raises:
        InputError: longer than 200 characters, or it holds bytes that are no text.
    """
    if len(text) <= LONGEST_NAME and _ORDINARY.fullmatch(text) and "  " not in text:
        return text.rstrip(" ")
    name = one_line(text)
    if len(name) > LONGEST_NAME:
        raise InputError(f"the name is longer than {LONGEST_NAME} characters", remedy="Shorten it")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise InputError("the name holds bytes that are no text in the file's encoding", remedy="Type it anew")
    return name


def one_line(text: str) -> str:
    """`text` without line breaks, runs of blanks, controls and marks of direction; composed (NFC)."""
    line = unicodedata.normalize("NFC", _UNSEEN.sub("", _BLANKS.sub(" ", text)))
    return _BLANKS.sub(" ", line).strip()  # again: what was dropped may have stood between two blanks
