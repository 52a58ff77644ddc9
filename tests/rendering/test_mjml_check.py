from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.rendering.mjml_check import check_mjml
from newsletter.rendering.template_folder import TemplateFolder

PAGE = '<mjml lang="en" dir="ltr">\n<mj-head>{head}</mj-head>\n<mj-body>{body}</mj-body>\n</mjml>'
COLUMN = "<mj-section><mj-column>{}</mj-column></mj-section>"


def _check(mjml: str, **files: str) -> None:
    named = {name.replace("_", "."): text for name, text in files.items()}
    check_mjml(mjml, TemplateFolder(name="own", folder=Path("own"), files=named), file="body.mjml")


def _body(body: str) -> str:
    return PAGE.format(head="", body=body)


def _column(content: str) -> str:
    return _body(COLUMN.format(content))


@pytest.mark.parametrize(
    ("mjml", "message"),
    [
        (_column("<mj-txt>a</mj-txt>"), "no MJML element <mj-txt>. Did you mean 'mj-text'"),
        (_body("<mj-text>a</mj-text>"), "<mj-text> cannot stand in <mj-body>"),
        (_body("<mj-section><mj-section/></mj-section>"), "<mj-section> cannot stand in <mj-section>"),
        (_column('<mj-text colour="#ffffff">a</mj-text>'), "no attribute 'colour'. Did you mean 'color'"),
        (_column('<mj-text color="#fff">a</mj-text>'), "is no colour"),
        (_column('<mj-text color="blau">a</mj-text>'), "is no colour"),
        (_column('<mj-text font-size="16">a</mj-text>'), "is no measure"),
        (_column('<mj-text align="centre">a</mj-text>'), "is none of left"),
        (_column('<mj-image src="https://a.example/a.png" width="10px"/>'), "needs the attribute 'alt'"),
        (_column("loose words"), "holds no text"),
        (_column("<mj-text><mj-raw>a</mj-raw></mj-text>"), "cannot stand in the text"),
        (_column("<mj-text><b>a</mj-text>"), "not well-formed"),
        (_column("<mj-text>a < b</mj-text>"), "not well-formed"),
        (_column("<mj-text>a &nbsp; b</mj-text>"), "not well-formed"),
        (_column("<mj-text>" + "<b>" * 100 + "</b>" * 100 + "</mj-text>"), "nested more than"),
        (PAGE.format(head='<mj-style inline="inline">a</mj-style>', body=""), "put plain rules in author.css"),
        (PAGE.format(head="<mj-style>@import 'x';</mj-style>", body=""), "fetches nothing"),
        (PAGE.format(head='<mj-font name="a" href="b"/>', body=""), "no remote fonts"),
        (PAGE.format(head="", body="") + "<more/>", "not well-formed"),
        ("<!DOCTYPE mjml [<!ENTITY a 'b'>]>" + _column("<mj-text>&a;</mj-text>"), "document type"),
        ("<html/>", "not <mjml>"),
        ("<mjml><mj-body/></mjml>", "needs the attribute 'dir'"),
        ('<mjml lang="en" dir="ltr"/>', "exactly one <mj-body>"),
        (_body('<mj-include path="../secret.mjml"/>'), "cannot be included"),
        (_body('<mj-include path="/etc/passwd"/>'), "cannot be included"),
        (_body('<mj-include path="missing.mjml"/>'), "cannot be included"),
        ("", "not well-formed"),
        (" " * (4 * 1024 * 1024 + 1), "larger than"),
    ],
)
def test_what_mjml_does_not_allow_is_refused(mjml: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        _check(mjml)
    assert message in str(refused.value)
    assert str(refused.value.where).startswith("own/body.mjml")


def test_mjml_as_it_should_be_passes() -> None:
    _check(
        _column(
            '<mj-text padding="0 28px 4px" color="#1c1b1a">a <b>b</b> &#160; <a href="https://a.example/">c</a></mj-text>'
        )
    )


def test_what_is_included_is_checked_too() -> None:
    page = _body('<mj-include path="foot.mjml"/>')
    _check(page, foot_mjml=COLUMN.format("<mj-text>a</mj-text>"))
    with pytest.raises(InputError, match="cannot stand in <mj-body>"):
        _check(page, foot_mjml="<mj-text>a</mj-text>")
    with pytest.raises(InputError, match="includes itself"):
        _check(page, foot_mjml='<mj-include path="foot.mjml"/>')
