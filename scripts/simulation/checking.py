"""The invariants: what must hold after each commit, at each message that the other side takes, and at the end.

The checker reads the database by statements of its own, and judges who got what by the other side's log alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from simulation.checking_deliveries import Deliveries
from simulation.provider import Taken
from simulation.reading import Hours, Reading
from simulation.seen import BrokenError, Post
from simulation.words import ENDED


class Checker:
    """Looks at everything after each commit.

    Args:
        file: the database.
        hours: what hour it is.
        editions: mark → digest of what was made; `approved` are the digests that somebody approved.
    """

    def __init__(self, file: Path, hours: Hours, *, editions: Mapping[str, str]) -> None:
        self._reading = Reading(file)
        self._deliveries = Deliveries(self._reading, hours, editions=editions)
        self._mailings = self._deliveries.mailings
        self._got: defaultdict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)
        self._first_look = False
        self.approved = self._mailings.approved
        self.posts, self.waves = self._mailings.posts, self._mailings.waves
        self.rows, self.copies = self._deliveries.rows, self._deliveries.copies
        self.newly_unknown = self._deliveries.newly_unknown
        self.word: set[str] = set()
        self.era = 0

    def close(self) -> None:
        """Let go of the file."""
        self._reading.close()

    def look(self) -> set[int]:
        """After a commit; the mailings that are in another state, or of which a person has some sent again.

        Raises:
            BrokenError: an invariant does not hold.
        """
        if not self._reading.has_changed():
            return set()
        with self._reading.one_view():
            said = self._reading.said()
            self._mailings.hear(said)
            changed = self._mailings.look()
            if self._first_look:
                self._deliveries.take_over()
            self._deliveries.look(said)
            for post in changed:
                self._mailings.judge(post, restored=bool(self.era))
            self._first_look = False
        again = {one.mailing for one in said if one.action in _SENT_AGAIN and one.mailing in self.posts}
        return again | {post.id for post in changed if self._mailings.turned(post)}

    def restored(self) -> None:
        """A backup is put in the place of the database: what the ledger said since is gone, what was taken is not."""
        self._reading.restart()
        self._mailings.forget()
        self._deliveries.forget()
        self.era += 1
        self._first_look = True

    def subscribed(self, list_id: int) -> set[int]:
        """Who is on the list, and not suppressed."""
        return {reader for (reader,) in self._reading.all(_SUBSCRIBED, list_id)}

    def taken(self, one: Taken) -> None:
        """With each message that the other side takes.

        Raises:
            BrokenError: an invariant does not hold.
        """
        # Nobody gets an issue by two deliveries, unless a person gave their word after a backup was put back.
        had = self._got[one.issue, one.address]
        had.add((one.era, one.delivery))
        if len(had) > 1 and one.issue not in self.word:
            raise BrokenError("never twice", f"{one.address} got {one.issue} by deliveries {sorted(had)}")
        if one.era == self.era:
            self._deliveries.taken(one)

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
                self._mailings.equation(post)
                if not self.era:
                    self._nobody_lost(post, readers_throughout(post.id))
        self._deliveries.accounted(restored=bool(self.era))

    def _nobody_lost(self, post: Post, throughout: set[int]) -> None:
        have = {row.subscriber for row in self.rows.values() if row.mailing == post.id}
        excluded = json.loads(post.excluded)
        if "too_late" in excluded or "has_issue" in excluded or "suppressed" in excluded:
            return
        if lost := throughout - have:
            raise BrokenError(
                "nobody lost", f"readers {sorted(lost)} were there all along, and are not in mailing {post.id}"
            )


_SENT_AGAIN = ("mailing.retry", "mailing.resolve")
_SUBSCRIBED = (
    "SELECT subscriber_id FROM subscription JOIN subscriber ON subscriber.id = subscriber_id WHERE list_id = ?"
    " AND status = 'subscribed' AND address_key NOT IN (SELECT address_key FROM suppression)"
)
