from __future__ import annotations

import time
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.rehearsal.reading import MOST_PARTS, part_bytes, read

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def full() -> EmailMessage:
    """Text, HTML with an image of its own, a file, and another message."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@harbour.example", "ada@example.org", "Tides"
    message.set_content("Text “part”.\n")
    message.add_alternative("<p>HTML</p><img src='cid:tide@harbour'>", subtype="html")
    html = message.get_body(("html",))
    assert html is not None
    html.add_related(PNG, "image", "png", cid="<tide@harbour>")
    message.add_attachment(b"a,b\n", maintype="text", subtype="csv", filename="täbelle.csv")
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("<b>inner</b>", subtype="html")
    message.add_attachment(inner)
    return message


def test_takes_a_message_apart() -> None:
    raw = full().as_bytes()
    reading = read(raw)
    assert reading.text == "Text “part”.\n"
    assert reading.html is not None
    assert reading.html.startswith("<p>HTML</p>")
    assert reading.header("subject") == "Tides"
    assert [(part.content_type, part.name, part.content_id) for part in reading.parts] == [
        ("image/png", "", "tide@harbour"),
        ("text/csv", "täbelle.csv", ""),
        ("message/rfc822", "", ""),
    ]
    image, table, inner = (part_bytes(raw, part.number) for part in reading.parts)
    assert (image, table) == (PNG, b"a,b\n")
    assert b"Subject: Inner" in inner


def test_an_enclosed_message_never_gives_the_body() -> None:
    message = EmailMessage()
    message.set_content(full())
    reading = read(message.as_bytes())
    assert (reading.html, reading.text) == (None, None)
    assert [part.content_type for part in reading.parts] == ["message/rfc822"]


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("utf-8", "grün".encode(), "grün"),
        ("iso-8859-1", b"gr\xfcn", "grün"),
        ("x-nope", "grün".encode(), "grün"),
        ("x-nope", b"gr\xfcn", "grün"),
        ("utf-8", b"gr\xfcn", "gr�n"),
        ("hex", b"gr\xfcn", "grün"),
        ("base64", b"gr", "gr"),
        ("us-ascii\x00", b"gr", "gr"),
        ('"', b"gr", "gr"),
        ("utf-16", b"\x00", "�"),
        ("", b"gr\xfcn", "grün"),
    ],
)
def test_reads_text_in_any_charset(charset: str, body: bytes, text: str) -> None:
    raw = b"Content-Type: text/plain; charset=" + charset.encode() + b"\r\n\r\n" + body
    assert read(raw).text == text


HOSTILE = [
    b"",
    b"\r\n\r\n",
    b"no headers at all",
    b"\x00\xff\xfe" * 50,
    b": \r\n: \r\n\r\n",
    b"Content-Type: multipart/mixed\r\n\r\nno boundary",
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n",
    b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n--\r\n",
    b"Content-Type: text/html; charset*=x'y'%ff\r\n\r\n<b>",
    b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n====!!!",
    b"Content-Type: text/html\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 666\r\n\xff\xff",
    b"Content-Type: text/html\r\nContent-Transfer-Encoding: nope\r\n\r\n<p>x",
    b"Content-Type: message/rfc822\r\n\r\n" * 500 + b"x",
    b"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\nC: d\r\n",
    b"Content-Type: message/partial\r\n\r\n\xff",
    b"Content-Disposition: attachment; filename*=x''%80%ff\r\nContent-Type: text/html\r\n\r\nx",
    b"Content-Disposition: attachment; filename*0*=a''%;filename*9=b\r\nContent-Type: a/b\r\n\r\nx",
    b"Subject: =?utf-8?b?" + b"A" * 9000 + b"?=\r\n\r\nx",
    b"X: " + b"y" * 200_000 + b"\r\n\r\nx",
    b"".join(b"X-%d: y\r\n" % number for number in range(5000)) + b"\r\nx",
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_reads_the_unreadable(raw: bytes) -> None:
    reading = read(raw)
    for part in reading.parts:
        part_bytes(raw, part.number)
    for name, value in reading.headers:
        f"{name}{value}".encode()
        assert "\n" not in value


def test_nesting_without_end_is_said_and_not_followed() -> None:
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))
    began = time.perf_counter()
    reading = read(raw)
    assert reading.fault or reading.text is not None or reading.parts
    assert time.perf_counter() - began < 5


def test_thousands_of_parts_are_cut_off() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n" * 5000
        + b"--b--"
    )
    assert len(read(raw).parts) == MOST_PARTS


@given(
    st.binary(max_size=400),
    st.sampled_from(["multipart/mixed; boundary=a", "text/html; charset=utf-7", "message/rfc822"]),
)
def test_any_bytes_are_read_without_an_error(raw: bytes, kind: str) -> None:
    for whole in (
        raw,
        b"Content-Type: " + kind.encode() + b"\r\n\r\n--a\r\n" + raw,
        b"Content-Type: " + raw + b"\r\n\r\nx",
    ):
        reading = read(whole)
        part_bytes(whole, 0)
        assert len(reading.headers) <= 500
