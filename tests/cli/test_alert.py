"""Alerts and confirmations at the command line: `alert list|show|acknowledge`, a worker that tells, `--expect`."""

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select

from newsletter.alerts import Alert, raise_alert, resolve
from newsletter.app import App
from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import defaults, load
from newsletter.store import tables

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name


@pytest.fixture
def inbox():
    with Inbox(port=0) as inbox:
        yield inbox


@pytest.fixture
def room(with_readers, inbox):
    with_readers.change("newsletter.toml", "port = 2525", f"port = {inbox.port}")
    return with_readers


@pytest.fixture
def raised(room):
    """Two alerts, the second over."""
    with App.open(load(room.root)) as app, app.store.writing() as connection:
        late = Alert(code="HELD-LATE", subject="mailing:12", message="mailing 12 was found 3 h late")
        gone = Alert(code="BREAKER-BOUNCES", subject="mailing:13", message="mailing 13 is paused")
        raise_alert(connection, late, now=app.clock())
        raise_alert(connection, gone, now=app.clock())
        resolve(connection, gone.code, gone.subject, now=app.clock(), why="ada resumed it")


def test_what_is_the_matter_is_listed_and_explained(room, raised):
    assert raised is None
    listed = room.run("alert", "list")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()] == ["1"]
    assert "critical" in listed.out
    everything = json.loads(room.run("alert", "list", "--all", "--json").out)
    assert [(one["alert"], one["open"]) for one in everything] == [(2, False), (1, True)]
    shown = room.run("alert", "show", "1").out
    assert "mailing 12 was found 3 h late" in shown
    assert "To do: Decide whether it still goes out" in shown
    assert "docs/runbook/held-late.md" in shown
    assert "ada resumed it" in room.run("alert", "show", "2").out


def test_an_alert_is_acknowledged_with_a_name(room, raised):
    assert raised is None
    done = json.loads(room.run("alert", "acknowledge", "1", "--json").out)
    assert done["acknowledged_by"].endswith("(command line)")
    assert "acknowledged" in room.run("alert", "list").out
    over = room.run("alert", "acknowledge", "2")
    assert over.code == 1
    assert "alert 2 is over since" in over.err
    room.run("alert", "show", "9").refuses("there is no alert 9")


def test_where_nothing_is_the_matter_that_is_said(room):
    answer = room.run("alert", "list")
    assert (answer.code, answer.out, answer.err) == (0, "", "Nothing is the matter.\n")


def test_a_worker_mails_alerts_to_the_newsroom(room, raised, inbox):
    assert raised is None
    room.change("newsletter.toml", "mail_to = []", 'mail_to = ["ops@harbour.example"]')
    assert room.run("worker", "--once").code == 0
    assert inbox.mailbox.count() == 2
    assert room.run("worker", "--once").code == 0
    assert inbox.mailbox.count() == 2
    told = json.loads(room.run("alert", "show", "1", "--json").out)["tellings"]
    assert [(one["channel"], one["step"], one["status"]) for one in told] == [("mail", "raised", "accepted")]


def test_a_webhook_without_a_key_is_told_before_anything_runs(room):
    room.change("newsletter.toml", "mail_to = []", 'url = "https://hooks.news/x"')
    room.run("worker", "--once").refuses("there is no key to sign with", "NEWSLETTER_ALERTS_KEY")


# --- How many readers ----------------------------------------------------------------------------------------------


@pytest.fixture
def used_to_forty(room):
    """The list's last five mailings went to forty readers each; today it has three."""
    with App.open(load(room.root)) as app:
        target = lists.require(app.store, "daily")
        edition = app.examine(app_issue(app)).edition
        now = system_clock()
        with app.store.writing() as connection:
            frozen = {
                "digest": edition.digest,
                "issue": "old",
                "subject": "x",
                "content": edition.to_bytes(),
                "created_at": now,
            }
            connection.execute(insert(tables.edition).values(frozen))
            rows = [
                {
                    "list_id": target.id,
                    "local_date": date(2026, 1, 1) + timedelta(days=number),
                    "kind": "issue",
                    "issue": f"old-{number}",
                    "edition_digest": edition.digest,
                    "status": "finished",
                    "not_later_than": now,
                    "selected": 40,
                    "prepared": 40,
                    "excluded": {},
                    "created_at": now,
                }
                for number in range(5)
            ]
            connection.execute(insert(tables.mailing), rows)
    return room


def app_issue(app):
    from newsletter.issues import load as load_issue  # noqa: PLC0415

    return load_issue(app.settings, FERRY, outlets=app.outlets)


def test_an_unusual_number_of_readers_must_be_named(used_to_forty, inbox):
    room = used_to_forty
    refused = room.run("send", FERRY, "--list", "daily", "--yes")
    assert refused.code == 1
    assert "3 readers, 92% fewer than usual (40, the median of the list’s last 5 mailings)" in refused.err
    assert "--expect 3" in refused.err
    assert "[GATE-AUDIENCE-SIZE]" in refused.err
    wrong = room.run("send", FERRY, "--list", "daily", "--yes", "--expect", "40")
    assert wrong.code == 1
    assert "40 readers were expected, and it would go to 3" in wrong.err
    assert inbox.mailbox.count() == 0
    assert room.run("send", FERRY, "--list", "daily", "--yes", "--expect", "3").code == 0
    assert inbox.mailbox.count() == 3


def test_at_a_terminal_the_number_is_typed(used_to_forty, terminal, inbox):
    there = terminal(used_to_forty, "send", FERRY, "--list", "daily")
    there.waits_for("Type the number of readers to confirm it")
    there.type("3\n")
    there.waits_for("Send now?")
    there.type("y\n")
    assert there.ends().code == 0
    assert inbox.mailbox.count() == 3


def test_a_wrong_number_at_the_terminal_sends_nothing(used_to_forty, terminal, inbox):
    there = terminal(used_to_forty, "send", FERRY, "--list", "daily")
    there.waits_for("Type the number of readers to confirm it")
    there.type("40\n")
    assert there.ends().code == 1
    assert inbox.mailbox.count() == 0
    with App.open(load(used_to_forty.root)) as app, app.store.reading() as connection:
        assert len(connection.execute(select(tables.mailing.c.id)).all()) == 5
