"""The mailing: one edition to one list on one day, and what may become of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime

from newsletter.errors import BlockedError
from newsletter.publishing.timing import Timing
from newsletter.store.statuses import MailingKind, MailingStatus

_MAY_BECOME = {
    MailingStatus.SCHEDULED: {MailingStatus.SENDING, MailingStatus.PAUSED, MailingStatus.CANCELLED},
    MailingStatus.SENDING: {MailingStatus.PAUSED, MailingStatus.FINISHED, MailingStatus.CANCELLED},
    MailingStatus.PAUSED: {MailingStatus.SENDING, MailingStatus.SCHEDULED, MailingStatus.CANCELLED},
    MailingStatus.FINISHED: set[MailingStatus](),
    MailingStatus.CANCELLED: set[MailingStatus](),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailing:
    """A mailing as it stands. `local_date` is the day in the list's zone; instants are UTC.

    `not_later_than` is the instant after which nothing more is tried. `created_at` is the message's Date, so that every
    copy and every attempt carries the same one. `due_at` is when the first wave of a scheduled one is due, and `timing`
    what that was reckoned from; None for one that a person sends at once. `filter` says which of the list's readers it is
    for, "" all, and `segment` the name that the filter had.
    """

    id: int
    list_id: int
    list_name: str
    list_title: str
    local_date: Date
    kind: MailingKind
    sequence: int
    issue: str
    edition_digest: str
    status: MailingStatus
    not_later_than: datetime
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    due_at: datetime | None = None
    timing: Timing | None = None
    filter: str = ""
    segment: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is scheduled and its hour has not come."""
        return self.status is MailingStatus.SCHEDULED and self.due_at is not None

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return not _MAY_BECOME[self.status]

    def start(self, now: datetime) -> Mailing:
        """Sending begins."""
        return replace(self._become(MailingStatus.SENDING), started_at=self.started_at or now)

    def pause(self) -> Mailing:
        """Nothing more is claimed until it is resumed."""
        if self.status is MailingStatus.SCHEDULED:
            raise self._refusal("paused")
        return self._become(MailingStatus.PAUSED)

    def hold(self) -> Mailing:
        """A scheduled one that was found too late waits for a person."""
        if self.status is not MailingStatus.SCHEDULED:
            raise self._refusal("held")
        return self._become(MailingStatus.PAUSED)

    def wait_again(self) -> Mailing:
        """A held one whose hour has not come is as it was before."""
        if self.status is not MailingStatus.PAUSED or self.started_at is not None:
            raise self._refusal("scheduled again")
        return self._become(MailingStatus.SCHEDULED)

    def resume(self) -> Mailing:
        """A paused one goes on, or begins where it was held."""
        if self.status is not MailingStatus.PAUSED:
            raise self._refusal("resumed")
        return self._become(MailingStatus.SENDING)

    def cancel(self, now: datetime) -> Mailing:
        """It ends before its end."""
        return replace(self._become(MailingStatus.CANCELLED), finished_at=now)

    def finish(self, now: datetime) -> Mailing:
        """Nothing is pending any more."""
        return replace(self._become(MailingStatus.FINISHED), finished_at=now)

    def reopen(self, *, not_later_than: datetime) -> Mailing:
        """A finished one goes on, because a person wants some of its deliveries tried again."""
        if self.status is not MailingStatus.FINISHED:
            raise self._refusal("reopened")
        return replace(self, status=MailingStatus.SENDING, finished_at=None, not_later_than=not_later_than)

    def _become(self, status: MailingStatus) -> Mailing:
        if status not in _MAY_BECOME[self.status]:
            raise self._refusal(status.value)
        return replace(self, status=status)

    def _refusal(self, wished: str) -> BlockedError:
        return BlockedError(f"mailing {self.id} is {self.status.value} and cannot be {wished}")
