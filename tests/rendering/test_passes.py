from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import css_inline
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from newsletter.issues.model import Block, BlockKind, Issue
from newsletter.rendering import PASSES, render
from newsletter.rendering.cleaning import clean
from newsletter.rendering.passes import Work
from newsletter.rendering.template_folder import open_template

REPOSITORY = Path(__file__).parents[2]

HOSTILE = [
    "<script>alert(1)</script> <mj-raw>x</mj-raw> </mj-text></mjml>",
    "{{ 7 * 7 }} {% include 'x' %} {# gone #}",
    "a < b > c & d &amp; e \" f ' g <!-- h --> ]]> <![CDATA[ i",
    "nul \x00 bell \x07 escape \x1b nel \x85 delete \x7f",
    "\u202egnp.exe\u202c \u2066isolated\u2069 \u200f אבג",
    'data-place="x:1:1" data-premailer="ignore" style="color:red"',
    "one\ntwo\r\nthree\u2028four\x0bfive",
    "\U0001f600 \ufffe \u0301 ‾\\_(ツ)_/‾",
    "word " * 5000,
    "x" * 20000,
]


class _Words(HTMLParser):
    """The words a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self._unseen += tag in {"style", "title", "script"}

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in {"style", "title", "script"}

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.found.append(data)


def _seen(html: str) -> str:
    parser = _Words()
    parser.feed(html)
    return " ".join("".join(parser.found).split())


def _says_in_order(said: str, texts: list[str]) -> None:
    position = 0
    for text in texts:
        wanted = " ".join(clean(text).split())
        found = said.find(wanted, position)
        assert found >= 0, f"missing, or out of order: {wanted[:80]!r}"
        position = found + len(wanted)


def _quoted(issue: Issue) -> list[str]:
    return [text for quote in issue.quotes for text in (*quote.paragraphs, quote.attribution)]


def _check_same_words(issue: Issue, edition: object) -> None:
    _says_in_order(_seen(edition.html), _quoted(issue))  # type: ignore[attr-defined]
    _says_in_order(" ".join(edition.text.split()), _quoted(issue))  # type: ignore[attr-defined]


def test_every_word_of_every_quote_is_in_both_parts_in_order(make: SimpleNamespace) -> None:
    issue = make.rich()
    _check_same_words(issue, render(issue, make.settings()))


@pytest.mark.seed
def test_the_real_roundup_is_whole_in_both_parts(make: SimpleNamespace) -> None:
    issue = make.seed()
    edition = render(issue, make.settings())
    _check_same_words(issue, edition)
    assert len(edition.html.encode()) < 102_400


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_shown_as_text(make: SimpleNamespace, text: str) -> None:
    quote = make.quote(
        f"“{text}”", by=f"{text}, The Outlet", author=clean(text), outlet="The Outlet", link="javascript:alert(1)"
    )
    section = make.section(text[:500], quote, stance=text[:500], prose=(text,))
    block = Block(kind=BlockKind.NOTE, heading=text[:99], text=text, link="data:text/html,x", link_text=text[:99])
    issue = make.issue(section, blocks=(block,), title=text[:300], subject=text[:300], preheader=text[:300])
    edition = render(issue, make.settings())
    _check_same_words(issue, edition)
    tree = lxml_html.fromstring(edition.html)
    assert not tree.xpath("//script")
    assert all(re.match("https?:|mailto:", href) for href in tree.xpath("//@href"))
    assert not [
        element.tag for element in tree.iter() if isinstance(element.tag, str) and element.tag.startswith("mj-")
    ]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.text(st.characters(), max_size=200), min_size=4, max_size=4),
    st.sampled_from(["left", None, "both", "beyond"]),
)
def test_any_text_renders(make: SimpleNamespace, texts: list[str], side: str | None) -> None:
    heading, paragraph, by, title = texts
    issue = make.issue(
        make.section(heading, make.quote(paragraph, by=by, side=side), side=side), title=title, subject=title
    )
    _check_same_words(issue, render(issue, make.settings()))


def test_characters_that_cannot_be_shown_are_replaced_and_counted(make: SimpleNamespace) -> None:
    edition = render(make.issue(make.section("From afar", make.quote("“a\x00b\x07c”"))), make.settings())
    assert "“a\ufffdb\ufffdc”" in edition.html
    assert "“a\ufffdb\ufffdc”" in edition.text
    assert edition.manifest["replaced_characters"] == 2


def test_links_stand_in_both_parts_in_the_same_order(make: SimpleNamespace) -> None:
    issue = make.rich()
    edition = render(issue, make.settings())
    wanted = [quote.link for quote in issue.quotes if quote.link]
    hrefs = [href for href in lxml_html.fromstring(edition.html).xpath("//@href") if "slot" not in href]
    assert hrefs == wanted
    assert re.findall(r"^\[\d+\] (.*)$", edition.text, re.MULTILINE) == wanted


def test_the_html_has_what_mail_programs_need(make: SimpleNamespace) -> None:
    edition = render(make.rich(), make.settings())
    assert edition.html.lower().count("<!doctype") == 1
    assert edition.html.startswith("<!DOCTYPE html>\n<html")
    assert "data-premailer" not in edition.html
    assert "data-place" not in edition.html
    assert not re.search(r"@import|url\s*\(|https?://fonts", edition.html)
    tree = lxml_html.fromstring(edition.html)
    assert (tree.get("lang"), tree.get("dir")) == ("en", "ltr")
    assert len(tree.xpath("//h1")) == 1
    assert all(table.get("role") == "presentation" for table in tree.xpath("//table"))
    styles = tree.xpath("//style/text()")
    assert sum(map(len, styles)) < 15_000
    assert "[data-ogsc]" in "".join(styles)
    assert "[data-ogsb]" in "".join(styles)
    assert "prefers-color-scheme: dark" in "".join(styles)


@pytest.mark.parametrize(
    ("language", "direction", "date"),
    [("he", "rtl", "2026"), ("de", "ltr", "Dienstag, 24. November 2026"), ("en", "ltr", "Tuesday 24 November 2026")],
)
def test_language_sets_direction_and_date(make: SimpleNamespace, language: str, direction: str, date: str) -> None:
    edition = render(make.rich(), make.settings(language=language))
    tree = lxml_html.fromstring(edition.html)
    assert (tree.get("lang"), tree.get("dir")) == (language, direction)
    assert date in edition.html
    assert date in edition.text


def _declarations(style: str) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    return {name.strip(): re.sub(r"\b0px\b", "0", value.strip()).replace("'", '"') for name, value in pairs}


@pytest.mark.parametrize("template", ["daily", "brief", "letter"])
def test_inlining_agrees_with_another_inliner(make: SimpleNamespace, template: str) -> None:
    """css-inline gives every element the same declarations; it knows nothing of premailer."""
    settings_ = make.settings()
    issue = replace(make.rich(), template=template)
    work = Work(issue=issue, settings=settings_, template=open_template(settings_, template))
    for step in PASSES[:4]:
        work = step.run(work)
    judge = css_inline.CSSInliner(
        inline_style_tags=False,
        keep_style_tags=True,
        load_remote_stylesheets=False,
        extra_css=work.filled("author.css"),
    )
    theirs = lxml_html.fromstring(judge.inline(work.html))
    ours = lxml_html.fromstring(render(work.issue, settings_).html)
    pairs = list(zip(ours.iter("*"), theirs.iter("*"), strict=True))
    assert len(pairs) > 100
    for one, other in pairs:
        assert one.tag == other.tag
        assert _declarations(one.get("style", "")) == _declarations(other.get("style", ""))


SCRIPT = """
import sys
sys.path[:0] = [{repository!r}, {folder!r}]
import conftest
from newsletter.rendering import compile_message, render
from pathlib import Path
edition = render(conftest.rich_issue(), conftest.make_settings(Path({root!r})))
print(edition.digest)
import hashlib
print(hashlib.sha256(compile_message(edition, conftest.make_mailing()).join(conftest.make_recipient())).hexdigest())
"""


def test_the_same_issue_gives_the_same_bytes_everywhere(tmp_path: Path) -> None:
    """In two folders, with other time zones, locales and hash seeds."""
    seen = set()
    for number, (zone, locale, seed) in enumerate([("UTC", "C", "0"), ("Pacific/Apia", "de_DE.UTF-8", "4711")]):
        root = tmp_path / f"newsroom-{number}"
        root.mkdir()
        script = SCRIPT.format(repository=str(REPOSITORY), folder=str(Path(__file__).parent), root=str(root))
        environment = {**os.environ, "TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": seed}
        ran = subprocess.run(
            [sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, text=True, check=True
        )
        seen.add(ran.stdout)
    assert len(seen) == 1


def test_rendering_twice_in_one_process_gives_the_same_bytes(make: SimpleNamespace) -> None:
    assert render(make.rich(), make.settings()).to_bytes() == render(make.rich(), make.settings()).to_bytes()


def test_the_digest_follows_words_inputs_and_settings(make: SimpleNamespace) -> None:
    issue, base = make.rich(), make.settings()
    digests = {
        render(issue, base).digest,
        render(replace(issue, title="Another"), base).digest,
        render(replace(issue, inputs=(("roundup.txt", b"other"),)), base).digest,
        render(issue, make.settings(url="https://elsewhere.example")).digest,
    }
    assert len(digests) == 4


def test_the_manifest_names_no_place_on_this_machine(make: SimpleNamespace) -> None:
    issue = replace(make.rich(), inputs=((str(REPOSITORY / "roundup.txt"), b"x"), ("issue.toml", b"y")))
    edition = render(issue, make.settings())
    assert str(REPOSITORY) not in edition.to_bytes().decode()
    assert [entry["name"] for entry in edition.manifest["inputs"]] == ["roundup.txt", "issue.toml"]
    assert set(edition.manifest["versions"]) >= {"newsletter", "mjml-python", "premailer", "jinja2", "lxml", "cssutils"}
    json.dumps(dict(edition.manifest))
