"""Where the database is: its URL read, and shown without what is secret in it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from newsletter.errors import InputError

_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_REMEDY = "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:////path/to/file"


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def parse(url: str) -> URL:
    """A database's URL, with our driver in it.

    Args:
        url: `sqlite:///path`, or `postgresql://…` as PostgreSQL's own programs take it (`postgres://` is the same).

    Raises:
        InputError: it is none; the URL itself, which may hold a password, is not shown.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Without its cause: that would show the URL in a traceback.
        raise InputError("the database's URL cannot be read", where="DATABASE_URL", remedy=_REMEDY) from None
    if "@" in (parsed.host or ""):
        # An @ in the password: what stands behind it would be taken for the host, and shown.
        what = "the database's URL holds an @ too many: in a password it is written as %40"
        raise InputError(what, where="DATABASE_URL", remedy=_REMEDY)
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        what = f"this does not work with {parsed.drivername!r} databases"
        raise InputError(what, where="DATABASE_URL", remedy=_REMEDY)
    if driver == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise InputError("the database has no file, so nothing would be kept", where="DATABASE_URL", remedy=_REMEDY)
    return _with_password_hidden(parsed.set(drivername=driver))


def _with_password_hidden(url: URL) -> URL:
    """The same URL with a password of its query where SQLAlchemy knows it for one, and does not show it."""
    given = url.query.get("password")
    return url.difference_update_query(["password"]).set(password=given) if isinstance(given, str) else url


def place_of(url: URL) -> str:
    """Where the database is, for people: without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    bare = URL.create("postgresql", username=url.username, host=url.host, port=url.port, database=url.database)
    return bare.render_as_string()
