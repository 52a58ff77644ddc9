"""What one worker holds, and how it takes more: one long chunk for single messages, or a chunk a call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.delivery import chunks, in_turn, ledger
from newsletter.delivery.chunks import Chunk
from newsletter.delivery.copies import Copies
from newsletter.delivery.ledger import Claimed, Found
from newsletter.delivery.limits.turns import Turns
from newsletter.delivery.parcels import Parcel
from newsletter.delivery.senders.base import Capabilities, seconds
from newsletter.publishing import editions
from newsletter.store import Store
from newsletter.store.parameters import MAILING, NOW
from newsletter.store.statuses import DeliveryStatus
from newsletter.store.tables import delivery, wave

_AT_ONCE = 4
"""Chunks claimed in one transaction at most: more would keep other writers waiting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wave:
    """A released wave, its copies, and until when it may be sent."""

    id: int
    copies: Copies
    not_later_than: datetime | None


class Claims:
    """The claims of one worker on one mailing. `turns` keeps them within the sender's limits.

    Args:
        store: where the editions are.
        mailing_id: the mailing.
        worker: the worker's name.
        copies: those of the mailing's edition; a wave with an edition of its own gets its own.
        capabilities: what the sender can take.
        lease: how long a claim holds without being prolonged; where the sender takes longer, twice what it takes.
    """

    def __init__(
        self,
        *,
        store: Store,
        mailing_id: int,
        worker: str,
        copies: Copies,
        capabilities: Capabilities,
        lease: timedelta,
    ) -> None:
        self._store = store
        self._mailing_id = mailing_id
        self._worker = worker
        self._copies = {(copies.mailing.edition_digest, copies.mailing.created_at): copies}
        self._first = copies
        self._wanted = copies.mailing.filter
        self._capabilities = capabilities
        self._lease = lease
        self._call_lease = max(lease, timedelta(seconds=2 * capabilities.deadline))
        self._held: Chunk | None = None
        self._present: Chunk | None = None
        self.turns = Turns(mailing_id, capabilities.limits, heeded=capabilities.whole_messages)
        self._waves: list[_Wave] = []
        self._surely = datetime.min.replace(tzinfo=UTC)
        # Waves with nothing to claim just now: to look for it costs walking over what the others have.
        self._dry: set[int] = set()
        # The last new delivery that was claimed of each wave.
        self._after: dict[int, int] = {}

    def take(
        self, connection: Connection, limit: int, *, now: datetime, due_by: datetime, surely: datetime | None = None
    ) -> list[Parcel]:
        """Parcels for up to `limit` calls. They may leave once the transaction is committed.

        Args:
            connection: of the caller's transaction.
            limit: how many calls may begin.
            now: the hour, for the leases.
            due_by: what was deferred up to then may be tried again.
            surely: the hour that it is at least; `now` where left out. Waves whose time was over by then are left alone.

        Raises:
            LeaseLostError: the lease lapsed; the transaction must be undone.
        """
        self._surely = surely or now
        if not self._waves:
            self._waves = self._released(connection)
            self.turns.waves = frozenset(each.id for each in self._waves)
        if not self._waves:
            return []
        if self._capabilities.whole_messages:
            return self._messages(connection, limit, now, due_by)
        parcels: list[Parcel] = []
        while len(parcels) < min(limit, _AT_ONCE):
            parcel = self._chunk(connection, now, due_by)
            if parcel is None:
                break
            parcels.append(parcel)
        return parcels

    def be_present(self, store: Store, *, now: datetime) -> None:
        """Hold an empty chunk, so that others see that somebody is at it, also while nothing is claimed."""
        if self._present is None:
            with store.writing() as connection:
                place = connection.execute(_FIRST_WAVE, {"mailing": self._mailing_id}).scalar_one()
                self._present = chunks.take(connection, place, worker=self._worker, now=now, lease=self._lease)

    def hold(self, connection: Connection, *, now: datetime) -> None:
        """Prolong the lease on what is held for single messages, and on the presence."""
        if self._held is not None and not chunks.hold(connection, self._held, now=now, lease=self._lease):
            self._held = None
        if self._present is not None and not chunks.hold(connection, self._present, now=now, lease=self._lease):
            self._present = None

    def give_back(self, connection: Connection, over: Iterable[Chunk]) -> None:
        """Close the chunks of calls that came back; the long one for single messages stays.

        One that was forgotten may hold claims that were committed though this worker never heard so: it stays open
        until its lease ends it, and what it holds becomes unknown.
        """
        if not self._capabilities.whole_messages:
            for chunk in over:
                chunks.give_back(connection, chunk)

    def leave(self, connection: Connection) -> None:
        """Give back what is held: nothing is on its way."""
        if self._held is not None:
            chunks.give_back(connection, self._held)
        if self._present is not None:
            chunks.give_back(connection, self._present)

    def forget(self) -> None:
        """Hold nothing more: the lease was lost, or it is not known what was committed. The lease ends what is left."""
        self._held = None
        self._dry.clear()
        self._after.clear()
        self.turns.undone()

    def look_again(self) -> None:
        """There may be new waves, and something to claim in the old ones."""
        self._waves = []
        self._dry.clear()
        self._after.clear()

    def wake(self, connection: Connection, *, due_by: datetime) -> None:
        """Look again at waves of which something was deferred until `due_by`."""
        if self._dry:
            found = connection.execute(_WITH_DEFERRED, {"mailing": self._mailing_id, "now": due_by})
            self._dry -= set(found.scalars())

    def _messages(self, connection: Connection, limit: int, now: datetime, due_by: datetime) -> list[Parcel]:
        until = seconds() + self._lease.total_seconds()
        if self._held is None:
            self._held = chunks.take(connection, self._waves[0].id, worker=self._worker, now=now, lease=self._lease)
        parcels: list[Parcel] = []
        for each in self._in_rotation():
            left = limit - len(parcels)
            if not left:
                break
            if self.turns.kept:
                dry, number = each.id in self._dry, self._mailing_id
                asked = in_turn.Asked(
                    mailing_id=number,
                    wave_id=each.id,
                    limit=left,
                    now=now,
                    due_by=due_by,
                    others=not dry,
                    wanted=self._wanted,
                )
                claims = self._in_turn(connection, asked, self._held)
            elif each.id in self._dry:
                continue
            else:
                claims = ledger.claim(
                    connection,
                    self._mailing_id,
                    self._held,
                    left,
                    now=due_by,
                    wave_id=each.id,
                    wanted=self._wanted,
                )
                # Fewer than asked for says nothing: some may have left.
                if not claims:
                    self._dry.add(each.id)
            parcels += [Parcel(chunk=self._held, claims=(one,), copies=each.copies, until=until) for one in claims]
        return parcels

    def _in_rotation(self) -> list[_Wave]:
        """Each wave is the first once: a small one does not wait until the million of an earlier one are through.

        Not those whose time is over: this process may have stood still since it last gave people up.
        """
        turn = [each for each in self._waves if each.not_later_than is None or each.not_later_than >= self._surely]
        self._waves.append(self._waves.pop(0))
        return turn

    def _in_turn(self, connection: Connection, asked: in_turn.Asked, held: Chunk) -> list[Claimed]:
        """Of those that wait for their turn in a dry wave some may go all the same."""
        claims = in_turn.claim(connection, asked, held, self.turns)
        if asked.others and not claims and self.turns.looked_through(asked.now):
            self._dry.add(asked.wave_id)
        return claims

    def _chunk(self, connection: Connection, now: datetime, due_by: datetime) -> Parcel | None:
        """One chunk of the next wave that has something to claim."""
        until = seconds() + self._capabilities.deadline
        for each in self._in_rotation():
            if each.id in self._dry:
                continue
            found = self._found(connection, each, due_by)
            if found:
                held = chunks.take(
                    connection, each.id, worker=self._worker, now=now, lease=self._call_lease, one_request=True
                )
                claims = tuple(ledger.intend(connection, found, held, now=now))
                return Parcel(chunk=held, claims=claims, copies=each.copies, until=until)
            self._dry.add(each.id)
        return None

    def _found(self, connection: Connection, of: _Wave, due_by: datetime) -> list[Found]:
        """What one call may carry, from where the last one of the wave ended; at its end once more from the start."""
        number, most = self._mailing_id, self._capabilities.chunk
        found: list[Found] = []
        for after in dict.fromkeys((self._after.pop(of.id, 0), 0)):
            found = ledger.find(connection, number, most, now=due_by, wave_id=of.id, after=after, wanted=self._wanted)
            if found:
                break
        if found and found[-1].was is DeliveryStatus.PENDING:
            self._after[of.id] = found[-1].row.id
        return found

    def _released(self, connection: Connection) -> list[_Wave]:
        rows = connection.execute(_RELEASED, {"mailing": self._mailing_id}).all()
        return [
            _Wave(
                id=row.id,
                copies=self._copies_of(connection, row.edition_digest, row.released_at),
                not_later_than=row.not_later_than,
            )
            for row in rows
        ]

    def _copies_of(self, connection: Connection, digest: str, released_at: datetime) -> Copies:
        """Its copies. A scheduled mailing's are dated when their wave was released, and not when it was scheduled."""
        first = self._first.mailing
        dated = first.created_at if first.due_at is None else released_at.replace(microsecond=0)
        if (digest, dated) not in self._copies:
            edition = editions.frozen_edition(connection, digest, place=self._store.place)
            mailing = replace(first, edition_digest=digest, created_at=dated)
            self._copies[digest, dated] = Copies.of(edition, mailing, self._first.keys)
        return self._copies[digest, dated]


_FIRST_WAVE = select(wave.c.id).where(wave.c.mailing_id == MAILING).order_by(wave.c.id).limit(1)
_RELEASED = (
    select(wave.c.id, wave.c.edition_digest, wave.c.released_at, wave.c.not_later_than)
    .where(wave.c.mailing_id == MAILING, wave.c.released_at.is_not(None))
    .order_by(wave.c.due_at, wave.c.id)
)
_WITH_DEFERRED = (
    select(delivery.c.wave_id)
    .where(delivery.c.mailing_id == MAILING, delivery.c.status == DeliveryStatus.DEFERRED, delivery.c.due_at <= NOW)
    .distinct()
)
