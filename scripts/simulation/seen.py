"""What the checker keeps in mind: deliveries, mailings and waves as it saw them last."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime


class BrokenError(Exception):
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
        self.what = what


@dataclass(slots=True)
class Row:
    """A delivery as the checker saw it last. `since` is the true instant of its last change, `allowed` the fences after which
    it may go out once more though it may have arrived, `said_not` those at which it surely was not handed over. `due` is
    when what is deferred is tried again, as the database keeps it.
    """

    mailing: int
    subscriber: int
    wave: int
    status: str
    fence: int
    chunk: int | None
    due: str | None
    since: datetime
    jumps: int
    allowed: set[int] = field(default_factory=set)
    said_not: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Post:
    """A mailing as the checker saw it last."""

    id: int
    list: int
    day: str
    kind: str
    issue: str
    status: str
    edition: str
    not_later_than: datetime
    started: bool
    resends: bool
    selected: int
    prepared: int
    excluded: str
    due_at: datetime | None


@dataclass(slots=True)
class Wave:
    """A wave as the checker saw it last."""

    mailing: int
    due_at: datetime
    not_later_than: datetime | None
    released: bool
    skipped: bool
    edition: str
    begun: bool


def instant(text: str) -> datetime:
    """As SQLite keeps it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
