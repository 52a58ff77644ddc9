"""A filter: what a reader must be like to get a mailing, as a tree and as its one written form. Pure.

A filter asks about one reader and says yes or no; what is not known of a reader is no. It can only leave readers of a
list out: nothing in it brings anybody in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

TAG, LIST, LANGUAGE, ZONE, HOUR, DOMAIN, JOINED = "tag", "list", "language", "zone", "hour", "domain", "joined"
FIELDS = (TAG, LIST, LANGUAGE, ZONE, HOUR, DOMAIN, JOINED)
"""What a term can ask besides attributes."""

LONGEST, DEEPEST, MOST_TERMS = 2_000, 20, 100
"""Characters, parentheses and `not`s within each other, terms: far more than anybody writes, and little for a database."""

_BARE = re.compile(r'[^\s()"\\*:<>=][^\s()"\\]*')
_WORDS = frozenset({"and", "or", "not"})


class Sign(StrEnum):
    """What stands between a field and its value. Only `joined` knows an order."""

    IS = ":"
    BEFORE = "<"
    UP_TO = "<="
    AFTER = ">"
    FROM = ">="


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One question: `field` is one of `FIELDS` or an attribute's name; `value` is None where any will do (`country:*`)."""

    field: str
    sign: Sign = Sign.IS
    value: str | None

    def __str__(self) -> str:
        return f"{self.field}{self.sign}{'*' if self.value is None else _written(self.value)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Not:
    """The contrary."""

    part: Filter

    def __str__(self) -> str:
        return f"not {_inner(self.part)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class And:
    """All of two or more, none of which is an `And` itself."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Or:
    """At least one of two or more, none of which is an `Or` itself."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Filter = Term | Not | And | Or


def both(parts: list[Filter]) -> Filter:
    """All of the parts, in one level."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, And) else (part,))]
    return flat[0] if len(flat) == 1 else And(parts=tuple(flat))


def either(parts: list[Filter]) -> Filter:
    """At least one of the parts, in one level."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(parts=tuple(flat))


def terms(of: Filter) -> Iterator[Term]:
    """All its terms, from left to right."""
    if isinstance(of, Term):
        yield of
    elif isinstance(of, Not):
        yield from terms(of.part)
    else:
        for part in of.parts:
            yield from terms(part)


def _inner(part: Filter) -> str:
    return str(part) if isinstance(part, (Term, Not)) else f"({part})"


def _written(value: str) -> str:
    """The value as it is typed: bare where that can be read again, else in quotation marks."""
    if _BARE.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
