import pytest

from newsletter.checks.contrast import ratio, read_color, shown


@pytest.mark.parametrize(
    ("value", "color"),
    [
        ("#1C1b1a", (28, 27, 26)),
        ("#fff", (255, 255, 255)),
        ("white", (255, 255, 255)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ("rgb(1 2 3 / 100%)", (1, 2, 3)),
        ("url(x.png) no-repeat #010203", (1, 2, 3)),
        ("rgba(1, 2, 3, 0.5)", None),
        ("transparent", None),
        ("inherit", None),
        ("#12345", None),
        ("", None),
    ],
)
def test_colours_are_read_as_css_writes_them(value: str, color: tuple[int, int, int] | None) -> None:
    assert read_color(value) == color


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.478),
        ("#5c5852", "#f4f2ee", 6.32),
        ("#ffffff", "#ffffff", 1.0),
    ],
)
def test_the_ratio_is_that_of_wcag(one: str, other: str, expected: float) -> None:
    first, second = read_color(one), read_color(other)
    assert first
    assert second
    assert ratio(first, second) == ratio(second, first) == pytest.approx(expected, abs=0.01)
    assert shown(first) == one
