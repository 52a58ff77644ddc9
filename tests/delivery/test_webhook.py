"""The webhook of alerts: signed, guarded, with a deadline; the other side is a real HTTP server on loopback."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from newsletter.delivery import webhook
from newsletter.delivery.webhook import Webhook, inside_target, read_key, signed_headers
from newsletter.errors import InputError
from newsletter.store.statuses import OutcomeKind

SIX = datetime(2026, 11, 24, 6, tzinfo=UTC)
KEY = b"twenty-four octets of key"


class Receiver(HTTPServer):
    """Keeps what is posted and answers `status`."""

    status = 200

    def __init__(self):
        self.posts = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def hook(receiver, **options):
    return Webhook(url=f"http://127.0.0.1:{receiver.server_port}/alerts?to=ops", key=KEY, inside=True, **options)


def test_a_call_carries_a_signature_that_the_receiver_can_check(receiver):
    outcome = hook(receiver).post("announcement_7", {"text": "Grüße"}, now=SIX)
    assert (outcome.kind, outcome.code) == (OutcomeKind.ACCEPTED, 200)
    path, headers, body = receiver.posts[0]
    assert path == "/alerts?to=ops"
    assert json.loads(body) == {"text": "Grüße"}
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == "announcement_7"
    signed = f"announcement_7.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert int(headers["webhook-timestamp"]) == int(SIX.timestamp())


def test_the_signature_is_that_of_the_standards_own_example():
    """The test vector of the Standard Webhooks specification's libraries."""
    key = read_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    now = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', now=now)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, OutcomeKind.ACCEPTED),
        (302, OutcomeKind.DEFERRED),
        (410, OutcomeKind.REJECTED),
        (500, OutcomeKind.DEFERRED),
    ],
)
def test_every_answer_is_an_outcome_and_redirects_are_not_followed(receiver, status, kind):
    receiver.status = status
    assert hook(receiver).post("a", {}, now=SIX).kind is kind
    assert len(receiver.posts) == 1


def test_nobody_there_is_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = Webhook(url=f"http://127.0.0.1:{port}/", key=KEY, inside=True).post("a", {}, now=SIX)
    assert outcome.kind is OutcomeKind.DEFERRED
    assert "no answer" in outcome.reply


def test_silence_ends_with_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        outcome = Webhook(url=url, key=KEY, inside=True, seconds=0.3).post("a", {}, now=SIX)
    assert outcome.kind is OutcomeKind.DEFERRED


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost/x",
        "https://10.0.0.7/x",
        "http://169.254.169.254/latest",
        "http://[::1]/x",
        "http://0x7f.1/x",
        "https://hooks.example/x",
        "https://user:pass@hooks.news/x",
        "https://hooks.news:22/x",
    ],
)
def test_without_leave_only_public_hosts_are_asked(url):
    asked = []
    outcome = Webhook(url=url, key=KEY, connect=lambda *where: asked.append(where)).post("a", {}, now=SIX)
    assert outcome.kind is OutcomeKind.REJECTED
    assert outcome.reply.startswith("[alerts] url ")
    assert asked == []


def test_a_public_name_that_leads_inside_is_refused():
    asked = []
    guarded = Webhook(
        url="https://hooks.news/x",
        key=KEY,
        resolve=lambda *_: ["93.184.215.14", "192.168.1.9"],
        connect=lambda *where: asked.append(where),
    )
    outcome = guarded.post("a", {}, now=SIX)
    assert outcome.kind is OutcomeKind.REJECTED
    assert "192.168.1.9, which is private; url_is_inside = true allows it" in outcome.reply
    assert asked == []


@pytest.mark.parametrize("url", ["ftp://x/", "http://user@host/", "http://host:99999/", "http:///x"])
def test_inside_too_a_url_must_be_one(url):
    with pytest.raises(webhook.RefusedError):
        inside_target(url)


@pytest.mark.parametrize("secret", [None, "", "hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!", "c2hvcnQ" * 9])
def test_a_key_that_is_none_is_told_with_how_to_make_one(secret):
    with pytest.raises(InputError, match="openssl rand -base64 32"):
        read_key(secret)
