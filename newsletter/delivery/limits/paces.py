"""The paces in the database, where every worker finds what the others have sent. Each is one row, written in the claim's
own transaction; on PostgreSQL it is locked from reading to commit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.delivery.limits.pace import Pace
from newsletter.store.statuses import DeliveryStatus
from newsletter.store.tables import BigId, delivery
from newsletter.store.tables import pace as table

_COLUMNS = (
    table.c.id,
    table.c.scope,
    table.c.free_at,
    table.c.day,
    table.c.today,
    table.c.failures,
    table.c.shut_until,
    table.c.slowed_until,
)
_KEPT = ("free_at", "day", "today", "failures", "shut_until", "slowed_until")


class Paces:
    """The rows as they were last seen, and within a transaction as they are.

    `ids`: by scope. `waited_for`: the scopes that deliveries of this mailing wait for.
    """

    def __init__(self, mailing_id: int) -> None:
        self._mailing_id = mailing_id
        self._seen: dict[str, Pace] = {}
        self._held: dict[str, Pace] = {}
        self._changed: set[str] = set()
        self.ids: dict[str, int] = {}
        self.waited_for: set[str] = set()

    def look(self, connection: Connection) -> None:
        """See what others have done. Nothing is locked."""
        rows = connection.execute(_LOOK, {"mailing": self._mailing_id}).all()
        self.ids = {row.scope: row.id for row in rows}
        self._seen = {row.scope: _pace(row) for row in rows}
        self.waited_for = {row.scope for row in rows if row.waited_for}

    def make(self, connection: Connection, scopes: Iterable[str]) -> None:
        """See that these have a row; in their order, so that two workers never wait for each other in a ring."""
        missing = sorted(set(scopes) - self.ids.keys())
        if missing:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            rows = [{"scope": scope} for scope in missing]
            connection.execute(insert(table).on_conflict_do_nothing(index_elements=["scope"]), rows)
            self.look(connection)

    def begin(self) -> None:
        """A new transaction: whatever the last one did is known by looking, or was undone."""
        self._held.clear()
        self._changed.clear()

    def hold(self, connection: Connection, scopes: Collection[str], *, wait: bool = True) -> None:
        """Read these as they are and keep others from changing them until the transaction ends.

        Args:
            connection: of the transaction.
            scopes: which; those without a row are left out.
            wait: for who holds one now. All that is waited for must be asked for at once: then two workers never wait
                for each other in a ring. Without, what somebody holds is left out.
        """
        missing = [scope for scope in scopes if scope not in self._held]
        if missing:
            query = _HOLD if wait else _HOLD_IF_FREE
            found = connection.execute(query, {"scopes": missing}).all()
            self._held |= {row.scope: _pace(row) for row in found}

    def held(self, scope: str) -> Pace | None:
        """The scope as it is; None where it is not held."""
        return self._held.get(scope)

    def seen(self, scope: str) -> Pace:
        """The scope as it was last seen."""
        return self._held.get(scope) or self._seen.get(scope) or Pace(scope=scope)

    def all_seen(self) -> Iterable[Pace]:
        """All that have a row, as they were last seen."""
        return (self._seen | self._held).values()

    def change(self, pace: Pace) -> None:
        """Put this in the place of what is held."""
        self._held[pace.scope] = pace
        self._changed.add(pace.scope)

    def save(self, connection: Connection) -> None:
        """Write what was changed."""
        rows = [
            {"of_scope": scope, **{f"its_{name}": getattr(self._held[scope], name) for name in _KEPT}}
            for scope in sorted(self._changed)
        ]
        if rows:
            connection.execute(_SAVE, rows)
            self._changed.clear()

    def saved(self) -> None:
        """The transaction is on the disk."""
        self._seen |= self._held


def waiting(connection: Connection, mailing_id: int) -> int:
    """How many of a mailing's deliveries wait for their turn, tried before or not. Read from an index of these alone."""
    return connection.execute(select(func.count()).select_from(delivery).where(*_waits(mailing_id))).scalar_one()


def set_aside(connection: Connection, pace_id: int, deliveries: Collection[int]) -> None:
    """These wait for their turn. Their fence stays as it is: nothing was tried."""
    connection.execute(_SET_ASIDE, {"pace": pace_id, "ids": list(deliveries)})


def release(connection: Connection, mailing_id: int, *, limit: int) -> int:
    """Have up to `limit` of those that wait wait no longer; how many."""
    some = select(delivery.c.id).where(*_waits(mailing_id)).limit(limit)
    values = {"pace_id": None, "due_at": delivery.c.changed_at}
    return connection.execute(update(delivery).where(delivery.c.id.in_(some)).values(values)).rowcount


def _waits(mailing_id: object) -> tuple[Any, ...]:
    waits = (delivery.c.pace_id.is_not(None), delivery.c.status == DeliveryStatus.DEFERRED)
    return (delivery.c.mailing_id == mailing_id, *waits)


def _pace(row: Any) -> Pace:
    return Pace(scope=row.scope, **{name: getattr(row, name) for name in _KEPT})


_LOOK = select(
    *_COLUMNS,
    exists()
    .where(
        delivery.c.mailing_id == bindparam("mailing"),
        delivery.c.pace_id == table.c.id,
        delivery.c.status == DeliveryStatus.DEFERRED,
    )
    .correlate(table)
    .label("waited_for"),
)
_OF_SCOPES = select(*_COLUMNS).where(table.c.scope.in_(bindparam("scopes", expanding=True))).order_by(table.c.id)
_HOLD = _OF_SCOPES.with_for_update()
_HOLD_IF_FREE = _OF_SCOPES.with_for_update(skip_locked=True)
_SAVE = (
    update(table)
    .where(table.c.scope == bindparam("of_scope"))
    .values({name: bindparam(f"its_{name}", type_=table.c[name].type) for name in _KEPT})
)
_SET_ASIDE = (
    update(delivery)
    .where(
        delivery.c.id.in_(bindparam("ids", expanding=True)),
        delivery.c.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)),
    )
    .values(status=DeliveryStatus.DEFERRED, due_at=None, pace_id=bindparam("pace", type_=BigId))
)
