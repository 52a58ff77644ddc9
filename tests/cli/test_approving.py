"""`issue test`, `approve`, `waive` and the gate, as people meet them at the command line; with a real inbox."""

import json
import os

import pytest

from newsletter.app import App
from newsletter.publishing import users
from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import defaults, load
from newsletter.store.statuses import UserRole

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
ROUNDUP = f"issues/{FERRY}/roundup.txt"


@pytest.fixture
def inbox():
    with Inbox(port=0) as inbox:
        yield inbox


@pytest.fixture
def room(with_readers, inbox):
    with_readers.change("newsletter.toml", "port = 2525", f"port = {inbox.port}")
    with_readers.change("newsletter.toml", "tested = false\nneeded = 0\n", "")
    return with_readers


@pytest.fixture
def ada(room):
    """Runs commands as an editor of the newsroom."""
    return acting(room, "Ada")


def token_of(room, name, role=UserRole.EDITOR, side=None):
    """Adds a user without the second that a process of its own takes; test_users.py has the command."""
    with App.open(load(room.root)) as app:
        now = app.clock()
        _, token = users.add(app.store, name, role, side=side, hashed=app.keys.user_hash, actor="a test", now=now)
    return {"NEWSLETTER_USER_TOKEN": token}


def acting(room, name, role=UserRole.EDITOR, side=None):
    environ = token_of(room, name, role, side)
    return lambda *words: room.run(*words, environ=environ)


def add_rule(room, table, rule):
    """Puts a line under a table of the settings, whether that is there already or not."""
    text = (room.root / "newsletter.toml").read_text(encoding="utf-8")
    here = f"\n[{table}]\n"
    room.put("newsletter.toml", text.replace(here, f"{here}{rule}\n") if here in text else f"{text}{here}{rule}\n")


def codes(answer):
    return [line.rpartition("[")[2].rstrip("]") for line in answer.err.splitlines() if line.endswith("]")]


def test_test_approve_send(room, inbox, ada):
    refused = room.run("send", FERRY, "--list", "daily", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert codes(refused) == ["GATE-NOT-TESTED", "GATE-NOT-APPROVED"]
    tested = ada("issue", "test", FERRY, "--to", "ada@newsroom.example", "--to", "bea@newsroom.example")
    assert tested.code == 0, tested
    assert tested.out == "accepted  a…@newsroom.example\naccepted  b…@newsroom.example\n"
    approved = ada("issue", "approve", FERRY)
    assert approved.code == 0, approved
    assert codes(approved) == []
    sent = json.loads(room.run("send", FERRY, "--list", "daily", "--yes", "--json").out)
    assert (sent["edition"], sent["accepted"]) == (approved.out.strip(), 3)
    assert inbox.mailbox.count() == 5


def test_an_edit_of_one_letter_closes_the_gate_and_says_why(room, ada):
    ada("issue", "test", FERRY, "--to", "ada@newsroom.example")
    first = ada("issue", "approve", FERRY).out.strip()
    room.change(ROUNDUP, "an answer by summer", "an answer by winter")
    refused = room.run("send", FERRY, "--list", "daily", "--yes")
    assert refused.code == 1
    assert codes(refused) == ["GATE-OTHER-EDITION", "GATE-NOT-TESTED", "GATE-NOT-APPROVED"]
    assert f"the edition that was approved is {first[:12]}" in refused.err
    assert f"newsletter issue diff {FERRY}" in refused.err
    again = ada("issue", "approve", FERRY)
    assert again.code == 0
    assert f"newsletter issue diff {FERRY} --against {first[:12]}" in again.err
    assert codes(again) == ["GATE-OTHER-EDITION", "GATE-NOT-TESTED"]


def test_approving_what_has_changed_since_it_was_looked_at_is_refused(room, ada):
    digest = room.run("issue", "render", FERRY, "--out", "out").out.strip()
    room.change(ROUNDUP, "by summer", "by winter")
    refused = ada("issue", "approve", FERRY, "--edition", digest[:8])
    assert (refused.code, refused.out) == (1, "")
    assert "something changed since" in refused.err
    now = room.run("issue", "render", FERRY, "--out", "out").out.strip()
    assert ada("issue", "approve", FERRY, "--edition", now[:8]).out.strip() == now
    ada("issue", "approve", FERRY, "--edition", "the last").refuses("is no digest", "--edition")


def test_approving_is_idempotent_and_can_be_withdrawn(ada):
    first = json.loads(ada("issue", "approve", FERRY, "--json").out)
    second = json.loads(ada("issue", "approve", FERRY, "--json").out)
    assert (first["new"], second["new"]) == (True, False)
    assert [each["by"] for each in second["approvals"]] == ["Ada"]
    withdrawn = ada("issue", "approve", FERRY, "--withdraw", "--json")
    assert json.loads(withdrawn.out)["withdrawn"] == [first["edition"]]
    assert "had approved nothing" in ada("issue", "approve", FERRY, "--withdraw").err


def test_findings_that_block_stand_in_the_way_of_an_approval(room, ada):
    room.change(ROUNDUP, "Mira Oland, Dockside Review", "")
    refused = ada("issue", "approve", FERRY)
    assert (refused.code, refused.out) == (1, "")
    assert "QUOTE-NO-ATTRIBUTION" in codes(refused)


def test_each_command_wants_a_token_and_a_valid_one(room):
    commands = [
        ("issue", "test", FERRY, "--to", "ada@newsroom.example"),
        ("issue", "approve", FERRY),
        ("issue", "approve", FERRY, "--withdraw"),
        ("issue", "waive", FERRY, "SUBJECT-LENGTH", "--reason", "short is good"),
    ]
    for words in commands:
        room.run(*words).refuses("nobody is named who does this", "NEWSLETTER_USER_TOKEN", "newsletter user add")
    room.run(*commands[1], environ={"NEWSLETTER_USER_TOKEN": "nlu_wrong"}).refuses("this token is no user's")


def test_the_token_may_come_from_a_file(room, tmp_path):
    file = tmp_path / "token"
    file.write_text(token_of(room, "Ada")["NEWSLETTER_USER_TOKEN"] + "\n")
    answer = room.run("issue", "approve", FERRY, environ={"NEWSLETTER_USER_TOKEN_FILE": str(file)})
    assert answer.code == 0, answer
    gone = {"NEWSLETTER_USER_TOKEN_FILE": os.devnull + ".gone"}
    room.run("issue", "approve", FERRY, environ=gone).refuses("NEWSLETTER_USER_TOKEN_FILE cannot be read")


@pytest.mark.parametrize("address", ["a@b@c", ""])
def test_a_bad_address_is_one_error(ada, inbox, address):
    ada("issue", "test", FERRY, "--to", address).refuses("--to", "Correct the address")
    assert inbox.mailbox.count() == 0


def test_a_server_that_is_not_there_is_one_error(with_readers):
    with_readers.change("newsletter.toml", "port = 2525", "port = 1")
    ada = acting(with_readers, "Ada")
    ada("issue", "test", FERRY, "--to", "ada@newsroom.example").refuses("mail cannot be handed over", "[sender]")


def test_a_warning_is_waived_and_an_error_only_by_leave(room, ada):
    room.change(f"issues/{FERRY}/issue.toml", 'subject = "Should the night ferry come back?"', 'subject = "Ferry?"')
    waived = ada("issue", "waive", FERRY, "SUBJECT-LENGTH", "--reason", "one word says it", "--json")
    assert waived.code == 0, waived
    assert [each["code"] for each in json.loads(waived.out)["waived"]] == ["SUBJECT-LENGTH"]
    room.change(ROUNDUP, "an answer by summer", "an answer by TODO")
    refused = ada("issue", "waive", FERRY, "TEXT-PLACEHOLDER", "--reason", "it is a quote")
    refused.refuses("TEXT-PLACEHOLDER is an error", 'waivable = ["TEXT-PLACEHOLDER"]', code=1)
    add_rule(room, "checks", 'waivable = ["TEXT-PLACEHOLDER"]')
    assert ada("issue", "waive", FERRY, "TEXT-PLACEHOLDER", "--reason", "it is a quote").code == 0
    assert ada("issue", "approve", FERRY).code == 0
    ada("issue", "waive", FERRY, "NO-SUCH-CODE", "--reason", "x").refuses("no finding 'NO-SUCH-CODE'")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("needed = -1", "'approval.needed'"),
        ('sides = ["lft"]', "no side is called 'lft'"),
        ("testd = false", "Did you mean 'tested'?"),
    ],
)
def test_rules_that_cannot_be_are_refused(room, rules, told):
    add_rule(room, "approval", rules)
    room.run("issue", "show", FERRY).refuses(told)
