"""dkimpy is the judge: it verifies every signature of ours, and none where anything that counts was changed."""

import base64
import re
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import dkim as judge
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.delivery import senders
from newsletter.delivery.senders.base import Envelope
from newsletter.delivery.senders.smtp import Signer, SmtpConnection, SmtpSender
from newsletter.errors import InputError
from newsletter.rendering import MailingHeaders, Recipient, compile_message, render
from newsletter.rendering.specimen import specimen
from newsletter.settings import SenderSettings, load

ROOT = Path(__file__).resolve().parents[3]
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOON = 1_700_000_000  # in the past wherever this runs: a signature of tomorrow is none
SIGNER = Signer(domain="news.example", selector="s2026", key=KEY, clock=lambda: NOON)
ONCE = (
    *("From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type"),
    *("List-Unsubscribe", "List-Unsubscribe-Post"),
)
LETTER = (
    b"From: The Ledger <desk@news.example>\r\n"
    b'To: "Ada Reader" <ada@readers.example>\r\n'
    b"Subject: Should ferries\r\n  be \t free?  \r\n"
    b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
    b"Message-ID: <7-abc.1@news.example>\r\n"
    b"Reply-To: desk@news.example\r\n"
    b"List-Id: The Daily <daily.news.example>\r\n"
    b"List-Unsubscribe: <https://news.example/leave/x>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"Feedback-ID: 7-abc:daily:newsletter:news.example\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 7bit\r\n"
    b"X-Mailer: ours\r\n"
    b"\r\n"
    b"Ferries  are \t free.\r\n\r\nAre they?\r\n"
)


def pem(key, encryption=None, form=PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def verified(message: bytes, signer: Signer = SIGNER) -> bool:
    """As a receiver sees it, with nothing but the record that we say must stand in DNS."""
    record = signer.record
    zone = {f"{record.name}.".encode(): record.value.encode()}
    try:
        return judge.verify(message, dnsfunc=lambda name, timeout=5: zone.get(name))  # noqa: ARG005 - dkimpy gives it
    except judge.DKIMException:
        return False


@pytest.fixture(scope="module", params=["daily", "brief", "letter"])
def mail(request):
    """A reader's copy in each template, as it goes over the wire."""
    settings = load(ROOT)
    edition = render(specimen(settings, request.param), settings)
    headers = MailingHeaders(
        message_id_prefix="7-0123456789ab",
        message_id_domain="news.example",
        date=datetime(2026, 11, 23, 12, tzinfo=UTC),
        list_name="daily",
        list_title="The Dáily & more",
    )
    reader = Recipient(
        delivery=4711, address="ada@readers.example", name="Jón Þórsson", leave="L" * 32, track="T" * 32,
        since=date(2026, 3, 3),
    )  # fmt: skip
    return compile_message(edition, headers).join(reader)


def test_every_template_verifies(mail):
    assert verified(SIGNER.signed(mail))


def test_every_covered_header_and_each_part_of_the_body_is_guarded(mail):
    signed = SIGNER.signed(mail)
    start = signed.index(b"From:")
    head, _, body = signed[start:].partition(b"\r\n\r\n")
    names = [each.partition(b":")[0].decode() for each in re.split(rb"\r\n(?![ \t])", head)]
    assert {"From", "To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"} <= {
        *names
    }
    for name in names:
        changed = signed[:start] + head.replace(f"{name}: ".encode(), f"{name}: x".encode(), 1) + b"\r\n\r\n" + body
        assert verified(changed) is (name == "Content-Language"), name
    for place in range(0, len(body), max(1, len(body) // 20)):
        changed = bytearray(body)
        changed[place] ^= 1
        assert not verified(signed[:start] + head + b"\r\n\r\n" + bytes(changed))


@pytest.mark.parametrize("name", re.findall(r"^([A-Za-z-]+):", LETTER.decode(), re.MULTILINE))
def test_a_header_that_is_changed_or_taken_away_breaks_the_signature_if_it_is_covered(name):
    signed = SIGNER.signed(LETTER)
    line = re.search(rf"(?<=\n){name}:.*\r\n([ \t].*\r\n)*".encode(), signed)
    assert line is not None
    covered = name != "X-Mailer"
    assert verified(signed)
    assert verified(signed.replace(line[0], line[0].replace(b": ", b": x", 1))) is not covered
    assert verified(signed.replace(line[0], b"")) is not covered


@pytest.mark.parametrize("name", ONCE)
@pytest.mark.parametrize("on_top", [True, False])
def test_a_header_of_which_there_is_one_cannot_be_added(name, on_top):
    signed = SIGNER.signed(LETTER)
    added = f"{name}: somebody@else.example\r\n".encode()
    head, end, body = signed.partition(b"\r\n\r\n")
    assert not verified(added + signed if on_top else head + b"\r\n" + added.rstrip() + end + body)


@pytest.mark.parametrize("name", ["Received", "X-Spam", "Authentication-Results"])
def test_what_servers_add_on_the_way_does_no_harm(name):
    assert verified(f"{name}: by mx.example\r\n".encode() + SIGNER.signed(LETTER))


def test_changes_that_relaxed_headers_bear_do_no_harm():
    signed = SIGNER.signed(LETTER)
    assert verified(
        signed.replace(b"Subject: Should ferries\r\n  be \t free?  ", b"SUBJECT:\tShould  ferries be\r\n free?")
    )


def test_the_body_bears_no_change_but_empty_lines_at_its_end():
    signed = SIGNER.signed(LETTER)
    assert verified(signed + b"\r\n\r\n")
    assert not verified(signed.replace(b"are \t free", b"are free"))
    assert not verified(signed + b"P.S.\r\n")


_names = st.sampled_from(
    [*ONCE, "List-Help", "list-post", "Feedback-ID", "X-Odd", "Content-Transfer-Encoding", "SUBJECT"]
)
_words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=30)
_values = st.lists(_words, max_size=4).map(lambda parts: "\r\n \t ".join(part or "x" for part in parts))
_headers = st.lists(st.builds("{}:{}\r\n".format, _names, _values), max_size=12).map("".join)
_lines = st.lists(
    st.one_of(_words.filter(lambda text: not text.startswith(".")), st.just(""), st.just(" \t")), max_size=8
)
_bodies = st.builds(lambda lines, end: "\r\n".join(lines) + end, _lines, st.sampled_from(["", "\r\n", "\r\n\r\n\r\n"]))


@given(_headers, _bodies)
@example("", "")
@example("Subject: \r\n", "\r\n\r\n")
@example("To: a\r\nTo: b\r\nSubject:\r\n \r\n x\r\n", "")
def test_odd_headers_and_bodies_verify(headers, body):
    message = f"From: Zoë <desk@news.example>\r\n{headers}\r\n{body}".encode()
    assert verified(SIGNER.signed(message))


def test_it_names_domain_selector_and_time_and_folds_its_lines():
    head = SIGNER.signed(LETTER).partition(b"From:")[0].decode()
    assert "v=1; a=rsa-sha256; c=relaxed/simple;" in head
    assert "d=news.example; s=s2026;" in head
    assert f"t={NOON};" in head
    assert "l=" not in head
    assert max(map(len, head.split("\r\n"))) <= 78
    covered = re.sub(r"\s", "", head).partition("h=")[2].partition(";")[0].split(":")
    assert covered[0] == "from"
    assert all(covered.count(name.lower()) == 2 for name in ONCE if name != "Cc")
    assert covered.count("feedback-id") == covered.count("list-id") == 1


def test_the_message_itself_stays_as_it_is():
    assert SIGNER.signed(LETTER).endswith(b"\r\n" + LETTER)


def test_the_record_for_dns():
    record = SIGNER.record
    assert record.name == "s2026._domainkey.news.example"
    kind, value = record.value.split("; p=")
    assert kind == "v=DKIM1; k=rsa"
    assert len(base64.b64decode(value)) == 294
    strings = re.findall(r'"([^"]*)"', record.quoted)
    assert "".join(strings) == record.value
    assert max(map(len, strings)) <= 255


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("escaped", [True, False])
def test_keys_are_taken_as_openssl_makes_them_and_as_environment_files_hold_them(form, escaped):
    text = pem(KEY, form=form)
    signer = Signer.of(text.replace("\n", "\\n") if escaped else text, domain="news.example", selector="s2026")
    assert verified(signer.signed(LETTER))


def test_openssl_agrees_on_the_public_half(tmp_path):
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    command = ["openssl", "rsa", "-in", key, "-pubout", "-outform", "DER"]
    public = subprocess.run(command, check=True, capture_output=True).stdout
    signer = Signer.of(key.read_text(encoding="ascii"), domain="news.example", selector="s")
    assert signer.record.value.endswith(f"p={base64.b64encode(public).decode()}")


def of_openssl(bits: int, folder: Path) -> str:
    key = folder / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, str(bits)], check=True, capture_output=True)
    return key.read_text(encoding="ascii")


def test_a_key_of_1024_bits_is_taken():
    short = pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505 - the shortest that is taken
    assert Signer.of(short, domain="news.example", selector="s").key.key_size == 1024


def test_a_key_that_receivers_do_not_take_is_refused(tmp_path):
    with pytest.raises(InputError, match="768 bits, and receivers take 1024 to 4096"):
        Signer.of(of_openssl(768, tmp_path), domain="news.example", selector="s")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no private key"),
        ("hunter2", "no private key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
        (pem(KEY, BestAvailableEncryption(b"locked")), "locked with a password"),
    ],
)
def test_what_is_no_key_is_refused_and_never_repeated(text, fault):
    with pytest.raises(InputError, match=fault) as caught:
        Signer.of(text, domain="news.example", selector="s")
    assert caught.value.where == "NEWSLETTER_DKIM_KEY"
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)
    assert "BEGIN" not in str(caught.value)


def test_a_key_does_not_show():
    assert "RSA" not in repr(SIGNER)


def by_settings(secret: str | None, **kwargs) -> SmtpSender:
    return senders.by_settings(SenderSettings(**kwargs), {"NEWSLETTER_DKIM_KEY": secret}.get, root=Path())  # type: ignore[return-value]


def test_a_domain_and_its_key_go_together():
    assert by_settings(None).signer is None
    assert by_settings(pem(KEY), dkim_domain="news.example", dkim_selector="s").signer.domain == "news.example"
    with pytest.raises(InputError, match="no key to sign with"):
        by_settings(None, dkim_domain="news.example", dkim_selector="s")
    with pytest.raises(InputError, match="does not say for which domain"):
        by_settings(pem(KEY))


@pytest.mark.parametrize(
    "kwargs", [{"dkim_domain": "news.example"}, {"dkim_selector": "s"}, {"dkim_domain": "a b", "dkim_selector": "s"}]
)
def test_settings_that_cannot_be_are_refused(kwargs):
    with pytest.raises(ValueError, match="dkim_"):
        SenderSettings(**kwargs)


def test_what_arrives_is_signed(running):
    with running() as server:
        sender = SmtpSender(settings=SenderSettings(port=server.port), signer=SIGNER)
        connection = SmtpConnection(sender)
        for number in range(3):
            letter = Envelope(mail_from="b@news.example", rcpt_to=f"r{number}@readers.example", message=LETTER)
            assert connection.send(letter).code == 250
        connection.close()
    assert len(server.received) == 3
    assert all(verified(message) for _, message in server.received)
