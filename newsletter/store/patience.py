"""How long one transaction waits for other writers, where that is not what the database was opened with."""

from __future__ import annotations

from sqlalchemy import Connection

PATIENCE = "newsletter_patience"
"""The execution option: seconds."""
_NOW = "newsletter_busy"


def heed_on_sqlite(connection: Connection, *, usual: float) -> None:
    """Before a transaction begins. Connections go from one user to the next, so that each begin sets what differs."""
    wanted = round(1000 * connection.get_execution_options().get(PATIENCE, usual))
    if connection.info.get(_NOW, round(1000 * usual)) != wanted:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={wanted}").close()
        connection.info[_NOW] = wanted


def heed_on_postgresql(connection: Connection) -> None:
    """As the first statement of a transaction, with whose end it is forgotten."""
    if (seconds := connection.get_execution_options().get(PATIENCE)) is not None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * seconds)}")
