import json
from datetime import UTC, date, datetime
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.rendering import Edition, MailingHeaders, Recipient, compile_substitutions, fill_body
from newsletter.rendering.substitutions import to_address

NONCE = "0123456789abcdef"


def slot(name):
    return f"slot{NONCE}{name}end"


def edition(**kwargs):
    values = {
        "html": f"<p>{slot('name')}</p>",
        "text": f"{slot('name')}\n",
        "subject": "Ferries",
        "preheader": "",
        "nonce": NONCE,
        "from_name": "The Ledger",
        "from_address": "news@ledger.example",
        "from_header": "From: The Ledger <news@ledger.example>",
        "reply_to": None,
        "language": "en",
        "base_url": "https://news.example",
        "manifest": {},
    }
    return Edition(**{**values, **kwargs})


HEADERS = MailingHeaders(
    message_id_prefix="7-abc",
    message_id_domain="ledger.example",
    date=datetime(2026, 11, 23, tzinfo=UTC),
    list_name="daily",
    list_title="Fish & Chips",
)


def reader(**kwargs):
    values = {
        "delivery": 5,
        "address": "ada@readers.example",
        "name": "Ada",
        "leave": "L" * 32,
        "track": "T" * 32,
        "since": date(2026, 3, 3),
    }
    return Recipient(**{**values, **kwargs})


def filled(body, values):
    """As the provider fills it in: one tag after the other."""
    for tag, value in values.items():
        body = body.replace(tag, value)
    return body


EVERYTHING = " ".join(slot(name) for name in ("leave", "track", "list", "since", "name", "address", "name"))


@pytest.mark.parametrize("extra", ["", "é", "“”", "Паром"])
def test_what_the_provider_fills_in_is_what_the_smtp_copy_says(extra):
    made = edition(html=f"<p>{EVERYTHING} {extra}</p>", text=f"{EVERYTHING} {extra}\n")
    body = compile_substitutions(made, HEADERS)
    who = reader(name="Ada <b>O'Neil</b> & Sons é")
    values = body.fill(who).values
    html = fill_body(made, "html", who, list_title=HEADERS.list_title)
    assert unescape(filled(body.html, values)) == unescape(html)
    text = fill_body(made, "plain", who, list_title=HEADERS.list_title)
    assert filled(body.text, values).removesuffix("\n\n—\n").rstrip() == text.rstrip()


def test_html_and_text_have_tags_of_their_own_and_only_those_used():
    body = compile_substitutions(edition(text=f"{slot('leave')}\n"), HEADERS)
    values = body.fill(reader(name="<Ada>")).values
    assert values == {f"sub{NONCE}htmlnameend": "&lt;Ada&gt;", f"sub{NONCE}textleaveend": "L" * 32}
    assert all((body.html + body.text).count(tag) == 1 for tag in values)


def test_no_tag_is_the_beginning_of_another():
    words = list(compile_substitutions(edition(html=EVERYTHING, text=EVERYTHING), HEADERS).fill(reader()).values)
    assert len(words) == 10
    assert not [(one, other) for one in words for other in words if one != other and one in other]


@pytest.mark.parametrize("name", [f"sub{NONCE}htmlleaveend", NONCE, f"x sub{NONCE}", "a\r\nb", "a\x00", "\ud800"])
def test_values_with_tags_or_control_characters_are_refused(name):
    body = compile_substitutions(edition(), HEADERS)
    with pytest.raises(InputError):
        body.fill(reader(name=name))


def test_tokens_that_would_break_a_link_are_refused():
    body = compile_substitutions(edition(html=slot("leave")), HEADERS)
    with pytest.raises(InputError):
        body.fill(reader(leave='x"><script>'))


def test_one_click_headers_are_each_readers_own():
    headers = compile_substitutions(edition(), HEADERS).fill(reader()).headers
    assert headers == {
        "List-Unsubscribe": f"<https://news.example/leave/{'L' * 32}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Message-ID": "<7-abc.5@ledger.example>",
    }


def test_shared_headers_are_one_ascii_line_each():
    title = "Das tägliche Fährblatt, das jeden Morgen kommt, mit beiden Seiten der Frage und noch mehr"
    headers = MailingHeaders(
        message_id_prefix="7-abc", message_id_domain="x.example", date=HEADERS.date, list_name="daily", list_title=title
    )
    shared = compile_substitutions(edition(), headers).headers
    assert set(shared) == {"List-Id", "Feedback-ID", "Content-Language"}
    assert all(value.isascii() and value.isprintable() for value in shared.values())
    assert shared["List-Id"].endswith("<daily.news.example>")


@pytest.mark.parametrize(
    ("html", "wire"),
    [
        ("<p>plain</p>", "<p>plain</p>"),
        ("<p>café</p>", "<p>caf&#233;</p>"),
        ("<p>“café”</p>", "<p>“café”</p>"),
        ('<style>a::before{content:"é"}</style><p>é</p>', '<style>a::before{content:"\\E9 "}</style><p>&#233;</p>'),
    ],
)
def test_latin_1_html_goes_as_ascii_and_all_other_as_it_is(html, wire):
    assert compile_substitutions(edition(html=html), HEADERS).html == wire


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("plain\n", "plain\n"),
        ("café\n", "café\n\n—\n"),
        ("“café”\n", "“café”\n"),
        (f"Dear {slot('name')}\n", f"Dear sub{NONCE}textnameend\n\n—\n"),
        (f"{slot('leave')}\n", f"sub{NONCE}textleaveend\n"),
    ],
)
def test_latin_1_text_keeps_one_character_beyond_it(text, wire):
    assert compile_substitutions(edition(text=text), HEADERS).text == wire


@given(
    html=st.text(st.characters(codec="utf-8", exclude_characters="<>&\\", exclude_categories=["Cc", "Cs"])),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40),
)
def test_no_part_is_ever_latin_1_alone(html, name):
    body = compile_substitutions(edition(html=f"{html}{slot('name')}", text=f"{html}{slot('name')}"), HEADERS)
    values = body.fill(reader(name=name)).values
    for part in (body.html, body.text):
        whole = filled(part, values)
        assert whole.isascii() or max(whole) > "\xff"
    assert json.dumps(values)


@pytest.mark.parametrize(
    ("address", "wire"),
    [("ada@readers.example", "ada@readers.example"), ("ada@fähre.example", "ada@xn--fhre-loa.example")],
)
def test_addresses_go_in_ascii(address, wire):
    assert to_address(reader(address=address)) == wire


def test_an_address_that_needs_smtputf8_is_refused():
    with pytest.raises(InputError):
        to_address(reader(address="jürgen@readers.example"))


def test_a_slot_that_is_not_known_is_refused():
    with pytest.raises(InputError):
        compile_substitutions(edition(html=f"slot{NONCE}bogusend"), HEADERS)
