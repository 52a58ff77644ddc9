"""The commands on mailings and the processes that send, as they are installed: subprocesses, a real mail server."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update

from newsletter import store
from newsletter.audience import lists, subscribers
from newsletter.clock import system_clock
from newsletter.publishing import mailings
from newsletter.rehearsal.inbox import Inbox
from newsletter.rehearsal.ports import free_port
from newsletter.rendering import Edition
from newsletter.store import tables
from newsletter.tokens import load_keys

NEWSLETTER = [sys.executable, "-m", "newsletter"]
EDITION = Edition(
    subject="Should ferries be free?",
    preheader="",
    html="<p>Hello</p>",
    text="Hello\n",
    nonce="0123456789abcdef",
    from_name="The Harbour Letter",
    from_address="letter@harbour.example",
    from_header="From: The Harbour Letter <letter@harbour.example>",
    reply_to=None,
    language="en",
    base_url="http://localhost:8025",
    manifest={},
)


@pytest.fixture
def inbox():
    with Inbox(port=0) as inbox:
        yield inbox


@pytest.fixture
def root(tmp_path, inbox):
    (tmp_path / "newsletter.toml").write_text(
        f"""
        [newsroom]
        name = "The Harbour Letter"
        postal_address = "1 Harbour Row"
        from_address = "letter@harbour.example"
        url = "http://localhost:{free_port(preferred=18025)}"
        [lists.daily]
        title = "The Daily"
        [sender]
        port = {inbox.port}
        """
    )
    (tmp_path / "outlets.toml").write_text("")
    load_keys(None, tmp_path / "data" / "secret.key")
    return tmp_path


@pytest.fixture
def opened(root):
    with closing(store.open(store.sqlite_url(root / "data" / "newsletter.db"))) as opened:
        yield opened


@pytest.fixture
def mailing(opened):
    """To three readers; started, not frozen, nobody at it."""
    target = lists.ensure(opened, "daily", title="The Daily", clock=system_clock)
    for name in ("ann", "bob", "cyd"):
        subscribers.add(opened, f"{name}@harbour.example", list_name="daily", consent="yes", clock=system_clock)
    now = system_clock()
    order = mailings.Order(
        issue="2026-11-23-ferries",
        edition=EDITION,
        target=target,
        local_date=date(2026, 11, 23),
        not_later_than=now + timedelta(hours=1),
        actor="ada",
    )
    made = mailings.create(opened, order, now=now)
    return mailings.move(opened, made, made.start(now))


@pytest.fixture
def newsletter(root):
    def newsletter(*words, code=0):
        command = [*NEWSLETTER, "-C", str(root), *words]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == code, ran.stderr
        return ran.stdout if code == 0 else ran.stderr

    return newsletter


def until(condition, seconds=30.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def set_all(opened, status):
    with opened.writing() as connection:
        connection.execute(update(tables.delivery).values(status=status))


def test_a_worker_process_takes_up_what_is_being_sent_and_leaves_when_asked(root, mailing, inbox, newsletter):
    assert "To do: start a worker" in newsletter("mailing", "show", "1")
    worker = subprocess.Popen([*NEWSLETTER, "-C", str(root), "worker"], stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: inbox.mailbox.count() == 3)
    finally:
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert "The worker has left; nothing is in the air." in said
    shown = newsletter("mailing", "show", str(mailing.id))
    assert "Finished: all 3 accepted." in shown
    assert "3 prepared = 3 accepted" in shown


def test_a_mailing_is_paused_resumed_and_cancelled(mailing, newsletter, inbox):
    assert "Nothing is claimed until somebody resumes it" in newsletter("mailing", "pause", "1")
    newsletter("worker", "--once")
    assert inbox.mailbox.count() == 0
    assert json.loads(newsletter("mailing", "resume", "1", "--json"))["status"] == "sending"
    cancelled = json.loads(newsletter("mailing", "cancel", "1", "--yes", "--json"))
    assert (cancelled["status"], cancelled["balanced"]) == ("cancelled", True)
    assert "cancelled and cannot be resumed" in newsletter("mailing", "resume", "1", code=1)
    listed = newsletter("mailing", "list")
    assert listed.splitlines()[1].split()[:3] == ["1", mailing.local_date.isoformat(), "cancelled"]


def test_failed_ones_are_retried_and_the_unknown_decided(mailing, opened, newsletter, inbox):
    newsletter("worker", "--once")
    assert inbox.mailbox.count() == 3
    set_all(opened, "expired")
    assert "3 to go" in newsletter("mailing", "retry", str(mailing.id), "--yes")
    newsletter("worker", "--once")
    assert inbox.mailbox.count() == 6
    set_all(opened, "unknown")
    shown = newsletter("mailing", "resolve", "1")
    assert [line.split()[1] for line in shown.splitlines()] == [f"{n}@harbour.example" for n in ("ann", "bob", "cyd")]
    one = str(json.loads(newsletter("mailing", "resolve", "1", "--json"))[0]["delivery"])
    text = newsletter("mailing", "resolve", "1", "--as", "accepted", "--delivery", one, "--yes")
    assert "3 prepared = 1 accepted + 2 unknown" in text
    assert "1 unknown decided as accepted" in text
    with opened.reading() as connection:
        found = select(tables.audit.c.actor).where(tables.audit.c.action == "mailing.resolve")
        assert connection.execute(found).scalar_one().endswith("(command line)")


@pytest.mark.parametrize("step", ["cancel", "retry"])
def test_what_cannot_be_taken_back_asks_first(mailing, newsletter, step):
    assert "Give --yes" in newsletter("mailing", step, str(mailing.id), code=2)


def test_a_mailing_that_is_not_there_is_bad_input(opened, newsletter):
    assert "there is no mailing 7" in newsletter("mailing", "show", "7", code=2)
    assert opened is not None


def test_everything_runs_and_what_dies_is_started_again(root, mailing, inbox):
    command = [*NEWSLETTER, "-C", str(root), "run"]
    ran = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: inbox.mailbox.count() == 3)
        said_first = "".join(ran.stderr.readline() for _ in range(3))
        worker = re.search(r"worker: started, process (\d+)", said_first)[1]
        subprocess.run(["kill", "-KILL", worker], check=True)
        time.sleep(2)
    finally:
        ran.send_signal(signal.SIGTERM)
        _, said = ran.communicate(timeout=60)
    assert ran.returncode == 0, said
    assert "worker: ended (SIGKILL); started again in" in said
    assert "worker: started" in said
    assert "web: ended (exit code 0)" in said
    assert "scheduler: ended (exit code 0)" in said
    assert mailing.id == 1


def test_a_decision_is_signed_with_the_users_token(mailing, opened, newsletter, monkeypatch):
    token = newsletter("user", "add", "Otto Ops", "--role", "ops").split()[-1]
    monkeypatch.setenv("NEWSLETTER_USER_TOKEN", token)
    newsletter("mailing", "pause", str(mailing.id))
    with opened.reading() as connection:
        found = select(tables.audit.c.actor).where(tables.audit.c.action == "mailing.pause")
        assert connection.execute(found).scalar_one() == "Otto Ops"
    assert "paused (Otto Ops)" in newsletter("mailing", "show", str(mailing.id))


def test_following_tells_each_change_until_the_mailing_has_ended(root, mailing, newsletter):
    command = [*NEWSLETTER, "-C", str(root), "mailing", "show", str(mailing.id), "--follow"]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as follower:
        first = json.loads(follower.stdout.readline())
        newsletter("worker", "--once")
        told = [json.loads(line) for line in follower.stdout]
    assert (first["phase"], first["accepted"], follower.returncode) == ("freezing", 0, 0)
    assert (told[-1]["phase"], told[-1]["accepted"]) == ("finished", 3)
    assert "Finished: all 3 accepted." in newsletter("mailing", "show", str(mailing.id), "--follow")


def test_who_follows_may_leave_and_the_mailing_goes_on(root, mailing):
    command = [*NEWSLETTER, "-C", str(root), "mailing", "show", str(mailing.id), "--follow"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as follower:
        assert "Sending: 0 of 0 accepted" in follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        shown, said = follower.communicate(timeout=30)
    assert (follower.returncode, "goes on without you" in said) == (0, True)
    assert f"Mailing {mailing.id}: " in shown


def test_on_sqlite_a_second_worker_waits_to_take_over_and_one_that_shall_not_wait_is_refused(root, newsletter):
    command = [*NEWSLETTER, "-C", str(root), "worker"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        assert "Waiting for mailings" in first.stderr.readline()
        assert f"Another worker (process {first.pid}) sends already" in newsletter("worker", "--once", code=1)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as second:
            assert f"(process {first.pid}) sends already" in second.stderr.readline()
            first.kill()
            first.wait(30)
            assert "Waiting for mailings" in second.stderr.readline()
            second.terminate()
            assert "The worker has left" in second.stderr.readline()
        assert second.returncode == 0


def test_where_the_supervisor_is_killed_the_others_leave_in_good_order(root, mailing, inbox):
    command = [*NEWSLETTER, "-C", str(root), "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ran:
        until(lambda: inbox.mailbox.count() == 3)
        ran.kill()
        # The children hold the other ends: this ends when both have left.
        said = ran.stderr.read()
    assert "The worker has left; nothing is in the air." in said
    assert mailing.id == 1


def test_pages_whose_port_is_taken_end_it_with_their_words(root):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [*NEWSLETTER, "-C", str(root), "run", "--port", port],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.count(f"127.0.0.1:{port}:") == 1
    assert "web cannot start" in ran.stderr
    assert "started again" not in ran.stderr
    assert "worker: ended" in ran.stderr


def test_a_send_through_sendgrid_is_rehearsed_with_its_events(root, mailing, opened, newsletter, monkeypatch):
    ports = free_port(preferred=28025), free_port(preferred=28125)
    command = [*NEWSLETTER, "-C", str(root), "inbox", "--smtp-port", "0", "--port", ports[0], "--sendgrid", ports[1]]

    def started():
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        running = subprocess.Popen(list(map(str, command)), text=True, **quiet)
        said = []
        for line in running.stderr:
            said.append(line)
            if "Ctrl-C" in line:
                break
        return running, "".join(line.strip() + "\n" for line in said if line.startswith("    ")), "".join(said)

    def leave(running):
        running.terminate()
        running.communicate(timeout=30)

    first, given, said = started()
    leave(first)
    assert "events come only then" in said
    toml = root / "newsletter.toml"
    toml.write_text(toml.read_text().partition("[sender]")[0] + given)
    monkeypatch.setenv("NEWSLETTER_SENDGRID_KEY", "SG.rehearsal")
    second, again, said = started()
    assert again == given
    assert "events come only then" not in said
    newsletter("worker", "--once")
    until(lambda: _events(opened) >= 3)
    leave(second)
    assert "Finished: all 3 accepted." in newsletter("mailing", "show", str(mailing.id))


def _events(opened):
    with opened.reading() as connection:
        return connection.execute(select(func.count()).select_from(tables.event)).scalar_one()
