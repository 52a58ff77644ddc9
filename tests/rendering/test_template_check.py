from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from newsletter.errors import InputError
from newsletter.findings import Severity
from newsletter.rendering import TEMPLATE_CODES, check_template, render
from newsletter.settings import Settings

Template = Callable[..., Settings]

TEMPLATES = ("daily", "brief", "letter")
SECTION = "<mj-section><mj-column>{}</mj-column></mj-section>"

# Where it is planted (the line after the one that holds these words), what is planted, and what must come of it.
BODY = ("body.mjml", "{% block content %}")
TEXT = ("body.mjml", '<mj-text css-class="t" padding="26px 28px 22px">')
MACRO = ("parts.mjml", "{% macro pair(part) %}")
SHARED = ("shared/frame.mjml", '<mj-body width="600px"')
HEAD = ("shared/frame.mjml", "<mj-head>")
PLAIN = ("author.css", "Plain rules only")
SCREEN = ("shared/frame.mjml", "<mj-head>")
WRITTEN = ("body.txt", "")

FAULTS = [
    # not well-formed
    (BODY, SECTION.format("<mj-text><b>never closed</mj-text>"), "TEMPLATE-MALFORMED"),
    (TEXT, "<p>Fish & chips</p>", "TEMPLATE-MALFORMED"),
    (TEXT, "<p>a&nbsp;space</p>", "TEMPLATE-MALFORMED"),
    (BODY, SECTION.format("<mj-text>1 < 2</mj-text>"), "TEMPLATE-MALFORMED"),
    (BODY, SECTION.format('<mj-text padding="0" padding="0">a</mj-text>'), "TEMPLATE-MALFORMED"),
    # unknown element, wrong parent, unknown attribute
    (BODY, SECTION.format("<mj-txt>a</mj-txt>"), "TEMPLATE-ELEMENT"),
    (BODY, "<div>HTML between sections</div>", "TEMPLATE-ELEMENT"),
    (SHARED, "<mj-text>a</mj-text>", "TEMPLATE-PARENT"),
    (MACRO, "<mj-column><mj-text>a</mj-text></mj-column>", "TEMPLATE-PARENT"),
    (BODY, SECTION.format('<mj-text colour="#ffffff">a</mj-text>'), "TEMPLATE-ATTRIBUTE"),
    # bad values
    (BODY, SECTION.format('<mj-text color="#fff">a</mj-text>'), "TEMPLATE-COLOR"),
    (BODY, SECTION.format('<mj-divider border-color="blau" />'), "TEMPLATE-COLOR"),
    (BODY, SECTION.format('<mj-text font-size="16">a</mj-text>'), "TEMPLATE-MEASURE"),
    (BODY, SECTION.format('<mj-text padding="1px 2px 3px 4px 5px">a</mj-text>'), "TEMPLATE-MEASURE"),
    (BODY, SECTION.format('<mj-text align="centre">a</mj-text>'), "TEMPLATE-VALUE"),
    (BODY, '<mj-section border="1px sold #d9d4cb"></mj-section>', "TEMPLATE-VALUE"),
    (BODY, SECTION.format('<mj-button href="/read">a</mj-button>'), "TEMPLATE-URL"),
    (TEXT, '<p><a href="javascript:alert(1)">a</a></p>', "TEMPLATE-URL"),
    # images
    (BODY, SECTION.format('<mj-image src="https://a.example/a.png" width="10px" />'), "TEMPLATE-ALT"),
    (TEXT, '<img src="https://a.example/a.png" width="10" />', "TEMPLATE-ALT"),
    (BODY, SECTION.format('<mj-image src="https://a.example/a.png" alt="" />'), "TEMPLATE-REQUIRED"),
    # widths
    (BODY, '<mj-section><mj-column width="50%" /><mj-column width="60%" /></mj-section>', "TEMPLATE-WIDTHS"),
    (BODY, '<mj-section><mj-column width="40%" /><mj-column width="40%" /></mj-section>', "TEMPLATE-WIDTHS"),
    (BODY, '<mj-section padding="0 30px"><mj-column width="600px" /></mj-section>', "TEMPLATE-WIDTHS"),
    (BODY, '<mj-section><mj-column width="80%" /><mj-column /></mj-section>', "TEMPLATE-WIDTHS"),
    # content, includes, depth, size
    (BODY, SECTION.format("words without a place"), "TEMPLATE-CONTENT"),
    (TEXT, "<form><p>a</p></form>", "TEMPLATE-CONTENT"),
    (BODY, '<mj-include path="../daily/body.mjml" />', "TEMPLATE-INCLUDE"),
    (BODY, '<mj-include path="/etc/passwd" />', "TEMPLATE-INCLUDE"),
    (BODY, "{% include '../secret.mjml' %}", "TEMPLATE-INCLUDE"),
    (TEXT, "<b>" * 100 + "a" + "</b>" * 100, "TEMPLATE-DEPTH"),
    (BODY, SECTION.format("<mj-text>{{ 'a' * 5000000 }}</mj-text>"), "TEMPLATE-SIZE"),
    # what the compiler cannot do, or an edition must not
    (HEAD, '<mj-font name="a" href="https://a.example/a.css" />', "TEMPLATE-UNSUPPORTED"),
    (SCREEN, "<mj-style>p { background: url(https://a.example/a.png) }</mj-style>", "TEMPLATE-FETCHES"),
    # Jinja2 and CSS
    (BODY, "{% if %}", "TEMPLATE-SYNTAX"),
    (BODY, "{{ nothing }}", "TEMPLATE-NAME"),
    (MACRO, "{{ part.nothing }}", "TEMPLATE-NAME"),
    (TEXT, "{{ 1 / 0 }}", "TEMPLATE-FAILS"),
    (WRITTEN, "{{ layout.nothing }}", "TEMPLATE-NAME"),
    (PLAIN, "@media print { p { margin: 0; } }", "TEMPLATE-CSS"),
    (PLAIN, "a:hover { color: #000000; }", "TEMPLATE-CSS"),
]  # fmt: skip


def _plant(folder: Path, spot: tuple[str, str], planted: str) -> int:
    path = folder / spot[0]
    lines = path.read_text(encoding="utf-8").split("\n")
    line = next(number for number, text in enumerate(lines, start=1) if spot[1] in text)
    path.write_text("\n".join([*lines[:line], planted, *lines[line:]]), encoding="utf-8")
    return line + 1


@pytest.mark.parametrize(("spot", "planted", "code"), FAULTS)
def test_a_planted_fault_gives_its_code_at_its_line_and_nothing_else(
    own_template: Template, spot: tuple[str, str], planted: str, code: str
) -> None:
    settings = own_template()
    folder = settings.templates / "own"
    line = _plant(folder, spot, planted)
    found = check_template(settings, "own")
    assert {finding.code for finding in found} == {code}
    # A file too large, or nested too deep, has no one line that would be at fault.
    lines = {finding.line for finding in found}
    assert lines == {line} or (code == "TEMPLATE-SIZE" and lines == {None})
    assert {finding.file for finding in found} == {str(folder / spot[0])} or code == "TEMPLATE-SIZE"
    assert all(finding.severity is Severity.ERROR and finding.why for finding in found)


@pytest.mark.parametrize(("spot", "planted", "code"), [fault for fault in FAULTS if fault[2] != "TEMPLATE-SIZE"][::6])
def test_rendering_refuses_what_the_check_finds(
    make: SimpleNamespace, own_template: Template, spot: tuple[str, str], planted: str, code: str
) -> None:
    settings = own_template()
    line = _plant(settings.templates / "own", spot, planted)
    with pytest.raises(InputError) as refused:
        render(make.issue(make.section("From afar", make.quote("“a”")), template="own"), settings)
    assert refused.value.finding.code == code  # type: ignore[attr-defined]
    assert f"own/{spot[0]}:{line}" in refused.value.where


@pytest.mark.parametrize(
    ("file", "words", "instead", "code"),
    [
        ("shared/frame.mjml", "{{ slots.leave_url }}", "{{ slots.view_url }}", "TEMPLATE-UNSUBSCRIBE"),
        ("shared/body.txt", "{{ slots.leave_url }}", "", "TEMPLATE-UNSUBSCRIBE"),
        ("shared/parts.mjml", "{{ attribution(quote) }}", "", "TEMPLATE-WORDS"),
        ("shared/parts.txt", "{% for line in quote.paragraphs %}", "{% for line in [] %}", "TEMPLATE-WORDS"),
        ("shared/frame.mjml", ' dir="{{ dir }}">\n', ">\n", "TEMPLATE-REQUIRED"),
    ],
)
def test_what_a_template_leaves_out_is_found(
    own_template: Template, file: str, words: str, instead: str, code: str
) -> None:
    settings = own_template()
    path = settings.templates / "own" / file
    path.write_text(path.read_text(encoding="utf-8").replace(words, instead), encoding="utf-8")
    assert {finding.code for finding in check_template(settings, "own")} == {code}


@pytest.mark.parametrize("data", [None, b"\xff\xfe"])
def test_a_file_that_is_missing_or_no_text_is_found(own_template: Template, data: bytes | None) -> None:
    settings = own_template()
    path = settings.templates / "own" / "body.txt"
    path.unlink() if data is None else path.write_bytes(data)
    assert [finding.code for finding in check_template(settings, "own")] == ["TEMPLATE-FILE"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_packaged_templates_are_without_a_fault(make: SimpleNamespace, name: str) -> None:
    assert check_template(make.settings(), name) == ()


def test_several_faults_are_all_found(own_template: Template) -> None:
    settings = own_template()
    folder = settings.templates / "own"
    _plant(folder, BODY, SECTION.format("<mj-txt/>"))
    _plant(folder, TEXT, '<img src="/a.png" />')
    _plant(folder, PLAIN, "a:hover { color: #000000; }")
    codes = [finding.code for finding in check_template(settings, "own")]
    assert sorted(codes) == ["TEMPLATE-ALT", "TEMPLATE-CSS", "TEMPLATE-ELEMENT", "TEMPLATE-REQUIRED", "TEMPLATE-URL"]


def test_planted_faults_reach_nearly_every_code() -> None:
    planted = {code for _, _, code in FAULTS} | {"TEMPLATE-UNSUBSCRIBE", "TEMPLATE-WORDS", "TEMPLATE-FILE"}
    planted |= {"TEMPLATE-HEAD", "TEMPLATE-LINK"}  # of notices: test_notice_edition.py
    assert set(TEMPLATE_CODES) - planted == {"TEMPLATE-COMPILER"}
