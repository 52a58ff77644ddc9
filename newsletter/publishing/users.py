"""Users in the database. A user's token is shown once, when it is made; only its keyed hash is kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from newsletter.errors import BlockedError, InputError
from newsletter.publishing.user import User, checked_name, name_key
from newsletter.settings import nearest
from newsletter.store import Store, audit, tables
from newsletter.store.statuses import UserRole
from newsletter.tokens import USER_TOKEN

PREFIX = "nlu_"
"""Begins every token, so that a person, or a scanner for leaked secrets, knows it for one."""

Hash = Callable[[str], str]
"""`TokenKeys.user_hash`."""

_TABLE = tables.user.c


def add(
    store: Store, name: str, role: UserRole, *, side: str | None, hashed: Hash, actor: str, now: datetime
) -> tuple[User, str]:
    """A new user, with the token that will never be shown again. `actor` is who adds them, for the audit.

    Raises:
        InputError: the name cannot be one.
        BlockedError: somebody has it already.
    """
    shown, token = checked_name(name), _new_token()
    row = {
        "name": shown,
        "name_key": name_key(shown),
        "role": role,
        "side": side,
        "token_hash": hashed(token),
        "created_at": now,
    }
    with store.writing(alone=True) as connection:
        if (known := _find(connection, shown)) is not None:
            raise BlockedError(
                f"there is a user {known.name} already",
                remedy=f"Give another name, or a new token: newsletter user renew {known.name!r}",
            )
        made = connection.execute(insert(tables.user).values(row).returning(tables.user)).one()
        audit.note(connection, "user.add", f"user:{made.id}", {"role": role.value, "side": side}, actor=actor, at=now)
        return _user(made), token


def renew(store: Store, name: str, *, hashed: Hash, actor: str, now: datetime) -> tuple[User, str]:
    """A new token for a user; the old one ends. One who was disabled can act again.

    Raises:
        InputError: there is no such user.
    """
    token = _new_token()
    values = {"token_hash": hashed(token), "disabled_at": None}
    return _changed(store, name, values, "user.renew", actor=actor, now=now), token


def disable(store: Store, name: str, *, actor: str, now: datetime) -> User:
    """End a user's token. What they approved no longer counts; what was sent with it stays as it is.

    Raises:
        InputError: there is no such user.
    """
    return _changed(store, name, {"disabled_at": now}, "user.disable", actor=actor, now=now)


def listed(store: Store) -> list[User]:
    """All users, the disabled too, in the order in which they were added."""
    with store.reading() as connection:
        return [_user(row) for row in connection.execute(select(tables.user).order_by(_TABLE.id))]


def by_token(store: Store, token: str, *, hashed: Hash) -> User:
    """Whose token this is.

    Raises:
        InputError: it is nobody's, or its user is disabled.
    """
    with store.reading() as connection:
        # The index tells nothing to who measures its time: what is looked up is a hash under a key they do not have.
        row = connection.execute(select(tables.user).where(_TABLE.token_hash == hashed(token.strip()))).one_or_none()
    if row is None:
        raise InputError(
            "this token is no user's of this newsroom",
            where=USER_TOKEN,
            remedy=f"Unset {USER_TOKEN}, or make one here: newsletter user add NAME, or newsletter user renew NAME",
        )
    if row.disabled_at is not None:
        raise InputError(
            f"{row.name} is disabled", where=USER_TOKEN, remedy=f"newsletter user renew {row.name!r} undoes that"
        )
    return _user(row)


def _changed(store: Store, name: str, values: dict[str, Any], action: str, *, actor: str, now: datetime) -> User:
    with store.writing() as connection:
        user = _require(connection, name)
        row = connection.execute(
            update(tables.user).where(_TABLE.id == user.id).values(values).returning(tables.user)
        ).one()
        audit.note(connection, action, f"user:{user.id}", {}, actor=actor, at=now)
        return _user(row)


def _find(connection: Connection, name: str) -> User | None:
    row = connection.execute(select(tables.user).where(_TABLE.name_key == name_key(name))).one_or_none()
    return None if row is None else _user(row)


def _require(connection: Connection, name: str) -> User:
    found = _find(connection, name)
    if found is None:
        known = list(connection.execute(select(_TABLE.name).order_by(_TABLE.id)).scalars())
        raise InputError(
            f"there is no user {name[:100]!r}",
            where="NAME",
            remedy=nearest(name, known) if known else "Add one: newsletter user add NAME --role editor",
        )
    return found


def _new_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        name=row.name,
        role=UserRole(row.role),
        side=row.side,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
