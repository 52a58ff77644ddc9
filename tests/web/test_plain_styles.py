from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.public.plain_styles import Sheet, declarations, renamed


def sheet(css: str) -> str:
    made = Sheet()
    made.take(css)
    return made.text()


def test_rules_hold_inside_the_issue_only_and_by_classes_of_their_own() -> None:
    assert (
        sheet(".card > p, a:hover { color: #fff !important; }")
        == ".issue .m-card > p, .issue a:hover{color:#fff !important}"
    )
    assert sheet("body, :root { margin: 0 }") == ".issue, .issue{margin:0}"


def test_media_queries_stay_around_their_rules() -> None:
    css = "@media (prefers-color-scheme: dark) { .t { color: red } .u { } } p { margin: 0 }"
    assert sheet(css) == "@media (prefers-color-scheme: dark) {\n.issue .m-t{color:red}\n}\n.issue p{margin:0}"


@pytest.mark.parametrize(
    "css",
    [
        "@import url(https://evil.example/a.css);",
        "@import 'https://evil.example/a.css'; ",
        "@font-face { font-family: x; src: url(https://evil.example/f) }",
        "p { background: url(https://evil.example/p.png) }",
        "p { background: \\75rl(https://evil.example) }",
        "p { behavior: expression(alert(1)) }",
        "[data-ogsc] p { color: red }",
        "p { color: red",
        "@media screen { p { color: red }",
        "</style><script>alert(1)</script>",
        "p { content: '</style>' }",
        "p<b { color: red }",
        "@namespace x url(y);",
        "@supports (color: red) { p { color: red } }",
    ],
)
def test_what_fetches_or_breaks_out_or_is_broken_is_left_out(css: str) -> None:
    assert sheet(css) == ""


def test_what_follows_something_that_is_left_out_still_holds() -> None:
    assert sheet("@font-face { src: x } p { color: red }") == ".issue p{color:red}"
    assert sheet("/* { */ p { color: red; mso-hide: all } /* } */") == ".issue p{color:red}"


def test_an_inline_style_is_named_once_and_goes_before_the_sheets() -> None:
    made = Sheet()
    made.take("p { color: blue }")
    first = made.class_of(declarations("color: red; Margin:0"))
    assert first == made.class_of(declarations("color:red;margin:0"))
    assert made.class_of(()) == ""
    assert made.text().endswith(".issue.issue.issue .s0{color:red;margin:0}")


def test_a_sheet_is_what_a_browser_reads_of_it() -> None:
    made = Sheet()
    made.take("p {\r\n color: red;\r margin: 0\x00 }")
    made.class_of(declarations("color:\r\n red; border:\x00 0"))
    assert "\r" not in made.text()
    assert "\x00" not in made.text()
    assert ".issue p{color:red;margin:0}" in made.text()


def test_classes_are_renamed_and_what_is_none_is_dropped() -> None:
    assert renamed("card t 1x <b>") == "m-card m-t"


@given(st.text(alphabet=st.sampled_from("{}@;:,.#ab<>/*'\"\\ ()media!-"), max_size=120))
def test_no_sheet_breaks_out_of_its_element_or_its_scope(css: str) -> None:
    made = sheet(css)
    assert "<" not in made
    assert "\\" not in made
    assert made.count("{") == made.count("}")
    for line in made.splitlines():
        assert line.startswith((".issue", "@media", "}"))
