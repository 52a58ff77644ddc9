"""Tags and attributes for many people at once, in the caller's transaction: what an import adds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, select

from newsletter.audience.labelling import tag_id
from newsletter.audience.labels import value_key
from newsletter.audience.people import Person
from newsletter.store import Store
from newsletter.store.among import among
from newsletter.store.audience_tables import attribute, subscriber_tag
from newsletter.store.bulk import insert_rows

_TAGGED = select(subscriber_tag.c.tag_id, subscriber_tag.c.subscriber_id).where(
    among(subscriber_tag.c.subscriber_id, "people")
)
_GIVEN = select(attribute.c.subscriber_id, attribute.c.name).where(among(attribute.c.subscriber_id, "people"))


class Labeller:
    """Adds the tags and attributes that people lack; what they have stays. Knows the tags' numbers from one batch to the
    next, so it must not outlive a transaction that was undone; and must not serve two at once.

    Args:
        apart: where new tags are made in transactions of their own. Then both are fine.
    """

    def __init__(self, *, apart: Store | None = None) -> None:
        self._apart = apart
        self._tags: dict[str, int] = {}

    def label(self, connection: Connection, people: Sequence[tuple[int, Person]], *, known: frozenset[int]) -> None:
        """Label `people`, each with the subscriber's number; those in `known` may have labels already."""
        asked = [number for number, person in people if number in known and (person.tags or person.attributes)]
        had_tags, had_names = _had(connection, asked) if asked else (frozenset(), frozenset())
        tags = [
            (tag, number)
            for number, person in people
            for tag in (self._number(connection, name) for name in person.tags)
            if (tag, number) not in had_tags
        ]
        values = [
            (number, name, value, value_key(value))
            for number, person in people
            for name, value in person.attributes.items()
            if (number, name) not in had_names
        ]
        insert_rows(connection, subscriber_tag, ("tag_id", "subscriber_id"), sorted(tags))
        insert_rows(connection, attribute, ("subscriber_id", "name", "value", "value_key"), sorted(values))

    def _number(self, connection: Connection, name: str) -> int:
        number = self._tags.get(name)
        if number is None:
            number = tag_id(connection, name) if self._apart is None else self._apart.write(partial(tag_id, name=name))
            self._tags[name] = number
        return number


def _had(
    connection: Connection, people: Sequence[int]
) -> tuple[frozenset[tuple[int, int]], frozenset[tuple[int, str]]]:
    tagged = frozenset((tag, number) for tag, number in connection.execute(_TAGGED, {"people": people}))
    given = frozenset((number, name) for number, name in connection.execute(_GIVEN, {"people": people}))
    return tagged, given
