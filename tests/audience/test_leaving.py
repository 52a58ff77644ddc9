"""Leaving, undoing, coming back, pausing, choosing: what a reader does with the link in every mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter import store
from newsletter.audience import evidence, leaving, lists, preferences, subscribers, suppressions
from newsletter.audience.addresses import parse
from newsletter.errors import BlockedError, InputError
from newsletter.store.audience_tables import consent
from newsletter.store.statuses import ConsentWay, SubscriptionStatus, SuppressionReason
from newsletter.store.tables import audit, subscription

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HERE = "192.0.2.0/24"


def _nobody(key: str) -> str:
    return f"no hash of {len(key)}"


@dataclass
class Ada:
    """A reader of two lists, and what she does."""

    db: store.Store
    id: int
    daily: int
    weekly: int

    def standing(self, list_id: int | None = None) -> leaving.Standing:
        known = leaving.reader(self.db, self.id)
        assert known is not None
        found = known.standing(list_id or self.daily)
        assert found is not None
        return found

    def leaves(self, at: datetime = NOW, **options: Any) -> bool:
        return leaving.leave(self.db, self.id, self.daily, **{"at": at, "how": ConsentWay.ONE_CLICK, **options})

    def undoes(self, at: datetime) -> bool:
        return leaving.undo(self.db, self.id, self.daily, at=at, how=ConsentWay.LINK, fingerprint=_nobody)

    def rejoins(self, at: datetime) -> bool:
        given: dict[str, Any] = {"how": ConsentWay.PAGE, "words": "Subscribe again", "fingerprint": _nobody}
        return leaving.rejoin(self.db, self.id, self.daily, at=at, **given)

    def pauses(self, weeks: int = 2, at: datetime = NOW) -> datetime | None:
        return preferences.pause(self.db, self.id, self.daily, weeks=weeks, at=at, how=ConsentWay.PAGE)

    def row(self) -> Any:
        with self.db.reading() as connection:
            where = evidence.of_pair(self.id, self.daily)
            return connection.execute(select(subscription).where(where)).one()

    def steps(self) -> list[str]:
        with self.db.reading() as connection:
            return [step.what.value for step in evidence.steps_of(connection, [self.row().id])[self.row().id]]

    def log(self) -> list[str]:
        with self.db.reading() as connection:
            about = select(audit.c.action).where(audit.c.subject == f"subscriber:{self.id}").order_by(audit.c.id)
            return list(connection.execute(about).scalars())


@pytest.fixture
def ada(db: store.Store) -> Ada:
    for name in ("daily", "weekly"):
        given = {"list_name": name, "consent": "Letter of 3 March", "clock": lambda: NOW - timedelta(days=9)}
        found, _ = subscribers.add(db, "ada@reader.example", **given)  # type: ignore[arg-type]
    return Ada(db, found.id, lists.require(db, "daily").id, lists.require(db, "weekly").id)


def test_leaving_ends_one_list_with_its_reason_and_leaves_evidence(ada: Ada) -> None:
    assert ada.leaves(reason="  Too much at once.  ", network=HERE)
    assert ada.standing().status is SubscriptionStatus.UNSUBSCRIBED
    assert ada.standing(ada.weekly).status is SubscriptionStatus.SUBSCRIBED
    assert (ada.row().left_reason, ada.row().changed_at) == ("Too much at once.", NOW)
    assert (ada.steps(), ada.log()[-1]) == (["added", "left"], "subscription.leave")


def test_leaving_twice_is_leaving_once(ada: Ada) -> None:
    assert [ada.leaves(), ada.leaves(NOW + timedelta(days=1))] == [True, False]
    assert (ada.steps(), ada.row().changed_at) == (["added", "left"], NOW)


def test_a_reason_may_come_afterwards_and_is_cut(ada: Ada) -> None:
    assert not leaving.give_reason(ada.db, ada.id, ada.daily, "I am still here")
    ada.leaves()
    assert leaving.give_reason(ada.db, ada.id, ada.daily, "x" * 5_000)
    assert len(ada.row().left_reason) == leaving.LONGEST_REASON


def test_leaving_is_taken_back_within_a_day_and_the_first_consent_holds_on(ada: Ada) -> None:
    before = ada.row()
    ada.leaves()
    assert ada.standing().may_undo(NOW + timedelta(hours=23))
    assert ada.undoes(NOW + timedelta(hours=24))
    after = ada.row()
    assert (after.status, after.left_reason) == ("subscribed", "")
    assert (after.consent_text, after.consent_at) == (before.consent_text, before.consent_at)
    assert ada.steps() == ["added", "left", "undone"]
    assert not ada.undoes(NOW + timedelta(hours=24))


def test_after_a_day_a_forwarded_mail_brings_nobody_back_by_undoing(ada: Ada) -> None:
    ada.leaves()
    late = NOW + timedelta(days=1, seconds=1)
    assert not ada.standing().may_undo(late)
    with pytest.raises(BlockedError, match="too late"):
        ada.undoes(late)
    assert ada.row().status == "unsubscribed"


def test_coming_back_is_a_new_consent(ada: Ada) -> None:
    ada.leaves()
    back = NOW + timedelta(days=30)
    assert ada.rejoins(back)
    assert (ada.row().consent_text, ada.row().consent_at) == ("Subscribe again", back)
    assert ada.steps() == ["added", "left", "confirmed"]


def test_who_never_confirmed_cannot_come_back_by_leaving(ada: Ada) -> None:
    with ada.db.writing() as connection:
        connection.execute(update(consent).values(what="requested"))
        connection.execute(update(subscription).values(status="unconfirmed"))
    ada.leaves()
    for comes_back in (ada.undoes, ada.rejoins):
        with pytest.raises(BlockedError, match="never confirmed"):
            comes_back(NOW)
    assert ada.row().status == "unsubscribed"


@pytest.mark.parametrize("reason", list(SuppressionReason)[:4])
def test_no_promise_is_made_to_an_address_that_gets_nothing(ada: Ada, reason: SuppressionReason) -> None:
    ada.leaves()
    suppressions.add(ada.db, parse("ada@reader.example"), reason, clock=lambda: NOW)
    for comes_back in (ada.undoes, ada.rejoins):
        with pytest.raises(BlockedError, match="no mail would come"):
            comes_back(NOW)


def test_a_pause_ends_by_itself_or_by_hand(ada: Ada) -> None:
    assert ada.pauses() == ada.standing().paused_until == NOW + timedelta(weeks=2)
    resumed = preferences.resume(ada.db, ada.id, ada.daily, at=NOW + timedelta(days=1), how=ConsentWay.PAGE)
    assert resumed
    assert ada.standing().paused_until is None
    assert not preferences.resume(ada.db, ada.id, ada.daily, at=NOW, how=ConsentWay.PAGE)
    assert ada.steps() == ["added", "paused", "resumed"]
    assert ada.log()[-2:] == ["subscription.pause", "subscription.resume"]


@pytest.mark.parametrize(
    ("zone", "begun", "over"),
    [
        ("America/New_York", "2026-10-25T10:30", "2026-11-01T11:30"),  # summer time ends
        ("America/New_York", "2026-03-07T11:30", "2026-03-14T10:30"),  # and begins
        ("Europe/Berlin", "2026-03-22T01:30", "2026-03-29T01:30"),  # 02:30, which there is not
        ("Europe/Berlin", "2026-12-27T23:30", "2027-01-03T23:30"),  # over the end of a year
        ("UTC", "2028-02-25T12:00", "2028-03-03T12:00"),
    ],
)
def test_a_week_is_one_of_the_readers_clock(ada: Ada, zone: str, begun: str, over: str) -> None:
    at = datetime.fromisoformat(f"{begun}+00:00")
    until = preferences.pause(ada.db, ada.id, ada.daily, weeks=1, at=at, how=ConsentWay.PAGE, zone=zone)
    assert until == ada.standing().paused_until == datetime.fromisoformat(f"{over}+00:00")


def test_only_who_is_on_the_list_pauses_it_and_for_few_weeks(ada: Ada) -> None:
    with pytest.raises(InputError, match="52 weeks"):
        ada.pauses(52)
    ada.pauses()
    ada.leaves()
    assert ada.row().paused_until is None
    assert ada.pauses() is None


def test_what_a_reader_chooses_is_kept_and_what_is_left_out_stays(ada: Ada) -> None:
    assert preferences.choose(ada.db, ada.id, zone="Europe/Berlin", hour="7:30", language="de", at=NOW)
    assert preferences.choose(ada.db, ada.id, zone="", at=NOW)
    known = leaving.reader(ada.db, ada.id)
    assert known is not None
    assert (known.zone, known.hour, known.language) == (None, "07:30", "de")
    for wrong in ({"zone": "Mars/Olympus"}, {"hour": "25:00"}, {"language": "<b>"}):
        with pytest.raises(InputError):
            preferences.choose(ada.db, ada.id, at=NOW, **wrong)
    assert not preferences.choose(ada.db, 999, hour="08:00", at=NOW)
