"""Whose turn it is: what one worker asks at each claim, and what it learns from what comes back.

A delivery whose domain may have no more just now is set aside once, as `deferred` without an instant, and waits for its
domain's pace; claims pass over it without looking until that lets one go. So a domain that is limited, or in a storm,
costs the others nothing. Where nothing is limited, shut or set aside, a claim is as if all this were not there, and one
look a second finds out.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from newsletter.delivery.backoff import Backoff
from newsletter.delivery.limits import paces, wording
from newsletter.delivery.limits.pace import Pace
from newsletter.delivery.limits.paces import Paces
from newsletter.delivery.limits.rules import SENDER, Limits
from newsletter.delivery.limits.storms import Storms, Told, Verdict
from newsletter.delivery.senders.base import seconds
from newsletter.store.statuses import OutcomeKind

_LOOK = 1.0
"""Seconds between two looks at what other workers have found out."""

_RELEASED = 1_000
SHUT = Backoff(first=10.0, longest=600.0)
"""How long a domain is left alone that has had enough: 10 s, 20, 40 … 10 minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A pace that deliveries wait for, and how many of them may go now."""

    scope: str
    pace_id: int
    number: int


class Turns:
    """The turns of one worker on one mailing. `waves` are those that its claims walk through, one after the other.

    Args:
        mailing_id: the mailing.
        limits: what the settings allow.
        heeded: False where the sender takes no single messages: then nothing is limited, and who was set aside by
            another sender comes back.
        shut: the waits of a domain that has had enough.
    """

    def __init__(self, mailing_id: int, limits: Limits, *, heeded: bool = True, shut: Backoff = SHUT) -> None:
        self._mailing_id = mailing_id
        self._limits = limits
        self._heeded = heeded
        self._shut = shut
        self._paces = Paces(mailing_id)
        self._storms = Storms()
        self._looked_at: float | None = None
        self._verdicts: dict[str, Verdict] = {}
        self._not_taken: Counter[str] = Counter()
        self._in_air: Counter[str] = Counter()
        self._going: list[tuple[int, str]] = []
        self._trials: dict[int, str] = {}
        self._now: datetime | None = None
        self._troubled: frozenset[str] = frozenset()
        self._cut_short = False
        self._emptied: defaultdict[str, set[int]] = defaultdict(set)
        self.waves: frozenset[int] = frozenset()
        self.set_aside = 0
        self.opens_at: datetime | None = None

    @property
    def kept(self) -> bool:
        """Whether this claim has to ask: something is limited, in trouble, or waits."""
        return self._heeded and (self._limits.any or bool(self._paces.waited_for or self._troubled))

    def came_back(self, told: Iterable[Told]) -> None:
        """Learn from what came back; `write` keeps it."""
        learnt = list(told)
        for one in learnt:
            self._in_air[one.domain] -= 1
            if self._in_air[one.domain] <= 0:
                del self._in_air[one.domain]
            if one.outcome.kind is OutcomeKind.DEFERRED:
                self._not_taken[one.domain] += 1
        if self._heeded:
            self._verdicts |= self._storms.note(learnt, troubled=self._troubled | self._verdicts.keys())

    def begin(self, connection: Connection, *, now: datetime) -> None:
        """At the start of each transaction: look where that is due, write what was learnt."""
        self._now = now
        self._paces.begin()
        self._going, self._trials, self._cut_short, self.set_aside = [], {}, False, 0
        self._emptied.clear()
        self._look_when_due(connection)
        self._write(connection, now)
        self._troubled = frozenset(pace.scope for pace in self._paces.all_seen() if pace.troubled(now))

    def room(self, limit: int, now: datetime) -> int:
        """How many of `limit` may go at all."""
        return min(limit, self._allows(SENDER, now)) if self._limits.sender.any else limit

    def waiting(self, now: datetime) -> Iterator[Waiting]:
        """The paces that are waited for and let some go; asked for one by one, each as it is by then."""
        scopes = list(self._paces.waited_for)
        # Where the sender has room for few, no domain is always the first.
        random.shuffle(scopes)
        for scope in scopes:
            number = self._allows(scope, now)
            if number:
                yield Waiting(scope=scope, pace_id=self._paces.ids[scope], number=number)

    def may_go(self, connection: Connection, domain: str, now: datetime) -> bool:
        """Whether one more to the domain may go now, and nobody waits there already."""
        if domain in self._paces.waited_for:
            return False
        if domain not in self._limits.domains and domain not in self._troubled:
            return True
        self._paces.hold(connection, [domain], wait=False)
        return self._allows(domain, now) > 0

    def go(self, delivery_id: int, domain: str, now: datetime) -> None:
        """It goes."""
        self._going.append((delivery_id, domain))
        for scope in (SENDER, domain):
            pace = self._paces.held(scope)
            if pace is None:
                continue
            if scope != SENDER and pace.is_shut(now):
                self._trials[delivery_id] = domain
            changed = pace.taking(1, self._limits.of_scope(scope), now)
            if changed != pace:
                self._paces.change(changed)

    def put_aside(self, connection: Connection, domain: str, deliveries: list[int], *, new: int) -> None:
        """They wait for the domain's pace; `new` of them were pending."""
        paces.set_aside(connection, self._paces.ids[domain], deliveries)
        self._paces.waited_for.add(domain)
        self._emptied.pop(domain, None)
        self.set_aside += new

    def nobody_waits(self, scope: str, wave_id: int) -> None:
        """Of those of the wave that waited for it, all go now that this worker can see."""
        self._emptied[scope].add(wave_id)
        if self._emptied[scope] >= self.waves:
            self._paces.waited_for.discard(scope)

    def cut_short(self) -> None:
        """There may be others further on: the next claim goes on at once."""
        self._cut_short = True

    def looked_through(self, now: datetime) -> bool:
        """Whether a claim that has just found nobody has looked at all of its wave: it had room, and was not cut short."""
        return not self._cut_short and self.room(1, now) > 0

    def end(self, connection: Connection, *, full: bool) -> None:
        """At the end of each transaction: write the paces.

        Args:
            connection: of the transaction.
            full: as many went as there were connections for, so that nothing waits for a turn alone.
        """
        self._paces.save(connection)
        if self._now is not None:
            self.opens_at = None if full or not self.kept else self._opens_at(self._now)

    def committed(self) -> None:
        """The transaction is on the disk."""
        self._paces.saved()
        self._in_air.update(domain for _, domain in self._going)
        self._storms.trials |= self._trials
        self._going, self._trials = [], {}
        self._verdicts, self._not_taken = {}, Counter()

    def undone(self) -> None:
        """The transaction failed: nothing went, and what is known may be wrong."""
        self._going, self._trials, self.set_aside, self.opens_at = [], {}, 0, None
        self._looked_at = None

    def trouble(self, now: datetime) -> str:
        """What holds mail up, for people; empty where nothing does."""
        if not self._heeded:
            return ""
        return wording.trouble(
            self._paces.seen(SENDER),
            [self._paces.seen(scope) for scope in sorted(self._paces.waited_for)],
            self._limits,
            now,
        )

    def _look_when_due(self, connection: Connection) -> None:
        if self._looked_at is not None and seconds() - self._looked_at < _LOOK:
            return
        self._looked_at = seconds()
        self._paces.look(connection)
        if self._heeded:
            self._paces.make(connection, self._limits.scopes())
        elif self._paces.waited_for:
            paces.release(connection, self._mailing_id, limit=_RELEASED)

    def _write(self, connection: Connection, now: datetime) -> None:
        """Hold all that this transaction will surely need, and change what was learnt."""
        if not self._heeded:
            return
        self._paces.make(connection, [s for s, v in self._verdicts.items() if v in {Verdict.SHUT, Verdict.SLOW}])
        learnt = {*self._verdicts, *(scope for scope in self._counted() if self._limits.of_scope(scope).daily)}
        sender = {SENDER} if self._limits.sender.any else set()
        self._paces.hold(connection, sorted(learnt | sender | self._paces.waited_for))
        for domain, verdict in self._verdicts.items():
            self._judge(domain, verdict, now)
        for scope, number in self._counted().items():
            pace = self._paces.held(scope)
            if pace is not None and self._limits.of_scope(scope).daily:
                self._paces.change(pace.giving_back(number))

    def _counted(self) -> dict[str, int]:
        """How many came back untaken, by scope."""
        return {SENDER: self._not_taken.total(), **self._not_taken} if self._not_taken else {}

    def _judge(self, domain: str, verdict: Verdict, now: datetime) -> None:
        pace = self._paces.held(domain)
        if pace is not None and (changed := self._judged(pace, verdict, now)) != pace:
            self._paces.change(changed)

    def _judged(self, pace: Pace, verdict: Verdict, now: datetime) -> Pace:
        match verdict:
            case Verdict.OPEN:
                return pace.opening()
            case Verdict.SLOW:
                return pace if pace.is_shut(now) else pace.slowing(now)
            case Verdict.TRIED_NOTHING:
                return pace.trying(now)
            case Verdict.TRIED_DOUBTFUL:
                return pace.failing(self._shut, now)
            case Verdict.SHUT if pace.is_shut(now):
                # They were on their way when it was shut.
                return pace
        return pace.shutting(self._shut, now)

    def _allows(self, scope: str, now: datetime) -> int:
        limit = self._limits.of_scope(scope)
        pace = self._paces.held(scope)
        if pace is None:
            # Another worker is at it just now.
            return 0
        if (righted := pace.righted(now)) != pace:
            self._paces.change(righted)
        number = righted.allows(limit, now)
        return max(0, min(number, limit.connections - self._busy(scope))) if limit.connections else number

    def _busy(self, domain: str) -> int:
        return self._in_air[domain] + sum(going == domain for _, going in self._going)

    def _opens_at(self, now: datetime) -> datetime | None:
        """When one of those that wait may go; None where an answer decides, or nobody waits."""
        if self._cut_short:
            return now
        sender = self._paces.seen(SENDER).opens_at(self._limits.sender, now) if self._limits.sender.any else now
        if sender > now:
            return sender
        opens = (
            self._paces.seen(scope).opens_at(self._limits.of_scope(scope), now)
            for scope in self._paces.waited_for
            if not self._full(scope)
        )
        return min(opens, default=None)

    def _full(self, scope: str) -> bool:
        most = self._limits.of_scope(scope).connections
        return bool(most) and self._busy(scope) >= most
