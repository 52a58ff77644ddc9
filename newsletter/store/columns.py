"""What tables are made of: kinds of columns, names of constraints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Dialect, Integer, MetaData, TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An instant: aware datetimes in, aware datetimes in UTC out. A naive one is refused, for it names no instant."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """What converts a value for the driver: instants of one commit are the same few again and again."""
        convert = super().bind_processor(dialect)
        if convert is None:
            return None
        remembered = lru_cache(maxsize=64)(convert)

        def converted(value: Any) -> Any:
            # In other zones two instants may be equal, and not the same: the hour that a clock that is set back shows twice.
            return remembered(value) if isinstance(value, datetime) and value.tzinfo is UTC else convert(value)

        return converted

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; SQLite has no zones, so the text it keeps is UTC throughout and compares in order."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone, so it is no instant")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database's form to an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers rows by itself only where the key's type is exactly INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """The rule that `column` holds one of the words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def row_id() -> Column[Any]:
    """The key of a row, numbered by the database in the order of arrival."""
    return Column("id", BigId, primary_key=True)
