"""MAIL, RCPT and DATA in one write (RFC 2920), against servers that answer as they please, byte by byte."""

import base64
import socket
import ssl
import subprocess
import threading
from contextlib import suppress

import pytest

from newsletter.delivery.senders.base import Envelope
from newsletter.delivery.senders.smtp import SmtpConnection, SmtpSender
from newsletter.settings import SenderSettings
from newsletter.store.statuses import OutcomeKind

ACCEPTED, REJECTED, DEFERRED, UNKNOWN = (
    OutcomeKind.ACCEPTED,
    OutcomeKind.REJECTED,
    OutcomeKind.DEFERRED,
    OutcomeKind.UNKNOWN,
)
LETTER = b"Subject: x\r\n\r\nHello\r\n"
OFFER = b"250-mx.example\r\n250-SIZE 1000000\r\n250 PIPELINING\r\n"
THREE = [b"MAIL FROM:<news@ledger.example> SIZE=21", b"RCPT TO:<ann@readers.example>", b"DATA"]


def envelope(name="ann", message=LETTER, mail_from="news@ledger.example"):
    return Envelope(mail_from=mail_from, rcpt_to=f"{name}@readers.example", message=message)


class Talk:
    """One connection, as the server has it."""

    def __init__(self, taken: socket.socket) -> None:
        self.sock = taken
        self.unread = b""
        self.lines: list[bytes] = []

    def greet(self, offer: bytes = OFFER) -> None:
        self.say(b"220 mx.example\r\n")
        self.line()
        self.say(offer)

    def say(self, reply: bytes) -> None:
        self.sock.sendall(reply)

    def line(self) -> bytes:
        while b"\r\n" not in self.unread:
            self._read()
        line, _, self.unread = self.unread.partition(b"\r\n")
        self.lines.append(line)
        return line

    def three(self) -> list[bytes]:
        """The commands, all of them before any is answered."""
        return [self.line() for _ in range(3)]

    def message(self) -> bytes:
        while not self.unread.endswith(b"\r\n.\r\n"):
            self._read()
        message, self.unread = self.unread[:-3], b""
        return message

    def take(self, replies: bytes = b"250 ok\r\n250 ok\r\n354 go\r\n") -> bytes:
        """A message that all goes well with."""
        self.three()
        self.say(replies)
        message = self.message()
        self.say(b"250 2.0.0 queued\r\n")
        return message

    def leave(self) -> None:
        """Answer QUIT, or see the other side hang up."""
        with suppress(EOFError):
            self.line()
            self.say(b"221 bye\r\n")

    def _read(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.unread += data


class Server:
    """Talks as its functions do, one a connection, in their order. A fault in one of them is a fault of the test."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.talks: list[Talk] = []
        self.faults: list[BaseException] = []
        self._thread = None

    def serve(self, *functions) -> None:
        self._thread = threading.Thread(target=self._serve, args=(functions,), daemon=True)
        self._thread.start()

    def _serve(self, functions) -> None:
        for function in functions:
            taken, _ = self._listening.accept()
            with taken:
                taken.settimeout(10)
                self.talks.append(Talk(taken))
                try:
                    function(self.talks[-1])
                except BaseException as fault:  # noqa: BLE001 - the test raises it
                    self.faults.append(fault)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.join(10)
            assert not self._thread.is_alive(), "not every connection that was expected came"
        self._listening.close()
        assert not self.faults, self.faults


@pytest.fixture
def talk():
    """A connection to a server that talks as the functions do, one a connection of it."""
    server, connections = Server(), []

    def start(*functions, timeout=5.0, tls=None, password=None, answer=None, **kwargs):
        server.serve(*functions)
        settings = SenderSettings(port=server.port, timeout_seconds=timeout, **kwargs)
        sender = SmtpSender(settings=settings, tls=tls, password=password, answer_seconds=answer or timeout)
        connections.append(SmtpConnection(sender))
        return connections[-1], server

    yield start
    for connection in connections:
        connection.close()
    server.close()


def well(talk: Talk) -> None:
    talk.greet()
    talk.take()
    talk.leave()


def after(replies: bytes, *more: tuple[bytes, bytes]):
    """A first message that is answered so, then what is expected and answered, then one that goes well."""

    def function(talk: Talk) -> None:
        talk.greet()
        assert talk.three() == THREE
        talk.say(replies)
        for expected, reply in more:
            assert talk.line() == expected
            talk.say(reply)
        talk.take()
        talk.leave()

    return function


def gone(replies: bytes):
    """A first message that is answered so; then the client is to hang up without another word."""

    def function(talk: Talk) -> None:
        talk.greet()
        talk.three()
        talk.say(replies)
        with pytest.raises(EOFError):
            talk.line()

    return function


RESET = (b"RSET", b"250 ok\r\n")


def test_the_three_leave_in_one_write_and_the_message_waits_for_the_answers(talk):
    taken = []

    def server(talk):
        talk.greet()
        assert talk.three() == THREE
        assert talk.unread == b""
        talk.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        taken.append(talk.message())
        talk.say(b"250 2.0.0 queued as 4F21\r\n")
        talk.leave()

    connection, _ = talk(server)
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.code, outcome.reply) == (ACCEPTED, 250, "2.0.0 queued as 4F21")
    assert outcome.of_message
    assert taken == [LETTER]


@pytest.mark.parametrize(
    ("offer", "pipelining"), [(b"250-mx\r\n250 SIZE\r\n", True), (OFFER, False)], ids=["not offered", "not wanted"]
)
def test_one_command_at_a_time_where_it_is_not_offered_or_not_wanted(talk, offer, pipelining):
    def server(talk):
        talk.greet(offer)
        talk.line()
        talk.say(b"451 later\r\n")
        # Had the others come along, they would stand here.
        assert talk.line() == b"RSET"
        talk.say(b"250 ok\r\n")
        talk.leave()

    connection, _ = talk(server, pipelining=pipelining)
    assert connection.send(envelope()).code == 451


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (b"550 not you\r\n503 what\r\n503 what\r\n", (DEFERRED, 550, True, True)),
        (b"451 later\r\n503 what\r\n503 what\r\n", (DEFERRED, 451, True, False)),
        (b"250 ok\r\n550 5.1.1 nobody\r\n503 whom\r\n", (REJECTED, 550, False, True)),
        (b"250 ok\r\n550 5.1.1 nobody\r\n554 no valid recipients\r\n", (REJECTED, 550, False, True)),
        (b"250 ok\r\n450 4.2.1 later\r\n554 whom\r\n", (DEFERRED, 450, False, False)),
        (b"250 ok\r\n250 ok\r\n554 not this\r\n", (REJECTED, 554, False, True)),
        (b"250 ok\r\n250 ok\r\n451 not now\r\n", (DEFERRED, 451, False, False)),
    ],
)
def test_a_refusal_is_taken_for_what_it_is_about_and_the_next_message_goes_well(talk, replies, expected):
    connection, server = talk(after(replies, RESET))
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.code, outcome.sender_fault, outcome.permanent) == expected
    assert connection.send(envelope("bob")).kind is ACCEPTED
    assert len(server.talks) == 1


@pytest.mark.parametrize("answer", [b"554 no recipients\r\n", b"250 dropped\r\n", b"451 later\r\n"])
@pytest.mark.parametrize("first", [b"250 ok\r\n550 nobody\r\n", b"250 ok\r\n450 later\r\n", b"550 you\r\n503 what\r\n"])
def test_a_server_that_waits_for_a_message_to_nobody_gets_a_lone_dot(talk, first, answer):
    connection, server = talk(after(first + b"354 go\r\n", (b".", answer), RESET))
    assert connection.send(envelope()).code in {550, 450}
    assert connection.send(envelope("bob")).kind is ACCEPTED
    assert len(server.talks) == 1


@pytest.mark.parametrize("answer", [b"421 bye\r\n", b"354 go on\r\n", b"what\r\n"])
def test_a_lone_dot_that_is_not_understood_ends_the_connection(talk, answer):
    def server(talk):
        talk.greet()
        talk.three()
        talk.say(b"250 ok\r\n550 nobody\r\n354 go\r\n")
        assert talk.line() == b"."
        talk.say(answer)
        with pytest.raises(EOFError):
            talk.line()

    connection, _ = talk(server, well)
    assert connection.send(envelope()).kind is REJECTED
    assert connection.send(envelope("bob")).kind is ACCEPTED


def test_no_dot_where_the_recipient_was_taken_after_all(talk):
    """It would be an empty message."""
    connection, _ = talk(gone(b"550 not you\r\n250 ok\r\n354 go\r\n"), well)
    assert connection.send(envelope()).code == 550
    assert connection.send(envelope("bob")).kind is ACCEPTED


def test_a_reset_that_is_not_confirmed_ends_the_connection(talk):
    def server(talk):
        talk.greet()
        talk.three()
        talk.say(b"250 ok\r\n550 nobody\r\n503 whom\r\n")
        assert talk.line() == b"RSET"
        talk.say(b"500 what\r\n")
        with pytest.raises(EOFError):
            talk.line()

    connection, _ = talk(server, well)
    assert connection.send(envelope()).kind is REJECTED
    assert connection.send(envelope("bob")).kind is ACCEPTED


@pytest.mark.parametrize(
    ("replies", "code", "kind", "fault"),
    [
        (b"550 not you\r\n", 550, DEFERRED, True),
        (b"250 ok\r\n550 nobody\r\n", 550, REJECTED, False),
        (b"250 ok\r\n450 later\r\n", 450, DEFERRED, False),
        (b"250 ok\r\n550 nobody\r\n421 enough\r\n", 550, REJECTED, False),
    ],
)
def test_who_says_why_and_hangs_up_is_believed(talk, replies, code, kind, fault):
    def server(talk):
        talk.greet()
        talk.three()
        talk.say(replies)

    connection, _ = talk(server, well)
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.code, outcome.sender_fault) == (kind, code, fault)
    assert connection.send(envelope("bob")).kind is ACCEPTED


@pytest.mark.parametrize("replies", [b"", b"250 ok\r\n", b"250 ok\r\n250 ok\r\n", b"250 ok\r\n250"])
def test_who_hangs_up_without_a_refusal_leaves_the_message_deferred(talk, replies):
    def server(talk):
        talk.greet()
        talk.three()
        talk.say(replies)

    connection, _ = talk(server)
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (DEFERRED, True, False)
    assert "before the message" in outcome.reply


@pytest.mark.parametrize("replies", [b"", b"421 idle for too long\r\n", b"250 ok\r\n421 enough\r\n"])
def test_a_connection_that_carried_enough_is_replaced_at_once(talk, replies):
    def server(talk):
        talk.greet()
        talk.take()
        talk.three()
        talk.say(replies)

    connection, server = talk(server, well)
    assert [connection.send(envelope(name)).kind for name in ("ann", "bob")] == [ACCEPTED] * 2
    assert len(server.talks) == 2


@pytest.mark.parametrize(
    "replies",
    [
        b"250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        b"550 no\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        b"354 go\r\n250 ok\r\n250 ok\r\n",
        b"250 ok\r\n354 go\r\n354 go\r\n",
        b"250 ok\r\n220 hello\r\n354 go\r\n",
        b"250 ok\r\n250 ok\r\n250 ok\r\n",
        b"250 ok\r\nwhat\r\n354 go\r\n",
        b"100 wait\r\n",
    ],
)
def test_answers_out_of_step_are_never_taken_for_others(talk, replies):
    """The first ones are one too many from before: each would be read for the command after its own."""
    connection, _ = talk(gone(replies), well)
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (DEFERRED, True, False)
    assert "out of step" in outcome.reply
    assert connection.send(envelope("bob")).kind is ACCEPTED


LONG = b"250-2.1.0 well\r\n250-%s\r\n250 ok\r\n250-to\r\n250 whom\r\n354-now\r\n354 go\r\n" % (b"x" * 500)


def by_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(
    "parts",
    [
        [LONG],
        by_bytes(LONG),
        [LONG[:20], LONG[20:]],
        [b"250 ok\r\n250 ", b"ok\r\n354", b" go\r\n"],
        [b"250\r\n250\r\n354\r\n"],
        [b"250 ok\n250 ok\n354 go\n"],
    ],
    ids=["one segment", "byte by byte", "halves", "across lines", "bare codes", "bare line feeds"],
)
def test_answers_come_in_any_pieces(talk, parts):
    def server(talk):
        talk.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk.greet()
        for _ in range(2):
            talk.three()
            for part in parts:
                talk.say(part)
            talk.message()
            for part in by_bytes(b"250-2.0.0 queued\r\n250 as 4F21\r\n"):
                talk.say(part)
        talk.leave()

    connection, server = talk(server)
    assert [connection.send(envelope(name)).kind for name in ("ann", "bob")] == [ACCEPTED] * 2
    assert len(server.talks) == 1


def test_a_line_without_an_end_is_a_broken_connection(talk):
    def server(talk):
        talk.greet()
        talk.three()
        with suppress(OSError):
            talk.say(b"250 " + b"x" * 100_000)

    connection, _ = talk(server)
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.sender_fault) == (DEFERRED, True)
    assert len(outcome.reply) < 600


def test_silence_in_the_middle_of_the_answers_is_a_broken_connection(talk):
    def server(talk):
        talk.greet()
        talk.three()
        talk.say(b"250 ok\r\n250-")
        with pytest.raises(EOFError):
            talk.line()

    connection, _ = talk(server, timeout=0.2)
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.sender_fault) == (DEFERRED, True)
    assert "timed out" in outcome.reply


def test_a_server_that_stops_reading_in_the_middle_of_a_message_has_not_got_it(talk):
    over = threading.Event()

    def server(talk):
        talk.greet()
        talk.three()
        talk.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        over.wait(10)

    connection, _ = talk(server, timeout=0.3)
    outcome = connection.send(envelope(message=LETTER + b"x" * 70 + b"\r\n" * 20_000_000))
    over.set()
    assert (outcome.kind, outcome.sender_fault) == (DEFERRED, True)
    assert "in the message" in outcome.reply


def test_a_server_that_hangs_up_in_the_middle_of_a_message_may_have_it_or_not(talk):
    """A small one is in the buffers of both machines by then: who can say?"""

    def server(talk):
        talk.greet()
        talk.three()
        talk.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        talk.sock.recv(10)

    connection, _ = talk(server, well)
    assert connection.send(envelope()).kind is UNKNOWN
    assert connection.send(envelope("bob")).kind is ACCEPTED


def test_one_that_refuses_in_the_middle_of_a_message_is_heard(talk):
    def server(talk):
        talk.greet()
        talk.three()
        talk.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        talk.message()
        talk.say(b"552 5.3.4 too big\r\n")
        talk.take()
        talk.leave()

    connection, _ = talk(server)
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.code, outcome.of_message) == (REJECTED, 552, True)
    assert connection.send(envelope("bob")).kind is ACCEPTED


def test_a_message_without_a_line_end_gets_one(talk):
    taken = []

    def server(talk):
        talk.greet()
        taken.append(talk.take())
        talk.leave()

    connection, _ = talk(server)
    assert connection.send(envelope(message=b"Subject: x\r\n\r\nHello")).kind is ACCEPTED
    assert taken == [LETTER]


# --- What only some servers offer ----------------------------------------------------------------------------------


def mail_line(talk, offer: bytes, **kwargs) -> bytes:
    def server(talk):
        talk.greet(offer)
        talk.line()
        talk.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        talk.line(), talk.line(), talk.message()
        talk.say(b"250 ok\r\n")
        talk.leave()

    connection, server = talk(server)
    assert connection.send(envelope(**kwargs)).kind is ACCEPTED
    return server.talks[0].lines[1]


def test_the_size_is_told_where_it_is_asked_for(talk):
    assert mail_line(talk, OFFER) == b"MAIL FROM:<news@ledger.example> SIZE=21"


def test_and_nothing_where_nothing_is_offered(talk):
    assert mail_line(talk, b"250-mx\r\n250 PIPELINING\r\n") == b"MAIL FROM:<news@ledger.example>"


def test_a_bounce_has_no_sender(talk):
    assert mail_line(talk, b"250-mx\r\n250 PIPELINING\r\n", mail_from="") == b"MAIL FROM:<>"


def test_bytes_beyond_ascii_are_announced(talk):
    line = mail_line(talk, b"250-mx\r\n250-8BITMIME\r\n250 PIPELINING\r\n", message="é\r\n".encode())
    assert line == b"MAIL FROM:<news@ledger.example> BODY=8BITMIME"


def test_and_not_sent_where_they_are_not_taken(talk):
    def server(talk):
        talk.greet()
        assert talk.line() == b"quit"
        talk.say(b"221 bye\r\n")

    connection, _ = talk(server)
    outcome = connection.send(envelope(message="é\r\n".encode()))
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (DEFERRED, True, True)
    assert "8BITMIME" in outcome.reply


def test_a_message_that_is_too_big_is_refused_before_it_is_sent(talk):
    connection, _ = talk(after(b"552 5.3.4 too big\r\n503 what\r\n503 what\r\n", RESET))
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.code, outcome.sender_fault, outcome.permanent) == (DEFERRED, 552, True, True)
    assert connection.send(envelope("bob")).kind is ACCEPTED


@pytest.mark.parametrize("address", ["a@b>\r\nRCPT TO:<x@y", "a b@c.example", "nobody"])
def test_our_own_address_cannot_break_the_command_either(address):
    outcome = SmtpConnection(SmtpSender(settings=SenderSettings(port=1))).send(envelope(mail_from=address))
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (DEFERRED, True, True)


# --- Encrypting and signing in -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody but the test trusts: what serves it, and what trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mx.example"
    command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {folder / 'key.pem'} -out {folder / 'cert.pem'}"
    subprocess.run(command.split(), check=True, capture_output=True)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return serving, ssl.create_default_context(cafile=str(folder / "cert.pem"))


def encrypts(talk: Talk, serving: ssl.SSLContext, go: bytes = b"220 go\r\n") -> None:
    assert talk.line() == b"STARTTLS"
    talk.say(go)
    talk.sock = serving.wrap_socket(talk.sock, server_side=True)


def test_what_was_offered_in_plain_text_is_forgotten(talk, certificate):
    """PIPELINING was, and is no more: had it been believed, the others would stand behind MAIL."""
    serving, trusting = certificate

    def server(talk):
        talk.greet(b"250-mx\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n")
        encrypts(talk, serving)
        talk.line()
        talk.say(b"250 mx\r\n")
        assert talk.line() == b"MAIL FROM:<news@ledger.example>"
        talk.say(b"451 later\r\n")
        assert talk.line() == b"RSET"
        talk.say(b"250 ok\r\n")
        talk.leave()
        talk.sock.close()

    connection, _ = talk(server, security="starttls", tls=trusting)
    assert connection.send(envelope()).code == 451


def test_answers_slipped_in_before_the_encryption_are_not_read_as_if_they_came_after(talk, certificate):
    serving, trusting = certificate
    slipped = b"220 go\r\n250-mx\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 ok\r\n"

    def server(talk):
        talk.greet(b"250-mx\r\n250 STARTTLS\r\n")
        encrypts(talk, serving, slipped)
        talk.line()
        talk.say(b"250 mx\r\n")
        with pytest.raises(EOFError):
            talk.line()
        talk.sock.close()

    connection, server = talk(server, security="starttls", tls=trusting, username="ada", password="right")
    outcome = connection.send(envelope())
    # The true EHLO offers no way to sign in; nothing was said but that.
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (DEFERRED, True, True)
    assert server.talks[0].lines[1] == b"STARTTLS"
    assert not any(b"AUTH" in line for line in server.talks[0].lines)


def test_encrypted_signed_in_and_pipelined(talk, certificate):
    serving, trusting = certificate

    def server(talk):
        talk.greet(b"250-mx\r\n250 STARTTLS\r\n")
        encrypts(talk, serving)
        talk.line()
        talk.say(b"250-mx\r\n250-SIZE\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n")
        assert talk.line() == b"AUTH PLAIN " + base64.b64encode(b"\0ada\0right")
        talk.say(b"235 welcome\r\n")
        for _ in range(2):
            talk.take()
        talk.leave()
        talk.sock.close()

    connection, _ = talk(server, security="starttls", tls=trusting, username="ada", password="right")
    assert [connection.send(envelope(name)).kind for name in ("ann", "bob")] == [ACCEPTED] * 2


def test_a_refused_password_is_a_lasting_refusal_and_nothing_is_sent(talk, certificate):
    serving, trusting = certificate

    def server(talk):
        talk.greet(b"250-mx\r\n250 STARTTLS\r\n")
        encrypts(talk, serving)
        talk.line()
        talk.say(b"250-mx\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n")
        talk.line()
        talk.say(b"535 5.7.8 no\r\n")
        with suppress(EOFError):
            assert talk.line() == b"quit"
        talk.sock.close()

    connection, _ = talk(server, security="starttls", tls=trusting, username="ada", password="wrong")
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (DEFERRED, True, True)
    assert "wrong" not in outcome.reply


def test_a_certificate_for_somebody_else_ends_it_before_anything_is_said(talk, certificate):
    serving, trusting = certificate

    def server(talk):
        talk.greet(b"250-mx\r\n250 STARTTLS\r\n")
        with suppress(OSError):
            encrypts(talk, serving)
            talk.sock.recv(1)
        talk.sock.close()

    connection, _ = talk(server, security="starttls", tls=trusting, host="localhost")
    outcome = connection.send(envelope())
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (DEFERRED, True, True)
    assert "certificate" in outcome.reply.lower()
