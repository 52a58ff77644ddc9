"""The settings, held against what sending to readers asks for."""

from datetime import date

import pytest

from newsletter.doctor import Area, Fine, Found
from newsletter.doctor.configuration import look
from newsletter.findings import Severity

# The verification key of the Event Webhook: a P-256 key made for this test.
EVENTS_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGmcBNrvtC8YYQsnGyqZDdFRPGK8MOeuzj7OVwmFM2SfQ"
    "Y1bCJ3wqCOZnjCYVdIoRHIIM0eUAsDW3ZAsjJ6wJ6w=="
)


def found(room):
    return [each for each in look(room.installation()) if not isinstance(each, Fine)]


def test_a_newsroom_that_sends_for_real_is_fine(room):
    assert found(room) == []


@pytest.mark.parametrize(
    ("table", "keys", "code"),
    [
        ("newsroom", {"postal_address": ""}, "LAW-ADDRESS"),
        ("newsroom", {"url": "http://letter.harbour-letter.fish"}, "LAW-HTTPS"),
        ("newsroom", {"url": "https://localhost:8025"}, "SETUP-URL-LOCAL"),
        ("newsroom", {"url": "https://[::1]:8025"}, "SETUP-URL-LOCAL"),
        ("newsroom", {"url": "https://192.168.1.2"}, "SETUP-URL-LOCAL"),
        ("newsroom", {"url": "https://pages"}, "SETUP-URL-LOCAL"),
        ("newsroom", {"url": "https://letter.example"}, "SETUP-URL-LOCAL"),
        ("sender", {"kind": "sendgrid"}, "SETUP-EVENTS-KEY"),
        ("sender", {"kind": "sendgrid", "events_key": "nonsense"}, "SETUP-EVENTS-KEY"),
    ],
)
def test_each_fault_has_its_finding(table, keys, code, room):
    room.change(table, **keys)
    (one,) = found(room)
    assert one.finding.code == code
    assert one.remedy


def test_a_reserved_name_at_a_real_server_cannot_be_sent_from(room):
    room.change("newsroom", from_address="letter@harbour.example")
    room.change("sender", host="smtp.relay.fish")
    assert [each.finding.code for each in found(room)] == ["SETUP-FROM-RESERVED"]


def test_a_rehearsal_is_no_fault_and_its_pages_may_be_local(room):
    room.change("newsroom", from_address="letter@harbour.example", url="http://localhost:8025")
    (one,) = found(room)
    assert (one.finding.code, one.finding.severity) == ("SETUP-REHEARSAL", Severity.INFO)


def test_without_lists_there_is_nobody_to_send_to(room):
    del room.tables["lists"]
    assert [each.finding.code for each in found(room)] == ["SETUP-NO-LIST"]


def test_the_sandbox_is_told(room):
    room.change("sender", kind="sendgrid", sandbox=True, url="http://127.0.0.1:1")
    assert [each.finding.code for each in found(room)] == ["SETUP-SANDBOX"]


@pytest.mark.parametrize(
    ("of_list", "of_approval", "code"),
    [
        ({"skip": [date(2026, 12, 26)], "days": ["mon"]}, {}, "LIST-SKIP"),
        ({"recurring": True}, {"needed": 0}, "LIST-RECURRING"),
    ],
)
def test_what_of_a_calendar_cannot_be_meant_so_is_told(room, of_list, of_approval, code):
    room.tables["lists"]["daily"] |= {"hour": "06:00", **of_list}
    room.tables["approval"] = of_approval
    (found,) = [each for each in room.examined(offline=True).of(Area.SETTINGS) if isinstance(each, Found)]
    assert (found.finding.code, found.where) == (code, "lists.daily")


def test_a_calendar_that_is_meant_so_is_fine(room):
    calendar = {"hour": "06:00", "ready_by": "05:00", "skip": [date(2026, 12, 25)], "recurring": True}
    room.tables["lists"]["daily"] |= calendar
    assert not [each for each in room.examined(offline=True).of(Area.SETTINGS) if isinstance(each, Found)]
