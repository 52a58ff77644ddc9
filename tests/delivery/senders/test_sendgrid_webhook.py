from datetime import UTC, datetime, timedelta

import pytest

from newsletter.delivery.senders.sendgrid import SignatureError, Verifier
from newsletter.delivery.senders.sendgrid.webhook import SIGNATURE, TIMESTAMP
from newsletter.errors import InputError
from newsletter.rehearsal.sendgrid import Key

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = Key(20261123)
BODY = '[{"event":"delivered","reason":"naïve — 李"}]\r\n'.encode()


def verify(body=BODY, *, key=KEY, at=NOW, now=NOW, **changed):
    headers = {**KEY.headers(BODY, at=int(at.timestamp())), **changed}
    verifier = Verifier(key.public)
    verifier.verify(body, signature=headers[SIGNATURE], timestamp=headers[TIMESTAMP], now=now)


def test_a_signed_body_passes():
    verify()


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b"", b"\xff\xfe", BODY.replace(b"\r\n", b"\n")])
def test_another_body_does_not(body):
    with pytest.raises(SignatureError):
        verify(body)


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", "MEUCIQ==", "é", "A" * 10_000])
def test_another_signature_does_not(signature):
    with pytest.raises(SignatureError):
        verify(**{SIGNATURE: signature})


def test_another_key_does_not():
    with pytest.raises(SignatureError):
        verify(key=Key())


@pytest.mark.parametrize("timestamp", ["", "0", "-1", "1e9", "9" * 400, "١٢٣"])
def test_another_time_does_not(timestamp):
    with pytest.raises(SignatureError):
        verify(**{TIMESTAMP: timestamp})


@pytest.mark.parametrize(("age", "passes"), [(-9, True), (9, True), (-11, False), (11, False)])
def test_only_fresh_ones_pass(age, passes):
    if passes:
        verify(now=NOW + timedelta(minutes=age))
        return
    with pytest.raises(SignatureError):
        verify(now=NOW + timedelta(minutes=age))


@pytest.mark.parametrize("key", ["", "AAAA", "no key", Key().public[:-8]])
def test_a_key_that_is_none_is_an_error_that_says_where_it_stands(key):
    with pytest.raises(InputError) as raised:
        Verifier(key)
    assert raised.value.where == "sender.events_key"
