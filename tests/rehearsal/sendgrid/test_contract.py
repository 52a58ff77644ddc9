"""What the rehearsed SendGrid refuses."""

import json

import pytest

from newsletter.rehearsal.sendgrid import contract


def fields(body):
    try:
        contract.parse(json.dumps(body).encode())
    except contract.RefusedError as refused:
        return {fault.field for fault in refused.faults}
    return set()


def changed(body, path, value):
    *steps, last = path.split(".")
    target = body
    for step in steps:
        target = target[int(step) if step.isdigit() else step]
    target[int(last) if last.isdigit() else last] = value
    return body


def test_a_good_request_passes(request_body):
    assert fields(request_body) == set()


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("colour", "red", "colour"),
        ("personalizations", [], "personalizations"),
        ("personalizations", [{"to": [{"email": "a@b.example"}]}] * 1001, "personalizations"),
        ("personalizations.0.colour", "red", "personalizations.0.colour"),
        ("personalizations.0.to", [], "personalizations.0.to"),
        ("personalizations.1.to.0.email", "no address", "personalizations.1.to.0.email"),
        ("personalizations.1.to.0.email", "Ada@readers.example", "personalizations.1.to"),
        ("personalizations.1.to.0.colour", "red", "personalizations.1.to.0.colour"),
        ("personalizations.0.headers", {"To": "x@y.example"}, "personalizations.0.headers.To"),
        ("personalizations.0.headers", {"X-Sg-Eid": "x"}, "personalizations.0.headers.X-Sg-Eid"),
        ("personalizations.0.headers", {"X-A": "a\r\nBcc: b"}, "personalizations.0.headers.X-A"),
        ("personalizations.0.headers", {"X-A": "é"}, "personalizations.0.headers.X-A"),
        ("personalizations.0.substitutions", {"a": 1}, "personalizations.0.substitutions"),
        ("personalizations.0.substitutions", {"a": "x" * 10_000}, "personalizations.0.substitutions"),
        ("personalizations.0.custom_args", {"a": "é" * 5_000}, "personalizations.0.custom_args"),
        ("personalizations.0.send_at", "now", "personalizations.0.send_at"),
        ("headers", {"Subject": "x"}, "headers.Subject"),
        ("from", {"name": "x"}, "from.email"),
        ("reply_to", "x@y.example", "reply_to.email"),
        ("content", [], "content"),
        ("content.0.value", "", "content"),
        ("content", [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}], "content"),
        ("categories", ["x"] * 2, "categories"),
        ("categories", [str(number) for number in range(11)], "categories"),
        ("categories", ["x" * 256], "categories"),
        ("tracking_settings", {"click_tracking": {"enable": "no"}}, "tracking_settings.click_tracking.enable"),
        ("tracking_settings", {"smell_tracking": {"enable": True}}, "tracking_settings.smell_tracking"),
        ("custom_args", {"a": "x" * 10_000}, "custom_args"),
    ],
)
def test_what_is_wrong_is_named(request_body, path, value, field):
    assert field in fields(changed(request_body, path, value))


def test_a_subject_is_wanted_somewhere(request_body):
    del request_body["subject"]
    assert fields(request_body) == {"personalizations.0.subject", "personalizations.1.subject"}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b"\xff"])
def test_what_is_no_request_is_refused(data):
    with pytest.raises(contract.RefusedError):
        contract.parse(data)
