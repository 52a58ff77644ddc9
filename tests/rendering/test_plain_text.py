from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsletter.rendering.plain_text import tidy, wrap


@given(st.text(st.sampled_from("ab é\u201c ")), st.integers(min_value=1, max_value=40))
def test_wrapping_keeps_every_word_in_order(text: str, width: int) -> None:
    wrapped = wrap(text, width=width)
    assert wrapped.split() == text.split()
    assert all(len(line) <= width or " " not in line.strip() for line in wrapped.split("\n"))


def test_a_url_is_never_divided() -> None:
    url = "https://a.example/" + "long-path/" * 20
    assert url in wrap(f"See {url} for more").split("\n")


def test_continued_lines_are_indented() -> None:
    assert wrap("one two three", width=9, first="— ", indent="  ") == "— one two\n  three"


def test_double_spaces_within_a_line_stay() -> None:
    assert wrap("one.  Two") == "one.  Two"


def test_tidy_text_ends_in_one_line_end() -> None:
    assert tidy("\n\na  \n\n\n\n\nb\n\n") == "a\n\n\nb\n"
