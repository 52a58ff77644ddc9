"""Bringing a database to the present form. Alembic is loaded only where there is something to do: it costs 0.2 s."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from newsletter.errors import InputError

if TYPE_CHECKING:
    from newsletter.store.engine import Store

MIGRATIONS = Path(__file__).parent / "migrations"


def known_versions() -> list[str]:
    """The versions that this code knows, oldest first: the numbers that the migrations' file names begin with."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def version_of(connection: Connection) -> str | None:
    """The version that the database is in; None for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def bring_up_to_date(store: Store) -> None:
    """Apply the migrations that the database lacks, all or none.

    Raises:
        InputError: a newer version of this program wrote the database.
    """
    versions = known_versions()
    with store.reading() as connection:
        version = version_of(connection)
    if version == versions[-1]:
        return
    if version is not None and version not in versions:
        raise InputError(
            f"the database is in form {version}, which this version does not know (it knows up to {versions[-1]})",
            where=store.place,
            remedy="Install the newer version again",
        )
    with store.writing() as connection:
        # Another process may have done it while this one waited for the right to write.
        if version_of(connection) != versions[-1]:
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's first line
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
