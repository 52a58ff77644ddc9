"""The invariants: what must hold after each commit, at each message that the other side takes, and at the end.

The checker reads the database by statements of its own, and judges who got what by the other side's log alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from simulation.provider import Taken
from simulation.seen import BrokenError, Post, Row, Wave, instant
from simulation.words import (
    DELIVERY_MAY_BECOME,
    ENDED,
    HELD,
    MAILING_MAY_BECOME,
    OPEN,
    QUIET,
    SKEW,
    TOLERANCE,
)


class Checker:
    """Looks at everything after each commit.

    Args:
        file: the database.
        truth: the true instant.
        least: the hour that it surely is, by the machine of whoever is running: clocks that were set back count.
        editions: mark → digest of what was made; `approved` are the digests that somebody approved.
        jumps: how often clocks were set so far: what was measured across one is not judged.
    """

    def __init__(
        self,
        file: Path,
        *,
        truth: Callable[[], datetime],
        least: Callable[[], datetime],
        editions: Mapping[str, str],
        jumps: Callable[[], int],
    ) -> None:
        self._file = file
        self._truth = truth
        self._least = least
        self._editions = editions
        self._jumps = jumps
        self.approved: set[str] = set()
        self.rows: dict[int, Row] = {}
        self.posts: dict[int, Post] = {}
        self.waves: dict[int, Wave] = {}
        self.claimed: dict[tuple[int, int], datetime] = {}
        self.got: defaultdict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)
        self.word: set[str] = set()
        self.copies: defaultdict[int, list[Taken]] = defaultdict(list)
        self.finished: set[int] = set()
        self.held: Counter[int] = Counter()
        self.resumed: set[int] = set()
        self.era = 0
        self.open = self.busy = 0
        self._states: dict[int, str] = {}
        self._first_look = False
        self.newly_unknown: set[int] = set()
        self.waiting: list[Wave] = []
        self.resends = False
        self._audit = 0
        self._database: sqlite3.Connection | None = None
        self._version = -1

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
            self._version = -1

    def look(self) -> bool:
        """After a commit; whether a mailing has changed.

        Raises:
            BrokenError: an invariant does not hold.
        """
        if self._database is None:
            self._database = sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True, isolation_level=None)
        version = self._database.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return False
        self._version = version
        self._database.execute("BEGIN")
        try:
            words = self._people_said()
            changed = list(self._changed_posts())
            self._look_at_waves()
            if self._first_look:
                self._take_over()
            self._look_at_rows(words)
            for post in changed:
                self._judge_post(post)
            self._first_look = False
        finally:
            self._database.execute("COMMIT")
        statuses = Counter(row.status for row in self.rows.values())
        self.open = sum(statuses[status] for status in OPEN)
        self.busy = self.open - statuses["deferred"]
        going = {post.id for post in self.posts.values() if post.status == "sending"}
        unknown = {row.mailing for row in self.rows.values() if row.status == "unknown"}
        self.resends = any(self.posts[number].resends for number in going & unknown)
        self.waiting = [wave for wave in self.waves.values() if not wave.released and wave.mailing in going]
        turned = [post for post in changed if self._turned(post)]
        return bool(turned)

    def _turned(self, post: Post) -> bool:
        """Whether it has another state than when this was last asked."""
        before, self._states[post.id] = self._states.get(post.id), post.status
        return before != post.status

    def restored(self) -> None:
        """A backup is put in the place of the database: what the ledger said since is gone, what was taken is not."""
        self.close()
        self.era += 1
        self._audit = 0
        self._first_look = True
        for kept in (self.rows, self.posts, self.waves, self.claimed, self.copies, self.held, self.resumed):
            kept.clear()

    def _take_over(self) -> None:
        """The ledger as the backup has it, whatever it says."""
        now = self._truth()
        for number, mailing, subscriber, wave, status, fence, chunk in self._all(_ROWS):
            self.rows[number] = Row(mailing, subscriber, wave, status, fence, chunk, now, self._jumps())
            self.claimed.update({(number, before): now for before in range(1, fence + 1)})

    def subscribed(self, list_id: int) -> set[int]:
        """Who is on the list, and not suppressed."""
        found = self._all(
            "SELECT subscriber_id FROM subscription JOIN subscriber ON subscriber.id = subscriber_id WHERE list_id = ?"
            " AND status = 'subscribed' AND address_key NOT IN (SELECT address_key FROM suppression)",
            list_id,
        )
        return {reader for (reader,) in found}

    # --- What people said -----------------------------------------------------------------------------------------

    def _people_said(self) -> list[tuple[str, int, Mapping[str, object]]]:
        rows = self._all("SELECT id, action, subject, detail FROM audit WHERE id > ? ORDER BY id", self._audit)
        said = []
        for number, action, subject, detail in rows:
            self._audit = number
            if subject.startswith("mailing:"):
                said.append((action, int(subject[8:]), json.loads(detail)))
                if action == "mailing.hold":
                    self.held[int(subject[8:])] += 1
                if action in {"mailing.resume", "mailing.retry", "mailing.resolve"}:
                    self.resumed.add(int(subject[8:]))
        return said

    # --- Mailings and waves ---------------------------------------------------------------------------------------

    def _changed_posts(self) -> Iterator[Post]:
        rows = self._all(
            "SELECT id, list_id, local_date, kind, issue, status, edition_digest, not_later_than, started_at, resend_after,"
            " selected, prepared, excluded, due_at FROM mailing"
        )
        for row in rows:
            before = self.posts.get(row[0])
            post = Post(
                id=row[0],
                list=row[1],
                day=row[2],
                kind=row[3],
                issue=row[4],
                status=row[5],
                edition=row[6],
                not_later_than=instant(row[7]),
                started=row[8] is not None,
                resends=row[9] is not None,
                selected=row[10],
                prepared=row[11],
                excluded=row[12],
                due_at=row[13] and instant(row[13]),
            )
            if before == post:
                continue
            was = post.status if before is None else before.status
            if post.status != was and post.status not in MAILING_MAY_BECOME[was]:
                raise BrokenError("status", f"mailing {post.id} went from {was} to {post.status}")
            self.posts[post.id] = post
            yield post

    def _look_at_waves(self) -> None:
        rows = self._all(
            "SELECT id, mailing_id, due_at, not_later_than, released_at, skipped, edition_digest, frozen_to FROM wave"
        )
        seen = set()
        for row in rows:
            seen.add(row[0])
            limit = instant(row[3]) if row[3] else None
            before = self.waves.get(row[0])
            begun = row[4] is not None or bool(row[7])
            if before is not None and begun and not (before.begun or row[5]):
                self._begun(row[0], limit)
            self.waves[row[0]] = Wave(row[1], instant(row[2]), limit, row[4] is not None, bool(row[5]), row[6], begun)
        for number in self.waves.keys() - seen:
            del self.waves[number]

    def _begun(self, number: int, limit: datetime | None) -> None:
        if limit is not None and self._least() > limit + TOLERANCE:
            raise BrokenError("not later than", f"wave {number} began at {self._truth()}; its limit was {limit}")

    def _judge_post(self, post: Post) -> None:
        same = [one for one in self.posts.values() if (one.list, one.day, one.kind) == (post.list, post.day, post.kind)]
        living = [one.id for one in same if one.status != "cancelled"]
        if len(living) > 1:
            raise BrokenError("one a day", f"list {post.list} has mailings {living} for {post.day}")
        if post.edition not in self.approved:
            raise BrokenError(
                "approved edition", f"mailing {post.id} has edition {post.edition[:12]}, which nobody approved"
            )
        if post.status == "finished":
            self.finished.add(post.id)
            self._equation(post)
        if post.status == "paused" and self.held[post.id] and not self.era:
            self._alerted(post)

    def _equation(self, post: Post) -> None:
        of_it = Counter(row.status for row in self.rows.values() if row.mailing == post.id)
        left = {status: of_it[status] for status in OPEN if of_it[status]}
        if left:
            raise BrokenError("equation", f"mailing {post.id} is finished, and of it are {left}")
        excluded = sum(json.loads(post.excluded).values())
        if post.selected != post.prepared + excluded or post.prepared != of_it.total():
            said = (
                f"{post.selected} selected, {post.prepared} prepared, {excluded} excluded, {of_it.total()} deliveries"
            )
            raise BrokenError("equation", f"mailing {post.id}: {said}")

    def _alerted(self, post: Post) -> None:
        found = self._all(
            "SELECT count(*), sum(open_key IS NOT NULL) FROM alert WHERE code = ? AND subject = ?",
            HELD,
            f"mailing:{post.id}",
        )
        total, still = found[0]
        if still != 1 and post.id not in self.resumed:
            raise BrokenError("one alert", f"mailing {post.id} is held, with {still} open alerts of {total}")

    # --- Deliveries -----------------------------------------------------------------------------------------------

    def _look_at_rows(self, words: list[tuple[str, int, Mapping[str, object]]]) -> None:
        found = self._all(_ROWS)
        now = self._truth()
        for number, mailing, subscriber, wave, status, fence, chunk in found:
            before = self.rows.get(number)
            if before is not None and before.status == status and before.fence == fence:
                continue
            if before is None:
                before = Row(mailing, subscriber, wave, "", 0, None, now, self._jumps())
                self.rows[number] = before
            self._step(number, before, (status, fence, chunk), words, now)
        if len(found) != len(self.rows):
            raise BrokenError("rows stay", f"{len(self.rows)} deliveries became {len(found)}")

    def _step(
        self,
        number: int,
        row: Row,
        now_is: tuple[str, int, int | None],
        words: list[tuple[str, int, Mapping[str, object]]],
        now: datetime,
    ) -> None:
        status, fence, chunk = now_is
        if fence < row.fence or fence > row.fence + 1:
            raise BrokenError("fences rise", f"delivery {number} went from fence {row.fence} to {fence}")
        before = row.status
        if fence == row.fence and status not in DELIVERY_MAY_BECOME[before]:
            raise BrokenError(
                "status", f"delivery {number} went from {before or 'nothing'} to {status} at fence {fence}"
            )
        if before == "unknown" and status in {"pending", "sending"}:
            self._sent_again(number, row, words, now)
        if before == "sending" and status == "pending" and fence == row.fence:
            row.said_not.add(fence)
        if fence > row.fence:
            self._claimed(number, row, fence, now)
        elif status in {"accepted", "rejected", "deferred", "unknown"} and before in {"sending", "unknown"}:
            self._settled(number, row, status, fence, words)
        if status == "unknown":
            self.newly_unknown.add(row.mailing)
        row.status, row.fence, row.chunk, row.since, row.jumps = status, fence, chunk, now, self._jumps()

    def _sent_again(
        self, number: int, row: Row, words: list[tuple[str, int, Mapping[str, object]]], now: datetime
    ) -> None:
        by_person = any(action == "mailing.resolve" and of == row.mailing for action, of, _ in words)
        if not by_person and not self.posts[row.mailing].resends:
            raise BrokenError("unknown stays", f"delivery {number} is sent again, and nobody said so")
        if now - row.since < QUIET - SKEW and row.jumps == self._jumps():
            waited = (now - row.since).total_seconds()
            raise BrokenError("quiet period", f"delivery {number} is sent again {waited:.0f} s after it became unknown")
        if self._all(_TOLD, number, f"{row.chunk}.{row.fence}", f"{row.chunk}.{row.fence}.%"):
            raise BrokenError("evidence", f"delivery {number} is sent again, though events tell that it was taken")
        row.allowed.add(row.fence)

    def _claimed(self, number: int, row: Row, fence: int, now: datetime) -> None:
        post, wave = self.posts[row.mailing], self.waves[row.wave]
        self.claimed[number, fence] = now
        if post.status != "sending":
            raise BrokenError(
                "pause and cancel", f"delivery {number} was claimed while mailing {post.id} was {post.status}"
            )
        joined = self._all(
            "SELECT status FROM subscription WHERE list_id = ? AND subscriber_id = ?", post.list, row.subscriber
        )
        barred = self._all(
            "SELECT 1 FROM suppression JOIN subscriber USING (address_key) WHERE subscriber.id = ?", row.subscriber
        )
        if joined != [("subscribed",)] or barred:
            raise BrokenError("who left", f"delivery {number} was claimed, and its reader is {joined or barred}")
        if wave.due_at > now + SKEW:
            raise BrokenError("not before due", f"delivery {number} was claimed at {now}, and is due at {wave.due_at}")
        limit = max(post.not_later_than, wave.not_later_than or post.not_later_than)
        limit = min(limit, wave.not_later_than or limit)
        if self._least() > limit + TOLERANCE:
            raise BrokenError("not later than", f"delivery {number} was claimed at {now}; its limit was {limit}")
        self._justified(number, row, fence)

    def _justified(self, number: int, row: Row, fence: int) -> None:
        """A delivery is tried again only where the attempt before surely was not taken, or where that was said."""
        last = fence - 1
        if last == 0 or last in row.allowed or last in row.said_not:
            return
        found = self._all(
            "SELECT outcome FROM attempt WHERE delivery_id = ? AND fence = ? ORDER BY id DESC", number, last
        )
        outcomes = {outcome for (outcome,) in found}
        if outcomes & {"deferred", "rejected"} and "accepted" not in outcomes:
            return
        if not outcomes and not any(one.fence == last for one in self.copies[number]):
            # Whether it was claimed was not known, so it was given back and claimed again in one commit.
            row.said_not.add(last)
            return
        raise BrokenError(
            "own outcome", f"delivery {number} is tried again; attempt {last} ended {outcomes or 'nowhere'}"
        )

    def _settled(
        self, number: int, row: Row, status: str, fence: int, words: list[tuple[str, int, Mapping[str, object]]]
    ) -> None:
        """An outcome is that of the delivery's own attempt, or a person's word, or proven by an event."""
        if any(action == "mailing.resolve" and of == row.mailing for action, of, _ in words):
            return
        told = self._all(
            "SELECT 1 FROM attempt WHERE fence = ? AND outcome = ? AND (delivery_id = ? OR (delivery_id IS NULL AND chunk_id = ?))",
            fence,
            status,
            number,
            row.chunk,
        )
        if told or (status == "unknown" and row.status == "deferred"):
            return
        if status == "accepted" and self._proven(number, row):
            return
        raise BrokenError(
            "own outcome", f"delivery {number} became {status} at fence {fence}, of which no attempt tells"
        )

    def _proven(self, number: int, row: Row) -> bool:
        return bool(self._all(_TOLD, number, f"{row.chunk}.{row.fence}", f"{row.chunk}.{row.fence}.%")) or bool(
            self._all("SELECT 1 FROM event WHERE attempt = ?", f"{row.chunk}.{row.fence}")
        )

    # --- What the other side took ---------------------------------------------------------------------------------

    def taken(self, one: Taken) -> None:
        """With each message that the other side takes.

        Raises:
            BrokenError: an invariant does not hold.
        """
        self._once(one)
        if one.era != self.era:
            return
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
        if self._editions[one.mark] != self.waves[row.wave].edition or self._editions[one.mark] not in self.approved:
            raise BrokenError("approved edition", f"delivery {one.delivery} was sent as {one.mark}, another edition")

    def _once(self, one: Taken) -> None:
        """Nobody gets an issue by two deliveries, unless a person gave their word after a backup was put back."""
        had = self.got[one.issue, one.address]
        had.add((one.era, one.delivery))
        if len(had) > 1 and one.issue not in self.word:
            raise BrokenError("never twice", f"{one.address} got {one.issue} by deliveries {sorted(had)}")

    # --- The end --------------------------------------------------------------------------------------------------

    def end(self, readers_throughout: Callable[[int], set[int]]) -> None:
        """When all has come to an end.

        Raises:
            BrokenError: an invariant does not hold.
        """
        for post in self.posts.values():
            if post.status not in ENDED:
                raise BrokenError(
                    "liveness", f"mailing {post.id} is {post.status} long after everything went well again"
                )
            if post.status == "finished":
                self._equation(post)
                if not self.era:
                    self._nobody_lost(post, readers_throughout(post.id))
        for number, row in self.rows.items():
            self._accounted(number, row)

    def _nobody_lost(self, post: Post, throughout: set[int]) -> None:
        have = {row.subscriber for row in self.rows.values() if row.mailing == post.id}
        excluded = json.loads(post.excluded)
        if "too_late" in excluded or "has_issue" in excluded or "suppressed" in excluded:
            return
        if lost := throughout - have:
            raise BrokenError(
                "nobody lost", f"readers {sorted(lost)} were there all along, and are not in mailing {post.id}"
            )

    def _accounted(self, number: int, row: Row) -> None:
        copies = self.copies[number]
        if row.status in OPEN:
            raise BrokenError("liveness", f"delivery {number} of an ended mailing is {row.status}")
        if self.era:
            # What went out after the backup was made, the ledger does not know.
            return
        said = self._all(
            "SELECT count(*) FROM audit WHERE action = 'mailing.resolve' AND subject = ?", f"mailing:{row.mailing}"
        )
        if said[0][0]:
            return
        if row.status == "accepted" and not copies:
            raise BrokenError("nobody lost", f"delivery {number} counts as accepted, and nobody took it")
        if row.status == "rejected":
            # An attempt before may have been taken, where it was said to send it again all the same: possibly twice.
            copies = [one for one in copies if one.fence not in row.allowed]
        if row.status in {"rejected", "withdrawn", "expired"} and copies:
            raise BrokenError("surely not", f"delivery {number} counts as {row.status}, and was taken")

    def _all(self, statement: str, *values: object) -> list[Any]:
        if self._database is None:
            self._database = sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True, isolation_level=None)
        with closing(self._database.execute(statement, values)) as found:
            return found.fetchall()


_ROWS = "SELECT id, mailing_id, subscriber_id, wave_id, status, fence, chunk_id FROM delivery"
_TOLD = "SELECT 1 FROM event WHERE delivery_id = ? AND (attempt = ? OR attempt LIKE ?)"
