import email
import json
import socket
import threading
import time
from contextlib import suppress
from email import policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from newsletter.clock import system_clock
from newsletter.delivery.senders.sendgrid import Verifier
from newsletter.errors import InputError
from newsletter.rehearsal.mailbox import Mailbox
from newsletter.rehearsal.sendgrid import Ill, Plan, Provider, read_log
from newsletter.rehearsal.sendgrid.events import SIGNATURE, TIMESTAMP, of_request


def test_what_it_takes_is_in_its_log_and_in_the_inbox(tmp_path, request_body, post):
    with Mailbox(tmp_path / "inbox") as mailbox, Provider(log=tmp_path / "log", mailbox=mailbox) as provider:
        answer = post(provider, request_body)
        assert (answer.status_code, answer.headers["x-message-id"]) == (202, "m0-1")
        kept = [email.message_from_bytes(mailbox.raw(one), policy=policy.default) for one in mailbox]
        assert [one.rcpt_tos for one in mailbox] == [("ada@readers.example",), ("jo@readers.example",)]
    assert kept[0]["Subject"] == "Ferries — free?"
    assert kept[0]["To"] == "Ada Lin <ada@readers.example>"
    assert kept[0]["List-Unsubscribe"] == "<https://news.example/leave/x>"
    assert [part.get_content().strip() for part in kept[0].iter_parts()] == ["Hello <Ada>", "<p>Hello &lt;Ada&gt;</p>"]
    taken = list(read_log(tmp_path / "log"))
    assert [(one.address, one.mailing, one.delivery, one.attempt) for one in taken] == [
        ("ada@readers.example", "7", "1", "12.1"),
        ("jo@readers.example", "7", "2", "12.1"),
    ]


def test_a_cut_off_last_line_of_the_log_is_left_out(tmp_path, request_body, post):
    with Provider(log=tmp_path / "log") as provider:
        post(provider, request_body)
    with (tmp_path / "log").open("ab") as log:
        log.write(b'{"request": 2, "status": "taken", "ta')
    assert len(list(read_log(tmp_path / "log"))) == 2


def test_faults_are_answered_as_sendgrid_does(request_body, post):
    with Provider() as provider:
        request_body["personalizations"][1]["to"][0]["email"] = "no address"
        answer = post(provider, request_body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "personalizations.1.to.0.email"
        assert post(provider, request_body, Authorization="Bearer other").status_code == 401
        assert post(provider, request_body, **{"Content-Type": "text/plain"}).status_code == 415
        assert httpx.get(f"{provider.url}/v3/nothing", trust_env=False).status_code == 401


def test_sandbox_mode_takes_nothing(tmp_path, request_body, post):
    request_body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    with Provider(log=tmp_path / "log") as provider:
        assert post(provider, request_body).status_code == 200
    assert not list(read_log(tmp_path / "log"))


def test_it_is_on_this_machine_alone():
    with pytest.raises(InputError):
        Provider(host="192.0.2.1")


def test_the_same_seed_is_the_same_day():
    days = [[Plan.bad_day(seed).fate(number) for number in range(1, 400)] for seed in (1, 1, 2)]
    assert days[0] == days[1] != days[2]
    ills = {fate.ill for fate in days[0]}
    assert ills == {None, *Ill}


def test_each_ill_takes_all_or_nothing(tmp_path, request_body, post):
    plan = Plan(ills=tuple((ill, 1 / len(Ill)) for ill in Ill if ill is not Ill.ACCEPTED_SILENCE))
    with Provider(log=tmp_path / "log", plan=plan) as provider:
        for _ in range(30):
            with suppress(httpx.HTTPError):
                post(provider, request_body)
        taken = provider.counts["taken"]
    assert 0 < taken < 30
    assert len(list(read_log(tmp_path / "log"))) == 2 * taken


class Webhook:
    """Verifies and collects what is posted; refuses the first `refuses` posts."""

    def __init__(self, key: str, refuses: int) -> None:
        self.events: list[dict] = []
        self.posts = 0
        self.refused = 0
        verifier = Verifier(key)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = self.headers
                verifier.verify(body, signature=headers[SIGNATURE], timestamp=headers[TIMESTAMP], now=system_clock())
                outer.posts += 1
                status = 503 if outer.posts <= refuses else 204
                if status == 204:
                    outer.events += json.loads(body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hooks/sendgrid"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_signed_events_come_until_they_are_taken_with_duplicates(request_body, post, eventually):
    provider = Provider(plan=Plan(seed=3, duplicates=0.5, disorder=0.5, late_bounces=1.0))
    webhook = Webhook(provider.signing.public, refuses=1)
    provider.webhook = webhook.url
    try:
        with provider:
            post(provider, request_body)
            eventually(lambda: {event["event"] for event in webhook.events} >= {"processed", "delivered", "bounce"})
            eventually(lambda: provider.posting == 0)
    finally:
        webhook.stop()
    named = {event["sg_event_id"] for event in webhook.events}
    assert len(named) == 6
    assert len(webhook.events) > len(named)
    assert {(event["mailing"], event["attempt"]) for event in webhook.events} == {("7", "12.1")}
    late = [event for event in webhook.events if event["event"] == "bounce"]
    assert not any("sg_message_id" in event for event in late)


def test_the_events_of_a_request_depend_on_the_seed_alone(request_body):
    people = request_body["personalizations"]
    ids = [
        [event["sg_event_id"] for part in of_request(5, people, Plan.bad_day(seed)) for event in part]
        for seed in (1, 1, 2)
    ]
    assert ids[0] == ids[1] != ids[2]


def test_stopping_in_the_middle_of_a_silence_is_no_fault(request_body, caplog):
    with Provider(plan=Plan(ills=((Ill.ACCEPTED_SILENCE, 1.0),))) as provider, suppress(httpx.HTTPError):
        headers = {"Authorization": "Bearer SG.rehearsal"}
        httpx.post(f"{provider.url}/v3/mail/send", json=request_body, headers=headers, timeout=0.3, trust_env=False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    provider = Provider(plan=Plan(ills=((Ill.ACCEPTED_SILENCE, 1.0),)), port=port).start()
    with socket.create_connection(("127.0.0.1", port)) as idle:
        idle.sendall(b"POST")
        time.sleep(0.1)
        provider.stop()
    assert not caplog.records
