"""The books of one worker: what has come back and is still to be written, its claims, its view of the mailing.

What cannot be written at the moment is kept: an answer that was given is not lost because somebody else holds the
database, because the disk is full for a while, or because the server of the database is started anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.delivery import canary, chunks, evidence, history, ledger, outcomes, steps
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.breaker import Breaker, end_alerts
from newsletter.delivery.chunks import Chunk, LeaseLostError
from newsletter.delivery.claiming import Claims
from newsletter.delivery.expiring import expire_all
from newsletter.delivery.incidents import Incidents
from newsletter.delivery.lateness import hold_where_only_late_is_left
from newsletter.delivery.ledger import Claimed, Settled
from newsletter.delivery.limits.storms import Told
from newsletter.delivery.parcels import Parcel, Returned, settled_of
from newsletter.delivery.progress import Tally
from newsletter.delivery.refusals import Refusals
from newsletter.delivery.release import due, freeze_strays, release
from newsletter.delivery.restored import Watch
from newsletter.delivery.senders.base import seconds
from newsletter.delivery.standing import clear_trouble, next_wave, pause_for, standing_of
from newsletter.delivery.two_clocks import TwoClocks
from newsletter.errors import InputError
from newsletter.publishing import Mailing
from newsletter.store import Store
from newsletter.store.statuses import DeliveryStatus, MailingStatus, OutcomeKind

_SWEEP = 5.0
_EXPIRING = 2.0
"""Seconds that a worker gives people up in one go: what comes back meanwhile is to be recorded soon."""

_SOON = 1.0
"""Seconds until it is told that limits, or a domain in trouble, hold mail up."""


class Books:
    """Keeps one worker's part of the ledger.

    Args:
        store: the database.
        mailing: what is sent.
        claims: what the worker holds.
        clocks: give the hour.
        backoff: the waits between the tries of one delivery.
        lease: how long it keeps what the database does not take.
        quiet: how long the unknown is left alone.
        patient: keep it for as long as it takes, and never give up.
        tally: told of every change.
        breaker: pauses the mailing where too much goes wrong.
        alone: what the thread holds that is at work, where threads would only hinder each other.
        watch: notices a backup that was put back.
    """

    def __init__(
        self,
        store: Store,
        mailing: Mailing,
        *,
        claims: Claims,
        clocks: TwoClocks,
        backoff: Backoff,
        lease: timedelta,
        quiet: timedelta,
        patient: bool,
        tally: Tally,
        breaker: Breaker,
        alone: AbstractContextManager[object],
        watch: Watch | None = None,
    ) -> None:
        self._store = store
        self._mailing = mailing
        self._claims = claims
        self._clocks = clocks
        self._backoff = backoff
        self._lease = lease
        self._quiet = quiet
        self._patient = patient
        self._tally = tally
        self._breaker = breaker
        self._watch = watch
        # PostgreSQL's answers, and rows that others hold, may take long: nobody else must wait for them.
        self._alone = alone if store.is_sqlite else nullcontext()
        self._incidents = Incidents(mailing.id, clocks)
        self._unrecorded: list[Settled] = []
        self._over: list[Chunk] = []
        # Claimed in a transaction of which nobody knows whether it was committed; nothing of it was handed over.
        self._doubtful: list[Claimed] = []
        self._not_later_than = mailing.not_later_than
        # In `seconds`.
        self._swept_at: float | None = None
        self._next_wave: datetime | None = None
        self._trouble_since: float | None = None
        self._why = ""
        self._held_up = False
        self._giving_up = False
        self.refusals = Refusals()

    def enter(self, back: Sequence[Returned]) -> None:
        """Take in what has come back; the next `commit` writes it."""
        settled = settled_of(back)
        self._unrecorded += settled
        self._over += [each.parcel.chunk for each in back]
        self.refusals.note(settled)
        self._claims.turns.came_back(
            Told(delivery_id=one.claimed.delivery_id, domain=one.claimed.domain, outcome=one.outcome) for one in settled
        )

    def opens_in(self) -> float | None:
        """Seconds until one of those may go who wait for their turn alone; None where there is nobody."""
        opens = self._claims.turns.opens_at
        return None if opens is None else max(0.0, (opens - self._clocks.now()).total_seconds())

    def commit(self, limit: int) -> list[Parcel]:
        """Write what came back and claim for up to `limit` more calls, in one transaction.

        Raises:
            InputError: the database takes nothing; what came back is kept for the next time.
        """
        if not self._unrecorded and not self._doubtful and not limit:
            return []
        # After a failure, what is known comes first, and nothing that could be lost is added.
        limit = 0 if self._trouble_since is not None and self._unrecorded else limit
        turns = self._claims.turns
        parcels: list[Parcel] = []
        risen = None
        try:
            # Held neither while this waits for other writers nor while the disk is waited for.
            with self._store.writing() as connection, self._alone:
                turns.begin(connection, now=self._clocks.now())
                self._record(connection)
                parcels = self._claim(connection, limit) if limit else []
                turns.end(connection, full=len(parcels) >= limit)
                if parcels and self._watch is not None:
                    risen = self._watch.rise_with(connection)
        except (LeaseLostError, InputError) as fault:
            # Whether a commit that failed went through is not known: what it may have claimed is given back by the next.
            self._claims.forget()
            self._doubtful += [claim for parcel in parcels for claim in parcel.claims]
            if isinstance(fault, InputError):
                raise
            return []
        if self._unrecorded:
            steps.reached("record.committed")
        if parcels:
            steps.reached("claim.committed")
            if self._watch is not None:
                self._watch.saw(risen)
        self._recorded()
        self._tally.set_aside(turns.set_aside)
        self._tally.claimed(claim for parcel in parcels for claim in parcel.claims)
        return parcels

    def sweep_when_due(self, *, trouble: str, leaving: bool) -> None:
        """Every few seconds: freeze the waves whose hour has come, end what the dead hold, hold on to what is ours, give
        up what is too late, count anew.

        Args:
            trouble: what stands in the way just now, for people; empty while nothing does.
            leaving: nothing new is begun.
        """
        # More often than the rest: in five seconds a fast sender is through with a small list.
        if not leaving:
            self._breaker.look(now=self._clocks.now())
        held_up = self._claims.turns.trouble(self._clocks.now())
        every = _SOON if held_up and not self._held_up else _SWEEP
        if self._swept_at is not None and seconds() - self._swept_at < every and not self._wave_has_come():
            return
        self._held_up = bool(held_up)
        if not leaving:
            self._watch_lineage()
            self._claims.be_present(self._store, now=self._clocks.now())
            self._release_when_due()
        now = self._clocks.at_least()
        self._giving_up = not expire_all(self._store, self._mailing.id, now=now, at_most=_EXPIRING)
        with self._store.writing() as connection:
            lost = self._sweep(connection, trouble or held_up)
        if lost:
            steps.reached("lapse.committed")
        self._swept_at = None if self._giving_up else seconds()
        if not self._unrecorded:
            self._recovered()
        self._tally.tell()

    def look(self, *, count: bool) -> datetime | None:
        """When something is to be done next; None where nothing will be, or the mailing is not being sent any more.

        Args:
            count: whether to count the deliveries anew, which takes reading all of an index.
        """
        if not count:
            with self._store.reading() as connection:
                going = ledger.status_of(connection, self._mailing.id) is MailingStatus.SENDING
            self._tally.tell()
            return self._not_later_than if going else None
        standing = standing_of(self._store, self._mailing.id, now=self._clocks.at_least())
        self._not_later_than = standing.not_later_than
        self._tally.set(standing.counts)
        self._tally.tell()
        if standing.status is not MailingStatus.SENDING or not standing.open:
            return None
        self._claims.look_again()
        now = self._clocks.now()
        if now > self._not_later_than or any(moment <= now for moment in standing.next_waves):
            self._swept_at = None
        return min(self._not_later_than, *standing.next) if standing.next else self._not_later_than

    def close(self, *, pause: str) -> None:
        """Write what is left, give the chunks back, and close the mailing if that was all.

        Args:
            pause: why the mailing is to be paused, empty where it is not.

        Raises:
            InputError: the database takes nothing.
        """
        now = self._clocks.now()
        with self._store.writing() as connection:
            self._claims.turns.begin(connection, now=now)
            self._record(connection)
            self._claims.turns.end(connection, full=True)
            self._claims.leave(connection)
            self._incidents.write(connection, trouble=pause)
            if pause:
                pause_for(connection, self._mailing.id, pause, code="SENDER-REFUSED", now=now)
            else:
                clear_trouble(connection, self._mailing.id)
            if not ledger.withdraw_if_cancelled(connection, self._mailing.id, now=now):
                strays = freeze_strays(connection, self._mailing, clock=self._clocks.believed)
                if not strays and ledger.finish(connection, self._mailing.id, now=now):
                    end_alerts(connection, self._mailing.id, why="the mailing has finished", now=now)
                hold_where_only_late_is_left(connection, self._mailing.id, now=self._clocks.at_least())
            steps.reached("finish.writing")
        steps.reached("finish.committed")
        self._recorded()

    def bear(self, fault: InputError) -> None:
        """The database takes nothing at the moment: keep what came back, and say so.

        Raises:
            InputError: the fault, where it has lasted for the lease and this worker is not patient.
        """
        now = seconds()
        self._why = fault.what
        if self._trouble_since is None:
            self._trouble_since = now
        if not self._patient and now - self._trouble_since > self._lease.total_seconds():
            raise fault
        self._tally.tell(trouble=f"{fault.what}: nothing new is sent, and it is tried again")

    def lost(self, fault: InputError) -> InputError:
        """The fault, with what becomes of the answers that could not be written."""
        if not self._unrecorded:
            return fault
        lasted = f"{fault.what}, for {self._lease.total_seconds():g} s"
        many = f"{len(self._unrecorded):,} answers could not be written down and will count as unknown"
        return InputError(f"{lasted}: {many}", where=fault.where, remedy=fault.remedy)

    def _record(self, connection: Connection) -> None:
        now = self._clocks.now()
        outcomes.unclaim(connection, self._doubtful, now=now)
        # By the clock that the claims go by: one that is set back would have all of them due at once, again and again.
        waits_from = self._clocks.at_most()
        outcomes.record(connection, self._unrecorded, now=now, backoff=self._backoff, waits_from=waits_from)
        if any(one.outcome.kind is OutcomeKind.UNKNOWN for one in self._unrecorded):
            evidence.settle(connection, self._mailing.id, now=now)
        if any(one.outcome.kind is OutcomeKind.DEFERRED for one in self._unrecorded):
            ledger.reopen_if_deferred(connection, self._mailing.id)
        if self.refusals.broken is not None:
            outcomes.put_off(connection, self.refusals.run, now=now)
        self._claims.give_back(connection, self._over)

    def _recorded(self) -> None:
        """The transaction is on the disk."""
        self._claims.turns.committed()
        self._recovered()
        self._tally.settled(self._unrecorded)
        self._unrecorded, self._over, self._doubtful = [], [], []
        if self.refusals.broken is not None:
            self._tally.put_off(self.refusals.run)
            self.refusals.run = []

    def _recovered(self) -> None:
        if self._trouble_since is not None:
            self._incidents.waited(seconds() - self._trouble_since, self._why)
            self._trouble_since = None

    def _watch_lineage(self) -> None:
        """Before anything is claimed: whether this is still the database; and whoever puts back an older one shall see it."""
        if self._watch is not None and not self._watch.look(now=self._clocks.now()):
            self._watch.rise(now=self._clocks.now())

    def _claim(self, connection: Connection, limit: int) -> list[Parcel]:
        if self._giving_up:
            return []
        if self._watch is not None and self._watch.is_behind(connection):
            self._swept_at = None
            return []
        surely = self._clocks.at_least()
        if surely > self._not_later_than:
            # This process stood still since the last sweep; the next gives them up.
            self._swept_at = None
            return []
        return self._claims.take(
            connection, limit, now=self._clocks.now(), due_by=self._clocks.at_most(), surely=surely
        )

    def _release_when_due(self) -> None:
        """Freeze the audience of waves whose hour has come."""
        now, limits = self._clocks.believed(), self._breaker.canary_limits
        canary.judge(self._store, self._mailing.id, now=now, limits=limits)
        if due(self._store, self._mailing.id, now=self._clocks.believed()):
            release(self._store, self._mailing, clock=self._clocks.believed)
            self._claims.look_again()

    def _wave_has_come(self) -> bool:
        """Whether a wave is due that was not when this last looked: it does not wait for the next sweep."""
        return self._next_wave is not None and self._next_wave <= self._clocks.believed()

    def _sweep(self, connection: Connection, trouble: str) -> int:
        """How many deliveries the dead left unknown."""
        now, surely, number = self._clocks.now(), self._clocks.at_least(), self._mailing.id
        self._claims.hold(connection, now=now)
        self._claims.wake(connection, due_by=self._clocks.at_most())
        self._next_wave = next_wave(connection, number, after=self._clocks.believed())
        lost = chunks.lapse(connection, number, now=surely)
        if lost:
            history.note(connection, number, "worker.lost", actor=history.WORKER, now=now, unknown=lost)
        counts = ledger.counts(connection, number)
        if counts[DeliveryStatus.UNKNOWN] or counts[DeliveryStatus.DEFERRED]:
            evidence.settle(connection, number, now=now)
            if evidence.resend(connection, number, now=surely, quiet=self._quiet):
                self._claims.look_again()
            ledger.right_due(connection, number, now=self._clocks.at_most())
            counts = ledger.counts(connection, number)
        self._incidents.write(connection, trouble=trouble)
        self._not_later_than = ledger.not_later_than(connection, number)
        self._tally.set(counts)
        return lost
