from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.alerts import KINDS, Alert, Raised
from newsletter.alerts.alert import HOUR, may_announce, news
from newsletter.store.statuses import AlertSeverity, AlertStep

SIX = datetime(2026, 11, 24, 6, tzinfo=UTC)
FOUR = timedelta(hours=4)
FRESH = Raised(
    id=1,
    code="HELD-LATE",
    subject="mailing:12",
    severity=AlertSeverity.CRITICAL,
    message="late",
    times=1,
    raised_at=SIX,
    seen_at=SIX,
)
TOLD = replace(FRESH, told=AlertStep.RAISED, told_at=SIX)


def at(alert, **later):
    return news(alert, now=SIX + timedelta(**later), remind_after=FOUR)


def test_what_is_new_is_told_once_and_then_reminded_of():
    assert at(FRESH) is AlertStep.RAISED
    assert at(TOLD, hours=3, minutes=59) is None
    assert at(TOLD, hours=4) is AlertStep.REMINDED
    assert at(replace(TOLD, told=AlertStep.REMINDED, told_at=SIX + FOUR), hours=7) is None
    assert at(replace(TOLD, told=AlertStep.REMINDED, told_at=SIX + FOUR), hours=8) is AlertStep.REMINDED


def test_nobody_is_reminded_of_what_somebody_has_in_hand():
    assert at(replace(TOLD, acknowledged_at=SIX), days=9) is None
    assert at(replace(FRESH, acknowledged_at=SIX)) is AlertStep.RAISED


def test_the_end_is_told_once_also_of_what_nobody_was_told_of():
    over = replace(TOLD, resolved_at=SIX + HOUR)
    assert at(over, hours=1) is AlertStep.RESOLVED
    assert at(replace(over, told=AlertStep.RESOLVED), hours=2) is None
    assert at(replace(FRESH, resolved_at=SIX), minutes=1) is AlertStep.RESOLVED
    assert at(replace(FRESH, resolved_at=SIX), days=2) is None, "today that helps nobody"


def test_a_kind_is_announced_once_an_hour_and_a_clock_that_was_ahead_silences_nothing():
    assert may_announce(None, now=SIX)
    assert not may_announce(SIX, now=SIX + timedelta(minutes=59))
    assert may_announce(SIX, now=SIX + HOUR)
    assert may_announce(SIX + timedelta(days=3), now=SIX)


@pytest.mark.parametrize(
    ("code", "subject"),
    [("NO-SUCH", "mailing:12"), ("HELD-LATE", "mailing 12"), ("HELD-LATE", "ann@harbour.example"), ("HELD-LATE", "")],
)
def test_what_is_no_alert_is_a_fault_of_the_program(code, subject):
    with pytest.raises(ValueError, match=r"."):
        Alert(code=code, subject=subject, message="x")


def test_a_kind_that_a_later_version_knew_still_explains_itself():
    assert replace(FRESH, code="FROM-LATER").kind.title == "FROM-LATER"


def test_every_kind_says_what_to_do_and_has_its_page():
    for code, kind in KINDS.items():
        assert kind.code == code
        assert kind.title[0].islower()
        assert kind.todo.endswith(".")
        assert kind.page == f"runbook/{code.lower()}.md"
        assert len(code) <= 40
