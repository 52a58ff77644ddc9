"""The database: whether it opens, is whole and in the form that this program works with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from newsletter.doctor import server, sqlite_file
from newsletter.doctor.diagnosis import Area, Fine, Found, Said, by_error, found
from newsletter.doctor.installation import Installation
from newsletter.errors import InputError
from newsletter.store import Store, lineage, postgresql, schema, sqlite, urls
from newsletter.store.lineage import Origin
from newsletter.store.marker import Marker
from newsletter.store.statuses import MailingStatus
from newsletter.store.tables import mailing

_AREA = Area.DATABASE
_PATIENCE_SECONDS = 2.0
"""How long another writer is waited for: ours let go within 250 ms."""

_MOST_MAILINGS = 5


@contextmanager
def opened(installation: Installation) -> Iterator[Store | None]:
    """The database as it stands, whatever its form; None where there is none yet. Nothing is made.

    Raises:
        InputError: it does not open.
    """
    url = urls.parse(installation.url)
    file = installation.database_file
    if file is not None and not file.exists():
        yield None
        return
    make = sqlite.engine_of if file is not None else postgresql.engine_of
    store = Store(engine=make(url, busy_seconds=_PATIENCE_SECONDS), place=urls.place_of(url))
    try:
        with store.reading() as connection:
            new = schema.version_of(connection) is None
        yield None if new else store
    finally:
        store.close()


@contextmanager
def reading(installation: Installation) -> Iterator[Connection | None]:
    """One view of the database for what other areas want to know; None where there is none yet.

    Raises:
        InputError: it does not open, or its tables are in a form that this program cannot read.
    """
    with opened(installation) as store:
        if store is None:
            yield None
            return
        try:
            with store.reading() as connection:
                yield connection
        except DBAPIError as error:
            raise InputError("the tables cannot be read in this form", where=store.place) from error


def exists(installation: Installation) -> bool:
    """Whether there is a database with tables of ours, or something in its place."""
    try:
        with opened(installation) as store:
            return store is not None
    except InputError:
        return True


def look(installation: Installation) -> Iterator[Said]:
    """SQLite's file or PostgreSQL's server, then what both have in common."""
    file = installation.database_file
    try:
        if file is not None and file.exists():
            said = list(sqlite_file.look(file))
            yield from said
            if any(isinstance(each, Found) and each.finding.code == "DATABASE-DAMAGED" for each in said):
                return
        with opened(installation) as store:
            if store is None:
                yield found(_AREA, "DATABASE-NEW", "there is no database yet", where=str(file or "DATABASE_URL"))
                return
            if file is None:
                yield from server.look(store, installation.clock)
            else:
                yield from sqlite_file.look_at_writing(store)
            yield from _form(store, Marker(path=installation.marker_file))
    except InputError as error:
        yield by_error(_AREA, "DATABASE-UNUSABLE", error)


def _form(store: Store, marker: Marker) -> Iterator[Said]:
    with store.reading() as connection:
        version = schema.version_of(connection)
        try:
            missing = schema.missing(store.place, version)
        except InputError as error:
            yield by_error(_AREA, "DATABASE-FORM", error)
            return
        if missing:
            present = schema.known_versions()[-1]
            yield found(
                _AREA,
                "DATABASE-FORM",
                f"the database is in form {version}, and this version works with {present}",
                where=store.place,
                remedy="Stop the processes of the older version, then run `newsletter db upgrade`",
            )
            return
        yield Fine(area=_AREA, text=f"form {version}, as this version works with")
        yield from _lineage(store, connection, marker)
        yield from _mailings(connection)


def _lineage(store: Store, connection: Connection, marker: Marker) -> Iterator[Said]:
    """Whether it is a backup that was put back. Nothing is written: whoever works with it next acts on it."""
    judged = lineage.look(store, connection, marker.read())
    known = judged.lineage
    if known is not None and known.waits:
        yield found(_AREA, "DATABASE-RESTORED", f"a backup was put back: {known.restored_why}", where=store.place)
    elif judged.origin is Origin.RESTORED:
        yield found(_AREA, "DATABASE-RESTORED", f"a backup was put back: {judged.why}", where=store.place)
    if marker.path.parent.exists() and not os.access(marker.path.parent, os.W_OK):
        yield found(_AREA, "MARKER-UNWRITABLE", "nothing can be written beside the marker", where=str(marker.path))


def _mailings(connection: Connection) -> Iterator[Said]:
    """Mailings that somebody should look at."""
    under_way = (MailingStatus.SENDING, MailingStatus.PAUSED)
    rows = connection.execute(
        select(mailing.c.id, mailing.c.status, mailing.c.trouble)
        .where(mailing.c.status.in_(under_way), mailing.c.trouble != "")
        .order_by(mailing.c.id.desc())
        .limit(_MOST_MAILINGS)
    )
    for number, status, trouble in rows:
        yield found(
            _AREA,
            "MAILING-TROUBLE",
            f"mailing {number} is {status}: {trouble}",
            where=f"mailing {number}",
            remedy=f"`newsletter mailing show {number}` tells more; docs/how-to/step-in.md what can be done",
        )
