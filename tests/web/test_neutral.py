from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from newsletter.rendering import Edition
from newsletter.web.public.neutral import READER, bare, neutral, neutral_text

TITLE = "The Daily & more"
ALLOWED_EVENTS = re.compile(r"\son\w+\s*=", re.IGNORECASE)


def mail(body: str, *, head: str = "", text: str = "") -> Edition:
    return Edition(
        subject="A subject",
        preheader="",
        html=f"<!doctype html><html><head>{head}</head><body>{body}</body></html>",
        text=text,
        nonce="0123456789abcdef",
        from_name="The Harbour Letter",
        from_address="letter@harbour.example",
        from_header="letter@harbour.example",
        reply_to=None,
        language="en",
        base_url="https://letters.example",
        manifest={},
    )


def slot(name: str) -> str:
    return f"slot0123456789abcdef{name}end"


def of(body: str, **more: str) -> str:
    return neutral(mail(body, **more), list_title=TITLE).html


def test_an_edition_loses_nothing_but_what_is_about_its_reader(edition: Edition) -> None:
    shown = neutral(edition, list_title=TITLE)
    words = lxml_html.fromstring(f"<div>{shown.html}</div>").text_content()
    assert "earned by daylight" in words
    assert "https://lantern.example/ferry" in shown.html
    assert "You get this because" not in words
    assert "Unsubscribe" not in words
    assert "Read online" not in words
    assert "4 Quay Street" in words
    for whole in (shown.html, shown.css, shown.text, bare(edition, list_title=TITLE)):
        assert edition.nonce not in whole


def test_slots_are_filled_with_what_is_true_of_everybody() -> None:
    assert (
        of(f"<p>Dear {slot('name')}, this is {slot('list')}.</p>")
        == f"<p>Dear {READER}, this is The Daily &amp; more.</p>"
    )


@pytest.mark.parametrize("name", ["since", "address", "leave", "track"])
def test_a_sentence_about_the_reader_goes_as_a_whole(name: str) -> None:
    assert (
        of(f"<div><p>Kept.</p><p>You joined on <b>{slot(name)}</b>.</p>Kept too.</div>")
        == "<div><p>Kept.</p>Kept too.</div>"
    )


def test_a_long_text_only_loses_the_slot() -> None:
    long = "Word. " * 100
    assert of(f"<p>{long}{slot('since')} and on.</p>") == f"<p>{long}… and on.</p>"


def test_a_heading_that_leads_to_the_own_copy_stays_a_heading() -> None:
    assert of(f'<h1><a href="https://letters.example/view/{slot("track")}">The title</a></h1>') == "<h1>The title</h1>"


def test_cells_stay_so_that_rows_keep_their_columns() -> None:
    shown = of(f"<table><tr><td><a href='/leave/{slot('leave')}'>Leave</a></td><td>Kept</td></tr></table>")
    assert shown == "<table><tr><td></td><td>Kept</td></tr></table>"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href=' java\tscript:alert(1)'>x</a>",
        "<a href='data:text/html,x'>x</a>",
        "<iframe src='https://evil.example'></iframe>",
        "<object data=x></object><embed src=x></embed>",
        "<form action=https://evil.example><input name=a><button>b</button></form>",
        "<svg><script>alert(1)</script></svg>",
        "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
        "<style>@import url(https://evil.example/x.css);</style>",
        "<meta http-equiv=refresh content='0;url=https://evil.example'>",
        "<base href=https://evil.example><link rel=stylesheet href=https://evil.example>",
        "<p style='background:url(https://evil.example/p)' onclick=x>x</p>",
        "<img src=https://evil.example/pixel.gif alt=''>",
        "<div id=content class='card main'>x</div>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
        "<!--[if mso]><script>alert(1)</script><![endif]-->",
    ],
)
def test_nothing_that_runs_or_asks_comes_through(hostile: str) -> None:
    shown = neutral(mail(f"<p>before</p>{hostile}<p>after</p>"), list_title=TITLE)
    assert "before" in shown.html
    assert "after" in shown.html
    for banned in (
        "<script",
        "javascript",
        "alert",
        "evil.example",
        "<form",
        "<input",
        "<svg",
        "<iframe",
        " id=",
        "data:",
    ):
        assert banned not in shown.html.lower()
        assert banned not in shown.css.lower()
    assert not ALLOWED_EVENTS.search(shown.html)
    assert "card" not in shown.html.replace("m-card", "")


def test_a_picture_of_our_own_is_shown_and_one_from_elsewhere_is_told() -> None:
    own = of('<img src="https://letters.example/logo.png" alt="The Harbour Letter" width="160">')
    assert own == '<img src="https://letters.example/logo.png" alt="The Harbour Letter" width="160">'
    assert of('<p><img src="https://cdn.example/l.png" alt="A &lt;chart&gt;"></p>') == "<p>A &lt;chart&gt;</p>"


def test_old_attributes_and_inline_styles_become_classes() -> None:
    style = "width:600px;mso-x:1"
    body = (
        f'<table width="100%" align="center" bgcolor="#ffffff" style="{style}"><tr><td valign="top">x</td></tr></table>'
    )
    shown = neutral(mail(body), list_title=TITLE)
    assert shown.html == '<table class="s0"><tr><td class="s1">x</td></tr></table>'
    assert "margin-left:auto;margin-right:auto;width:100%;background-color:#ffffff;width:600px" in shown.css
    assert "mso" not in shown.css
    assert "vertical-align:top" in shown.css


def test_deep_nesting_is_no_trouble() -> None:
    assert of("<div>" * 3000 + "x" + "</div>" * 3000).count("<div>") <= 201


def test_for_feeds_only_words_links_and_headings_are_left(edition: Edition) -> None:
    words = bare(edition, list_title=TITLE)
    tags = {str(element.tag) for element in lxml_html.fromstring(f"<section>{words}</section>").iter()}
    assert {"h1", "h2", "p", "a"} <= tags
    assert tags.isdisjoint({"table", "div", "td", "style"})
    assert "class=" not in words
    assert len(words) < len(edition.html) / 4


def test_the_plain_text_loses_only_the_paragraphs_about_the_reader(edition: Edition) -> None:
    text = neutral_text(edition, list_title=TITLE)
    assert "earned by daylight" in text
    assert "/leave/" not in text
    assert edition.nonce not in text
    made = mail("", text=f"One.\n\nYou are {slot('address')}\nhere.\n\nTwo, {slot('name')}.")
    assert neutral_text(made, list_title=TITLE) == f"One.\n\nTwo, {READER}."


@given(st.text(alphabet=st.sampled_from("<>/=\"' abscriptonx:;{}&#!-\n\x00é"), max_size=200))
def test_whatever_the_mail_is_what_comes_out_is_made_of_allowed_things(body: str) -> None:
    shown = neutral(replace(mail(""), html=f"<html><body>{body}</body></html>"), list_title=TITLE)
    again = lxml_html.fromstring(f"<div>{shown.html}</div>")
    for element in again.iter():
        assert element.tag not in {"script", "style", "iframe", "form", "input", "object", "svg", "link", "meta"}
        assert not [name for name in element.attrib if name.startswith("on") or name in {"style", "id"}]
        assert not str(element.get("href", "")).lower().startswith(("javascript", "data"))
