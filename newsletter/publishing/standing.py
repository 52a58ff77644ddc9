"""Where an edition stands: who tested it, who approved it, what was waived. And which other one of its issue was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, MailingStatus, NoticeKind

_APPROVAL, _WAIVER, _NOTICE, _USER = tables.approval.c, tables.waiver.c, tables.notice.c, tables.user.c


@dataclass(frozen=True, kw_only=True, slots=True)
class SentTest:
    """A test mail of an edition that the server took. Whom it went to is not told here."""

    edition: str
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UntakenTest:
    """A test mail that does not count: refused, lost with its process, or not sent yet."""

    by: str
    at: datetime
    status: DeliveryStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """A person's word that this edition may go out. `side` is the user's."""

    edition: str
    by: str
    side: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """A finding that a person answers for, in one edition, by its code."""

    edition: str
    code: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What is on record for an edition, the oldest first; users disabled since and approvals withdrawn are left out.

    `untaken` are its tests that do not count. `tested_before` and `approved_before` are the digests of the issue's editions
    that were so last, where another.
    """

    edition: str
    tests: tuple[SentTest, ...] = ()
    untaken: tuple[UntakenTest, ...] = ()
    approvals: tuple[Approval, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    tested_before: str | None = None
    approved_before: str | None = None


def standing(connection: Connection, *, issue: str, digest: str) -> Standing:
    """Where the edition of the issue stands, read in the caller's transaction."""
    tests, approvals = _tests(connection, issue), _approvals(connection, issue)
    return Standing(
        edition=digest,
        tests=tuple(test for test in tests if test.edition == digest),
        untaken=tuple(_untaken(connection, digest)),
        approvals=tuple(approval for approval in approvals if approval.edition == digest),
        waivers=tuple(_waivers(connection, digest)),
        tested_before=_last_other([test.edition for test in tests], digest),
        approved_before=_last_other([approval.edition for approval in approvals], digest),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """The edition of an issue that was looked at last, and how: approved, sent or tested."""

    edition: str
    how: str
    at: datetime


def last_looked_at(connection: Connection, *, issue: str) -> Looked | None:
    """What a changed issue is compared with: what was approved last, else sent, else tested; None where nothing was."""
    approvals = _approvals(connection, issue)
    if approvals:
        return Looked(edition=approvals[-1].edition, how="approved", at=approvals[-1].at)
    table = tables.mailing.c
    sent = (table.issue == issue) & (table.status != MailingStatus.CANCELLED)
    newest = select(table.edition_digest, table.created_at).where(sent).order_by(table.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    if row is not None:
        return Looked(edition=row.edition_digest, how="sent", at=row.created_at)
    tests = _tests(connection, issue)
    return Looked(edition=tests[-1].edition, how="tested", at=tests[-1].at) if tests else None


def _last_other(editions: list[str], digest: str) -> str | None:
    return next((edition for edition in reversed(editions) if edition != digest), None)


def _tests(connection: Connection, issue: str) -> list[SentTest]:
    rows = connection.execute(_TESTS, {"of_issue": issue})
    return [SentTest(edition=row.edition_digest, by=row.name, at=row.changed_at) for row in rows]


def _untaken(connection: Connection, digest: str) -> list[UntakenTest]:
    rows = connection.execute(_UNTAKEN, {"edition": digest})
    return [UntakenTest(by=row.name, at=row.changed_at, status=DeliveryStatus(row.status)) for row in rows]


def _approvals(connection: Connection, issue: str) -> list[Approval]:
    rows = connection.execute(_APPROVALS, {"of_issue": issue})
    return [Approval(edition=row.edition_digest, by=row.name, side=row.side, at=row.at) for row in rows]


def _waivers(connection: Connection, digest: str) -> list[Waiver]:
    rows = connection.execute(_WAIVERS, {"edition": digest})
    return [Waiver(edition=digest, code=row.code, by=row.name, reason=row.reason, at=row.at) for row in rows]


_TEST = select(_NOTICE.edition_digest, _USER.name, _NOTICE.changed_at, _NOTICE.status).join(
    tables.user, _USER.id == _NOTICE.user_id
)
_TESTS = _TEST.where(
    _NOTICE.issue == bindparam("of_issue"),
    _NOTICE.kind == NoticeKind.TEST,
    _NOTICE.status == DeliveryStatus.ACCEPTED,
).order_by(_NOTICE.changed_at, _NOTICE.id)
_UNTAKEN = _TEST.where(
    _NOTICE.edition_digest == bindparam("edition"),
    _NOTICE.kind == NoticeKind.TEST,
    _NOTICE.status != DeliveryStatus.ACCEPTED,
).order_by(_NOTICE.changed_at, _NOTICE.id)
_APPROVALS = (
    select(_APPROVAL.edition_digest, _USER.name, _USER.side, _APPROVAL.at)
    .join(tables.user)
    .where(_APPROVAL.issue == bindparam("of_issue"), _APPROVAL.withdrawn_at.is_(None), _USER.disabled_at.is_(None))
    .order_by(_APPROVAL.at, _APPROVAL.id)
)
_WAIVERS = (
    select(_WAIVER.code, _USER.name, _WAIVER.reason, _WAIVER.at)
    .join(tables.user)
    .where(_WAIVER.edition_digest == bindparam("edition"))
    .order_by(_WAIVER.at, _WAIVER.id)
)
