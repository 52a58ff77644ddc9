import contextlib
import socket
import threading

import pytest

from newsletter.delivery.senders.base import Envelope
from newsletter.delivery.senders.smtp import SmtpConnection, SmtpSender
from newsletter.errors import InputError
from newsletter.settings import SenderSettings
from newsletter.store.statuses import OutcomeKind


def sender(server, *, password=None, tls=None, timeout=5.0, answer=None, **kwargs):
    kwargs = {"port": getattr(server, "port", server), "timeout_seconds": timeout, **kwargs}
    answer = timeout if answer is None else answer
    return SmtpSender(settings=SenderSettings(**kwargs), password=password, tls=tls, answer_seconds=answer)


def envelope(name, message=b"Subject: x\r\n\r\nHello\r\n"):
    return Envelope(mail_from="news@ledger.example", rcpt_to=f"{name}@readers.example", message=message)


@pytest.fixture
def connection(server):
    connection = SmtpConnection(sender(server))
    yield connection
    connection.close()


@pytest.fixture
def silent():
    """A server that takes connections and says what it is given, then nothing; its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    taken = []

    def start(greeting=b""):
        def serve():
            try:
                talk, _ = listening.accept()
            except OSError:
                return
            taken.append(talk)
            talk.sendall(greeting)

        threading.Thread(target=serve, daemon=True).start()
        return listening.getsockname()[1]

    yield start
    for talk in taken:
        talk.close()
    listening.close()


def test_a_message_arrives_as_it_is(server, connection):
    message = b"Subject: x\r\n\r\nHello\r\n=2E.\r\n" + b"and so on, and so forth\r\n" * 3_000
    outcome = connection.send(envelope("ann", message))
    assert (outcome.kind, outcome.code, outcome.reply) == (OutcomeKind.ACCEPTED, 250, "2.0.0 Ok: queued")
    assert server.received == [("ann@readers.example", message)]


def test_one_connection_carries_many(server, connection):
    for number in range(20):
        assert connection.send(envelope(f"r{number}")).kind is OutcomeKind.ACCEPTED
    assert server.connections == 1


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("reject", OutcomeKind.REJECTED, 550),
        ("busy", OutcomeKind.DEFERRED, 451),
        ("late", OutcomeKind.DEFERRED, 451),
        ("cut", OutcomeKind.UNKNOWN, None),
    ],
)
def test_what_happens_on_the_wire_is_an_outcome_and_the_next_message_fares_well(server, connection, name, kind, code):
    outcome = connection.send(envelope(name))
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.permanent is (kind is OutcomeKind.REJECTED)
    assert not outcome.sender_fault
    assert connection.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
    assert server.recipients["ann@readers.example"] == 1


def test_silence_after_the_message_is_unknown(server):
    connection = SmtpConnection(sender(server, timeout=0.2))
    outcome = connection.send(envelope("mute"))
    connection.close()
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert "timed out" in outcome.reply


def test_nobody_there_is_deferred_and_the_servers_fault():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = SmtpConnection(sender(port)).send(envelope("ann"))
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (OutcomeKind.DEFERRED, True, False)
    assert "refused" in outcome.reply.lower()


@pytest.mark.parametrize(
    "greeting", [b"", b"220 hello\r\n", b"554 go away\r\n", b"\xff\x00" * 10 + b"\r\n", b"x" * 20_000]
)
def test_a_server_that_does_not_speak_smtp_is_deferred(silent, greeting):
    outcome = SmtpConnection(sender(silent(greeting), timeout=0.2)).send(envelope("ann"))
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, True)


def test_a_connection_that_the_server_closed_is_opened_again_at_once(running):
    with running() as server:
        server.closes_after = 2
        connection = SmtpConnection(sender(server))
        kinds = []
        for number in range(6):
            kinds.append(connection.send(envelope(f"r{number}")).kind)
            threading.Event().wait(0.02)
        connection.close()
    assert kinds == [OutcomeKind.ACCEPTED] * 6
    assert server.connections == 3


def test_a_refused_sender_is_about_us_and_lasts(server, connection):
    server.refuses_us = True
    outcome = connection.send(envelope("ann"))
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (OutcomeKind.DEFERRED, True, True)
    assert outcome.code == 550


@pytest.mark.parametrize(
    "address", ["a@b>\r\nRCPT TO:<x@y", "a b@c.example", "nobody", "<a@b.example>", "a@b.example\n"]
)
def test_an_address_that_would_break_the_command_never_leaves(server, connection, address):
    outcome = connection.send(Envelope(mail_from="news@ledger.example", rcpt_to=address, message=b"x\r\n"))
    assert outcome.kind is OutcomeKind.REJECTED
    assert server.connections == 0


def test_letters_beyond_ascii_go_where_they_are_taken_and_are_refused_elsewhere(running):
    letter = Envelope(
        mail_from="news@ledger.example", rcpt_to="zoë@readers.example", message=b"Subject: x\r\n\r\ny\r\n"
    )
    for takes, kind in ((False, OutcomeKind.REJECTED), (True, OutcomeKind.ACCEPTED)):
        with running(enable_SMTPUTF8=takes) as server:
            connection = SmtpConnection(sender(server))
            assert connection.send(letter).kind is kind
            assert connection.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
            connection.close()


def test_a_connection_can_be_cut_from_another_thread(server):
    connection = SmtpConnection(sender(server, timeout=30))
    timer = threading.Timer(0.2, connection.cut)
    timer.start()
    outcome = connection.send(envelope("mute"))
    timer.join()
    connection.close()
    assert outcome.kind is OutcomeKind.UNKNOWN


def test_checking_says_where_nobody_answers():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port}: mail cannot be handed over"):
        sender(port).check()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_signing_in(running, accepting_login):
    options = {"authenticator": accepting_login, "auth_require_tls": False, "auth_required": True}
    with running(**options) as server:
        right = SmtpConnection(sender(server, username="ada", password="right"))
        assert right.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
        right.close()
        outcome = SmtpConnection(sender(server, username="ada", password="wrong")).send(envelope("bob"))
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (OutcomeKind.DEFERRED, True, True)
    assert server.recipients == {"ann@readers.example": 1}


def test_a_password_never_crosses_a_network_unencrypted():
    with pytest.raises(InputError, match="unencrypted"):
        sender(587, host="mail.ledger.example", username="ada", password="right")


def test_a_username_needs_a_password():
    with pytest.raises(InputError, match="no password"):
        sender(587, username="ada")


def test_a_password_does_not_show_in_a_repr():
    assert "right" not in repr(sender(587, username="ada", password="right"))


def test_starttls_encrypts_before_anything_is_said(running, vouched_for):
    serving, trusting = vouched_for
    with running(tls_context=serving, require_starttls=True) as server:
        connection = SmtpConnection(sender(server, security="starttls", tls=trusting))
        assert connection.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
        connection.close()


def test_a_server_that_is_busy_once_encrypted_is_asked_again_later(vouched_for):
    serving, trusting = vouched_for

    def serve():
        with contextlib.suppress(OSError):
            talk = listening.accept()[0]
            talk.sendall(b"220 hi\r\n")
            talk.recv(1000)
            talk.sendall(b"250-mx\r\n250 STARTTLS\r\n")
            talk.recv(1000)
            talk.sendall(b"220 go on\r\n")
            with serving.wrap_socket(talk, server_side=True) as encrypted:
                encrypted.recv(1000)
                encrypted.sendall(b"451 4.3.2 busy\r\n")
                encrypted.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        connection = SmtpConnection(
            sender(listening.getsockname()[1], security="starttls", tls=trusting, username="me", password="secret")
        )
        outcome = connection.send(envelope("ann"))
        connection.close()
        thread.join()
    assert (outcome.kind, outcome.code, outcome.permanent) == (OutcomeKind.DEFERRED, 451, False)


def test_a_connection_can_be_encrypted_from_its_first_byte_and_cut(vouched_for):
    serving, trusting = vouched_for
    talks = []

    def serve():
        with contextlib.suppress(OSError):
            talk = serving.wrap_socket(listening.accept()[0], server_side=True)
            talks.append(talk)
            talk.sendall(b"220-hold on\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        connection = SmtpConnection(sender(listening.getsockname()[1], security="tls", tls=trusting, timeout=30))
        timer = threading.Timer(0.3, connection.cut)
        timer.start()
        outcome = connection.send(envelope("ann"))
        timer.join()
        thread.join()
        for talk in talks:
            talk.close()
    assert len(talks) == 1
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, True)
    assert "took too long" in outcome.reply


def test_a_certificate_that_nobody_vouches_for_is_a_lasting_refusal(running, vouched_for):
    with running(tls_context=vouched_for[0]) as server:
        outcome = SmtpConnection(sender(server, security="starttls")).send(envelope("ann"))
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (OutcomeKind.DEFERRED, True, True)
    assert server.received == []


def test_a_certificate_for_another_host_is_a_lasting_refusal(running, vouched_for):
    with running(tls_context=vouched_for[0]) as server:
        named = sender(server, security="starttls", tls=vouched_for[1], host="localhost")
        outcome = SmtpConnection(named).send(envelope("ann"))
    assert outcome.permanent
    assert server.received == []


def test_a_server_without_starttls_gets_nothing(server):
    outcome = SmtpConnection(sender(server, security="starttls")).send(envelope("ann"))
    assert (outcome.kind, outcome.permanent) == (OutcomeKind.DEFERRED, True)
    assert server.received == []
