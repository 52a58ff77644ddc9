import json
from email.utils import formatdate
from time import time

import pytest

from newsletter.delivery.senders.sendgrid.answers import LONGEST_WAIT, judge
from newsletter.delivery.senders.sendgrid.wire import Answer, Silence
from newsletter.store.statuses import OutcomeKind


def answer(status, *errors, headers=None, body=None):
    data = json.dumps({"errors": list(errors)}).encode() if body is None else body
    return judge(Answer(status=status, headers=headers or {}, body=data), sandbox=False)


@pytest.mark.parametrize(
    ("status", "kind", "ours", "for_good"),
    [
        (202, OutcomeKind.ACCEPTED, False, False),
        (200, OutcomeKind.UNKNOWN, False, False),
        (301, OutcomeKind.DEFERRED, True, True),
        (400, OutcomeKind.DEFERRED, True, True),
        (401, OutcomeKind.DEFERRED, True, True),
        (403, OutcomeKind.DEFERRED, True, True),
        (404, OutcomeKind.DEFERRED, True, True),
        (408, OutcomeKind.DEFERRED, True, False),
        (413, OutcomeKind.DEFERRED, True, True),
        (415, OutcomeKind.DEFERRED, True, True),
        (429, OutcomeKind.DEFERRED, True, False),
        (500, OutcomeKind.UNKNOWN, False, False),
        (503, OutcomeKind.UNKNOWN, False, False),
        (599, OutcomeKind.UNKNOWN, False, False),
    ],
)
def test_each_status_has_its_outcome(status, kind, ours, for_good):
    outcome = answer(status, {"message": "words", "field": None}).outcome
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (kind, ours, for_good)
    assert outcome.code == status


@pytest.mark.parametrize(
    ("error", "named"),
    [
        ({"message": "Does not contain a valid address.", "field": "personalizations.3.to.0.email"}, {3}),
        ({"message": "bad", "field": "personalizations[12].to"}, {12}),
        ({"message": "duplicate [a@b.example] in the personalizations.7.to field", "field": "personalizations"}, {7}),
        ({"message": "reserved header", "field": "personalizations.3.headers.To"}, set()),
        ({"message": "too many", "field": "personalizations"}, set()),
        ({"message": "bad", "field": "from.email"}, set()),
    ],
)
def test_only_a_fault_of_an_address_is_a_recipients(error, named):
    verdict = answer(400, error)
    assert verdict.named == named
    assert verdict.outcome.kind is (OutcomeKind.REJECTED if named else OutcomeKind.DEFERRED)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "99999999"}, LONGEST_WAIT),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-reset": "1"}, 0.0),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers, wait):
    assert answer(429, headers=headers).outcome.retry_after == wait


def test_the_wait_may_be_a_date_or_the_limits_reset():
    assert answer(429, headers={"retry-after": formatdate(time() + 60)}).outcome.retry_after == pytest.approx(60, abs=3)
    reset = str(int(time()) + 60)
    assert answer(429, headers={"x-ratelimit-reset": reset}).outcome.retry_after == pytest.approx(60, abs=3)


def test_words_are_one_short_line_without_whole_addresses():
    reply = answer(400, {"message": "first duplicate [ada.lin@readers.example]\r\nX: 1" + "x" * 9000}).outcome.reply
    assert "ada.lin" not in reply
    assert "<address>" in reply
    assert reply.isprintable()
    assert len(reply) <= 500


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"errors": 3}', b'{"errors": [3]}', b"\xff\xfe", b"{" * 99])
def test_odd_bodies_are_no_fault(body):
    assert answer(400, body=body).outcome.kind is OutcomeKind.DEFERRED


def test_silence_is_unknown_only_once_the_request_was_written():
    assert judge(Silence(written=True, words="timed out"), sandbox=False).outcome.kind is OutcomeKind.UNKNOWN
    before = judge(Silence(written=False, words="refused"), sandbox=False).outcome
    assert (before.kind, before.sender_fault) == (OutcomeKind.DEFERRED, True)
