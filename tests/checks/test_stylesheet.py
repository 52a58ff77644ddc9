import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks.stylesheet import Declaration, StyleRule, declarations, read_stylesheet


def read(css: str, media: str = "") -> list[tuple[str, str, str]]:
    rules = read_stylesheet([(media, css)]).rules
    return [
        (rule.media, rule.selector, "; ".join(f"{one.name}: {one.value}" for one in rule.declarations))
        for rule in rules
    ]


def test_rules_come_one_a_selector_with_their_media() -> None:
    css = "/* x */ .a, .b > td { color: #fff; margin:0 } @media (a) { .c { color: red } } .d{}"
    assert read(css, "screen") == [
        ("screen", ".a", "color: #fff; margin: 0"),
        ("screen", ".b > td", "color: #fff; margin: 0"),
        ("screen and @media (a)", ".c", "color: red"),
        ("screen", ".d", ""),
    ]


def test_strings_brackets_and_importance_are_read() -> None:
    found = list(declarations("background: url(a;b); font-family: 'A;B', serif; COLOR: Red ! important;; x"))
    assert found == [
        Declaration("background", "url(a;b)"),
        Declaration("font-family", "'A;B', serif"),
        Declaration("color", "Red", important=True),
    ]


def test_at_rules_tell_whether_they_stand_within_another() -> None:
    css = "@import 'x'; @font-face { src: y } @media (a) { @supports (b) { .c { color: red } } } @media (d) { .e { f: g } }"
    assert read_stylesheet([("", css)]).at_rules == (
        ("@import", False),
        ("@font-face", False),
        ("@media", False),
        ("@supports", True),
        ("@media", False),
    )


@pytest.mark.parametrize(
    ("selector", "weight"),
    [
        ("p", (0, 0, 1)),
        (".t > div", (0, 1, 1)),
        ("[data-ogsc] .t td", (0, 2, 1)),
        ("#a .b:hover", (1, 2, 0)),
        ("*", (0, 0, 0)),
    ],
)
def test_specificity_counts_ids_classes_and_types(selector: str, weight: tuple[int, int, int]) -> None:
    assert StyleRule(selector, (), "", 0).specificity == weight


@given(st.text(alphabet="{}@;:,'\"()/*.ab \n-!", max_size=80))
def test_whatever_stands_in_a_style_element_is_read_without_a_fault(css: str) -> None:
    read_stylesheet([("", css)])
    list(declarations(css))
