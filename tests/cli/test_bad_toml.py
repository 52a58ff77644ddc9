"""Settings, outlets and decisions with faults in them: the file, the key or the line, and the nearest known word."""

import pytest

from newsletter.settings import defaults

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
ISSUE = f"issues/{FERRY}/issue.toml"
NAME = '[newsroom]\nname = "N"\n'

BAD_SETTINGS = {
    "broken": ('[newsroom\nname = "N"\n', "newsletter.toml:1:10: error: is not valid TOML"),
    "not UTF-8": ('[newsroom]\nname = "é"\n'.encode("latin-1"), "is not UTF-8"),
    "empty": ("", "'newsroom' is missing"),
    "unknown table": ('[newsrom]\nname = "N"\n', "Did you mean 'newsroom'?"),
    "unknown key": (NAME + 'zoen = "UTC"\n', "Did you mean 'zone'?"),
    "unknown key of a list": (NAME + '[lists.daily]\ntitel = "T"\n', "Did you mean 'title'?"),
    "unknown key of a side": (NAME + '[sides.yes]\nnaem = "Yes"\n', "Did you mean 'name'?"),
    "unknown zone": (NAME + 'zone = "Europe/Berln"\n', "did you mean 'Europe/Berlin'?"),
    "no text": ("[newsroom]\nname = 5\n", "'newsroom.name': must be text"),
    "no table": ("newsroom = 5\n", "'newsroom': must be a table"),
    "no port": (NAME + "[sender]\nport = 99999\n", "'sender.port'"),
    "two lines": ('[newsroom]\nname = "N\\r\\nBcc: b@c.example"\n', "'newsroom.name': control characters"),
    "no URL": (NAME + 'url = "javascript:alert(1)"\n', "'newsroom.url'"),
    "a secret": (NAME + '[sender]\npassword = "hunter2"\n', "unknown key 'sender.password'"),
}
BAD_OUTLETS = {
    "broken": ('[[outlet]\nname = "O"\n', "outlets.toml:1:9: error: is not valid TOML"),
    "unknown key": ('[[outlet]]\nnaem = "O"\n', "Did you mean 'name'?"),
    "unknown rating": ('[[outlet]]\nname = "O"\nrating = "lft"\n', "Did you mean 'left'?"),
    "no list": ('[outlet]\nname = "O"\n', "Write [[outlet]]"),
    "not UTF-8": (b'[[outlet]]\nname = "\xe9"\n', "is not UTF-8"),
}
BAD_ISSUES = {
    "broken": ('date = 2026-11-24\ntitle = "T\n', "issue.toml:2:11: error: is not valid TOML"),
    "not UTF-8": (b"\xff\xfe", "is not UTF-8"),
    "unknown key": ('date = 2026-11-24\ntitel = "T"\n', "Did you mean 'title'?"),
    "unknown side": ('date = 2026-11-24\n[sides]\ne7c48f0e19d9 = "lft"\n', "Did you mean 'left'?"),
    "no date": ('date = "tomorrow"\n', "'date': must be a date"),
    "a way out": ('date = 2026-11-24\nroundups = ["../../newsletter.toml"]\n', "'roundups[1]'"),
    "another way out": ('date = 2026-11-24\ntemplate = "../daily"\n', "'template'"),
}


def check(newsroom, name, content, says):
    newsroom.put(name, content)
    before = newsroom.tree()
    newsroom.run("issue", "side", FERRY, "--suggested").refuses(name.rpartition("/")[2], says)
    assert newsroom.tree() == before


@pytest.mark.parametrize("kind", BAD_SETTINGS)
def test_settings_with_a_fault_stop_the_command(newsroom, kind):
    check(newsroom, "newsletter.toml", *BAD_SETTINGS[kind])


@pytest.mark.parametrize("kind", BAD_OUTLETS)
def test_outlets_with_a_fault_stop_the_command(newsroom, kind):
    check(newsroom, "outlets.toml", *BAD_OUTLETS[kind])


@pytest.mark.parametrize("kind", BAD_ISSUES)
def test_decisions_with_a_fault_stop_the_command(newsroom, kind):
    check(newsroom, ISSUE, *BAD_ISSUES[kind])


def test_a_decision_leaves_the_rest_of_the_file_alone(newsroom):
    before = (newsroom.root / ISSUE).read_text(encoding="utf-8")
    answer = newsroom.run("issue", "side", FERRY, "--set", "bb0d3f462e70=right", "--json")
    assert answer.code == 0, answer
    after = (newsroom.root / ISSUE).read_text(encoding="utf-8")
    changed = [(old, new) for old, new in zip(before.split("\n"), after.split("\n"), strict=True) if old != new]
    assert len(changed) == 1
    assert "right" in changed[0][1]


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("bb0d3f462e70", "--set"),
        ("bb0d3f462e70=lft", "Did you mean 'left'?"),
        ("ffffffffffff=left", "no quote has the id"),
        ("bb=left", "too short"),
        ("=left", "--set"),
    ],
)
def test_a_choice_that_cannot_be_changes_nothing(newsroom, choice, says):
    before = newsroom.tree()
    newsroom.run("issue", "side", FERRY, "--set", "cb2e3bfb9db7=left", "--set", choice).refuses(says)
    assert newsroom.tree() == before
