"""What a database says when something is wrong, in words: what, where, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from newsletter.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fault:
    """Recognised by a part of the message (lower case) or by its SQLSTATE."""

    marks: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    what: str
    remedy: str


_SQLITE = (
    _Fault(
        marks=("database is locked", "database table is locked"),
        what="the database is in use by another process",
        remedy="Wait until that has finished, or end it, and try again",
    ),
    _Fault(
        marks=("not a database", "malformed"),
        what="the database is damaged, or no SQLite database",
        remedy="Restore it from a backup",
    ),
    _Fault(marks=("disk is full",), what="the disk is full", remedy="Make room and try again; nothing was lost"),
    _Fault(
        marks=("disk i/o error",),
        what="the disk does not take what is written",
        remedy="See that it works and has room, and try again",
    ),
    _Fault(
        marks=("readonly database",),
        what="the database cannot be written",
        remedy="Give this user the right to write the file and its folder",
    ),
    _Fault(
        marks=("unable to open",),
        what="the database cannot be opened",
        remedy="Check that the folder exists and that this user may use it",
    ),
)

# In this order: what is more exact goes first. The states are those of PostgreSQL's appendix A; faults of connecting
# have none, so that libpq's words have to do (in English: a server may speak otherwise, then the last row catches it).
_POSTGRESQL = (
    _Fault(
        marks=("password authentication failed", "no password supplied", "authentication failed"),
        states=("28P01",),
        what="the database server does not accept this user and password",
        remedy="Correct them in DATABASE_URL",
    ),
    _Fault(
        marks=("no pg_hba.conf entry", "pg_hba.conf rejects"),
        what="the database server does not let this user in from this machine",
        remedy="Add a line for it to the server's pg_hba.conf",
    ),
    _Fault(
        marks=('fatal:  role "',),
        states=("28000",),
        what="the database server does not know this user",
        remedy="Correct the user in DATABASE_URL, or make it with `createuser`",
    ),
    _Fault(
        states=("3D000",),
        marks=('fatal:  database "',),
        what="the server has no such database",
        remedy="Correct its name in DATABASE_URL, or make it with `createdb`",
    ),
    _Fault(
        marks=("too many clients", "remaining connection slots", "too many connections"),
        states=("53300",),
        what="the database server has no connection left",
        remedy="Run fewer processes, or raise max_connections there",
    ),
    _Fault(
        marks=("starting up", "shutting down", "in recovery mode", "not yet accepting connections"),
        states=("57P03",),
        what="the database server is not ready",
        remedy="Wait until it has started, and try again",
    ),
    _Fault(
        states=("40P01", "40001"),
        what="the database gave this up, for it collided with another process",
        remedy="Try again; nothing was changed",
    ),
    _Fault(
        states=("55P03",),
        what="the database is in use by another process",
        remedy="Wait until that has finished, or end it, and try again",
    ),
    _Fault(
        states=("53100",),
        marks=("no space left on device",),
        what="the disk of the database server is full",
        remedy="Make room there and try again; nothing was lost",
    ),
    _Fault(
        states=("53200",),
        what="the database server has no memory left",
        remedy="See what else runs there, and try again",
    ),
    _Fault(
        states=("25006",),
        what="the database can only be read: this server is a standby, or is set to read-only",
        remedy="Name the primary in DATABASE_URL (libpq finds it among several hosts with target_session_attrs=read-write)",
    ),
    _Fault(
        states=("57014",),
        what="the database took too long, and the statement was given up",
        remedy="See what else runs there, and try again; nothing was changed",
    ),
    _Fault(
        states=("25P03",),
        what="the database gave up a transaction in which nothing happened for a minute",
        remedy="See whether this machine was asleep, and try again; nothing was changed",
    ),
    _Fault(
        states=("42501",),
        what="this user lacks a right in the database",
        remedy="Make the user the database's owner (ALTER DATABASE … OWNER TO …)",
    ),
    _Fault(
        states=("58030", "XX001", "XX002"),
        what="the database server cannot read or write its files, or they are damaged",
        remedy="See its log; restore a backup where they are damaged",
    ),
    _Fault(
        marks=("certificate verify failed", "ssl", "root certificate"),
        what="no encrypted connection to the database server can be made",
        remedy="See sslmode and sslrootcert in DATABASE_URL",
    ),
    _Fault(
        marks=("could not translate host name", "name or service not known", "failed to resolve host", "[errno -"),
        what="the database server's name is not known",
        remedy="Correct the host in DATABASE_URL",
    ),
    _Fault(
        marks=("invalid connection option", "invalid integer value", "invalid value", "invalid sslmode"),
        what="the database's URL has an option that does not exist, or a value that cannot be",
        remedy="Correct DATABASE_URL",
    ),
)
_AWAY = _Fault(
    what="the database server cannot be reached, or has gone away",
    remedy="See that it runs and that host and port in DATABASE_URL are its own, and try again",
)
_ILL = _Fault(
    what="the database server lacks something that it needs, or cannot use its files",
    remedy="See its log, and try again",
)
_MAYBE = _Fault(
    what="the database server went away while a change was being committed: it may have been kept",
    remedy="See that it runs, look what has happened, and try again",
)
_COLLISIONS = {"40P01", "40001"}


def explained(place: str, error: DBAPIError, *, committing: bool = False, reads: bool = False) -> InputError | None:
    """The fault in words, where it is one of the database's state and not of our statements.

    Args:
        place: the database, without password.
        error: as SQLAlchemy raises it.
        committing: whether it befell the COMMIT, so that nobody knows whether that was done.
        reads: whether it befell a block that may only read; a statement that writes is our fault there.
    """
    found = _of_postgresql(error, committing, reads) if _is_of_postgresql(error) else _of_sqlite(error)
    return InputError(found.what, where=place, remedy=found.remedy) if found is not None else None


def collided(error: BaseException) -> bool:
    """Whether the database gave a transaction up only because of another one: the same again may well do."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _COLLISIONS


def _is_of_postgresql(error: DBAPIError) -> bool:
    return type(error.orig).__module__.partition(".")[0] == "psycopg"


def _of_sqlite(error: DBAPIError) -> _Fault | None:
    text = str(error.orig).lower()
    return next((fault for fault in _SQLITE if any(mark in text for mark in fault.marks)), None)


def _of_postgresql(error: DBAPIError, committing: bool, reads: bool) -> _Fault | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:
        return _without_state(error, committing)
    if state == "25006" and reads:
        return None
    if named := next((fault for fault in _POSTGRESQL if state in fault.states), None):
        return named
    # Class 08: connections; 57P: the operator stopped the server, or ended this connection; 53, 58: it lacks something.
    if state.startswith(("08", "57P")):
        return _gone(committing)
    return _ILL if state.startswith(("53", "58")) else None


def _without_state(error: DBAPIError, committing: bool) -> _Fault | None:
    """Libpq's own faults, of connecting as a rule."""
    kind = type(error).__name__
    if kind not in {"OperationalError", "InterfaceError", "ProgrammingError"}:
        return None
    text = str(error.orig).lower()
    if named := next((fault for fault in _POSTGRESQL if any(mark in text for mark in fault.marks)), None):
        return named
    return _gone(committing) if kind == "OperationalError" or error.connection_invalidated else None


def _gone(committing: bool) -> _Fault:
    return _MAYBE if committing else _AWAY
