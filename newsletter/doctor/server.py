"""PostgreSQL's server: its version, whether what is committed lasts, its clock, its connections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from newsletter.clock import Clock
from newsletter.doctor.diagnosis import Area, Fine, Said, found
from newsletter.doctor.installation import is_loopback
from newsletter.findings import Severity
from newsletter.store import Store

_AREA = Area.DATABASE
_OLDEST = 130_000
"""PostgreSQL 13, as `server_version_num` writes it."""

_BUSY = 0.8
_WARNED, _REFUSED = timedelta(seconds=2), timedelta(seconds=60)
"""A mailing begins a second or two around its time anyway; leases last a minute and more."""

_QUESTION = text(
    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown,"
    " current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,"
    " current_setting('full_page_writes') AS full_page_writes, current_setting('synchronous_commit') AS commits,"
    " current_setting('default_transaction_read_only') AS reads_only, pg_is_in_recovery() AS standby,"
    " current_setting('max_connections')::int AS most, current_setting('log_timezone') AS zone,"
    # Of other users' sessions pg_stat_activity tells too little.
    " (SELECT sum(numbackends) FROM pg_stat_database)::int AS used,"
    " (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted"
)


def look(store: Store, clock: Clock) -> Iterator[Said]:
    """Everything that one question answers.

    Raises:
        InputError: the server does not answer.
    """
    with store.reading() as connection:
        told = connection.execute(_QUESTION).one()
    if told.version < _OLDEST:
        yield found(_AREA, "DATABASE-TOO-OLD", f"the server is PostgreSQL {told.shown}", where=store.place)
    else:
        yield Fine(area=_AREA, text=f"PostgreSQL {told.shown}, its log in {told.zone}")
    if told.encoding != "UTF8":
        yield found(_AREA, "DATABASE-ENCODING", f"the database keeps its text as {told.encoding}", where=store.place)
    yield from _lasting(told, store.place)
    yield from _connections(told, store)
    yield from _clock(store, clock)


def _lasting(told: Any, place: str) -> Iterator[Said]:
    if told.standby or told.reads_only == "on":
        why = "is a standby" if told.standby else "is set to read only (default_transaction_read_only)"
        yield found(_AREA, "DATABASE-STANDBY", f"the server {why}, so nothing can be sent", where=place)
    settings = {"fsync": told.fsync, "full_page_writes": told.full_page_writes, "synchronous_commit": told.commits}
    off = [name for name, value in settings.items() if value == "off"]
    if off:
        yield found(
            _AREA,
            "DATABASE-NOT-DURABLE",
            f"what is committed may be gone after a power cut: {' and '.join(off)} off",
            where=place,
            remedy=f"Turn {' and '.join(off)} on in postgresql.conf (or with ALTER DATABASE … SET), and reload",
        )
    else:
        yield Fine(area=_AREA, text="what is committed survives a power cut")


def _connections(told: Any, store: Store) -> Iterator[Said]:
    host = store.engine.url.host or ""
    if host and not host.startswith("/") and not is_loopback(host) and not told.encrypted:
        yield found(_AREA, "DATABASE-UNENCRYPTED", f"the way to {host} is not encrypted", where=store.place)
    if told.used > _BUSY * told.most:
        yield found(
            _AREA, "DATABASE-CONNECTIONS", f"{told.used} of {told.most} connections are in use", where=store.place
        )
    else:
        yield Fine(area=_AREA, text=f"{told.used} of {told.most} connections in use")


def _clock(store: Store, clock: Clock) -> Iterator[Said]:
    """The server's clock beside ours, taken in the middle of a question."""
    with store.reading() as connection:
        connection.execute(text("SELECT 1"))
        before = clock()
        theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        after = clock()
    yield compared(theirs, before + (after - before) / 2, store.place)


def compared(theirs: datetime, ours: datetime, place: str) -> Said:
    """What two clocks' difference means; both are aware."""
    apart = theirs - ours
    seconds = f"{abs(apart.total_seconds()):,.1f} s"
    if abs(apart) <= _WARNED:
        return Fine(
            area=Area.CLOCK, text=f"the database server’s clock is within {_WARNED.seconds} s of this machine’s"
        )
    return found(
        Area.CLOCK,
        "CLOCK-DIFFERS",
        f"the database server’s clock is {seconds} {'ahead of' if apart > timedelta() else 'behind'} this machine’s",
        where=place,
        severity=Severity.ERROR if abs(apart) > _REFUSED else None,
    )
