"""`issue show --digest` and `issue diff`: what an edition is made from, and what changed, in words."""

import hashlib
import json

import pytest

from newsletter.app import App
from newsletter.publishing import users
from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import defaults, load
from newsletter.store.statuses import UserRole

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
ROUNDUP = f"issues/{FERRY}/roundup.txt"
DECISIONS = f"issues/{FERRY}/issue.toml"


@pytest.fixture
def room(newsroom):
    with Inbox(port=0) as inbox:
        newsroom.change("newsletter.toml", "port = 2525", f"port = {inbox.port}")
        newsroom.change("newsletter.toml", "tested = false\nneeded = 0\n", "")
        yield newsroom


@pytest.fixture
def ada(room):
    with App.open(load(room.root)) as app:
        now, hashed = app.clock(), app.keys.user_hash
        _, token = users.add(app.store, "Ada", UserRole.EDITOR, side=None, hashed=hashed, actor="a test", now=now)
    return lambda *words: room.run(*words, environ={"NEWSLETTER_USER_TOKEN": token})


def test_an_edition_is_explained(room, ada):
    digest = ada("issue", "approve", FERRY).out.strip()
    shown = room.run("issue", "show", FERRY, "--digest")
    assert shown.code == 0, shown
    assert shown.out.startswith(digest)
    for name in (ROUNDUP, DECISIONS):
        assert hashlib.sha256((room.root / name).read_bytes()).hexdigest() in shown.out
    for words in ("Template daily", "body.mjml", "premailer", "python 3.", "4 Quay Street", "approved by Ada"):
        assert words in shown.out
    assert "nobody has tested this edition" in shown.out


def test_the_same_as_json(room, ada):
    digest = ada("issue", "approve", FERRY).out.strip()
    found = json.loads(room.run("issue", "show", FERRY, "--digest", "--json").out)
    assert found["digest"] == digest
    manifest, record = found["manifest"], found["record"]
    assert {entry["name"] for entry in manifest["inputs"]} == {"issue.toml", "roundup.txt"}
    assert manifest["versions"].keys() >= {"newsletter", "python", "mjml-python", "premailer", "jinja2", "lxml"}
    assert manifest["template_files"].keys() >= {"body.mjml", "body.txt", "author.css"}
    assert [each["by"] for each in record["approved"]] == ["Ada"]
    assert [finding["code"] for finding in record["missing"]] == ["GATE-NOT-TESTED"]
    room.run("issue", "render", FERRY, "--out", "out")
    assert json.loads((room.root / "out" / "manifest.json").read_text()) == {"digest": digest, **manifest}


def test_show_tells_who_signed_and_that_something_changed(room, ada):
    assert "Edition" not in room.run("issue", "show", FERRY).out
    ada("issue", "test", FERRY, "--to", "ada@newsroom.example")
    ada("issue", "approve", FERRY)
    shown = room.run("issue", "show", FERRY)
    assert "tested by Ada" in shown.out
    assert "approved by Ada" in shown.out
    assert json.loads(room.run("issue", "show", FERRY, "--json").out)["sign_off"]["missing"] == []
    room.change(ROUNDUP, "by summer", "by winter")
    changed = room.run("issue", "show", FERRY)
    assert "approved by Ada" not in changed.out
    assert "GATE-OTHER-EDITION" in changed.out
    assert f"newsletter issue diff {FERRY}" in changed.out


def test_what_changed_is_told_in_words(room, ada):
    ada("issue", "test", FERRY, "--to", "ada@newsroom.example")
    ada("issue", "approve", FERRY)
    same = room.run("issue", "diff", FERRY)
    assert same.out.startswith("Nothing changed: this is edition ")
    room.change(ROUNDUP, "counting first", "counting last")
    room.change(
        DECISIONS, 'subject = "Should the night ferry come back?"', 'subject = "Should the night boat come back?"'
    )
    room.change(DECISIONS, 'bb0d3f462e70 = "left"', 'bb0d3f462e70 = "right"')
    answer = room.run("issue", "diff", FERRY)
    assert answer.code == 0
    assert "- The subject changed: “ferry” became “boat”." in answer.out
    assert "- The quote by Editorial Board, Morning Tide changed: “first.” became “last.”." in answer.out
    assert "- The side of the quote by Mira Oland, Dockside Review changed from left to right." in answer.out
    assert "<" not in answer.out


def test_against_a_given_edition_and_as_json(room, ada):
    first = ada("issue", "approve", FERRY).out.strip()
    room.change(ROUNDUP, "counting first", "counting last")
    token_less = json.loads(room.run("issue", "diff", FERRY, "--json").out)
    assert (token_less["since"], token_less["same"], token_less["before"]) == ("approved", False, first)
    (quote,) = [change for change in token_less["changes"] if change["what"] == "quote"]
    assert {"fate": "removed", "text": "first."} in quote["words"]
    given = json.loads(room.run("issue", "diff", FERRY, "--against", first[:10], "--json").out)
    assert given["changes"] == token_less["changes"]
    room.run("issue", "diff", FERRY, "--against", "ffffffff").refuses("no edition ffffffff", first[:12])
    room.run("issue", "diff", FERRY, "--against", "x").refuses("is no digest")


def test_with_nothing_to_compare_with_it_says_what_to_do(room):
    room.run("issue", "diff", FERRY).refuses("nothing to compare with", f"newsletter issue test {FERRY}")


def test_what_readers_do_not_see_is_named_as_that(room, ada):
    ada("issue", "approve", FERRY)
    room.change(DECISIONS, "# The editors' decisions", "# The decisions")
    assert "- issue.toml changed, in a way that readers do not see." in room.run("issue", "diff", FERRY).out


def test_hostile_text_steers_no_terminal(room, ada):
    ada("issue", "approve", FERRY)
    room.change(ROUNDUP, "counting first", "counting \u202elast [bold]")
    answer = room.run("issue", "diff", FERRY)
    assert "\u202e" not in answer.out
    assert "[bold]" in answer.out
