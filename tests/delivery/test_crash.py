"""The promise, judged by what the server really received: kill a send, go on, and nobody is lost or mailed twice."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from newsletter import reports, store
from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.settings import defaults
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, MailingStatus

SCRIPT = Path(__file__).with_name("killed_send.py")
READERS = 300
CONNECTIONS = 4


@pytest.fixture
def root(tmp_path, server):
    (tmp_path / "newsletter.toml").write_text(
        f"""
        [newsroom]
        name = "The Harbour Letter"
        postal_address = "1 Harbour Row"
        from_address = "letter@harbour.example"
        [lists.daily]
        title = "The Daily"
        [approval]
        tested = false  # the test would be one more message at the server, which counts them
        [sender]
        port = {server.port}
        connections = {CONNECTIONS}
        """
    )
    (tmp_path / "outlets.toml").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_text("a key for the tests only, and for nothing else\n")
    (tmp_path / "templates").symlink_to(defaults() / "templates")
    with closing(store.open(store.sqlite_url(tmp_path / "data" / "newsletter.db"))) as opened:
        target = lists.ensure(opened, "daily", title="The Daily", clock=system_clock)
        now = system_clock()
        addresses = [f"r{number:03}@readers.example" for number in range(READERS)]
        common = {"domain": "readers.example", "created_at": now}
        consent = {
            "list_id": target.id,
            "status": "subscribed",
            "consent_text": "said yes",
            "consent_source": "a test",
            "consent_at": now,
            "changed_at": now,
        }
        with opened.writing() as connection:
            people = [{"address": address, "address_key": address, **common} for address in addresses]
            connection.execute(insert(tables.subscriber), people)
            ids = connection.execute(select(tables.subscriber.c.id)).scalars().all()
            connection.execute(insert(tables.subscription), [{"subscriber_id": each, **consent} for each in ids])
    return tmp_path


def start(root):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until(condition, process, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def end(process, number):
    os.kill(process.pid, number)
    process.communicate()


def report_of(root):
    with closing(store.open(store.sqlite_url(root / "data" / "newsletter.db"))) as opened:
        return reports.of(opened, 1)


def judge(root, server, *, kills):
    """Nobody lost, nobody twice, the unknown no more than what was in the air."""
    report = report_of(root)
    assert report.finished
    assert report.mailing.status is MailingStatus.FINISHED
    assert report.prepared == READERS
    assert report.counts[DeliveryStatus.UNKNOWN] <= kills * CONNECTIONS
    assert max(server.recipients.values()) == 1
    missing = READERS - len(server.recipients)
    assert missing <= report.counts[DeliveryStatus.UNKNOWN] == len(report.unknown)
    assert report.counts[DeliveryStatus.ACCEPTED] + report.counts[DeliveryStatus.UNKNOWN] == READERS


def test_a_send_that_was_killed_twice_goes_on_and_nobody_is_lost_or_mailed_twice(root, server):
    server.delay = 0.004
    for received in (READERS // 3, 2 * READERS // 3):
        process = start(root)
        wait_until(lambda received=received: len(server.received) >= received, process)
        end(process, signal.SIGKILL)
    process = start(root)
    said, errors = process.communicate(timeout=30)
    assert (process.returncode, said.strip()) == (0, "finished"), errors
    judge(root, server, kills=2)


def test_a_send_that_is_asked_to_stop_leaves_nothing_unknown(root, server):
    server.delay = 0.004
    process = start(root)
    wait_until(lambda: len(server.received) >= READERS // 3, process)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=30)
    assert (process.returncode, said.strip()) == (0, "sending"), errors
    stopped = report_of(root)
    assert stopped.counts[DeliveryStatus.UNKNOWN] == stopped.counts[DeliveryStatus.SENDING] == 0
    assert stopped.counts[DeliveryStatus.ACCEPTED] == len(server.received) < READERS
    process = start(root)
    assert process.communicate(timeout=30)[0].strip() == "finished"
    judge(root, server, kills=0)
    assert len(server.received) == READERS
