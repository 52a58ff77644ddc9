"""PostgreSQL: how connections are made, kept and given up."""

from __future__ import annotations

import os
import re
import socket
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import ExceptionContext

POOL, MORE = 5, 15
"""Connections that a process keeps open, and how many more it opens while it is busy. A server allows 100 by default:
enough for a web and a worker process each on three machines at their busiest, and for a dozen at rest."""

_CONNECT_SECONDS = 10
_KEEP_SECONDS = 1800
"""Age at which a connection is made anew, so that a new server behind the same name is found."""

_SERVER_SETTINGS = {
    # The longest statement of ours, the counts of a report on a million deliveries, takes a few seconds.
    "statement_timeout": "300s",
    # A process that sleeps in the middle of a transaction (a suspended laptop) must not hold its locks for ever.
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}
# A server that is gone without a word (a pulled cable) is noticed in about half a minute and not after two hours.
_LIBPQ = {
    "connect_timeout": str(_CONNECT_SECONDS),
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

# "newslett" and "newslet2", as numbers of PostgreSQL's advisory locks; they count within one database.
MIGRATION, _TURN = 0x6E65_7773_6C65_7474, 0x6E65_7773_6C65_7432

_VALUES = re.compile(r"\n(?:DETAIL|CONTEXT): .*(?:\n(?!LINE |HINT:).*)*")

READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""One consistent view for the whole block, whatever others commit meanwhile."""


def engine_of(url: URL, *, busy_seconds: float) -> Engine:
    """An engine for the database. What the URL's query says goes before what is set here."""
    settings = {**_SERVER_SETTINGS, "lock_timeout": f"{round(busy_seconds * 1000)}ms"}
    given = str(url.query.get("options", ""))
    options = " ".join([*(f"-c {name}={value}" for name, value in settings.items()), given]).strip()
    arguments: dict[str, Any] = {
        name: value
        for name, value in {**_LIBPQ, "application_name": application_name()}.items()
        if name not in url.query
    }
    engine = create_engine(
        url.difference_update_query(["options"]),
        # Parameters are readers' addresses: no error that somebody prints may hold them.
        hide_parameters=True,
        connect_args={**arguments, "options": options},
        pool_size=POOL,
        max_overflow=MORE,
        pool_timeout=max(busy_seconds, 1.0),
        # One look before use, so that a server that was restarted costs no transaction.
        pool_pre_ping=True,
        pool_recycle=_KEEP_SECONDS,
        pool_use_lifo=True,
    )
    event.listen(engine, "handle_error", _without_values)
    return engine


def _without_values(context: ExceptionContext) -> None:
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            without_values(error)


def without_values(error: BaseException) -> None:
    """Take the rows' values out of what the server says: `DETAIL: Key (address_key)=(…) already exists`."""
    if error.args and isinstance(error.args[0], str):
        error.args = (_VALUES.sub("", error.args[0]), *error.args[1:])


def wait_for_turn(connection: Connection, *, beside_alike: bool = False) -> None:
    """Until this transaction ends, whoever else waits for the turn waits; no longer than `lock_timeout`.

    `beside_alike`: others who said so, too, need not. Whoever waits for a turn alone comes before those who came later.
    """
    lock = text(
        "SELECT pg_advisory_xact_lock_shared(:number)" if beside_alike else "SELECT pg_advisory_xact_lock(:number)"
    )
    connection.execute(lock, {"number": _TURN})


def application_name() -> str:
    """What the server's lists of connections call this process; it cuts at 63 characters."""
    return f"newsletter {socket.gethostname()[:40]}/{os.getpid()}"
