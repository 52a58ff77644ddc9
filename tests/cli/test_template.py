"""`newsletter template`: a copy to change, and what is wrong with it."""

import json

FERRY = "2026-11-24-should-the-night-ferry-come-back"
EVENING = "templates/email/evening"


def test_a_copied_template_is_whole_and_can_be_used_at_once(newsroom):
    answer = newsroom.run("template", "new", "evening", "--from", "letter", "--json")
    assert answer.code == 0
    told = json.loads(answer.out)
    assert (told["template"], told["from"]) == ("evening", "letter")
    assert {"body.mjml", "body.txt", "author.css", "shared/frame.mjml", "shared/words.txt"} <= set(told["files"])
    checked = newsroom.run("template", "check", "evening", "--json")
    assert (checked.code, json.loads(checked.out)["findings"]) == (0, [])
    newsroom.change(f"issues/{FERRY}/issue.toml", 'template = "daily"\n', 'template = "evening"\n')
    assert newsroom.run("issue", "render", FERRY, "--out", "out").code == 0
    listed = newsroom.run("template", "list").out.splitlines()
    assert listed[:4] == ["brief", "daily", "evening", "letter"]
    assert {line.split()[1] for line in listed[4:]} == {"notice"}


def test_a_notice_is_held_to_the_checks_of_issues(newsroom):
    checked = newsroom.run("template", "check", "confirm", "--json")
    assert (checked.code, json.loads(checked.out)["findings"]) == (0, [])
    newsroom.change("templates/email/_shared/notice_parts.mjml", 'color="{{ brand.soft }}"', 'color="#dddddd"')
    answer = newsroom.run("template", "check", "confirm")
    assert answer.code == 1
    assert "[CONTRAST-LIGHT]" in answer.err
    copied = newsroom.run("template", "new", "hello", "--from", "welcome")
    assert copied.code == 0
    assert "only confirm, welcome" in copied.err


def test_a_copy_never_takes_the_place_of_another(newsroom):
    assert newsroom.run("template", "new", "evening").code == 0
    before = newsroom.tree()
    newsroom.run("template", "new", "evening").refuses("there is a template of that name")
    newsroom.run("template", "new", "../evening").refuses("no template can be called")
    newsroom.run("template", "new", "night", "--from", "absent").refuses("there is no template 'absent'", "daily")
    assert newsroom.tree() == before


def test_faults_are_told_with_file_line_and_column(newsroom):
    newsroom.run("template", "new", "evening")
    path = newsroom.root / EVENING / "body.mjml"
    line = next(n for n, text in enumerate(path.read_text("utf-8").split("\n"), 1) if "<mj-divider" in text)
    newsroom.change(f"{EVENING}/body.mjml", "<mj-divider ", "<mj-divider colour='#fff' ")
    answer = newsroom.run("template", "check", "evening")
    assert (answer.code, answer.out) == (1, "")
    assert f"{EVENING}/body.mjml:{line}:" in answer.err
    assert "[TEMPLATE-ATTRIBUTE]" in answer.err
    newsroom.run("template", "check", "absent").refuses("there is no template 'absent'")
