"""The issues that anybody may read: those whose first wave has gone out, of lists that are public, to all their readers."""

from __future__ import annotations

import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from newsletter.publishing import editions
from newsletter.rendering import Edition
from newsletter.store import Store
from newsletter.store.statuses import MailingKind, MailingStatus
from newsletter.store.tables import mailing, mailing_list
from newsletter.web.public.neutral import Neutral, bare, neutral, neutral_text

MOST_LOOKED_AT = 5_000
"""Issues, the newest: 19 years of weekdays. All of them are in memory while somebody searches."""
MOST_SEARCHES = 4
"""At a time: one over all of them takes 40 ms of a processor, a spiteful one 0.2 s. Who comes fifth is told to come back."""
_MOST_WHOLE = 64
"""Issues whose whole page is kept ready: 20 KB each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PastIssue:
    """An issue that went out. `at` is when its first wave began, `corrected_at` when the latest correction did."""

    slug: str
    digest: str
    list_title: str
    day: Date
    at: datetime
    corrected_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What lists and feeds tell of an issue; `words` is what a search looks into."""

    title: str
    summary: str
    language: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A page of issues with what is told of each; `total` is how many there are in all."""

    issues: tuple[tuple[PastIssue, Told], ...]
    total: int


class NotReadyError(Exception):
    """The issues are being read for the first time, or many search them; a few seconds later it works."""


class Archive:
    """The public issues of one newsroom. Threads may share it.

    What is made of an edition is kept by its digest, which never means anything else; which issues there are is asked
    anew each time.
    """

    def __init__(self, store: Store, lists: Collection[str]) -> None:
        self._store = store
        self._lists = sorted(lists)
        self._lock = threading.Lock()
        self._reading_all = threading.Lock()
        self._searching = threading.BoundedSemaphore(MOST_SEARCHES)
        self._listed: tuple[tuple[Any, ...], tuple[PastIssue, ...]] | None = None
        self._told: dict[str, Told] = {}
        self._whole: OrderedDict[str, tuple[Told, Neutral]] = OrderedDict()
        self._bare: OrderedDict[str, str] = OrderedDict()

    def issues(self, *, now: datetime) -> tuple[PastIssue, ...]:
        """All of them, the newest first. One statement that counts, and one that reads where something has changed.

        Raises:
            InputError: the database does not answer.
        """
        where = _is_public(self._lists, now)
        counting = select(func.count(), func.sum(mailing.c.id), func.max(mailing.c.started_at)).select_from(_joined())
        with self._store.reading() as connection:
            state = tuple(connection.execute(counting.where(where)).one())
            if self._listed is None or self._listed[0] != state:
                self._listed = (state, _read(connection, where))
        return self._listed[1]

    def page(self, *, now: datetime, words: str = "", first: int = 0, size: int = 20) -> Found:
        """Those from the `first` on that have all of `words`, in whatever order; the newest first.

        Raises:
            InputError: the database does not answer, or an edition in it is damaged.
            NotReadyError: words are looked for, and another request is just reading all issues for the first time, or
                too many are looking for words.
        """
        issues: Sequence[PastIssue] = self.issues(now=now)[:MOST_LOOKED_AT]
        wanted = wanted_words(words)
        if wanted:
            issues = self._having(wanted, issues)
        shown = tuple((issue, self.told(issue)) for issue in issues[first : first + size])
        return Found(issues=shown, total=len(issues))

    def _having(self, wanted: Sequence[str], issues: Sequence[PastIssue]) -> Sequence[PastIssue]:
        self._read_all(issues)
        if not self._searching.acquire(blocking=False):
            raise NotReadyError
        try:
            return [issue for issue in issues if all(word in self.told(issue).words for word in wanted)]
        finally:
            self._searching.release()

    def warm(self, *, now: datetime) -> None:
        """Read all issues, so that the first who searches need not wait: 4 ms for each.

        Raises:
            InputError: as `page`.
            NotReadyError: somebody does that just now.
        """
        self._read_all(self.issues(now=now)[:MOST_LOOKED_AT])

    def _read_all(self, issues: Sequence[PastIssue]) -> None:
        unread = [issue for issue in issues if issue.digest not in self._told]
        if not unread:
            return
        # One thread is enough for that: the others are for those who read.
        if not self._reading_all.acquire(blocking=False):
            raise NotReadyError
        try:
            for issue in unread:
                self.told(issue)
        finally:
            self._reading_all.release()

    def told(self, issue: PastIssue) -> Told:
        """What lists tell of the issue.

        Raises:
            InputError: as `page`.
        """
        known = self._told.get(issue.digest)
        if known is None:
            known = _told(self._edition(issue), issue)
            self._told[issue.digest] = known
        return known

    def whole(self, issue: PastIssue) -> tuple[Told, Neutral]:
        """The issue itself, and what is told of it.

        Raises:
            InputError: as `page`.
        """
        with self._lock:
            if (known := self._whole.get(issue.digest)) is not None:
                self._whole.move_to_end(issue.digest)
                return known
        edition = self._edition(issue)
        made = (_told(edition, issue), neutral(edition, list_title=issue.list_title))
        with self._lock:
            self._whole[issue.digest] = made
            while len(self._whole) > _MOST_WHOLE:
                self._whole.popitem(last=False)
        return made

    def bare(self, issue: PastIssue) -> str:
        """The issue's words, for feeds.

        Raises:
            InputError: as `page`.
        """
        with self._lock:
            known = self._bare.get(issue.digest)
        if known is None:
            known = bare(self._edition(issue), list_title=issue.list_title)
            with self._lock:
                self._bare[issue.digest] = known
                while len(self._bare) > _MOST_WHOLE:
                    self._bare.popitem(last=False)
        return known

    def _edition(self, issue: PastIssue) -> Edition:
        return editions.edition_of(self._store, issue.digest)


def folded(text: str) -> str:
    """Letters without case and accents, so that a search for `cafe` finds `Café`."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def wanted_words(text: str) -> list[str]:
    """What to look for, the longest first: whoever types a word twice, or a part of another one, is not asked to pay, and
    neither are we.
    """
    found: list[str] = []
    for word in sorted(folded(text).split(), key=len, reverse=True):
        if not any(word in longer for longer in found):
            found.append(word)
    return found


def _told(edition: Edition, issue: PastIssue) -> Told:
    title = str(edition.manifest.get("title") or edition.subject)
    text = neutral_text(edition, list_title=issue.list_title)
    return Told(
        title=title,
        summary=edition.preheader,
        language=edition.language,
        words=folded(f"{title}\n{edition.subject}\n{edition.preheader}\n{text}"),
    )


def _joined() -> Any:
    return mailing.join(mailing_list, mailing.c.list_id == mailing_list.c.id)


def _is_public(lists: Sequence[str], now: datetime) -> ColumnElement[bool]:
    """Nothing of an issue is public before its first wave, nothing that was called off, and nothing for a few readers."""
    return (
        mailing_list.c.name.in_(lists)
        & (mailing.c.started_at <= now)
        & (mailing.c.status != MailingStatus.CANCELLED)
        & mailing.c.kind.in_((MailingKind.ISSUE, MailingKind.CORRECTION))
        & (mailing.c.filter == "")
    )


def _read(connection: Connection, where: ColumnElement[bool]) -> tuple[PastIssue, ...]:
    columns = (mailing.c.issue, mailing.c.edition_digest, mailing.c.local_date, mailing.c.started_at, mailing.c.kind)
    statement = select(*columns, mailing_list.c.title).select_from(_joined()).where(where)
    rows = connection.execute(statement.order_by(mailing.c.started_at, mailing.c.id)).all()
    sent: dict[str, list[Any]] = {}
    for row in rows:
        sent.setdefault(row.issue, []).append(row)
    issues = (_past(slug, mailings) for slug, mailings in sent.items())
    return tuple(sorted(issues, key=lambda issue: (issue.day, issue.at), reverse=True))


def _past(slug: str, sent: Sequence[Any]) -> PastIssue:
    """An issue by its mailings in order: the first dates it, the last has its words."""
    corrections = [row for row in sent if row.kind == MailingKind.CORRECTION]
    return PastIssue(
        slug=slug,
        digest=sent[-1].edition_digest,
        list_title=sent[0].title,
        day=sent[0].local_date,
        at=sent[0].started_at,
        corrected_at=corrections[-1].started_at if corrections else None,
    )
