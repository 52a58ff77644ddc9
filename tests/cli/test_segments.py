"""Segments, lists, tags and erasing, as they are typed."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from newsletter import store
from newsletter.settings import defaults
from newsletter.store import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Newsroom, Terminal

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
AT = f"{(datetime.now(UTC) + timedelta(days=3)).date()} 06:00"
ANN, BOB, CYD = (f"{name}@reader.example" for name in ("ann", "bob", "cyd"))


@pytest.fixture
def tagged(with_readers: Newsroom) -> Newsroom:
    """Ann and Bob are donors, Bob in the US."""
    for who in (ANN, BOB):
        assert with_readers.run("subscriber", "tag", who, "Donor").code == 0
    assert with_readers.run("subscriber", "set", BOB, "country=US").code == 0
    return with_readers


def test_a_segment_is_added_counted_shown_and_removed(tagged: Newsroom) -> None:
    added = tagged.run("segment", "add", "donors-abroad", "tag:donor and not country:US")
    assert added.code == 0, added
    assert "donors-abroad  tag:donor and not country:US" in added.out
    assert "1  readers of daily" in added.out
    (shown,) = json.loads(tagged.run("segment", "show", "donors-abroad", "--exact", "--json").out)
    assert shown == {
        "segment": "donors-abroad",
        "filter": "tag:donor and not country:US",
        "readers": [{"list": "daily", "readers": 1, "exact": True, "margin": 0}],
    }
    assert [each["segment"] for each in json.loads(tagged.run("segment", "list", "--json").out)] == ["donors-abroad"]
    tagged.run("segment", "add", "donors-abroad", "tag:donor").refuses("there already", "--replace")
    assert "2  readers" in tagged.run("segment", "add", "donors-abroad", "tag:donor", "--replace").out
    tagged.run("segment", "remove", "donors-abroad").refuses("nobody is there to be asked", "--yes")
    assert tagged.run("segment", "remove", "donors-abroad", "--yes").code == 0
    tagged.run("segment", "show", "donors-abroad").refuses("no segment is called")
    assert "There are no segments." in tagged.run("segment", "list").err


def test_a_slip_in_a_filter_is_underlined(with_readers: Newsroom) -> None:
    said = with_readers.run("segment", "count", "tag:donor adn country:US")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "filter, character 11: error: expected `and` or `or`, and found `adn`\n"
        "  tag:donor adn country:US\n"
        "            ^^^\n"
        "  Did you mean `and`?\n"
    )


def test_what_nobody_has_is_said(tagged: Newsroom) -> None:
    said = tagged.run("segment", "count", "tag:doner")
    assert (said.code, "0  readers of daily" in said.out) == (0, True)
    assert "nobody has tag:doner; did you mean donor?" in said.err


def test_a_send_to_a_segment_says_who_is_left_out_and_why(tagged: Newsroom) -> None:
    assert tagged.run("segment", "add", "donors", "tag:donor").code == 0
    assert tagged.run("list", "add", "weekly", "--title", "The Weekly").code == 0
    said = ("subscriber", "add", ANN, "--list", "weekly", "--confirmed", "--consent", "Asked")
    assert tagged.run(*said).code == 0
    trial = tagged.run(
        *("send", FERRY, "--list", "daily", "--segment", "donors", "--exclude-list", "weekly", "--dry-run")
    )
    assert trial.code == 0, trial
    assert "goes to 1 of 3 on daily (only donors: tag:donor; nobody on weekly)" in trial.out
    assert "1  on a list that is left out" in trial.out
    assert "1  not in the segment" in trial.out
    planned = json.loads(
        tagged.run("send", FERRY, "--list", "daily", "--filter", "tag:donor", "--dry-run", "--json").out
    )
    assert (planned["prepared"], planned["filter"], planned["excluded"]) == (2, "tag:donor", {"segment": 1})
    tagged.run("send", FERRY, "--list", "daily", "--segment", "doners", "--dry-run").refuses("Did you mean 'donors'")
    tagged.run("send", FERRY, "--list", "daily", "--exclude-list", "daily", "--dry-run").refuses("would be left out")


def test_a_scheduled_mailing_keeps_whom_it_was_ordered_for(tagged: Newsroom) -> None:
    given = ("issue", "schedule", FERRY, "--list", "daily", "--at", AT)
    made = tagged.run(*given, "--filter", "tag:donor")
    assert made.code == 0, made
    assert "2 readers (only tag:donor)" in made.out
    assert "1  not in the segment" in made.out
    assert "Only to tag:donor" in tagged.run("mailing", "show", "1").out
    assert "2 readers" in tagged.run("schedule", "show").out
    other = tagged.run(*given)
    assert (other.code, "is scheduled for tag:donor, and this would be for everybody" in other.err) == (1, True)
    assert tagged.run(*given, "--filter", "tag:donor").code == 0


def test_a_list_is_added_to_the_settings_and_counted(with_readers: Newsroom) -> None:
    before = (with_readers.root / "newsletter.toml").read_bytes()
    assert with_readers.run("list", "add", "weekly", "--title", 'The "Weekly"').code == 0
    after = (with_readers.root / "newsletter.toml").read_bytes()
    assert after == before + b'\n[lists.weekly]\ntitle = "The \\"Weekly\\""\n'
    (found,) = json.loads(with_readers.run("list", "show", "weekly", "--json").out)
    assert found == {
        "name": "weekly",
        "title": 'The "Weekly"',
        "unconfirmed": 0,
        "subscribed": 0,
        "unsubscribed": 0,
        "paused": 0,
    }
    again = with_readers.run("list", "add", "weekly", "--title", "Again")
    assert (again.code, "there is a list 'weekly' already" in again.err) == (1, True)
    with_readers.run("list", "add", "No Name", "--title", "x").refuses("can name no list")
    assert (with_readers.root / "newsletter.toml").read_bytes() == after
    assert "3 subscribed" in with_readers.run("list", "list").out


def test_what_happened_to_a_person_is_shown(tagged: Newsroom) -> None:
    assert tagged.run("subscriber", "pause", BOB, "--list", "daily", "--weeks", "1").code == 0
    assert tagged.run("subscriber", "set", BOB, "--zone", "Asia/Tokyo", "--hour", "7:00").code == 0
    shown = tagged.run("subscriber", "show", BOB)
    for word in ("donor", "country      US", "Asia/Tokyo", "07:00", "paused until", "daily: imported by import"):
        assert word in shown.out, shown.out
    data = json.loads(tagged.run("subscriber", "show", BOB, "--json").out)
    assert (data["tags"], data["attributes"]) == (["donor"], {"country": "US"})
    assert [each["what"] for each in data["evidence"]] == ["imported", "paused"]
    assert "1 of them paused" in tagged.run("list", "show").out
    assert tagged.run("subscriber", "resume", BOB, "--list", "daily").code == 0
    assert tagged.run("subscriber", "untag", BOB, "donor").err == "Taken off: donor.\n"
    assert tagged.run("subscriber", "untag", BOB, "donor").err == "Nothing had to be changed.\n"
    tagged.run("subscriber", "set", BOB, "country").refuses("is no attribute", "country=US")
    tagged.run("subscriber", "tag", "eve@reader.example", "donor").refuses("nobody here has this address")


def test_erasing_asks_and_leaves_nothing_in_the_file(tagged: Newsroom, terminal: Callable[..., Terminal]) -> None:
    asked = terminal(tagged, "subscriber", "erase", BOB)
    asked.waits_for("Erase this person for good?")
    assert BOB not in asked.shown
    asked.type("n\n")
    assert asked.ends().code != 0
    assert tagged.run("subscriber", "show", BOB).code == 0
    tagged.run("subscriber", "erase", BOB).refuses("nobody is there to be asked", "--yes")
    erased = json.loads(tagged.run("subscriber", "erase", BOB, "--yes", "--json").out)
    assert (erased["subscriptions"], erased["evidence"]) == (1, 1)
    tagged.run("subscriber", "show", BOB).refuses("nobody here has this address")
    assert tagged.run("db", "scrub").code == 0
    left = [path for path in (tagged.root / "data").rglob("*") if path.is_file() and BOB.encode() in path.read_bytes()]
    assert left == []
    again = tagged.run("subscriber", "add", BOB, "--list", "daily", "--confirmed", "--consent", "It was in an old list")
    assert (again.code, "erased" in again.err) == (1, True)
    tagged.run("subscriber", "erase", str(erased["subscriber"]), "--yes").refuses("there is no subscriber")
    assert tagged.run("subscriber", "erase", "1", "--yes").code == 0


def test_pruning_removes_old_sign_ups_and_those_who_left_long_ago(with_readers: Newsroom) -> None:
    database = store.sqlite_url(with_readers.root / "data" / "newsletter.db")
    with closing(store.open(database)) as opened, opened.writing() as connection:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        connection.exec_driver_sql("UPDATE consent SET at = '2020-01-01 00:00:00.000000'")
        for number, status in ((1, "unsubscribed"), (2, "unconfirmed")):
            theirs = tables.subscription.c.subscriber_id == number
            connection.execute(update(tables.subscription).where(theirs).values(status=status, changed_at=long_ago))
    trial = with_readers.run("db", "prune", "--dry-run")
    assert "1 sign-ups that nobody confirmed are removed" in trial.out
    assert "1 people who had left every list are erased" in trial.out
    done = json.loads(with_readers.run("db", "prune", "--yes", "--json").out)
    assert (done["unconfirmed"], done["left"]) == (1, 1)
    (daily,) = json.loads(with_readers.run("list", "show", "--json").out)
    assert (daily["subscribed"], daily["unsubscribed"], daily["unconfirmed"]) == (1, 0, 0)
