"""The form of a database: which it is in, and bringing it to the present one. Alembic is loaded only where there is
something to do: it costs 0.2 s.

A new database gets its tables from whoever opens it first. An older one is never changed by the way: other processes of
the older version may be at work on it. `newsletter db upgrade` brings it up.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from newsletter.errors import InputError
from newsletter.store import postgresql
from newsletter.store.tables import metadata

if TYPE_CHECKING:
    from newsletter.store.engine import Store

MIGRATIONS = Path(__file__).parent / "migrations"
_HELD_BY_OTHERS = text("SELECT worker, lease_until FROM chunk WHERE status = 'open' ORDER BY id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One migration: the version it leads to, and what it does, in a sentence."""

    version: str
    what: str


def known_versions() -> list[str]:
    """The versions that this code knows, oldest first: the numbers that the migrations' file names begin with."""
    return [_version(path) for path in _files()]


def version_of(connection: Connection) -> str | None:
    """The version that the database is in; None for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def prepare(store: Store, *, any_form: bool = False) -> None:
    """Give a new database its tables, and refuse one in another form than the present.

    Args:
        store: the database.
        any_form: let a new or older one pass as it is.

    Raises:
        InputError: the database is in an older or a newer form, or another program's.
    """
    with store.reading() as connection:
        version = version_of(connection)
        if version is None:
            _refuse_foreign(connection, store.place)
    if version is None and not any_form:
        upgrade(store)
    elif missing(store.place, version) and not any_form:
        raise InputError(
            f"the database is in form {version}, and this version works with {known_versions()[-1]}",
            where=store.place,
            remedy="Stop the processes of the older version, then run `newsletter db upgrade`",
        )


def missing(place: str, version: str | None) -> list[Step]:
    """The migrations that a database in form `version` lacks, in their order.

    Raises:
        InputError: a newer version of this program wrote the database.
    """
    known = known_versions()
    if version is not None and version not in known:
        raise InputError(
            f"the database is in form {version}, which this version does not know (it knows up to {known[-1]})",
            where=place,
            remedy="Install the newer version again",
        )
    newer = _files()[known.index(version) + 1 if version is not None else 0 :]
    return [Step(version=_version(path), what=_first_sentence(path)) for path in newer]


def upgrade(store: Store) -> None:
    """Apply the migrations that the database lacks, all or none. Several that try it at once do it once."""
    with store.writing() as connection:
        if not store.is_sqlite:
            _prepare_postgresql(connection, store.place)
        # Another process may have done it while this one waited for the right to write.
        if missing(store.place, version_of(connection)):
            _apply(connection)


def at_work(connection: Connection) -> list[str]:
    """The processes that use the database besides this one, each by what is known of it.

    On PostgreSQL its connections tell, on SQLite only what workers hold; leases that ran out may be of the dead.
    """
    if connection.dialect.name == "postgresql":
        others = text(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'newsletter %' AND application_name <> current_setting('application_name')"
        )
        return sorted(connection.execute(others).scalars())
    if not inspect(connection).has_table("chunk"):
        return []
    return sorted({row.worker for row in connection.execute(_HELD_BY_OTHERS)})


def _refuse_foreign(connection: Connection, place: str) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if taken:
        raise InputError(
            f"the database holds tables of another program (such as {taken[0]!r})",
            where=place,
            remedy="Give the newsletter a database of its own",
        )


def _prepare_postgresql(connection: Connection, place: str) -> None:
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise InputError(
            f"the database keeps its text as {encoding}, and quotes and names need UTF8",
            where=place,
            remedy="Make it anew: createdb --encoding=UTF8 --template=template0 NAME",
        )
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": postgresql.MIGRATION})
    # The lock's wait stays short, so that an upgrade gives up rather than block everybody behind it; its work may last.
    connection.execute(text("SET LOCAL statement_timeout = 0"))


def _files() -> list[Path]:
    return sorted((MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _version(path: Path) -> str:
    return path.name.partition("_")[0]


def _first_sentence(path: Path) -> str:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(said.split()).rstrip(".")


def _apply(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's first line
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
