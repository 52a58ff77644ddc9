from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from newsletter.findings import Finding, Severity
from newsletter.rehearsal.preview import Theme
from newsletter.web.preview.excerpt import excerpt
from newsletter.web.preview.rail import count_in_words, group_findings
from newsletter.web.preview.views import LONGEST_SNIPPET, VIEWS, snippet, without_styles

SHOWN = "2026-11-24-should-the-night-ferry-come-back"
FRAMED = [view.key for view in VIEWS if view.framed]
PAGES = ["/", *(f"/views/{view.key}" for view in VIEWS), "/views/source?part=message", "/views/source?part=manifest"]


def policy(answer: httpx.Response) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split(";")
    return {name: value for name, _, value in (part.strip().partition(" ") for part in parts)}


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- Views -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_every_view_is_a_plain_page(preview: httpx.Client, path: str) -> None:
    answer = preview.get(path)
    assert answer.status_code == 200
    assert "Should the night ferry come back?" in answer.text
    assert answer.text.count('aria-current="page"') == 1


def test_pages_allow_one_script_by_its_nonce_and_it_differs_each_time(preview: httpx.Client) -> None:
    nonces = set()
    for _ in range(2):
        answer = preview.get("/")
        allowed = policy(answer)
        nonce = allowed["script-src"].removeprefix("'nonce-").removesuffix("'")
        assert answer.text.count("<script") == answer.text.count(f'<script nonce="{nonce}">') == 1
        assert allowed["default-src"] == "'none'"
        assert allowed["frame-ancestors"] == "'none'"
        nonces.add(nonce)
    assert len(nonces) == 2


@pytest.mark.parametrize("key", FRAMED)
def test_a_frame_is_fenced_off_and_loads_nothing(preview: httpx.Client, key: str) -> None:
    answer = preview.get(f"/frames/{key}")
    allowed = policy(answer)
    assert allowed["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert allowed["default-src"] == "'none'"
    assert "script-src" not in allowed
    assert allowed["frame-ancestors"] == "'self'"
    assert allowed["img-src"] == ("'none'" if key == "no-images" else "'self' data:")
    assert "Should the night ferry come back?" in answer.text


def test_dark_frames_answer_the_question_for_the_scheme_and_stripped_ones_have_no_sheets(preview: httpx.Client) -> None:
    light, dark, stripped = (preview.get(f"/frames/{key}").text for key in ("desktop", "dark", "no-styles"))
    assert "prefers-color-scheme" not in light + dark
    assert light.count("(max-width:0px)") == dark.count("(min-width:0px)") > 0
    assert "@media" not in stripped
    assert 'style="' in stripped


def test_the_logo_of_the_newsroom_is_the_one_thing_that_may_come_from_elsewhere(
    preview: httpx.Client, own_newsroom: Path
) -> None:
    file = own_newsroom / "newsletter.toml"
    text = file.read_text(encoding="utf-8")
    logo = 'logo = "https://pictures.example/logo.png"\n'
    text = text.replace("[brand]\n", f"[brand]\n{logo}") if "[brand]\n" in text else f"{text}\n[brand]\n{logo}"
    file.write_text(text, encoding="utf-8")
    assert policy(preview.get("/frames/desktop"))["img-src"] == "'self' data: https://pictures.example"
    assert policy(preview.get("/frames/no-images"))["img-src"] == "'none'"


def test_the_text_and_the_sources_are_those_of_the_message(preview: httpx.Client) -> None:
    assert "sample-leave-token" in preview.get("/views/text").text
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in preview.get("/views/source?part=message").text
    assert "&lt;!doctype html&gt;" in preview.get("/views/source").text.lower()
    assert re.search(r"&#34;digest&#34;: &#34;[0-9a-f]{64}&#34;", preview.get("/views/source?part=manifest").text)


def test_what_is_not_there_is_not_found(preview: httpx.Client) -> None:
    for path in ("/views/none", "/frames/none", "/frames/text", "/views/source?part=key", "/issues"):
        answer = preview.get(path)
        assert answer.status_code == 404, path
        assert "no such view" in answer.text


@pytest.mark.parametrize("path", ["/", "/frames/desktop", "/version", "/views/source"])
def test_only_this_machine_is_answered_by_its_names(preview: httpx.Client, path: str) -> None:
    assert preview.get(path, headers={"Host": "preview.attacker.example"}).status_code == 421
    assert preview.get(path, headers={"Host": "localhost:8026"}).status_code == 200


def test_nothing_can_be_posted(preview: httpx.Client) -> None:
    assert preview.post("/").status_code == 405


# --- Changes and faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (f"issues/{SHOWN}/issue.toml", "Should the night ferry come back?", "Should the night ferry stay away?"),
        (f"issues/{SHOWN}/roundup.txt", "study", "survey"),
        ("templates/email/_shared/frame.mjml", "</mj-body>", "<!-- moved --></mj-body>"),
        ("newsletter.toml", "The Harbour Letter", "The Pier Letter"),
    ],
)
def test_a_change_of_a_file_makes_another_version(
    preview: httpx.Client, own_newsroom: Path, file: str, old: str, new: str
) -> None:
    before = preview.get("/version").text
    assert preview.get("/version").text == before
    change(own_newsroom / file, old, new)
    assert preview.get("/version").text != before


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        ("templates/email/_shared/frame.mjml", ("<mj-body", "<mj-boddy"), ["frame.mjml:", "mj-boddy"]),
        ("templates/email/daily/body.mjml", ("layout.title", "layout.titel"), ["body.mjml:", "titel"]),
        ("newsletter.toml", ("[newsroom]", "[newsrom]"), ["newsletter.toml", "newsrom", "Did you mean"]),
        (f"issues/{SHOWN}/issue.toml", ("title =", "title"), ["issue.toml:"]),
    ],
)
def test_a_fault_is_shown_with_place_and_remedy_until_it_is_mended(
    preview: httpx.Client, own_newsroom: Path, file: str, edit: tuple[str, str], said: list[str]
) -> None:
    good = preview.get("/version").text
    change(own_newsroom / file, *edit)
    answer = preview.get("/views/phone")
    assert answer.status_code == 200
    assert "This issue cannot be rendered" in answer.text
    for words in said:
        assert words in answer.text
    assert str(own_newsroom) not in answer.text
    assert preview.get("/version").text != good
    assert preview.get("/frames/phone").status_code == 404
    change(own_newsroom / file, *reversed(edit))
    assert preview.get("/version").text == good
    assert "<iframe" in preview.get("/views/phone").text


def test_an_issue_that_goes_and_comes_back_is_a_fault_and_none(preview: httpx.Client, own_newsroom: Path) -> None:
    folder = own_newsroom / "issues" / SHOWN
    folder.rename(own_newsroom / "away")
    assert "This issue cannot be rendered" in preview.get("/").text
    (own_newsroom / "away").rename(folder)
    assert "<iframe" in preview.get("/").text


def test_the_rail_shows_what_the_checks_say_with_place_and_remedy(preview: httpx.Client, own_newsroom: Path) -> None:
    assert "TEXT-PLACEHOLDER" not in preview.get("/").text
    roundup = own_newsroom / "issues" / SHOWN / "roundup.txt"
    change(roundup, "study", "TODO <script>")
    page = preview.get("/").text
    assert re.search(r"roundup\.txt:\d+:\d+</span> TEXT-PLACEHOLDER", page)
    assert "Write what belongs there" in page
    assert "TODO <script>" not in page


# --- Pure parts --------------------------------------------------------------------------------------------------


def test_an_inbox_shows_the_first_words_hidden_ones_too() -> None:
    html = (
        "<html><head><title>T</title><style>p{}</style></head><body><div style='display:none'>Pre&amp;header"
        "&#8204;&nbsp;&#8204;</div><p>First   words</p><script>no</script></body>"
    )
    assert snippet(html) == "Pre&header First words"
    assert len(snippet("<p>" + "word " * 500)) <= LONGEST_SNIPPET


@pytest.mark.parametrize(
    "html",
    ["<style>a{}</style>x", "<STYLE type='a'>\n</STYLE >x", "<link rel=stylesheet href=a>x", "x<style>a</style>"],
)
def test_style_sheets_go_and_the_rest_stays(html: str) -> None:
    assert without_styles(html) == "x"
    assert without_styles('<p style="color:red">') == '<p style="color:red">'


def test_an_excerpt_shows_the_lines_around_with_a_caret(tmp_path: Path) -> None:
    file = tmp_path / "a.mjml"
    file.write_text("one\ntwo\n\tthree x\nfour\nfive\nsix\n", encoding="utf-8")
    found = excerpt(f"{file}:3:8", tmp_path)
    assert found is not None
    assert found.lines == ((1, "one"), (2, "two"), (3, "\tthree x"), (4, "four"), (5, "five"))
    assert found.caret == "\t      "
    first = excerpt("a.mjml:1", tmp_path)
    assert first is not None
    assert (first.line, first.caret, first.lines[0]) == (1, None, (1, "one"))


@pytest.mark.parametrize("where", ["", "a.mjml", "a.mjml:99:1", "none.mjml:1", "../outside:1", "/etc/passwd:1", ":1:1"])
def test_there_is_no_excerpt_of_what_is_not_the_newsroom(tmp_path: Path, where: str) -> None:
    newsroom = tmp_path / "newsroom"
    newsroom.mkdir()
    (tmp_path / "outside").write_text("secret", encoding="utf-8")
    (newsroom / "a.mjml").write_text("one\n", encoding="utf-8")
    assert excerpt(where, newsroom) is None


def test_findings_are_grouped_by_their_rules_the_heaviest_first(tmp_path: Path) -> None:
    kinds = [("QUOTE-LONG", Severity.WARNING), ("LAW-HTTPS", Severity.INFO), ("SUBJECT-EMPTY", Severity.ERROR)]
    findings = [
        Finding(code=code, severity=severity, message="m", file=f"{tmp_path}/a", line=3) for code, severity in kinds
    ]
    groups = group_findings(findings, tmp_path)
    assert groups[0].entries[0].finding.severity is Severity.ERROR
    assert {entry.where for group in groups for entry in group.entries} == {"a:3"}
    assert count_in_words(findings) == "1 error, 1 warning, 1 hint"
    assert count_in_words([]) == "Nothing to mend"


def test_the_views_are_known_by_their_keys() -> None:
    assert len({view.key for view in VIEWS}) == len(VIEWS)
    assert {view.theme for view in VIEWS} == set(Theme)
