"""A backup that was put back is noticed, and nothing of it is sent again without a person's word.

Mailings that are not finished in it may have gone out, whole or in part, after the backup was made: they are held. The
recurring scheduler schedules nothing, and no new mailing is made, until somebody has accepted the database as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection, and_, exists, func, or_, select, update

from newsletter import alerts
from newsletter.alerts import Alert
from newsletter.delivery import history, machine
from newsletter.delivery.trouble import in_the_way
from newsletter.errors import BlockedError
from newsletter.publishing import Mailing, mailings
from newsletter.store import Store, audit, lineage
from newsletter.store.lineage import ACCEPT, Judged, Lineage, Origin
from newsletter.store.marker import Marker
from newsletter.store.statuses import ChunkStatus, DeliveryStatus, MailingStatus
from newsletter.store.tables import chunk, delivery, event, mailing

log = structlog.get_logger(__name__)

RESTORED, SUBJECT = "RESTORED", "newsroom:database"

Risen = tuple[str, int]
"""Which database, and to what its era rose."""

_UNFINISHED = (MailingStatus.SCHEDULED, MailingStatus.SENDING, MailingStatus.PAUSED)
_BATCH = 10_000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A mailing that the restored database does not know, and of which a provider's events tell: it went out."""

    mailing: int
    readers: int
    first: datetime
    last: datetime


class Watch:
    """Watches, in one process, that the database is the one that was worked with.

    Args:
        store: the database.
        marker: the machine's; without one, what this process has seen itself is all that it knows.
    """

    def __init__(self, store: Store, marker: Marker | None = None) -> None:
        self._store = store
        self._marker = marker
        self._seen: tuple[str, int] | None = None
        self._unwritable = False

    def look(self, *, now: datetime, thorough: bool = True) -> bool:
        """Notice a backup that was put back, and hold what is in it; whether this call did so.

        Args:
            now: the hour.
            thorough: look also where the database is, and what this machine has seen of it.
        """
        if not thorough and self._seen is not None:
            with self._store.reading() as connection:
                if not self.is_behind(connection):
                    return False
        with self._store.reading() as connection:
            judged = lineage.look(self._store, connection, self._known())
        noticed = judged.origin is not Origin.OURS and self._settle(now)
        if judged.origin is Origin.OURS and judged.lineage is not None:
            self._learn(judged.lineage.identity, judged.lineage.era)
        return noticed

    def is_behind(self, connection: Connection) -> bool:
        """Whether the database is not the one, or not as far, as this process has seen: then look before anything else."""
        # Before the database is read: another thread may raise both meanwhile.
        seen, found = self._seen, lineage.read(connection)
        return found is None or seen is None or found.identity != seen[0] or found.era < seen[1]

    def rise(self, *, now: datetime) -> None:
        """Raise the era, here and in the marker: what was backed up before this is known to be older.

        Raises:
            InputError: the database cannot be written.
        """
        self._learn(*self._store.write(lambda connection: lineage.rise(connection, now=now)))

    def rise_with(self, connection: Connection) -> Risen | None:
        """The same in the transaction of a claim, where that is to be done: `saw` what comes of it before anything leaves.

        A file of SQLite can be put back in its place as it was a second ago, and nothing but the era would tell. What is
        put back on PostgreSQL has other numbers, or another timeline.
        """
        return lineage.rise_with(connection) if self._store.is_sqlite else None

    def saw(self, risen: Risen | None) -> None:
        """The claim with which the era has risen is committed."""
        if risen is not None:
            self._seen = risen
            self._keep(lambda marker: marker.note(*risen))

    def _settle(self, now: datetime) -> bool:
        """Once more, alone: of several processes that noticed, one acts."""
        with self._store.writing(alone=True) as connection:
            judged = lineage.look(self._store, connection, self._known())
            present = judged.lineage
            held = judged.origin is Origin.RESTORED or (
                judged.origin is Origin.MOVED and _may_have_gone_on(connection, now)
            )
            if held:
                present = _hold(connection, judged, now=now)
            elif judged.origin is not Origin.OURS:
                lineage.settle_in(connection, judged.place)
        if held:
            log.error("database.restored", why=judged.why)
        if present is not None:
            self._learn(present.identity, present.era)
        return held

    def _known(self) -> dict[str, int]:
        known = self._marker.read() if self._marker is not None else {}
        if self._seen is not None:
            known[self._seen[0]] = max(self._seen[1], known.get(self._seen[0], 0))
        return known

    def _learn(self, identity: str, era: int) -> None:
        """Remember it, also on the disk. Where that cannot be written the guard is weaker, and mail goes on."""
        self._seen = (identity, era)
        self._keep(lambda marker: marker.write(identity, era))

    def _keep(self, way: Callable[[Marker], None]) -> None:
        if self._marker is None:
            return
        try:
            way(self._marker)
        except OSError as error:
            if not self._unwritable:
                log.warning("marker.unwritable", path=str(self._marker.path), why=error.strerror)
            self._unwritable = True
        else:
            self._unwritable = False


def mark(store: Store, *, actor: str, now: datetime) -> list[Mailing]:
    """A person says that a backup was put back, which nothing else may tell; what is held for it."""
    with store.writing(alone=True) as connection:
        place = lineage.place_of(store, connection)
        told = Judged(origin=Origin.RESTORED, place=place, lineage=lineage.read(connection), why=f"{actor} has said so")
        _hold(connection, told, now=now)
        return held_in(connection)


def accept(store: Store, *, actor: str, now: datetime) -> list[Mailing]:
    """A person has found out what is to be known of the time since the backup: sending may go on, mailing by mailing.

    Returns:
        Those that are still held; each is resumed or cancelled for itself.

    Raises:
        BlockedError: nothing waits for that word.
    """
    with store.writing(alone=True) as connection:
        found = lineage.read(connection)
        if found is None or not found.waits:
            raise nothing_waits()
        lineage.accept(connection, actor=actor, now=now)
        alerts.resolve(connection, RESTORED, SUBJECT, now=now, why=f"{actor} has accepted the database")
        audit.note(connection, "database.accept", SUBJECT, {}, actor=actor, at=now)
        return held_in(connection)


def nothing_waits() -> BlockedError:
    """The refusal to accept what was not put back."""
    return BlockedError(
        "the database was not restored, or was accepted since: nothing waits for this",
        remedy="If a backup was put back all the same, say so with `newsletter db mark-restored`",
    )


def held(store: Store) -> list[Mailing]:
    """The mailings that are held because a backup was put back."""
    with store.reading() as connection:
        return held_in(connection)


def waiting(store: Store) -> str:
    """That the database is a backup that was put back, in words, while a person's word is missing; else empty."""
    with store.reading() as connection:
        found = lineage.read(connection)
    return in_words(found) if found is not None and found.waits else ""


def known_up_to(store: Store) -> datetime | None:
    """The last instant of which a database that was put back knows anything; None where it was not put back."""
    with store.reading() as connection:
        found = lineage.read(connection)
    return found.restored_to if found is not None else None


def held_in(connection: Connection) -> list[Mailing]:
    """The same in the caller's transaction."""
    return mailings.which(connection, (mailing.c.status == MailingStatus.PAUSED) & mailing.c.restored_at.is_not(None))


def is_held(connection: Connection, mailing_id: int) -> bool:
    """Whether the mailing is held because a backup was put back."""
    return connection.execute(select(mailing.c.restored_at).where(mailing.c.id == mailing_id)).scalar_one() is not None


def lost(store: Store) -> list[Lost]:
    """What events tell of mailings that the database does not know."""
    with store.reading() as connection:
        found = lineage.read(connection)
        if found is None or found.restored_at is None:
            return []
        unknown = ~exists().where(mailing.c.id == event.c.mailing_id)
        since = event.c.received_at >= (found.restored_to or found.restored_at)
        rows = connection.execute(
            select(
                event.c.mailing_id,
                func.count(event.c.delivery_id.distinct()),
                func.min(event.c.at),
                func.max(event.c.at),
            )
            .where(event.c.mailing_id.is_not(None), since, unknown)
            .group_by(event.c.mailing_id)
            .order_by(event.c.mailing_id)
        )
        return [Lost(mailing=row[0], readers=row[1], first=row[2], last=row[3]) for row in rows]


def told(store: Store, mailing_id: int) -> int:
    """Of how many that a held mailing is still to go to events tell that they have it: `settle_told` would settle them."""
    waiting = delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED))
    named = select(event.c.delivery_id).where(event.c.mailing_id == mailing_id)
    which = and_(delivery.c.mailing_id == mailing_id, waiting, delivery.c.id.in_(named))
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(delivery).where(which)).scalar_one()


def settle_told(store: Store, mailing_id: int, *, now: datetime) -> int:
    """`pending` and `deferred` → `accepted` for those of whom events tell that they have it already; how many.

    Only where the mailing is held because a backup was put back: nobody else was tried unbeknown to us.
    """
    settled, after = 0, 0
    while True:
        with store.writing() as connection:
            last, more = _settle_batch(connection, mailing_id, after, now)
        settled += more
        if last is None:
            return settled
        after = last


def _settle_batch(connection: Connection, mailing_id: int, after: int, now: datetime) -> tuple[int | None, int]:
    told = (
        select(event.c.delivery_id)
        .where(event.c.mailing_id == mailing_id, event.c.delivery_id > after)
        .distinct()
        .order_by(event.c.delivery_id)
        .limit(_BATCH)
    )
    ids = list(connection.execute(told).scalars())
    if not ids:
        return None, 0
    waiting = delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED))
    restored = exists().where(mailing.c.id == mailing_id, mailing.c.restored_at.is_not(None))
    which = and_(delivery.c.mailing_id == mailing_id, delivery.c.id.in_(ids), waiting, restored)
    values = {"status": DeliveryStatus.ACCEPTED, "due_at": None, "pace_id": None, "changed_at": now}
    return ids[-1], connection.execute(update(delivery).where(which).values(values)).rowcount


def _may_have_gone_on(connection: Connection, now: datetime) -> bool:
    """Whether something is being sent, was due, or is paused: where the database was copied from, it may have gone on."""
    due = and_(mailing.c.status == MailingStatus.SCHEDULED, or_(mailing.c.due_at.is_(None), mailing.c.due_at <= now))
    # A paused one too: a person may have resumed it there, and would be told here to resume it again.
    going = or_(mailing.c.status.in_((MailingStatus.SENDING, MailingStatus.PAUSED)), due)
    return connection.execute(select(mailing.c.id).where(going).limit(1)).first() is not None


def _hold(connection: Connection, judged: Judged, *, now: datetime) -> Lineage:
    identity = f"{machine.present().draw(128):032x}"
    begun = lineage.begin_anew(connection, identity=identity, place=judged.place, why=judged.why, now=now)
    numbers = connection.execute(
        select(mailing.c.id).where(mailing.c.status.in_(_UNFINISHED)).order_by(mailing.c.id)
    ).scalars()
    for number in list(numbers):
        _hold_mailing(connection, number, begun, now)
    # No worker of this database holds anything: what was in the air when the backup was made may have arrived.
    connection.execute(update(chunk).where(chunk.c.status == ChunkStatus.OPEN).values(lease_until=_LONG_AGO))
    detail = {"why": judged.why, "to": begun.restored_to.isoformat() if begun.restored_to else ""}
    audit.note(connection, "database.restore", SUBJECT, detail, actor=history.WORKER, at=now)
    said = f"{in_words(begun)}. What is not finished in it is held, and nothing new is begun before `{ACCEPT}`"
    alerts.raise_alert(connection, Alert(code=RESTORED, subject=SUBJECT, message=said), now=now)
    return begun


def _hold_mailing(connection: Connection, number: int, begun: Lineage, now: datetime) -> None:
    trouble = f"a backup{_of(begun)} was put back: who got it after that is not known"
    values = {"status": MailingStatus.PAUSED, "restored_at": now, **in_the_way(trouble, now)}
    connection.execute(update(mailing).where(mailing.c.id == number).values(values))
    history.note(connection, number, "mailing.hold", actor=history.WORKER, now=now, why=trouble)


def in_words(begun: Lineage) -> str:
    """That the database is a backup, of when, and what tells so."""
    return f"the database is a backup{_of(begun)} that was put back ({begun.restored_why})"


def _of(begun: Lineage) -> str:
    return f" of {begun.restored_to:%Y-%m-%d %H:%M} UTC" if begun.restored_to else ""
