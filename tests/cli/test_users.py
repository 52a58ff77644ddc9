"""`newsletter user`: a token is shown once, goes by the environment, and is kept nowhere."""

import json

import pytest


def test_a_token_is_printed_once_alone_on_stdout(newsroom):
    answer = newsroom.run("user", "add", "Ada Marlow", "--role", "editor", "--side", "left")
    assert answer.code == 0
    assert answer.out.startswith("nlu_")
    assert len(answer.out.split()) == 1
    assert "shown this once" in answer.err
    assert answer.out.strip() not in answer.err
    listed = newsroom.run("user", "list", "--json")
    assert answer.out.strip() not in listed.out
    (ada,) = json.loads(listed.out)
    assert (ada["name"], ada["role"], ada["side"], ada["disabled"]) == ("Ada Marlow", "editor", "left", None)


def test_the_same_as_json(newsroom):
    answer = json.loads(newsroom.run("user", "add", "Ada", "--role", "admin", "--json").out)
    assert answer.keys() == {"name", "role", "side", "created", "disabled", "token"}
    assert answer["token"].startswith("nlu_")


def test_disable_and_renew(newsroom):
    first = newsroom.run("user", "add", "Ada", "--role", "editor").out.strip()
    assert newsroom.run("user", "disable", "ada").code == 0
    assert "disabled" in newsroom.run("user", "list").out
    disabled = newsroom.run("user", "add", "Bea", "--role", "editor", environ={"NEWSLETTER_USER_TOKEN": first})
    disabled.refuses("Ada is disabled", "NEWSLETTER_USER_TOKEN")
    second = newsroom.run("user", "renew", "Ada").out.strip()
    assert second != first
    assert newsroom.run("user", "add", "Bea", "--role", "ops", environ={"NEWSLETTER_USER_TOKEN": second}).code == 0
    old = newsroom.run("user", "add", "Cyd", "--role", "ops", environ={"NEWSLETTER_USER_TOKEN": first})
    old.refuses("this token is no user's", "newsletter user renew")


def test_nobody_yet(newsroom):
    assert newsroom.run("user", "list").out == ""
    newsroom.run("user", "disable", "Ada").refuses("there is no user 'Ada'", "newsletter user add NAME")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("add", "Ada", "--role", "editor", "--side", "lft"), 2, "Did you mean 'left'?"),
        (("add", " ", "--role", "editor"), 2, "a user's name has"),
        (("renew", "Ida"), 2, "there is no user 'Ida'"),
    ],
)
def test_bad_words_are_one_clear_error(newsroom, words, code, told):
    newsroom.run("user", *words).refuses(told, code=code)


def test_a_name_is_had_once(newsroom):
    newsroom.run("user", "add", "Ada", "--role", "editor")
    newsroom.run("user", "add", "ADA", "--role", "editor").refuses("there is a user Ada already", code=1)


def test_a_role_that_is_none_and_a_role_that_is_left_out(newsroom):
    assert newsroom.run("user", "add", "Ada", "--role", "chief").code == 2
    assert newsroom.run("user", "add", "Ada").code == 2
    assert newsroom.run("user", "list", "--json").out == "[]\n"


def test_who_composes_stands_in_the_issue(newsroom):
    token = newsroom.run("user", "add", 'Ada "A" Marlow', "--role", "writer").out.strip()
    newsroom.put("today.txt", "Should ferries be free?\n\nFrom the left\n\n“Yes.”\nAda Pell, The Post\n")
    made = newsroom.run("issue", "new", "today.txt", "--date", "2026-12-01", environ={"NEWSLETTER_USER_TOKEN": token})
    assert made.code == 0, made
    text = (newsroom.root / "issues" / made.out.strip() / "issue.toml").read_text(encoding="utf-8")
    assert 'author = "Ada \\"A\\" Marlow"' in text
    newsroom.run("issue", "new", "today.txt", "--date", "2026-12-02", environ={"NEWSLETTER_USER_TOKEN": "x"}).refuses(
        "this token is no user's"
    )
    assert not (newsroom.root / "issues" / "2026-12-02-should-ferries-be-free").exists()


def test_composing_without_a_token_makes_no_database(newsroom):
    newsroom.put("today.txt", "Should ferries be free?\n\nFrom the left\n\n“Yes.”\nAda Pell, The Post\n")
    slug = newsroom.run("issue", "new", "today.txt", "--date", "2026-12-01").out.strip()
    assert '# author = "…"' in (newsroom.root / "issues" / slug / "issue.toml").read_text(encoding="utf-8")
    newsroom.run("issue", "show", slug)
    assert not (newsroom.root / "data").exists()
