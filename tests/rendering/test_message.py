from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.rendering import Edition, Recipient, compile_message, fill_body, render


@pytest.fixture(scope="module")
def edition(make: SimpleNamespace) -> Edition:
    return render(make.rich(), make.settings(reply_to="desk@harbour.example"))


def _parsed(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
        assert not [header.defects for header in part.values() if header.defects]
    return message


def _fit_for_the_wire(data: bytes) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    assert data.isascii()
    assert data.endswith(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line for line in data.split(b"\r\n"))
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return part.get_content().replace("\r\n", "\n")


def _filled(text: str, edition: Edition, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(edition.slots.marker(name), value)
    return text


def _values(recipient: Recipient, title: str) -> dict[str, str]:
    return {
        "leave": recipient.leave,
        "track": recipient.track,
        "since": "3 March 2026",
        "list": title,
        "name": recipient.name,
        "address": recipient.address,
    }


def test_both_parts_come_back_exactly(make: SimpleNamespace, edition: Edition) -> None:
    recipient = make.recipient()
    data = compile_message(edition, make.mailing()).join(recipient)
    _fit_for_the_wire(data)
    message = _parsed(data)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert _body(message, "plain") == _filled(edition.text, edition, _values(recipient, "The Daily"))
    assert _body(message, "html") == _filled(edition.html, edition, _values(recipient, "The Daily"))


def test_the_headers_say_what_large_mailboxes_ask_for(make: SimpleNamespace, edition: Edition) -> None:
    recipient = make.recipient()
    message = _parsed(compile_message(edition, make.mailing()).join(recipient))
    assert dict(message.items()) | {"Content-Type": ""} == {
        "From": "The Harbour Letter <letter@harbour.example>",
        "To": "Ada Reader <ada@reader.example>",
        "Subject": "Should the night ferry come back?",
        "Date": "Tue, 24 Nov 2026 06:00:00 +0000",
        "Message-ID": "<m7.12@harbour.example>",
        "Reply-To": "desk@harbour.example",
        "List-Id": '"The Daily" <daily.harbour.example>',
        "List-Unsubscribe": f"<https://harbour.example/leave/{recipient.leave}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": "m7:daily:newsletter:harbour.example",
        "Content-Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": "",
    }


def test_the_readers_urls_stand_in_both_parts(make: SimpleNamespace, edition: Edition) -> None:
    recipient = make.recipient()
    message = _parsed(compile_message(edition, make.mailing()).join(recipient))
    for url in (f"view/{recipient.track}", f"preferences/{recipient.leave}", f"leave/{recipient.leave}"):
        assert f"https://harbour.example/{url}\n" in _body(message, "plain")
        assert f'"https://harbour.example/{url}"' in _body(message, "html")


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120)


@settings(deadline=None)
@given(name=NAMES, title=NAMES)
def test_any_printable_name_and_title_leave_the_message_whole(
    make: SimpleNamespace, edition: Edition, name: str, title: str
) -> None:
    slots = edition.slots
    greeted = replace(
        edition,
        html=edition.html.replace("</body>", f"<p>{slots['name']} {slots['address']}</p></body>"),
        text=f".{slots['name']}\nFrom {slots['name']} \n" + edition.text,
    )
    recipient = make.recipient(name=name)
    data = compile_message(greeted, make.mailing(list_title=title)).join(recipient)
    _fit_for_the_wire(data)
    message = _parsed_leniently(data)
    values = _values(recipient, title)
    assert message.keys() == _parsed_leniently(compile_message(greeted, make.mailing()).join(make.recipient())).keys()
    assert _body(message, "plain") == _filled(greeted.text, greeted, values)
    assert _body(message, "html") == _filled(
        greeted.html, greeted, {key: escape(value) for key, value in values.items()}
    )


def _parsed_leniently(data: bytes) -> EmailMessage:
    """Without judging headers: CPython 3.11 misreads spaces between encoded-words; `test_headers` judges those."""
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not [part.defects for part in message.walk() if part.defects]
    return message


@pytest.mark.parametrize("control", ["\r\n", "\n", "\r", "\x00", "\x0b", "\x85", "\u2028"])
@pytest.mark.parametrize("field", ["name", "address", "leave", "track", "delivery"])
def test_no_field_can_add_a_header(make: SimpleNamespace, edition: Edition, field: str, control: str) -> None:
    compiled = compile_message(edition, make.mailing())
    good = getattr(make.recipient(), field)
    with pytest.raises(InputError):
        compiled.join(make.recipient(**{field: f"{good}{control}Bcc: eve@evil.example"}))


@pytest.mark.parametrize("field", ["message_id_prefix", "message_id_domain", "list_name", "list_title"])
def test_no_mailing_can_add_a_header(make: SimpleNamespace, edition: Edition, field: str) -> None:
    with pytest.raises(InputError):
        compile_message(edition, make.mailing(**{field: "x\r\nBcc: eve@evil.example"}))


def test_a_naive_date_is_refused(make: SimpleNamespace, edition: Edition) -> None:
    with pytest.raises(InputError, match="time zone"):
        compile_message(edition, make.mailing(date=datetime(2026, 11, 24, 6, 0)))  # noqa: DTZ001


@pytest.mark.parametrize("since", [date(2026, 3, 3), datetime(2026, 3, 3, 23, 59, tzinfo=UTC), "3 March 2026"])
def test_the_day_of_joining_is_written_in_the_editions_language(
    make: SimpleNamespace, edition: Edition, since: date | str
) -> None:
    message = _parsed(compile_message(edition, make.mailing()).join(make.recipient(since=since)))
    assert "on 3 March 2026." in _body(message, "plain")


def test_two_readers_copies_differ_only_in_their_slots(make: SimpleNamespace, edition: Edition) -> None:
    compiled = compile_message(edition, make.mailing())
    one, other = compiled.join(make.recipient()), compiled.join(make.recipient(leave="M" * 32, delivery="13"))
    changed = one.replace(b"L" * 31 + b"-", b"M" * 32).replace(b"<m7.12@", b"<m7.13@")
    assert other == changed


def test_a_filled_body_is_what_the_message_carries(make: SimpleNamespace, edition: Edition) -> None:
    recipient = make.recipient(name="Zoë <b>")
    named = replace(edition, html=edition.html.replace("</body>", f"{edition.slots['name']}</body>"))
    title = "Tea & <Talk>"
    message = _parsed(compile_message(named, make.mailing(list_title=title)).join(recipient))
    for kind in ("html", "plain"):
        assert fill_body(named, kind, recipient, list_title=title) == _body(message, kind)
