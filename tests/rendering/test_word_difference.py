from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.rendering.word_difference import Fate, changes_in_words, compare_words

WORDS = st.lists(st.sampled_from(["a", "b", "c", "Ä", "“d"]), max_size=30).map(" ".join)


def told(before: str, after: str) -> str:
    return changes_in_words(compare_words(before, after))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("a street that floats", "a road that floats", "“street” became “road”"),
        ("a very long street", "a long street", "“very” was taken out"),
        ("a street", "a long street", "“long” was added"),
        ("one two three", "zero two four", "“one” became “zero”; “three” became “four”"),
        ("the end", "the end is near", "“is near” was added"),
        ("same   words", "same\nwords", ""),
    ],
)
def test_changes_are_told_in_words(before: str, after: str, words: str) -> None:
    assert told(before, after) == words


def test_past_a_handful_only_their_number_is_told() -> None:
    before = " ".join(f"same{number} old{number}" for number in range(10))
    assert told(before, before.replace("old", "new")).endswith("“old5” became “new5”; and 4 more changes")


@given(WORDS, WORDS)
def test_the_pieces_hold_both_texts_whole_and_in_order(before: str, after: str) -> None:
    pieces = compare_words(before, after)
    old = [word for piece in pieces if piece.fate is not Fate.ADDED for word in piece.text.split()]
    new = [word for piece in pieces if piece.fate is not Fate.REMOVED for word in piece.text.split()]
    assert (old, new) == (before.split(), after.split())


@given(WORDS)
def test_a_text_and_itself_have_nothing_between_them(text: str) -> None:
    assert told(text, text) == ""


def test_long_texts_of_the_same_few_words_take_no_time_to_speak_of() -> None:
    before, after = " ".join(["a b", "c"] * 3000), " ".join(["b", "a c"] * 3000)
    started = time.perf_counter()
    compare_words(before, after)
    assert time.perf_counter() - started < 20
