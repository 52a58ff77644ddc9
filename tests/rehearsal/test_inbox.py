from __future__ import annotations

import logging
import smtplib
import socket
import subprocess
import sys
import threading
import time
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.rehearsal.inbox import LONGEST_LINE, MOST_RECIPIENTS, SIZE_LIMIT, Inbox

MAIL = b"From: desk@harbour.example\r\nTo: ada@example.org\r\nSubject: Tides\r\n\r\nHigh at nine.\r\n"


def receive(connection: socket.socket, replies: int) -> list[bytes]:
    with connection.makefile("rb") as file:
        return [file.readline() for _ in range(replies)]


def test_keeps_a_message_byte_for_byte_with_its_envelope(inbox: Inbox, client: smtplib.SMTP) -> None:
    client.sendmail("bounce+1@harbour.example", ["ada@example.org", "bo@example.org"], MAIL)
    (kept,) = inbox.mailbox
    assert inbox.mailbox.raw(kept) == MAIL
    assert kept.mail_from == "bounce+1@harbour.example"
    assert kept.rcpt_tos == ("ada@example.org", "bo@example.org")
    assert (kept.sender, kept.to, kept.subject) == ("desk@harbour.example", "ada@example.org", "Tides")
    assert (kept.id, kept.size) == (1, len(MAIL))
    assert kept.arrived.utcoffset() is not None


def test_a_message_built_by_the_standard_library_comes_through_whole(inbox: Inbox, client: smtplib.SMTP) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@harbour.example", "ada@example.org", "Ångström’s tide"
    message.set_content("Hélas.\n.\n..two dots\n")
    client.send_message(message)
    (kept,) = inbox.mailbox
    assert kept.subject == "Ångström’s tide"
    assert (
        message_from_bytes(inbox.mailbox.raw(kept)).get_payload(decode=True) == "Hélas.\r\n.\r\n..two dots\r\n".encode()
    )


def test_offers_size_smtputf8_8bitmime_and_pipelining(client: smtplib.SMTP) -> None:
    client.ehlo()
    assert client.esmtp_features["size"] == str(SIZE_LIMIT)
    assert all(client.has_extn(name) for name in ("smtputf8", "8bitmime", "pipelining"))
    assert not client.has_extn("auth")


def test_addresses_in_unicode_are_kept(inbox: Inbox, client: smtplib.SMTP) -> None:
    client.sendmail("münze@häfen.example", ["grün@häfen.example"], MAIL, ["SMTPUTF8", "BODY=8BITMIME"])
    assert [kept.rcpt_tos for kept in inbox.mailbox.messages_for("GRÜN@häfen.example")] == [("grün@häfen.example",)]


def test_a_null_return_path_is_an_empty_sender(inbox: Inbox, client: smtplib.SMTP) -> None:
    client.sendmail("", ["ada@example.org"], MAIL)
    assert next(iter(inbox.mailbox)).mail_from == ""


def test_a_pipelined_conversation_needs_one_write_a_turn(inbox: Inbox) -> None:
    with socket.create_connection((inbox.host, inbox.port), timeout=5) as raw, raw.makefile("rb") as replies:
        replies.readline()
        raw.sendall(b"EHLO client.example\r\n")
        while replies.readline()[3:4] == b"-":
            pass
        turn = b"MAIL FROM:<a@harbour.example>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n"
        raw.sendall(turn)
        assert [replies.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        raw.sendall(MAIL + b".\r\n" + turn)
        assert [replies.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        raw.sendall(b".\r\nQUIT\r\n")
        assert [replies.readline()[:3] for _ in range(2)] == [b"250", b"221"]
    assert [inbox.mailbox.raw(kept) for kept in inbox.mailbox] == [MAIL, b""]


@pytest.mark.parametrize("cut", range(1, 7))
def test_the_end_of_a_message_may_come_in_pieces(inbox: Inbox, cut: int) -> None:
    with socket.create_connection((inbox.host, inbox.port), timeout=5) as raw, raw.makefile("rb") as replies:
        replies.readline()
        for command in (b"HELO c\r\n", b"MAIL FROM:<a@h.example>\r\n", b"RCPT TO:<ada@example.org>\r\n", b"DATA\r\n"):
            raw.sendall(command)
            replies.readline()
        data = b"x\r\n.\r\n"
        raw.sendall(data[:cut])
        time.sleep(0.01)
        raw.sendall(data[cut:])
        assert replies.readline().startswith(b"250")
    assert inbox.mailbox.raw(next(iter(inbox.mailbox))) == b"x\r\n"


def test_a_large_message_comes_through_and_one_over_the_limit_is_refused(inbox: Inbox, client: smtplib.SMTP) -> None:
    line = b"x" * 76 + b"\r\n"
    client.sendmail("a@harbour.example", ["ada@example.org"], line * 30_000)
    assert next(iter(inbox.mailbox)).size == len(line) * 30_000
    with pytest.raises(smtplib.SMTPResponseException) as refusal:
        client.sendmail("a@harbour.example", ["ada@example.org"], line * (SIZE_LIMIT // len(line) + 1))
    assert refusal.value.smtp_code == 552
    client.sendmail("a@harbour.example", ["ada@example.org"], MAIL)
    assert inbox.mailbox.count() == 2


def test_a_message_over_the_limit_is_refused_even_where_its_size_was_not_said(inbox: Inbox) -> None:
    with socket.create_connection((inbox.host, inbox.port), timeout=30) as raw, raw.makefile("rb") as replies:
        replies.readline()
        for command in (b"HELO c\r\n", b"MAIL FROM:<a@h.example>\r\n", b"RCPT TO:<ada@example.org>\r\n", b"DATA\r\n"):
            raw.sendall(command)
            replies.readline()
        block = (b"x" * 98 + b"\r\n") * 10_000
        for _ in range(SIZE_LIMIT // len(block) + 1):
            raw.sendall(block)
        raw.sendall(b".\r\n")
        assert replies.readline().startswith(b"552")
    assert inbox.mailbox.count() == 0


def test_lines_over_998_octets_are_refused(inbox: Inbox, client: smtplib.SMTP) -> None:
    client.sendmail("a@harbour.example", ["ada@example.org"], b"x" * LONGEST_LINE)
    with pytest.raises(smtplib.SMTPDataError, match="998"):
        client.sendmail("a@harbour.example", ["ada@example.org"], b"x" * (LONGEST_LINE + 1))
    assert inbox.mailbox.count() == 1


def test_data_without_a_recipient_is_refused(client: smtplib.SMTP) -> None:
    client.helo()
    client.mail("a@harbour.example")
    assert client.docmd("DATA")[0] == 503


def test_too_many_recipients_are_refused_one_by_one(inbox: Inbox, client: smtplib.SMTP) -> None:
    people = [f"r{number}@example.org" for number in range(MOST_RECIPIENTS + 2)]
    refused = client.sendmail("a@harbour.example", people, MAIL)
    assert set(refused) == set(people[MOST_RECIPIENTS:])
    assert len(next(iter(inbox.mailbox)).rcpt_tos) == MOST_RECIPIENTS


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "inbox.example", ""])  # noqa: S104 - refused
def test_hosts_that_others_can_reach_are_refused(host: str) -> None:
    with pytest.raises(InputError, match="not an address of this machine alone"):
        Inbox(host=host, port=0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_hosts_of_this_machine_are_taken(host: str) -> None:
    with Inbox(host=host, port=0) as inbox, smtplib.SMTP(inbox.host, inbox.port) as client:
        assert client.noop()[0] == 250


def test_a_busy_port_is_named_with_what_to_do(inbox: Inbox) -> None:
    with pytest.raises(InputError, match=f"port {inbox.port} is busy.*another port"):
        Inbox(port=inbox.port).start()


def test_stopping_cuts_open_connections_and_gives_the_port_back() -> None:
    inbox = Inbox(port=0).start()
    with socket.create_connection((inbox.host, inbox.port), timeout=5) as open_one:
        receive(open_one, 1)
        began = time.monotonic()
        inbox.stop()
        assert time.monotonic() - began < 2
        assert open_one.recv(100) == b""
    with Inbox(port=inbox.port) as again:
        assert again.port == inbox.port


def test_many_connections_at_once_lose_nothing(inbox: Inbox) -> None:
    def send(sender: int) -> None:
        with smtplib.SMTP(inbox.host, inbox.port, local_hostname="c.example") as client:
            for number in range(25):
                client.sendmail("a@harbour.example", [f"r{sender}-{number}@example.org"], MAIL)

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inbox.mailbox.count() == 200
    assert len({kept.rcpt_tos for kept in inbox.mailbox}) == 200


def test_whole_addresses_are_never_logged(inbox: Inbox, client: smtplib.SMTP, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.sendmail("a@harbour.example", ["ada@example.org"], MAIL)
    assert inbox.mailbox.count() == 1
    assert "ada@example.org" not in caplog.text


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom newsletter.rehearsal.inbox import Inbox\n"
        "inbox = Inbox(port=0, folder=Path(sys.argv[1])).start()\nprint(inbox.port, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with smtplib.SMTP("127.0.0.1", port, local_hostname="c.example") as client:
            for number in range(20):
                client.sendmail("a@harbour.example", [f"r{number}@example.org"], MAIL)
            process.kill()
    with Inbox(port=0, folder=tmp_path) as inbox:
        assert [kept.rcpt_tos[0] for kept in inbox.mailbox] == [f"r{number}@example.org" for number in range(20)]
        assert {inbox.mailbox.raw(kept) for kept in inbox.mailbox} == {MAIL}
