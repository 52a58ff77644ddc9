"""How many readers a list's issue usually goes to, and whether this one's number needs a second look.

An audience that has shrunk or grown overnight is a broken import or a wrong list more often than news.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Connection, select

from newsletter.audience.choosing import EVERYBODY, Choice
from newsletter.store.statuses import MailingKind, MailingStatus
from newsletter.store.tables import mailing

MAILINGS = 10
"""Of so many mailings, the last ones, the median is what is usual: two working weeks."""

_FEWEST = 3
_SHARE = 0.20
_FEW_READERS = 10
"""A difference that small is no sign of anything, however small the list."""

_CLOSE = 0.01
"""As near to the number that a person named it may come: people join and leave while somebody types."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usual:
    """What is usual: the median of `mailings` mailings."""

    median: int
    mailings: int

    def differs(self, readers: int) -> bool:
        """Whether so many readers are out of the ordinary: a fifth more or fewer, and not just a handful."""
        apart = abs(readers - self.median)
        return apart > self.median * _SHARE and apart >= _FEW_READERS


def usual_of(sizes: Sequence[int]) -> Usual | None:
    """What is usual by the sizes of past mailings; None where they are too few to say."""
    return Usual(median=round(median(sizes)), mailings=len(sizes)) if len(sizes) >= _FEWEST else None


def usual_on(connection: Connection, list_id: int, choice: Choice = EVERYBODY) -> Usual | None:
    """What is usual on the list, by its last issues that were sent to their end, to readers chosen by the same filter."""
    found = (
        select(mailing.c.prepared)
        .where(
            mailing.c.list_id == list_id,
            mailing.c.kind == MailingKind.ISSUE,
            mailing.c.status == MailingStatus.FINISHED,
            mailing.c.filter == choice.filter,
        )
        .order_by(mailing.c.local_date.desc(), mailing.c.id.desc())
        .limit(MAILINGS)
    )
    return usual_of(connection.execute(found).scalars().all())


def objection(readers: int, usual: Usual | None, expected: int | None) -> str:
    """What is against so many readers, in a sentence; empty where nothing is, or a person has named the number."""
    if expected is not None:
        if abs(readers - expected) <= expected * _CLOSE:
            return ""
        return f"{expected:,} readers were expected, and it would go to {readers:,}"
    if usual is None or not usual.differs(readers):
        return ""
    more = "more" if readers > usual.median else "fewer"
    share = f", {abs(readers - usual.median) / usual.median:.0%} {more} than usual" if usual.median else ""
    return (
        f"it would go to {readers:,} readers{share} ({usual.median:,}, the median of the list’s last {usual.mailings} "
        f"mailings); if that is right, confirm it with --expect {readers}"
    )
