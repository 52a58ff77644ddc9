"""A list more in `newsletter.toml`. Everything else in the file stays as it is, byte by byte."""

from __future__ import annotations

import json
import re
import tomllib

from newsletter.errors import BlockedError, InputError

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")


def with_list(data: bytes, name: str, title: str) -> bytes:
    """The file with a table `[lists.NAME]` at its end.

    Args:
        data: the file, which can be read.
        name: small letters, digits and dashes: it stands in commands and in the List-Id header.
        title: what readers see.

    Raises:
        InputError: it can be no list's name or title.
        BlockedError: the file has that list already, or says its lists in a way that nothing can be added to.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name[:60]!r} can name no list", remedy="Use small letters, digits and dashes")
    if not title.strip() or any(ord(character) < 32 or ord(character) == 127 for character in title):
        raise InputError("the title is empty, or more than one line", where="--title", remedy="Say what readers see")
    if name in tomllib.loads(data.decode("utf-8-sig")).get("lists", {}):
        raise BlockedError(f"there is a list {name!r} already")
    end = "" if data.endswith(b"\n") or not data else "\n"
    added = f"{end}\n[lists.{name}]\ntitle = {json.dumps(title.strip(), ensure_ascii=False)}\n"
    whole = data + added.encode()
    try:
        tomllib.loads(whole.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise BlockedError(f"the file cannot take one more list at its end: {error}", remedy="Add it by hand") from None
    return whole
