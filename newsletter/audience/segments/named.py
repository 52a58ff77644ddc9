"""Segments that have a name. A mailing keeps the filter as it stood when it was ordered, so that one may be changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import Connection, delete, insert, select, update

from newsletter.audience.labelling import known_attributes, known_tags
from newsletter.audience.segments.filters import FIELDS, LIST, TAG, Filter, terms
from newsletter.audience.segments.parsing import parse
from newsletter.errors import InputError
from newsletter.settings import nearest
from newsletter.store import Store, audit
from newsletter.store.audience_tables import segment
from newsletter.store.tables import mailing_list

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A segment. `filter` is its one written form."""

    id: int
    name: str
    filter: str
    created_at: datetime


def put(store: Store, name: str, text: str, *, replace: bool, actor: str, now: datetime) -> Segment:
    """The segment of that name with that filter.

    Raises:
        InputError: the name is none or taken, or the filter cannot be read.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:60]!r} can name no segment", remedy="Use small letters, digits, dots and dashes, such as us-donors"
        )
    wanted = str(parse(text))
    with store.writing(alone=True) as connection:
        before = find(connection, name)
        if before is not None and before.filter != wanted and not replace:
            raise InputError(
                f"segment {name!r} is there already: {before.filter}", remedy="Give --replace to change its filter"
            )
        if before is None:
            connection.execute(insert(segment).values(name=name, filter=wanted, created_at=now))
        elif before.filter != wanted:
            connection.execute(update(segment).where(segment.c.id == before.id).values(filter=wanted))
        found = _require(connection, name)
        if before != found:
            detail = {"name": name, "filter": wanted}
            audit.note(connection, "segment.put", f"segment:{found.id}", detail, actor=actor, at=now)
        return found


def remove(store: Store, name: str, *, actor: str, now: datetime) -> Segment:
    """Forget a segment. Mailings that were ordered with it keep their filter.

    Raises:
        InputError: there is none of that name.
    """
    with store.writing(alone=True) as connection:
        found = _require(connection, name)
        connection.execute(delete(segment).where(segment.c.id == found.id))
        audit.note(connection, "segment.remove", f"segment:{found.id}", {"name": name}, actor=actor, at=now)
    return found


def require(store: Store, name: str) -> Segment:
    """The segment called `name`.

    Raises:
        InputError: there is none; names the nearest.
    """
    with store.reading() as connection:
        return _require(connection, name)


def all_of(store: Store) -> list[Segment]:
    """All segments by name."""
    with store.reading() as connection:
        rows = connection.execute(select(segment).order_by(segment.c.name))
        return [Segment(**row) for row in rows.mappings()]


def find(connection: Connection, name: str) -> Segment | None:
    """The segment called `name`; None where there is none."""
    row = connection.execute(select(segment).where(segment.c.name == name)).mappings().one_or_none()
    return None if row is None else Segment(**row)


def unheard_of(connection: Connection, wanted: Filter) -> list[str]:
    """Tags, lists and attributes of the filter that nobody has, in sentences: a slip is likelier than a plan."""
    known = {TAG: known_tags(connection), LIST: list(connection.execute(select(mailing_list.c.name)).scalars())}
    attributes = known_attributes(connection)
    found = []
    for term in terms(wanted):
        if term.field in known and term.value is not None and term.value not in known[term.field]:
            found.append(f"nobody has {term}{_near(term.value, known[term.field])}")
        elif term.field not in FIELDS and term.field not in attributes:
            found.append(f"nobody has an attribute {term.field}{_near(term.field, attributes)}")
    return list(dict.fromkeys(found))


def _near(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _require(connection: Connection, name: str) -> Segment:
    found = find(connection, name)
    if found is None:
        names = list(connection.execute(select(segment.c.name).order_by(segment.c.name)).scalars())
        remedy = nearest(name, names) if names else "Add one with `newsletter segment add NAME FILTER`"
        raise InputError(f"no segment is called {name!r}", remedy=remedy)
    return found
