"""Tags and attributes as they are kept: short texts in one line, and names that the filters of segments can spell. Pure."""

from __future__ import annotations

import re
import unicodedata

from newsletter.audience.names import one_line
from newsletter.errors import InputError

LONGEST_TAG, LONGEST_NAME, LONGEST_VALUE = 100, 40, 500
"""Characters."""

RESERVED = frozenset({"tag", "list", "language", "zone", "hour", "domain", "joined", "and", "or", "not"})
"""Words that mean something else in a segment's filter: an attribute of that name is called `x_…`."""

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._/&+-]*[A-Za-z0-9])?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OTHER = re.compile(r"[^a-z0-9]+")


def clean_tag(text: str) -> str:
    """`text` as a tag in one line, composed (NFC), in lower case: `Donor` and `donor` are one tag.

    Raises:
        InputError: it is empty, longer than 100 characters, or holds bytes that are no text.
    """
    tag = unicodedata.normalize("NFC", _clean(text, LONGEST_TAG, "tag").casefold())
    if not tag or len(tag) > LONGEST_TAG:
        raise InputError(f"a tag is empty, or longer than {LONGEST_TAG} characters", remedy="Give it a short name")
    return tag


def clean_value(text: str) -> str:
    """`text` as an attribute's value in one line, composed (NFC).

    Raises:
        InputError: it is longer than 500 characters, or holds bytes that are no text.
    """
    return _clean(text, LONGEST_VALUE, "attribute's value")


def clean_attribute_name(text: str) -> str:
    """An attribute's name from a heading: `Favourite Colour` becomes `favourite_colour`, and `Zone` `x_zone`.

    Raises:
        InputError: nothing is left of it, or it is longer than 40 characters.
    """
    if len(text) <= LONGEST_NAME and _NAME.fullmatch(text):
        return text if text not in RESERVED else f"x_{text}"
    folded = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    name = _OTHER.sub("_", plain).strip("_")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise InputError(
            f"{text[:60]!r} cannot name an attribute",
            remedy=f"Use up to {LONGEST_NAME} letters, digits and _, a letter first, such as country",
        )
    return name if name not in RESERVED else f"x_{name}"


def value_key(value: str) -> str:
    """What an attribute's value is compared by: `New  Zealand` is `new zealand`."""
    if value.isascii():
        return value.lower()
    folded = unicodedata.normalize("NFKC", value.casefold())
    return " ".join(folded.split())[:LONGEST_VALUE]


def _clean(text: str, longest: int, what: str) -> str:
    if len(text) <= longest and _PLAIN.fullmatch(text) and "  " not in text:
        return text
    clean = one_line(text)
    if len(clean) > longest:
        raise InputError(f"a {what} is longer than {longest} characters", remedy="Shorten it")
    if any("\ud800" <= character <= "\udfff" for character in clean):
        raise InputError(f"a {what} holds bytes that are no text in the file's encoding", remedy="Type it anew")
    return clean
