"""Templates that fail: the file and its line, and nothing of the edition is written."""

import pytest

from newsletter.settings import defaults

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
DAILY = "templates/email/daily"
HEAD = '<mjml lang="en" dir="ltr">\n<mj-body>\n'

BAD = {
    "Jinja, not closed": ("body.mjml", HEAD + "{% if issue %}\n", "body.mjml:"),
    "Jinja, unknown name": (
        "body.mjml",
        HEAD + "{{ nope }}\n</mj-body></mjml>",
        "body.mjml:3: error: 'nope' is undefined",
    ),
    "Jinja, an exception": ("body.mjml", HEAD + "{{ 1 / 0 }}\n</mj-body></mjml>", "body.mjml:3: error: ZeroDivision"),
    "Jinja, out of the sandbox": ("body.mjml", HEAD + "{{ ''.__class__.__mro__ }}\n", "body.mjml:3"),
    "Jinja, another file": ("body.mjml", '{% include "gone.mjml" %}', "no file 'gone.mjml'"),
    "Jinja, out of the folder": ("body.mjml", '{% include "../../../newsletter.toml" %}', "body.mjml:1"),
    "MJML, unknown element": (
        "body.mjml",
        '<mjml lang="en" dir="ltr">\n<mj-body><mj-section>\n<mj-txt>x</mj-txt></mj-section></mj-body></mjml>',
        "body.mjml:3:1: error:",
    ),
    "MJML, tags crossed": ("body.mjml", HEAD + "<mj-text>x</mj-body></mjml>", "not well-formed"),
    "MJML, empty": ("body.mjml", "", "Document is empty"),
    "CSS that fetches": ("author.css", "@import url(http://x.example/);", "author.css:1: error: '@import'"),
    "text, unknown name": ("body.txt", "\n{{ nope }}", "body.txt:2: error: 'nope' is undefined"),
    "not UTF-8": ("body.txt", b"\xff", "body.txt: error: is not UTF-8"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_template_that_fails_names_file_and_line(newsroom, kind):
    file, content, says = BAD[kind]
    newsroom.put(f"{DAILY}/{file}", content)
    before = newsroom.tree()
    newsroom.run("issue", "render", FERRY, "--out", "out").refuses(DAILY, says)
    assert newsroom.tree() == before


@pytest.mark.parametrize("file", ["body.mjml", "body.txt"])
def test_a_template_without_one_of_its_files_is_refused(newsroom, file):
    (newsroom.root / DAILY / file).unlink()
    newsroom.run("issue", "render", FERRY, "--out", "out").refuses(f"lacks {file}")
    assert not (newsroom.root / "out").exists()


def test_a_template_that_is_not_there_names_those_that_are(newsroom):
    newsroom.change(f"issues/{FERRY}/issue.toml", 'template = "daily"\n', 'template = "dayly"\n')
    newsroom.run("issue", "render", FERRY, "--out", "out").refuses("no template 'dayly'", "daily")


def test_a_template_that_fails_stops_a_send_before_anything_is_written(with_readers):
    with_readers.put(f"{DAILY}/body.txt", "{{ nope }}")
    before = {name: held for name, held in with_readers.tree().items() if not name.startswith("data")}
    with_readers.run("send", FERRY, "--list", "daily", "--yes").refuses("'nope' is undefined")
    assert {name: held for name, held in with_readers.tree().items() if not name.startswith("data")} == before
    with_readers.run("report", "1").refuses("there is no mailing 1")
