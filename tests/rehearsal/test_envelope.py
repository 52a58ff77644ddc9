from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.rehearsal.envelope import HEAD_BYTES, SHOWN_CHARACTERS, headline, one_line


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"Subject: plain\r\n\r\n", "plain"),
        (b"SUBJECT :spaced\n\nbody", "spaced"),
        (b"Subject: folded\r\n over lines\r\n\r\n", "folded over lines"),
        (b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n", "Grüße"),
        (b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n\r\n", "Grüße"),
        (b"Subject: =?x-nope?q?Gr=FC?=\r\n\r\n", "Grü"),
        (b"Subject: =?utf-8?b?a?=\r\n\r\n", "=?utf-8?b?a?="),
        ("Subject: raw ü\r\n\r\n".encode(), "raw ü"),
        (b"Subject: raw \xfc\r\n\r\n", "raw ü"),
        (b"Subject: one\r\nSubject: two\r\n\r\n", "one"),
        (b"X: y\r\n\r\nSubject: in the body\r\n", ""),
        (b"Subject: a\x00\x1b[31mb\r\n\r\n", "a [31mb"),
        (b"", ""),
    ],
)
def test_reads_a_subject_in_any_state(raw: bytes, subject: str) -> None:
    assert headline(raw).subject == subject


@given(st.binary(max_size=500))
def test_any_bytes_give_short_lines_that_can_be_shown(raw: bytes) -> None:
    shown = headline(b"Subject: " + raw + b"\r\nFrom: =?utf-8?b?" + raw + b"?=\r\n\r\n")
    for text in (shown.subject, shown.sender, shown.to):
        assert len(text) <= SHOWN_CHARACTERS
        assert "\n" not in text
        text.encode("utf-8")


@given(st.text(st.characters(exclude_categories=())))
def test_one_line_can_always_be_encoded(text: str) -> None:
    one_line(text).encode("utf-8")


@pytest.mark.parametrize("unit", [b"=?", b"=?utf-8?q?", b"=?a?b?x", b"Subject:\r\n ", b" \r\n\t", b"a" * 10])
def test_endless_headers_cost_little(unit: bytes) -> None:
    began = time.perf_counter()
    headline(b"Subject: " + unit * (HEAD_BYTES // len(unit)))
    assert time.perf_counter() - began < 0.5
