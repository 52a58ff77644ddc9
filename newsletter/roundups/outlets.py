"""The newsroom's outlets: names, other spellings and ratings, from `outlets.toml`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from newsletter.errors import InputError
from newsletter.roundups.model import Lean
from newsletter.settings import nearest, read_toml

_KEYS = ("aliases", "name", "rating")
_RATINGS = (Lean.LEFT, Lean.RIGHT, Lean.CENTER, Lean.LIBERTARIAN)
_NO_WORD = re.compile(r"[^\w]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlet:
    """A publication. `rating` is the newsroom's own view of its opinion pages, or None."""

    name: str
    aliases: tuple[str, ...] = ()
    rating: Lean | None = None


class Outlets:
    """Looks outlets up by any of their spellings; case, accents, punctuation and a leading "The" do not count."""

    def __init__(self, outlets: Iterable[Outlet] = ()) -> None:
        self._by_key: dict[str, Outlet] = {}
        self._count = 0
        for self._count, outlet in enumerate(outlets, start=1):
            for spelling in (outlet.name, *outlet.aliases):
                self._by_key.setdefault(_key(spelling), outlet)

    @classmethod
    def load(cls, path: Path) -> Outlets:
        """Read `outlets.toml`.

        Raises:
            InputError: the file is no TOML, or an entry has an unknown key, no name or an unknown rating.
        """
        data = read_toml(path)
        for key in data:
            if key != "outlet":
                raise InputError(f"unknown table {key!r}", where=str(path), remedy="Each outlet is an [[outlet]] table")
        entries = data.get("outlet", [])
        if not isinstance(entries, list):
            raise InputError("'outlet' is not a list of tables", where=str(path), remedy="Write [[outlet]]")
        return cls([_outlet(path, number, entry) for number, entry in enumerate(entries, start=1)])

    def __len__(self) -> int:
        return self._count

    def find(self, name: str) -> Outlet | None:
        """The outlet that is spelled `name`, or None."""
        return self._by_key.get(_key(name))

    def nearest(self, name: str) -> Outlet | None:
        """The known outlet whose spelling comes closest to `name`, or None where none is close."""
        close = get_close_matches(_key(name), self._by_key, n=1, cutoff=0.75)
        return self._by_key[close[0]] if close else None


def _outlet(path: Path, number: int, entry: Any) -> Outlet:
    where = f"{path}: outlet {number}"
    if not isinstance(entry, dict):
        raise InputError("is not a table", where=where, remedy="Write [[outlet]] and its keys below")
    for key in entry:
        if key not in _KEYS:
            raise InputError(f"unknown key {key!r}", where=where, remedy=nearest(key, list(_KEYS)))
    name, aliases, rating = entry.get("name"), entry.get("aliases", []), entry.get("rating")
    if not isinstance(name, str) or not name.strip():
        raise InputError("has no name", where=where, remedy='Add name = "…"')
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise InputError(f"aliases of {name!r} are not a list of texts", where=where, remedy='Write aliases = ["…"]')
    if rating is not None and rating not in _RATINGS:
        raise InputError(
            f"unknown rating {rating!r} of {name!r}",
            where=where,
            remedy=nearest(str(rating), [str(known) for known in _RATINGS]),
        )
    return Outlet(name=name.strip(), aliases=tuple(aliases), rating=Lean(rating) if rating else None)


def _key(name: str) -> str:
    if name.isascii():
        kept = name.lower()
    else:
        folded = unicodedata.normalize("NFKD", name).casefold()
        kept = "".join(character for character in folded if not unicodedata.combining(character)).replace("’", "")
    words = _NO_WORD.sub(" ", kept.replace("'", "")).split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    return " ".join(words)
