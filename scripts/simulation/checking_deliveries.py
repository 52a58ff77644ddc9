"""The invariants on deliveries: the ledger's rows step by step, and what the other side took."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from simulation.checking_mailings import Mailings
from simulation.provider import Taken
from simulation.reading import Hours, Reading, Said
from simulation.seen import BrokenError, Row
from simulation.words import DELIVERY_MAY_BECOME, OPEN, QUIET, SKEW, TOLERANCE


class Deliveries:
    """The deliveries as they were seen last, and the other side's log of them.

    Args:
        reading: the database.
        hours: what hour it is.
        editions: mark → digest of what was made.
    """

    def __init__(self, reading: Reading, hours: Hours, *, editions: Mapping[str, str]) -> None:
        self._reading = reading
        self._hours = hours
        self._editions = editions
        self._said: Sequence[Said] = ()
        self.mailings = Mailings(reading, hours, self.statuses)
        self.rows: dict[int, Row] = {}
        self.claimed: set[tuple[int, int]] = set()
        self.copies: defaultdict[int, list[Taken]] = defaultdict(list)
        self.newly_unknown: set[int] = set()

    def forget(self) -> None:
        """A backup is put in the place of the database: what the ledger said since is gone."""
        for kept in (self.rows, self.claimed, self.copies):
            kept.clear()

    def take_over(self) -> None:
        """The ledger as the backup has it, whatever it says."""
        now = self._hours.truth()
        for number, mailing, subscriber, wave, status, fence, chunk, due in self._reading.all(_ROWS):
            self.rows[number] = Row(mailing, subscriber, wave, status, fence, chunk, due, now, self._hours.jumps())
            self.claimed.update((number, before) for before in range(1, fence + 1))

    def statuses(self, mailing: int) -> Counter[str]:
        """The states of a mailing's deliveries, counted."""
        return Counter(row.status for row in self.rows.values() if row.mailing == mailing)

    def look(self, said: Sequence[Said]) -> None:
        """Each that has changed.

        Raises:
            BrokenError: an invariant does not hold.
        """
        self._said = said
        found = self._reading.all(_ROWS)
        now = self._hours.truth()
        for number, mailing, subscriber, wave, status, fence, chunk, due in found:
            before = self.rows.get(number)
            if before is None:
                before = Row(mailing, subscriber, wave, "", 0, None, None, now, self._hours.jumps())
                self.rows[number] = before
            before.due = due
            if before.status != status or before.fence != fence:
                self._step(number, before, (status, fence, chunk), now)
        if len(found) != len(self.rows):
            raise BrokenError("rows stay", f"{len(self.rows)} deliveries became {len(found)}")

    def taken(self, one: Taken) -> None:
        """With each message that the other side takes, and that was handed over by this database.

        Raises:
            BrokenError: an invariant does not hold.
        """
        row = self.rows.get(one.delivery)
        if row is None:
            raise BrokenError("intent first", f"delivery {one.delivery} was taken, and the ledger has none")
        if (one.delivery, one.fence) not in self.claimed:
            raise BrokenError(
                "intent first", f"delivery {one.delivery} was taken at fence {one.fence}, before it was claimed"
            )
        if one.fence in row.said_not:
            raise BrokenError(
                "surely not", f"delivery {one.delivery} was given back unsent at fence {one.fence}, and was taken"
            )
        for other in self.copies[one.delivery]:
            low, high = sorted((other.fence, one.fence))
            if low == high or not any(low <= fence < high for fence in row.allowed):
                raise BrokenError(
                    "never twice", f"delivery {one.delivery} was taken at fence {low} and at fence {high}"
                )
        self.copies[one.delivery].append(one)
        digest, wave = self._editions[one.mark], self.mailings.waves[row.wave]
        if digest != wave.edition or digest not in self.mailings.approved:
            raise BrokenError("approved edition", f"delivery {one.delivery} was sent as {one.mark}, another edition")

    def accounted(self, *, restored: bool) -> None:
        """When all has come to an end; `restored`: what went out after the backup was made, the ledger does not know.

        Raises:
            BrokenError: an invariant does not hold.
        """
        for number, row in self.rows.items():
            if row.status in OPEN:
                raise BrokenError("liveness", f"delivery {number} of an ended mailing is {row.status}")
            if not restored:
                self._accounted(number, row)

    # --- Steps ----------------------------------------------------------------------------------------------------

    def _step(self, number: int, row: Row, now_is: tuple[str, int, int | None], now: datetime) -> None:
        status, fence, chunk = now_is
        if fence < row.fence or fence > row.fence + 1:
            raise BrokenError("fences rise", f"delivery {number} went from fence {row.fence} to {fence}")
        before = row.status
        if fence == row.fence and status not in DELIVERY_MAY_BECOME[before]:
            raise BrokenError(
                "status", f"delivery {number} went from {before or 'nothing'} to {status} at fence {fence}"
            )
        if before == "unknown" and status in {"pending", "sending"}:
            self._sent_again(number, row, now)
        if before == "sending" and status == "pending" and fence == row.fence:
            row.said_not.add(fence)
        if fence > row.fence:
            self._claimed(number, row, fence, now)
        elif status in {"accepted", "rejected", "deferred", "unknown"} and before in {"sending", "unknown"}:
            self._settled(number, row, status, fence)
        if status == "unknown":
            self.newly_unknown.add(row.mailing)
        row.status, row.fence, row.chunk, row.since, row.jumps = status, fence, chunk, now, self._hours.jumps()

    def _sent_again(self, number: int, row: Row, now: datetime) -> None:
        if not self._decided(row) and not self.mailings.posts[row.mailing].resends:
            raise BrokenError("unknown stays", f"delivery {number} is sent again, and nobody said so")
        if now - row.since < QUIET - SKEW and row.jumps == self._hours.jumps():
            waited = (now - row.since).total_seconds()
            raise BrokenError("quiet period", f"delivery {number} is sent again {waited:.0f} s after it became unknown")
        if self._told(number, row):
            raise BrokenError("evidence", f"delivery {number} is sent again, though events tell that it was taken")
        row.allowed.add(row.fence)

    def _claimed(self, number: int, row: Row, fence: int, now: datetime) -> None:
        post, wave = self.mailings.posts[row.mailing], self.mailings.waves[row.wave]
        self.claimed.add((number, fence))
        if post.status != "sending":
            raise BrokenError(
                "pause and cancel", f"delivery {number} was claimed while mailing {post.id} was {post.status}"
            )
        joined = self._reading.all(_JOINED, post.list, row.subscriber)
        barred = self._reading.all(_BARRED, row.subscriber)
        if joined != [("subscribed",)] or barred:
            raise BrokenError("who left", f"delivery {number} was claimed, and its reader is {joined or barred}")
        if wave.due_at > now + SKEW:
            raise BrokenError("not before due", f"delivery {number} was claimed at {now}, and is due at {wave.due_at}")
        limit = max(post.not_later_than, wave.not_later_than or post.not_later_than)
        limit = min(limit, wave.not_later_than or limit)
        if self._hours.least() > limit + TOLERANCE:
            raise BrokenError("not later than", f"delivery {number} was claimed at {now}; its limit was {limit}")
        self._justified(number, row, fence)

    def _justified(self, number: int, row: Row, fence: int) -> None:
        """A delivery is tried again only where the attempt before surely was not taken, or where that was said."""
        last = fence - 1
        if last == 0 or last in row.allowed or last in row.said_not:
            return
        outcomes = {outcome for (outcome,) in self._reading.all(_OUTCOMES, number, last)}
        if outcomes & {"deferred", "rejected"} and "accepted" not in outcomes:
            return
        if not outcomes and not any(one.fence == last for one in self.copies[number]):
            # Whether it was claimed was not known, so it was given back and claimed again in one commit.
            row.said_not.add(last)
            return
        raise BrokenError(
            "own outcome", f"delivery {number} is tried again; attempt {last} ended {outcomes or 'nowhere'}"
        )

    def _settled(self, number: int, row: Row, status: str, fence: int) -> None:
        """An outcome is that of the delivery's own attempt, or a person's word, or proven by an event."""
        if self._decided(row) or self._reading.all(_ATTEMPTS, fence, status, number, row.chunk):
            return
        if status == "unknown" and row.status == "deferred":
            return
        if status == "accepted" and (self._told(number, row) or self._reading.all(_NAMED, f"{row.chunk}.{row.fence}")):
            return
        raise BrokenError(
            "own outcome", f"delivery {number} became {status} at fence {fence}, of which no attempt tells"
        )

    def _decided(self, row: Row) -> bool:
        """Whether a person has just decided on the unknown of its mailing."""
        return any(one.action == "mailing.resolve" and one.mailing == row.mailing for one in self._said)

    def _told(self, number: int, row: Row) -> bool:
        """Whether events tell that its attempt was taken."""
        return bool(self._reading.all(_TOLD, number, f"{row.chunk}.{row.fence}", f"{row.chunk}.{row.fence}.%"))

    def _accounted(self, number: int, row: Row) -> None:
        copies = self.copies[number]
        if self._reading.all(_RESOLVED, f"mailing:{row.mailing}"):
            return
        if row.status == "accepted" and not copies:
            raise BrokenError("nobody lost", f"delivery {number} counts as accepted, and nobody took it")
        if row.status == "rejected":
            # An attempt before may have been taken, where it was said to send it again all the same: possibly twice.
            copies = [one for one in copies if one.fence not in row.allowed]
        if row.status in {"rejected", "withdrawn", "expired"} and copies:
            raise BrokenError("surely not", f"delivery {number} counts as {row.status}, and was taken")


_ROWS = "SELECT id, mailing_id, subscriber_id, wave_id, status, fence, chunk_id, due_at FROM delivery"
_TOLD = "SELECT 1 FROM event WHERE delivery_id = ? AND (attempt = ? OR attempt LIKE ?)"
_NAMED = "SELECT 1 FROM event WHERE attempt = ?"
_JOINED = "SELECT status FROM subscription WHERE list_id = ? AND subscriber_id = ?"
_BARRED = "SELECT 1 FROM suppression JOIN subscriber USING (address_key) WHERE subscriber.id = ?"
_OUTCOMES = "SELECT outcome FROM attempt WHERE delivery_id = ? AND fence = ? ORDER BY id DESC"
_ATTEMPTS = (
    "SELECT 1 FROM attempt WHERE fence = ? AND outcome = ?"
    " AND (delivery_id = ? OR (delivery_id IS NULL AND chunk_id = ?))"
)
_RESOLVED = "SELECT 1 FROM audit WHERE action = 'mailing.resolve' AND subject = ? LIMIT 1"
