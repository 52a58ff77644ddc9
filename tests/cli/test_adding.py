"""`newsletter subscriber add`: asked by mail, or subscribed by a consent that is on record."""

import json

ADD = ("subscriber", "add", "eve@reader.example", "--list", "daily")


def test_who_has_not_agreed_yet_is_asked_and_is_nobody_until_then(newsroom):
    answer = newsroom.run(*ADD)
    assert answer.code == 0
    assert "is asked by mail" in answer.err
    newsroom.run("subscriber", "show", "eve@reader.example").refuses("nobody here has this address")
    assert json.loads(newsroom.run(*ADD, "--json").out) == {"subscriber": None, "changed": False, "asked": True}


def test_who_agreed_already_is_subscribed_at_once(newsroom):
    told = json.loads(newsroom.run(*ADD, "--confirmed", "--consent", "Letter of 3 November", "--json").out)
    assert (told["changed"], told["asked"]) == (True, False)
    shown = json.loads(newsroom.run("subscriber", "show", "eve@reader.example", "--json").out)
    (one,) = shown["subscriptions"]
    assert (one["status"], one["consent"]) == ("subscribed", "Letter of 3 November")


def test_a_consent_is_no_confirmation_by_itself(newsroom):
    newsroom.run(*ADD, "--consent", "Letter").refuses("--consent goes with --confirmed", "they are asked by mail")
    newsroom.run(*ADD, "--name", "Eve").refuses("--name goes with --confirmed")
    newsroom.run(*ADD, "--confirmed").refuses("no consent is given")
    newsroom.run(*ADD[:3], "--list", "dayly").refuses("no list is called 'dayly'")
