"""Questions at a real terminal: sides, one key a quote; and the question before a send."""

import json

import pytest

from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import defaults

ROUNDUP = next((defaults() / "issues").glob("*-ferry-*")) / "roundup.txt"
FERRY = ROUNDUP.parent.name
SLUG = "2026-12-01-ferry"
QUOTES = 6


@pytest.fixture
def undecided(newsroom):
    newsroom.put("roundup.txt", ROUNDUP.read_bytes())
    done = newsroom.run("issue", "new", "roundup.txt", "--title", "Ferry", "--date", "2026-12-01")
    assert (done.code, done.out) == (0, f"{SLUG}\n")
    return newsroom


def sides(newsroom):
    answer = json.loads(newsroom.run("issue", "show", SLUG, "--json").out)
    return [quote["side"] for section in answer["sections"][1:] for quote in section["quotes"]]


def test_one_key_a_quote_and_a_capital_for_all_below(undecided, terminal):
    asked = terminal(undecided, "issue", "side", SLUG)
    for number, key in enumerate(("r", " ", "\r", "\x1b[A", "?", "o", "L"), start=1):
        asked.waits_for(f"{min(number, 4 if number < 7 else 5)} of {QUOTES}")
        asked.type(key)
    done = asked.ends()
    assert done.code == 0, done.err
    assert "5 decided, 1 undecided" in done.err
    assert len(done.out.splitlines()) == 1  # the one that was left for later, on stdout
    assert sides(undecided) == ["right", None, "left", "other", "left", "left"]


def test_keys_typed_ahead_all_count(undecided, terminal):
    asked = terminal(undecided, "issue", "side", SLUG)
    asked.waits_for(f"1 of {QUOTES}")
    asked.type("lrbcoq")
    assert asked.ends().code == 0
    assert sides(undecided) == ["left", "right", "both", "center", "other", None]


def test_q_keeps_what_was_decided_before(undecided, terminal):
    asked = terminal(undecided, "issue", "side", SLUG, "--json")
    asked.waits_for(f"1 of {QUOTES}")
    asked.type("r")
    asked.waits_for(f"2 of {QUOTES}")
    asked.type("q")
    done = asked.ends()
    assert done.code == 0
    assert list(json.loads(done.out)["decided"].values()) == ["right"]
    assert sides(undecided) == ["right", *[None] * 5]


def test_ctrl_c_decides_nothing(undecided, terminal):
    before = undecided.tree()
    asked = terminal(undecided, "issue", "side", SLUG)
    asked.waits_for(f"1 of {QUOTES}")
    asked.type("r")
    asked.waits_for(f"2 of {QUOTES}")
    asked.type("\x03")
    done = asked.ends()
    assert (done.code, done.out) == (130, "")
    assert undecided.tree() == before


def test_a_terminal_has_colours_unless_they_are_not_wanted(undecided, terminal):
    for environ, colours in (({}, True), ({"NO_COLOR": "1"}, False)):
        shown = terminal(undecided, "issue", "show", SLUG, **environ).ends().err
        assert ("\x1b[31m" in shown or "\x1b[1;31m" in shown) == colours


def test_without_a_terminal_nobody_is_asked(undecided):
    before = undecided.tree()
    undecided.run("issue", "side", SLUG).refuses(f"{QUOTES} quotes wait", "--set ID=SIDE, or --suggested")
    assert undecided.tree() == before


def test_a_send_asks_and_goes_only_after_yes(with_readers, terminal):
    with Inbox(port=0) as inbox:
        with_readers.change("newsletter.toml", "port = 2525", f"port = {inbox.port}")
        for answer, code, arrived in (("n", 1, 0), ("\x03", 1, 0), ("y", 0, 3)):
            asked = terminal(with_readers, "send", FERRY, "--list", "daily")
            asked.waits_for("Send now?")
            assert "goes to 3 of 3 on daily" in asked.shown
            asked.type(f"{answer}\n")
            done = asked.ends()
            assert (done.code, inbox.mailbox.count()) == (code, arrived), done.err
            assert ("Finished: all 3 accepted." in done.out) == (code == 0)
