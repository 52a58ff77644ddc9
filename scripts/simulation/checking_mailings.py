"""The invariants on mailings and waves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from simulation.reading import Hours, Reading, Said
from simulation.seen import BrokenError, Post, Wave, instant
from simulation.words import HELD, MAILING_MAY_BECOME, OPEN, TOLERANCE


class Mailings:
    """The mailings and waves as they were seen last. What is unchanged is not looked at again.

    Args:
        reading: the database.
        hours: what hour it is.
        statuses: the states of a mailing's deliveries, counted.
    """

    def __init__(self, reading: Reading, hours: Hours, statuses: Callable[[int], Counter[str]]) -> None:
        self._reading = reading
        self._hours = hours
        self._statuses = statuses
        self._read: dict[int, Any] = {}
        self._read_waves: dict[int, Any] = {}
        self._states: dict[int, tuple[str, datetime | None]] = {}
        self.approved: set[str] = set()
        self.posts: dict[int, Post] = {}
        self.waves: dict[int, Wave] = {}
        self.held: Counter[int] = Counter()
        self.resumed: set[int] = set()

    def forget(self) -> None:
        """A backup is put in the place of the database."""
        for kept in (self._read, self._read_waves, self.posts, self.waves, self.held, self.resumed):
            kept.clear()

    def hear(self, said: Sequence[Said]) -> None:
        """What people, and processes, said of them."""
        for one in said:
            if one.action == "mailing.hold":
                self.held[one.mailing] += 1
            if one.action in {"mailing.resume", "mailing.retry", "mailing.resolve"}:
                self.resumed.add(one.mailing)

    def look(self) -> list[Post]:
        """Those that have changed, once their waves are known.

        Raises:
            BrokenError: an invariant does not hold.
        """
        changed = list(self._changed())
        self._look_at_waves()
        return changed

    def turned(self, post: Post) -> bool:
        """Whether it has another state, or hour, than when this was last asked."""
        before, self._states[post.id] = self._states.get(post.id), (post.status, post.due_at)
        return before != (post.status, post.due_at)

    def judge(self, post: Post, *, restored: bool) -> None:
        """One that has changed, once its deliveries are known; `restored`: a backup was put back before.

        Raises:
            BrokenError: an invariant does not hold.
        """
        same = [one for one in self.posts.values() if (one.list, one.day, one.kind) == (post.list, post.day, post.kind)]
        living = [one.id for one in same if one.status != "cancelled"]
        if len(living) > 1:
            raise BrokenError("one a day", f"list {post.list} has mailings {living} for {post.day}")
        if post.edition not in self.approved:
            raise BrokenError(
                "approved edition", f"mailing {post.id} has edition {post.edition[:12]}, which nobody approved"
            )
        if post.status == "finished":
            self.equation(post)
        if post.status == "paused" and self.held[post.id] and not restored:
            self._alerted(post)

    def equation(self, post: Post) -> None:
        """Of a finished one nothing is open, and its numbers add up.

        Raises:
            BrokenError: it is not so.
        """
        of_it = self._statuses(post.id)
        left = {status: of_it[status] for status in OPEN if of_it[status]}
        if left:
            raise BrokenError("equation", f"mailing {post.id} is finished, and of it are {left}")
        excluded = sum(json.loads(post.excluded).values())
        if post.selected != post.prepared + excluded or post.prepared != of_it.total():
            said = (
                f"{post.selected} selected, {post.prepared} prepared, {excluded} excluded, {of_it.total()} deliveries"
            )
            raise BrokenError("equation", f"mailing {post.id}: {said}")

    def _changed(self) -> Iterator[Post]:
        for row in self._reading.all(_POSTS):
            if self._read.get(row[0]) == row:
                continue
            self._read[row[0]] = row
            before, post = self.posts.get(row[0]), _post(row)
            was = post.status if before is None else before.status
            if post.status != was and post.status not in MAILING_MAY_BECOME[was]:
                raise BrokenError("status", f"mailing {post.id} went from {was} to {post.status}")
            self.posts[post.id] = post
            yield post

    def _look_at_waves(self) -> None:
        seen = set()
        for row in self._reading.all(_WAVES):
            seen.add(row[0])
            if self._read_waves.get(row[0]) == row:
                continue
            self._read_waves[row[0]] = row
            limit = instant(row[3]) if row[3] else None
            before = self.waves.get(row[0])
            begun = row[4] is not None or bool(row[7])
            if before is not None and begun and not (before.begun or row[5]):
                self._begun(row[0], limit)
            self.waves[row[0]] = Wave(row[1], instant(row[2]), limit, row[4] is not None, bool(row[5]), row[6], begun)
        for number in self.waves.keys() - seen:
            del self.waves[number], self._read_waves[number]

    def _begun(self, number: int, limit: datetime | None) -> None:
        if limit is not None and self._hours.least() > limit + TOLERANCE:
            raise BrokenError("not later than", f"wave {number} began at {self._hours.truth()}; its limit was {limit}")

    def _alerted(self, post: Post) -> None:
        found = self._reading.all(_ALERTS, HELD, f"mailing:{post.id}")
        total, still = found[0]
        if still != 1 and post.id not in self.resumed:
            raise BrokenError("one alert", f"mailing {post.id} is held, with {still} open alerts of {total}")


def _post(row: Any) -> Post:
    return Post(
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


_POSTS = (
    "SELECT id, list_id, local_date, kind, issue, status, edition_digest, not_later_than, started_at, resend_after,"
    " selected, prepared, excluded, due_at FROM mailing"
)
_WAVES = "SELECT id, mailing_id, due_at, not_later_than, released_at, skipped, edition_digest, frozen_to FROM wave"
_ALERTS = "SELECT count(*), sum(open_key IS NOT NULL) FROM alert WHERE code = ? AND subject = ?"
