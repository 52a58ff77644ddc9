from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from newsletter.errors import InputError
from newsletter.rendering import render
from newsletter.settings import Settings

Template = Callable[..., Settings]


def _fault(make: SimpleNamespace, settings: Settings) -> str:
    with pytest.raises(InputError) as refused:
        render(make.issue(make.section("From afar", make.quote("“a”")), template="own"), settings)
    return str(refused.value).replace(str(settings.root), "")


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ layout.nothing }}", "has no attribute 'nothing'"),
        ("{% if %}", "template syntax"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ slots.nobody }}", "there is no slot 'nobody'"),
        ("{{ slots['nobody'] }}", "there is no slot 'nobody'"),
        ("{% include 'missing.mjml' %}", "no file 'missing.mjml'"),
        ("{% include '../secret.mjml' %}", "no file '../secret.mjml'"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("<mj-txt/>", "no MJML element <mj-txt>"),
    ],
)
def test_a_template_that_fails_names_its_file_and_line(
    make: SimpleNamespace, own_template: Template, added: str, message: str
) -> None:
    fault = _fault(
        make,
        own_template(body_mjml=lambda text: text.replace("{% block content %}", f"{{% block content %}}\n{added}")),
    )
    assert message in fault
    assert fault.startswith("/templates/email/own/body.mjml:7")


def test_a_fault_in_a_macro_is_placed_in_its_own_file(make: SimpleNamespace, own_template: Template) -> None:
    settings = own_template(
        shared__parts_mjml=lambda text: text.replace("{% macro column(panel) %}", "{% macro column(panel) %}\n<mj-no/>")
    )
    assert _fault(make, settings).startswith("/templates/email/own/shared/parts.mjml:")


@pytest.mark.parametrize("name", ["absent", "../daily", "", "a/b", "/etc"])
def test_a_template_that_is_not_there_is_said_with_those_that_are(make: SimpleNamespace, name: str) -> None:
    with pytest.raises(InputError, match="there is no template") as refused:
        render(make.issue(template=name), make.settings())
    assert "daily" in refused.value.remedy


def test_a_template_that_lacks_a_file_is_refused(make: SimpleNamespace, own_template: Template) -> None:
    settings = own_template()
    (settings.templates / "own" / "body.txt").unlink()
    assert "lacks body.txt" in _fault(make, settings)


def test_a_template_file_that_is_no_text_is_refused(make: SimpleNamespace, own_template: Template) -> None:
    settings = own_template()
    (settings.templates / "own" / "body.txt").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in _fault(make, settings)


def test_a_template_file_linked_from_elsewhere_is_refused(make: SimpleNamespace, own_template: Template) -> None:
    settings = own_template()
    (settings.root / "secret.txt").write_text("secret")
    (settings.templates / "own" / "secret.txt").symlink_to(settings.root / "secret.txt")
    assert "outside its template's folder" in _fault(make, settings)


@pytest.mark.parametrize(
    "rule",
    [
        "@import 'x';",
        "p { background: url(http://127.0.0.1:9/x) }",
        "p { color: \\75rl(x) }",
        "a:hover { color: red }",
        "@media print { p { margin: 0 } }",
    ],
)
def test_author_css_holds_plain_rules_only(make: SimpleNamespace, own_template: Template, rule: str) -> None:
    fault = _fault(make, own_template(author_css=lambda text: f"p {{ margin: 0; }}\n{rule}\n{text}"))
    assert "has no place in author.css" in fault
    assert fault.startswith("/templates/email/own/author.css:2")
