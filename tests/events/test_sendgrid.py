import json
from datetime import UTC, datetime

import pytest

from newsletter.errors import InputError
from newsletter.events.sendgrid import events_of
from newsletter.store.statuses import EventType

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def only(**raw):
    (event,) = events_of(json.dumps([raw]).encode(), now=NOW)
    return event


def test_an_event_in_our_words():
    event = only(
        event="delivered", sg_event_id="e1", sg_message_id="m1", timestamp=1795435200,
        mailing="7", delivery="41", attempt="12.1", email="ada@readers.example",
    )  # fmt: skip
    assert (event.provider, event.identity, event.type, event.provider_id) == (
        "sendgrid",
        "e1",
        EventType.DELIVERED,
        "m1",
    )
    assert (event.mailing_id, event.delivery_id, event.attempt) == (7, 41, "12.1")
    assert event.at == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert not event.machine
    assert event.raw["email"] == "ada@readers.example"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("processed", EventType.PROCESSED), ("deferred", EventType.DEFERRED), ("bounce", EventType.BOUNCED),
        ("dropped", EventType.DROPPED), ("open", EventType.OPENED), ("click", EventType.CLICKED),
        ("spamreport", EventType.COMPLAINED), ("unsubscribe", EventType.UNSUBSCRIBED),
        ("group_unsubscribe", EventType.UNSUBSCRIBED), ("group_resubscribe", EventType.OTHER), ("new", EventType.OTHER),
        (None, EventType.OTHER), (3, EventType.OTHER),
    ],
)  # fmt: skip
def test_every_word_of_theirs_has_one_of_ours(word, kind):
    assert only(event=word).type is kind


def test_machine_opens_are_marked_and_kept():
    assert only(event="open", sg_machine_open=True).machine
    assert not only(event="open", sg_machine_open="true").machine


@pytest.mark.parametrize("value", [None, 7, "seven", "٧", "-7", "1" * 19, "", ["7"], "7 "])
def test_ids_that_are_none_of_ours_are_left_out(value):
    event = only(event="open", mailing=value, delivery=value)
    assert (event.mailing_id, event.delivery_id) == (None, None)


@pytest.mark.parametrize("value", [None, "1795435200", -1, 2**40, 1.5, {}])
def test_a_time_that_makes_no_sense_is_now(value):
    assert only(event="open", timestamp=value).at == NOW


def test_an_event_without_a_name_gets_one_from_its_content():
    assert only(event="open", url="a").identity == only(url="a", event="open").identity != only(event="open").identity
    assert len(only(event="open", sg_event_id="x" * 300).identity) == 64


@pytest.mark.parametrize("body", [b"", b"{}", b"3", b"[", b"\xff", b"[" * 100_000])
def test_what_is_no_array_is_refused(body):
    with pytest.raises(InputError):
        events_of(body, now=NOW)


def test_what_is_no_event_is_left_out():
    assert events_of(b'[3, null, "x", []]', now=NOW) == []
