from __future__ import annotations

from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.rendering.headers import address_header, ascii_address, encoded_words, text_header

PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=300)
CONTROLS = st.sampled_from("\r\n\x00\x0b\x0c\x1f\x7f\x85\u2028\u2029")


@given(PRINTABLE)
def test_a_subject_comes_back_as_it_was(subject: str) -> None:
    header = text_header("Subject", subject)
    assert all(len(line) <= 78 for line in header.split("\r\n"))
    message = message_from_bytes(header.encode("ascii") + b"\r\n\r\n", policy=policy.default)
    assert message["Subject"] == subject
    assert list(message.keys()) == ["Subject"]
    assert not message["Subject"].defects


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=150))
def test_a_name_comes_back_as_it_was(name: str) -> None:
    header = address_header(name, "ada@reader.example", name="To")
    message = message_from_bytes(header.encode("ascii") + b"\r\n\r\n", policy=policy.default)
    assert list(message.keys()) == ["To"]
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@reader.example"]
    # CPython 3.11 shows the folding between encoded-words of a display name as a space; its older decoder does not.
    assert "".join(message["To"].addresses[0].display_name.split()) == "".join(name.split())
    phrase = header.removeprefix("To:").rpartition("<")[0].strip()
    assert str(make_header(decode_header(phrase))).strip('"') == name.strip().strip('"')


@given(PRINTABLE, CONTROLS, PRINTABLE)
def test_control_characters_are_refused(before: str, control: str, after: str) -> None:
    with pytest.raises(InputError, match="control character"):
        text_header("Subject", f"{before}{control}{after}")
    with pytest.raises(InputError, match="control character"):
        address_header(f"{before}{control}{after}", "ada@reader.example", name="To")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(min_value=30, max_value=76))
def test_encoded_words_are_at_most_75_characters(text: str, first: int) -> None:
    assert all(len(word) <= 75 and word.isascii() for word in encoded_words(text, first=first))


@pytest.mark.parametrize(
    ("address", "wire"),
    [("ada@reader.example", "ada@reader.example"), ("ada@münchen.example", "ada@xn--mnchen-3ya.example")],
)
def test_domains_become_a_labels(address: str, wire: str) -> None:
    assert ascii_address(address) == wire


@pytest.mark.parametrize(
    "address", ["zoë@reader.example", "a b@reader.example", "a@b\r\nBcc: c@d", "ada", "a@", "@b", "a@-b.example"]
)
def test_addresses_that_cannot_be_written_are_refused(address: str) -> None:
    with pytest.raises(InputError, match="cannot be written to"):
        ascii_address(address)
