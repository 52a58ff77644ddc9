"""Notices: a few plain lines that the program writes to somebody of the newsroom."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st

from newsletter.rendering import MailingHeaders, Recipient, compile_message, compile_substitutions
from newsletter.rendering.notice import notice_edition
from newsletter.settings import Newsroom
from newsletter.tokens import INERT

HARBOUR = Newsroom(name="The Harbour Letter", from_address="letter@harbour.example", reply_to="desk@harbour.example")
HEADERS = MailingHeaders(
    message_id_prefix="alert-7",
    message_id_domain="harbour.example",
    date=datetime(2026, 11, 24, 6, tzinfo=UTC),
    list_name="alerts",
    list_title="Alerts",
    bulk=False,
)
OPS = Recipient(delivery="12", address="ops@harbour.example", name="", leave=INERT, track=INERT, since="")
LIST_HEADERS = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID")


def sent(subject, text):
    data = compile_message(notice_edition(subject, text, HARBOUR), HEADERS).join(OPS)
    assert data.isascii()
    assert b"\r\n." not in data
    return message_from_bytes(data, policy=policy.default)


def text_of(message):
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def test_a_notice_is_a_mail_of_a_program_and_no_newsletter():
    message = sent("Alert: mailing 12\nis held", "One line.\n. A second <b>line</b>.")
    assert message["Subject"] == "Alert: mailing 12 is held"
    assert message["From"] == "The Harbour Letter <letter@harbour.example>"
    assert message["Reply-To"] == "desk@harbour.example"
    assert message["To"] == "ops@harbour.example"
    assert message["Message-ID"] == "<alert-7.12@harbour.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert [name for name in LIST_HEADERS if message[name]] == []
    assert text_of(message) == "One line.\n. A second <b>line</b>.\n"
    assert "&lt;b&gt;line" in message.get_body(("html",)).get_content()


def test_a_provider_that_fills_in_gets_the_same():
    body = compile_substitutions(notice_edition("Alert", "One line.", HARBOUR), HEADERS)
    assert body.headers == {"Auto-Submitted": "auto-generated", "Content-Language": "en"}
    filled = body.fill(OPS)
    assert filled.headers == {"Message-ID": "<alert-7.12@harbour.example>"}
    assert filled.values == {}


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300))
def test_whatever_is_quoted_arrives_as_it_is(text):
    message = sent("Alert", text)
    assert text_of(message) == text.rstrip() + "\n"
