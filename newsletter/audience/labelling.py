"""What the newsroom notes of subscribers: tags and attributes, put on and taken off in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from newsletter.audience.labels import clean_attribute_name, clean_tag, clean_value, value_key
from newsletter.store.audience_tables import attribute, subscriber_tag, tag


def tag_id(connection: Connection, name: str) -> int:
    """The number of the tag; one that is new is made.

    Raises:
        InputError: it can be no tag.
    """
    name = clean_tag(name)
    known = select(tag.c.id).where(tag.c.name == name)
    if (found := connection.execute(known).scalar_one_or_none()) is not None:
        return int(found)
    try:
        with connection.begin_nested():
            return int(connection.execute(insert(tag).values(name=name).returning(tag.c.id)).scalar_one())
    except IntegrityError:  # another process has just made it
        return int(connection.execute(known).scalar_one())


def put_on(connection: Connection, subscriber_id: int, names: Collection[str]) -> list[str]:
    """Tag a subscriber; the tags that they did not have.

    Raises:
        InputError: one can be no tag.
    """
    wanted = sorted({clean_tag(name) for name in names} - set(tags_of(connection, subscriber_id)))
    rows = [{"tag_id": tag_id(connection, name), "subscriber_id": subscriber_id} for name in wanted]
    if rows:
        connection.execute(insert(subscriber_tag), rows)
    return wanted


def take_off(connection: Connection, subscriber_id: int, names: Collection[str]) -> list[str]:
    """Take tags off a subscriber; those that they had.

    Raises:
        InputError: one can be no tag.
    """
    gone = sorted({clean_tag(name) for name in names} & set(tags_of(connection, subscriber_id)))
    theirs = select(tag.c.id).where(tag.c.name.in_(gone))
    mine = (subscriber_tag.c.subscriber_id == subscriber_id) & subscriber_tag.c.tag_id.in_(theirs)
    connection.execute(delete(subscriber_tag).where(mine))
    return gone


def set_values(connection: Connection, subscriber_id: int, values: Mapping[str, str]) -> list[str]:
    """Give a subscriber attributes; "" takes one away. The names of those that changed.

    Raises:
        InputError: a name can name no attribute, or a value is too long.
    """
    wanted = {clean_attribute_name(name): clean_value(value) for name, value in values.items()}
    known = values_of(connection, subscriber_id)
    changed = sorted(name for name, value in wanted.items() if known.get(name, "") != value)
    mine = (attribute.c.subscriber_id == subscriber_id) & attribute.c.name.in_(changed)
    connection.execute(delete(attribute).where(mine))
    rows = [
        {"subscriber_id": subscriber_id, "name": name, "value": wanted[name], "value_key": value_key(wanted[name])}
        for name in changed
        if wanted[name]
    ]
    if rows:
        connection.execute(insert(attribute), rows)
    return changed


def tags_of(connection: Connection, subscriber_id: int) -> list[str]:
    """The subscriber's tags, by name."""
    held = select(tag.c.name).join(subscriber_tag).where(subscriber_tag.c.subscriber_id == subscriber_id)
    return list(connection.execute(held.order_by(tag.c.name)).scalars())


def values_of(connection: Connection, subscriber_id: int) -> dict[str, str]:
    """The subscriber's attributes, by name."""
    held = select(attribute.c.name, attribute.c.value).where(attribute.c.subscriber_id == subscriber_id)
    return {row.name: row.value for row in connection.execute(held.order_by(attribute.c.name))}


def known_tags(connection: Connection) -> list[str]:
    """All tags, by name."""
    return list(connection.execute(select(tag.c.name).order_by(tag.c.name)).scalars())


def known_attributes(connection: Connection) -> list[str]:
    """The names of all attributes. Walks from name to name along the index, however many readers have each."""
    names: list[str] = []
    while (found := _next_name(connection, names[-1] if names else "")) is not None:
        names.append(found)
    return names


def _next_name(connection: Connection, after: str) -> str | None:
    following = select(attribute.c.name).where(attribute.c.name > after).order_by(attribute.c.name).limit(1)
    found: str | None = connection.execute(following).scalar_one_or_none()
    return found
