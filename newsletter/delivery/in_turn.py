"""Claiming where turns are kept: the same promises as `ledger.claim`, and nobody goes whose domain may have no more now.

Every function is one step of the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from newsletter.delivery import candidates, ledger
from newsletter.delivery.candidates import Candidates
from newsletter.delivery.chunks import Chunk
from newsletter.delivery.ledger import Claimed, Found
from newsletter.delivery.limits.turns import Turns, Waiting
from newsletter.store.statuses import DeliveryStatus

_FARTHEST = 1_000
"""How many a claim passes over at most, setting them aside: more would keep other writers waiting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is to be claimed: up to `limit` deliveries of a wave.

    `now` is the hour, for the limits; what was deferred up to `due_by` may be tried again. `others`: not only those that
    wait for their turn. `wanted` is the mailing's filter.
    """

    mailing_id: int
    wave_id: int
    limit: int
    now: datetime
    due_by: datetime
    others: bool = True
    wanted: str = ""


def claim(connection: Connection, asked: Asked, held: Chunk, turns: Turns) -> list[Claimed]:
    """What may go, now `sending` in the chunk: those whose turn it is, new ones, then deferred ones.

    Whoever is found and may not go now is set aside in this transaction, and not found again until the turn has come.

    Raises:
        LeaseLostError: the chunk lapsed; the transaction must be undone.
    """
    values = {"mailing": asked.mailing_id, "wave": asked.wave_id, "after": 0, "now": asked.due_by}
    room = turns.room(asked.limit, asked.now)
    statements = candidates.of_filter(asked.wanted)
    walk = _Walk(
        connection=connection, statements=statements, asked=values, held=held, turns=turns, now=asked.now, room=room
    )
    walk.those_that_wait()
    if asked.others:
        walk.others()
    return walk.going


@dataclass(kw_only=True, slots=True)
class _Walk:
    """One claim. `room` is how many may go in all."""

    connection: Connection
    statements: Candidates
    asked: Mapping[str, Any]
    held: Chunk
    turns: Turns
    now: datetime
    room: int
    going: list[Claimed] = field(default_factory=list)

    @property
    def _left(self) -> int:
        return self.room - len(self.going)

    def those_that_wait(self) -> None:
        """Whose turn has come."""
        if self._left:
            for waiting in self.turns.waiting(self.now):
                number = min(waiting.number, self._left)
                rows = self._in_turn(waiting, number)
                self._send([Found(row, DeliveryStatus.DEFERRED) for row in rows if not row.reason])
                self._withdraw([row for row in rows if row.reason])
                if len(rows) < number:
                    self.turns.nobody_waits(waiting.scope, self.asked["wave"])
                if not self._left:
                    return

    def others(self) -> None:
        """New ones and deferred ones, past those who have to wait, in strides that grow."""
        seen, stride = 0, self._left
        while self._left and seen < _FARTHEST:
            found = list(self._found(stride))
            passed_over = self._sort(found)
            if len(found) < stride or not passed_over:
                return
            seen += len(found)
            stride = min(8 * stride, _FARTHEST)
        if self._left:
            self.turns.cut_short()

    def _found(self, stride: int) -> Iterator[Found]:
        new = self.connection.execute(self.statements.pending, {**self.asked, "limit": stride}).all()
        yield from (Found(row, DeliveryStatus.PENDING) for row in new)
        if len(new) < stride:
            again = self.connection.execute(self.statements.deferred, {**self.asked, "limit": stride - len(new)})
            yield from (Found(row, DeliveryStatus.DEFERRED) for row in again.all())

    def _sort(self, found: Sequence[Found]) -> int:
        """Send who may go, set aside who may not, withdraw who has left; how many did not go."""
        aside: dict[str, list[Found]] = defaultdict(list)
        going: list[Found] = []
        leaving: list[Row[Any]] = []
        for one in found:
            if one.row.reason:
                leaving.append(one.row)
            elif one.row.domain in aside or not self.turns.may_go(self.connection, one.row.domain, self.now):
                aside[one.row.domain].append(one)
            elif len(going) < self._left:
                going.append(one)
                self.turns.go(one.row.id, one.row.domain, self.now)
            else:
                break
        self._intend(going)
        self._withdraw(leaving)
        for domain, waiting in aside.items():
            new = sum(one.was is DeliveryStatus.PENDING for one in waiting)
            self.turns.put_aside(self.connection, domain, [one.row.id for one in waiting], new=new)
        return len(leaving) + sum(map(len, aside.values()))

    def _in_turn(self, waiting: Waiting, number: int) -> list[Row[Any]]:
        """Of those that wait at a pace, the new ones first."""
        rows: list[Row[Any]] = []
        for statement in (self.statements.new_in_turn, self.statements.tried_in_turn):
            if len(rows) < number:
                asked = {**self.asked, "pace": waiting.pace_id, "limit": number - len(rows)}
                rows += self.connection.execute(statement, asked)
        return rows

    def _send(self, found: Sequence[Found]) -> None:
        for one in found:
            self.turns.go(one.row.id, one.row.domain, self.now)
        self._intend(found)

    def _intend(self, found: Sequence[Found]) -> None:
        self.going += ledger.intend(self.connection, found, self.held, now=self.now)

    def _withdraw(self, rows: Sequence[Row[Any]]) -> None:
        if rows:
            ledger.withdraw_left(self.connection, rows, now=self.now)
