"""How long whoever waits may rest without anybody noticing: until something can come about that concerns them.

The product looks twice a second whether there is something to do. Between two instants at which there can be, those looks
find nothing, and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from simulation.chance import Chance
from simulation.checking import Checker
from simulation.hosts import Process
from simulation.loop import Task
from simulation.seen import Wave, instant

_FRESH = timedelta(seconds=60)
_TAKEN_UP = ("sending", "cancelled")


class Waits:
    """Draws how long rests last.

    Args:
        chance: the seed's.
        checker: knows what is open.
        truth: the true instant.
    """

    def __init__(self, chance: Chance, checker: Checker, truth: Callable[[], datetime]) -> None:
        self._chance = chance
        self._checker = checker
        self._truth = truth

    def patience(self, task: Task | None) -> float:
        """Seconds for which the task has nothing to do."""
        process = task.owner if task is not None else None
        if not isinstance(process, Process):
            return 0.0
        if process.kind == "scheduler":
            starts = (post.due_at for post in self._checker.posts.values() if post.status == "scheduled")
            return self._until(each for each in starts if each is not None)
        number = _mailing_of(task)
        if number is not None:
            return self._of_worker([number], busy=(1.0, 15.0))
        # Who looks after all of them leaves each to a task of its own.
        return self._of_worker(list(self._checker.posts), busy=(15.0, 50.0))

    def concerns(self, task: Task, numbers: Collection[int]) -> bool:
        """Whether a task does something about one of the mailings, now that it is in another state."""
        if not isinstance(task.owner, Process):
            return False
        if task.owner.kind == "scheduler":
            return any(self._checker.posts[number].status == "scheduled" for number in numbers)
        number = _mailing_of(task)
        if number is not None:
            return number in numbers
        return any(self._checker.posts[each].status in _TAKEN_UP for each in numbers)

    def _of_worker(self, numbers: Collection[int], *, busy: tuple[float, float]) -> float:
        posts, now, chance = self._checker.posts, self._truth(), self._chance
        going = {number for number in numbers if posts[number].status == "sending"}
        over = {number for number in numbers if posts[number].status == "cancelled"}
        statuses, deferred = set(), []
        for row in self._checker.rows.values():
            # What is in the air is of account whatever became of the mailing: its worker may be dead.
            if row.mailing in going or row.mailing in over or (row.status == "sending" and row.mailing in numbers):
                statuses.add(row.status)
                if row.status == "deferred" and row.due is not None:
                    deferred.append(instant(row.due))
        waves = [wave for wave in self._checker.waves.values() if wave.mailing in going and not wave.released]
        due = [wave for wave in waves if wave.due_at <= now and not _late(wave, now)]
        if "pending" in statuses or any(now - _FRESH <= wave.due_at for wave in due):
            return chance.uniform(*busy)
        if "sending" in statuses or due:
            # Whoever holds something says so within the minute.
            return chance.uniform(20.0, 50.0)
        if "unknown" in statuses and any(posts[number].resends for number in going):
            return min(chance.uniform(60.0, 300.0), self._until(deferred))
        return self._until([*deferred, *(wave.due_at for wave in waves)] if len(numbers) == 1 else deferred)

    def _until(self, instants: Iterable[datetime]) -> float:
        """Until the first of them that is to come, and not for long hours."""
        now = self._truth()
        longest = self._chance.uniform(1_800.0, 14_400.0)
        first = min((each for each in instants if each > now), default=None)
        left = longest if first is None else (first - now).total_seconds()
        return min(longest, left + self._chance.uniform(0.0, 2.0))


def _mailing_of(task: Task | None) -> int | None:
    """The mailing that the task sends; None where it looks after all of them."""
    kind, _, number = (task.name if task is not None else "").partition("-")
    return int(number) if kind == "mailing" else None


def _late(wave: Wave, now: datetime) -> bool:
    return wave.not_later_than is not None and wave.not_later_than < now
