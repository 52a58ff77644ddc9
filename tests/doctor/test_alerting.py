"""Whether anybody would be told: by mail, and by a webhook that is a real HTTP server on loopback."""

from __future__ import annotations

import base64
import threading
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import insert

from newsletter import store
from newsletter.doctor import Area, Fine, Found
from newsletter.store import tables

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
DOMAIN = "harbour-letter.fish"


def said(room, *, offline=False):
    """What is said of alerts: codes, and the texts of what is fine."""
    found = room.examined(offline=offline).of(Area.ALERTS)
    return [each.finding.code if isinstance(each, Found) else each.text for each in found]


def finding(room):
    (one,) = [each for each in room.examined().of(Area.ALERTS) if not isinstance(each, Fine)]
    return one


class Answering(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook(room):
    """A webhook in the newsroom's own network that takes POST alone."""
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        server.asked, server.status = [], 405
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/alerts"
        room.tables["alerts"] = {"url": url, "url_is_inside": True}
        room.secrets["NEWSLETTER_ALERTS_KEY"] = KEY
        yield server
        server.shutdown()
        thread.join()


def test_nobody_to_tell_is_told_of_but_not_in_a_rehearsal(room):
    room.tables["alerts"] = {}
    assert said(room) == ["ALERTS-NOBODY"]
    assert "docs/how-to/alerts.md" in finding(room).remedy
    room.tables["newsroom"]["from_address"] = "letter@harbour.example"
    assert said(room) == []


def test_mail_that_goes_out_is_fine(room):
    assert said(room) == ["mailed to 1 address; a url beside that tells also when the mail server is the matter"]


def test_mail_by_a_sender_that_lacks_a_secret_reaches_nobody(room):
    room.tables["sender"]["username"] = "harbour"
    room.tables["sender"]["security"] = "starttls"
    assert said(room) == ["ALERTS-MAIL"]


def test_mail_into_a_folder_reaches_nobody(room):
    room.tables["sender"] = {"kind": "inbox"}
    assert said(room) == ["ALERTS-MAIL"]


def test_who_is_suppressed_is_not_told_and_is_named_in_part_only(room):
    room.tables["alerts"]["mail_to"].append(f"Ops@{DOMAIN}")
    with closing(store.open(store.sqlite_url(room.settings.database))) as opened, opened.writing() as connection:
        row = {"address_key": f"ops@{DOMAIN}", "reason": "bounce", "at": datetime(2026, 11, 23, tzinfo=UTC)}
        connection.execute(insert(tables.suppression).values(row))
    found = finding(room)
    assert found.finding.code == "ALERTS-MAIL"
    assert f"Ops@{DOMAIN}" not in found.finding.message
    assert said(room)[1].startswith("mailed to 1 address;")


def test_a_webhook_that_answers_is_fine_and_was_told_nothing(room, hook):
    assert said(room) == ["the webhook answers"]
    assert hook.asked == ["/alerts"]


def test_a_webhook_is_not_asked_offline(room, hook):
    assert said(room, offline=True) == ["a webhook is named"]
    assert hook.asked == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_webhook_that_is_not_there_is_told(room, hook, status):
    hook.status = status
    assert said(room) == ["ALERTS-URL"]
    assert f"answers {status}" in finding(room).finding.message


def test_a_webhook_without_its_key_is_an_error(room, hook):
    room.secrets.pop("NEWSLETTER_ALERTS_KEY")
    assert said(room) == ["ALERTS-KEY"]
    assert hook.asked == []


@pytest.mark.usefixtures("hook")
def test_a_webhook_that_nobody_keeps_is_told(room):
    room.tables["alerts"]["url"] = "http://127.0.0.1:1/alerts"
    assert "does not answer" in finding(room).finding.message


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize("url", ["http://127.0.0.1/alerts", "http://10.1.2.3/", "https://hooks.harbour.example/"])
def test_an_address_that_the_guard_refuses_is_told_with_the_way_out(room, url):
    room.tables["alerts"] = {"url": url}
    found = finding(room)
    assert found.finding.code == "ALERTS-URL"
    assert "never asked" in found.finding.message
    assert "url_is_inside = true" in found.remedy
