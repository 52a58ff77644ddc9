from __future__ import annotations

import quopri

from hypothesis import given
from hypothesis import strategies as st

from newsletter.rendering.quoted_printable import segment

AWKWARD = st.text(
    st.one_of(st.sampled_from(list(". =\tF\n\u201c\U0001f600")), st.characters(exclude_categories=["Cs"]))
)
TEXT = st.one_of(AWKWARD, st.lists(st.sampled_from(["From ", ".", " ", "word", "\n", "é", "=", "x" * 76])).map("".join))


def _lines_are_fit_for_the_wire(encoded: bytes) -> None:
    for line in encoded.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))
        assert line.isascii()
        assert b"\r" not in line
        assert b"\n" not in line


def _wire(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


@given(TEXT)
def test_encoded_text_comes_back_exactly(text: str) -> None:
    encoded = segment(text, ends=True)
    _lines_are_fit_for_the_wire(encoded)
    assert quopri.decodestring(encoded) == _wire(text)


@given(st.lists(TEXT))
def test_segments_join_at_any_place_without_wrapping_again(texts: list[str]) -> None:
    texts = [text.replace("\r", "") for text in texts]
    encoded = b"".join(segment(text) for text in texts)
    _lines_are_fit_for_the_wire(encoded)
    assert quopri.decodestring(encoded) == _wire("".join(texts))
    for text in texts:
        assert segment(text)[-2:] in (b"", b"\r\n")
