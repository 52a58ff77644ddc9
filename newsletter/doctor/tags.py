"""Lists of tags, as DKIM's and DMARC's records are written: `v=DKIM1; k=rsa; p=…` (RFC 6376, section 3.2). Pure."""

from __future__ import annotations

import re

from newsletter.errors import InputError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MOST = 100


def read(text: str) -> dict[str, str]:
    """The tags' values by their names, without the white space around them, in their order.

    Raises:
        InputError: a part is no tag, or one comes twice.
    """
    if "\\x" in text or not text.isascii():
        raise InputError("the record holds characters beyond ASCII")
    found: dict[str, str] = {}
    for part in text.split(";")[:_MOST]:
        name, equals, value = (each.strip() for each in part.partition("="))
        if not name and not equals:
            continue
        if not equals or not _NAME.fullmatch(name):
            raise InputError(f"{part.strip()[:60]!r} is no tag")
        if name in found:
            raise InputError(f"{name}= stands there twice")
        found[name] = value
    return found
