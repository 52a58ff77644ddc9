"""Bad days of a mail server: each has its outcome and its line in `mailing show`, and loses nobody."""

import re
import resource
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from newsletter import reports, store
from newsletter.clock import system_clock
from newsletter.delivery import SmtpSender, StandBy, control
from newsletter.delivery.backoff import Backoff
from newsletter.publishing import mailings
from newsletter.settings import SenderSettings
from newsletter.store.statuses import DeliveryStatus, MailingStatus

QUICK = Backoff(first=0.02, longest=0.05)
NAMES = [f"r{number:02}" for number in range(30)]


@pytest.fixture
def mailing(newsroom):
    newsroom.subscribe(*NAMES)
    return newsroom.released()


@pytest.fixture
def send(newsroom, mailing):
    """Sends as `newsletter worker` does, until the mailing has ended or is paused; its report and that in words."""

    def send(port, *, tls=None, password=None, **settings):
        whole = SenderSettings(**{"port": port, "connections": 2, "timeout_seconds": 2, **settings})
        sender = SmtpSender(settings=whole, password=password, tls=tls)
        StandBy(store=newsroom.store, keys=newsroom.keys, sender=sender, clock=system_clock, backoff=QUICK).run(
            until=lambda: True
        )
        report = reports.of(newsroom.store, mailing.id)
        assert report.balanced
        return report, reports.as_text(report)

    return send


def is_paused(report, text, why):
    assert report.mailing.status is MailingStatus.PAUSED
    assert report.waiting == 30
    assert re.search(rf"In the way since ..:..:.. UTC \(.*\): 127.0.0.1:\d+: .*{why}", text)
    assert "To do: mend what is in the way, then newsletter mailing resume 1." in text
    assert "paused why=" in text
    return True


@pytest.fixture
def goes_on(newsroom, mailing, send, server):
    """Resumes, with a server that is well."""

    def goes_on():
        control.resume(newsroom.store, mailing.id, actor="ada", now=system_clock())
        report, text = send(server.port)
        assert "Finished: all 30 accepted." in text
        assert "In the way" not in text
        assert max(server.recipients.values()) == 1
        return report.finished

    return goes_on


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_a_rejected_password_pauses_and_resuming_goes_on(send, running, accepting_login, goes_on):
    options = {"authenticator": accepting_login, "auth_require_tls": False, "auth_required": True}
    with running(**options) as strict:
        report, text = send(strict.port, username="ada", password="wrong")
    assert is_paused(report, text, "535")
    assert goes_on()


def test_a_refused_sender_pauses_and_resuming_goes_on(send, running, goes_on):
    with running() as strict:
        strict.refuses_us = True
        report, text = send(strict.port)
    assert is_paused(report, text, "You may not send from here")
    assert goes_on()


def test_a_message_over_the_limit_pauses_before_all_are_given_up(send, running, goes_on):
    with running(data_size_limit=100) as strict:
        report, text = send(strict.port)
    assert is_paused(report, text, "too (big|large)|exceed|Too much|size")
    assert report.counts[DeliveryStatus.REJECTED] == 0
    assert goes_on()


def test_a_certificate_that_does_not_match_pauses_and_nothing_leaves(send, running, certificate, goes_on):
    with running(tls_context=certificate) as strict:
        report, text = send(strict.port, security="starttls", host="localhost")
        assert strict.received == []
    assert report.mailing.status is MailingStatus.PAUSED
    assert re.search(r"In the way since .*: localhost:\d+: .*certificate", text)
    assert goes_on()


def test_a_server_that_stops_in_the_middle_of_data_leaves_no_more_unknown_than_it_has_to(
    newsroom, mailing, send, scripted
):
    """Nobody can know whether it took what it had read: those are unknown and shown; the others get theirs later."""
    ill = {"r03@readers.example", "r17@readers.example"}
    server = scripted(lambda stage, to: b"354 go\r\n" + scripted.HANG_UP if stage == "data" and to in ill else None)
    report, text = send(server.port)
    statuses = newsroom.statuses(mailing)
    unknown = {f"{name}@readers.example" for name, status in statuses.items() if status == "unknown"}
    assert unknown <= ill
    assert report.counts[DeliveryStatus.ACCEPTED] + len(unknown) + report.counts[DeliveryStatus.EXPIRED] == 30
    assert set(server.recipients.values()) == {1}
    assert {one.address for one in control.unknown_of(newsroom.store, mailing.id)} == unknown
    if unknown:
        just_now = f"{len(unknown)} became so just now, and a mail server tells nothing later"
        assert f"{len(unknown)} may have arrived: {just_now}." in text
        assert "May have arrived (unknown)" in text


# --- The disk ----------------------------------------------------------------------------------------------------


@pytest.fixture
def on_file(tmp_path, sqlite_template):
    """An SQLite file of its own: a full disk of PostgreSQL's is told by the server, in tests/store."""
    path = tmp_path / "newsletter.db"
    path.write_bytes(sqlite_template.read_bytes())
    return path


def test_a_full_disk_is_waited_for_and_nobody_is_lost_or_mailed_twice(on_file, server, make_newsroom):
    with closing(store.open(store.sqlite_url(on_file))) as opened:
        newsroom = make_newsroom(opened)
        newsroom.subscribe(*(f"r{number:03}" for number in range(150)))
        mailing = newsroom.mailing()
        server.delay = 0.02
        script = Path(__file__).with_name("standing_worker.py")
        command = [sys.executable, str(script), store.sqlite_url(on_file), str(server.port), "", "60"]
        with subprocess.Popen(command) as worker:
            try:
                until(lambda: len(server.received) > 10)
                # No file may grow any more: to whoever writes, the disk is full.
                full = max(path.stat().st_size for path in on_file.parent.iterdir())
                resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (full // 2, resource.RLIM_INFINITY))
                before = -1
                while before != (before := len(server.received)):
                    time.sleep(0.7)
                assert before < 150
                resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                until(lambda: mailings.get(opened, mailing.id).status is MailingStatus.FINISHED)
            finally:
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(30) == 0
        text = reports.as_text(reports.of(opened, mailing.id))
    assert set(server.recipients.values()) == {1}
    assert "Finished: all 150 accepted." in text
    assert re.search(r"a worker waited [\d.]+ s for the database: the disk", text)


def until(condition, seconds=30.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)
