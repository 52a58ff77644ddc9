"""Replies that no server should give, and what they must not be taken for."""

import threading
import time

import pytest

from newsletter.delivery.senders.base import Envelope
from newsletter.delivery.senders.smtp import SmtpConnection, SmtpSender
from newsletter.errors import InputError
from newsletter.settings import SenderSettings
from newsletter.store.statuses import OutcomeKind

LETTER = b"Subject: x\r\n\r\nHello\r\n"


def sender(port, *, timeout=5.0, answer=5.0):
    return SmtpSender(settings=SenderSettings(port=port, timeout_seconds=timeout), answer_seconds=answer)


def envelope(name, message=LETTER):
    return Envelope(mail_from="news@ledger.example", rcpt_to=f"{name}@readers.example", message=message)


def pipelining(script):
    """The same script for a server that offers pipelining, and that wants no message where it took no recipient."""
    refused = []

    def answer(stage, to):
        said = script(stage, to)
        if stage in {"ehlo", "mail"}:
            refused.clear()
        if stage in {"mail", "rcpt"} and said is not None and said[:1] in {b"4", b"5"}:
            refused.append(said)
        if said is None and stage == "ehlo":
            return b"250-mx\r\n250 PIPELINING\r\n"
        return b"503 whom\r\n" if said is None and stage == "data" and refused else said

    return answer


@pytest.fixture(params=["one by one", "pipelined"])
def talk(request, scripted):
    """A connection to a server with a script, and the server."""
    opened = []

    def talk(script, **kwargs):
        server = scripted(script if request.param == "one by one" else pipelining(script))
        opened.append(SmtpConnection(sender(server.port, **kwargs)))
        return opened[-1], server

    yield talk
    for each in opened:
        each.close()


def once(stage, reply):
    """A script that answers so at the first time of the stage, and as usual elsewhere."""
    left = [reply]
    return lambda now, _: left.pop() if now == stage and left else None


@pytest.mark.parametrize("reply", [b"Ok: queued as 4F21\r\n", b"354 go\r\n", b"199 well\r\n", b"600 what\r\n", b"\r\n"])
def test_an_answer_to_the_message_that_cannot_be_understood_is_unknown_and_the_connection_dropped(talk, reply):
    connection, server = talk(once("dot", reply))
    outcome = connection.send(envelope("ann"))
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert "can be understood" in outcome.reply
    assert connection.send(envelope("bob")).kind is OutcomeKind.ACCEPTED
    assert server.connections == 2


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("reply", [b"220 hello\r\n", b"350 more\r\n", b"299 fine\r\n", b"what\r\n", b"100 wait\r\n"])
def test_an_answer_to_something_else_is_never_taken_for_acceptance(talk, stage, reply):
    connection, server = talk(once(stage, reply))
    outcome = connection.send(envelope("ann"))
    assert (outcome.kind, outcome.sender_fault, outcome.permanent) == (OutcomeKind.DEFERRED, True, False)
    assert connection.send(envelope("bob")).kind is OutcomeKind.ACCEPTED
    assert server.recipients == {"bob@readers.example": 1}
    assert server.connections == 2


def test_data_answered_as_if_it_were_the_recipient_is_not_accepted(talk):
    connection, server = talk(once("data", b"250 2.1.5 Ok\r\n"))
    assert connection.send(envelope("ann")).kind is OutcomeKind.DEFERRED
    assert server.recipients == {}


def test_a_doubled_answer_shifts_nothing(talk):
    connection, server = talk(once("dot", b"250 queued\r\n250 queued\r\n"))
    accepted = [n for n in range(6) if connection.send(envelope(f"r{n}")).kind is OutcomeKind.ACCEPTED]
    assert set(server.recipients) == {f"r{n}@readers.example" for n in accepted}
    assert len(accepted) >= 4


def test_a_reset_that_is_not_confirmed_ends_the_connection(talk):
    connection, server = talk(
        lambda stage, to: (
            {"rset": b"550 no\r\n"}.get(stage) or (b"550 no\r\n" if (stage, to[:3]) == ("rcpt", "bad") else None)
        )
    )
    assert connection.send(envelope("bad")).kind is OutcomeKind.REJECTED
    assert connection.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
    assert server.connections == 2


@pytest.mark.parametrize("code", [421, 450, 451])
def test_later_to_a_recipient_is_about_that_recipient_alone(talk, code):
    connection, server = talk(
        lambda stage, to: f"{code} too many\r\n".encode() if stage == "rcpt" and to[0] == "b" else None
    )
    assert connection.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
    outcome = connection.send(envelope("bob"))
    assert (outcome.kind, outcome.code, outcome.sender_fault) == (OutcomeKind.DEFERRED, code, False)
    assert connection.send(envelope("cyd")).kind is OutcomeKind.ACCEPTED
    # After 421 the server hangs up: bob was tried on a new connection, and cyd went on a third.
    assert server.connections == (3 if code == 421 else 1)


@pytest.mark.parametrize("stage", ["mail", "data"])
def test_later_to_anything_else_is_about_the_server(talk, stage):
    connection, _ = talk(lambda now, _: b"421 busy\r\n" if now == stage else None)
    outcome = connection.send(envelope("ann"))
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, True)


def test_a_message_whose_end_never_left_is_deferred(talk, scripted):
    connection, server = talk(once("data", b"354 go\r\n" + scripted.HANG_UP))
    outcome = connection.send(envelope("ann", b"x" * 50_000_000 + b"\r\n"))
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, True)
    assert "in the message" in outcome.reply
    assert connection.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
    assert server.recipients == {"ann@readers.example": 1}


def test_a_server_may_think_longer_about_a_message_than_about_a_command(talk):
    connection, server = talk(lambda stage, _: time.sleep(0.5) if stage == "dot" else None, timeout=0.2, answer=5.0)
    assert [connection.send(envelope(name)).kind for name in ("ann", "bob")] == [OutcomeKind.ACCEPTED] * 2
    assert server.connections == 1


def test_ten_minutes_are_given_for_the_answer_to_a_message():
    assert SmtpSender(settings=SenderSettings()).answer_seconds == 600


@pytest.fixture
def tarpit(scripted):
    """A server whose greeting never ends."""
    over = threading.Event()

    def greet(stage, _):
        return b"220-hold on\r\n" if stage == "greet" else None

    server = scripted(greet)

    def trickle():
        while not over.wait(0.05):
            for each in server.sockets:
                try:
                    each.sendall(b"220-hold on\r\n")
                except OSError:
                    continue

    thread = threading.Thread(target=trickle)
    thread.start()
    yield server
    over.set()
    thread.join()


def test_a_greeting_without_end_can_be_cut(tarpit):
    connection = SmtpConnection(sender(tarpit.port, timeout=30))
    timer = threading.Timer(0.3, connection.cut)
    timer.start()
    outcome = connection.send(envelope("ann"))
    timer.join()
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, True)
    assert "took too long" in outcome.reply


def test_checking_has_an_end_where_the_greeting_has_none(tarpit):
    began = time.monotonic()
    with pytest.raises(InputError, match="took too long"):
        sender(tarpit.port, timeout=0.2).check()
    assert time.monotonic() - began < 3


def test_checking_ends_when_asked_to_stop(tarpit):
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(InputError, match="cannot be handed over"):
        sender(tarpit.port, timeout=30).check(stop=stop)
    timer.join()
    assert time.monotonic() - began < 3


def test_taking_leave_waits_for_no_answer(talk, scripted):
    connection, _ = talk(lambda stage, _: scripted.SILENCE if stage == "quit" else None, timeout=30)
    assert connection.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
    began = time.monotonic()
    connection.close()
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("way", [{}, {"security": "starttls"}, {"username": "me"}])
def test_a_server_that_is_busy_when_greeted_is_asked_again_later(scripted, way):
    server = scripted(lambda stage, _: b"451 4.7.1 later\r\n" if stage == "ehlo" else None)
    settings = SenderSettings(port=server.port, timeout_seconds=5, **way)
    connection = SmtpConnection(SmtpSender(settings=settings, password="secret"))
    outcome = connection.send(envelope("ann"))
    connection.close()
    assert (outcome.kind, outcome.code, outcome.permanent) == (OutcomeKind.DEFERRED, 451, False)


def test_a_server_that_knows_no_ehlo_gets_helo(scripted):
    server = scripted(lambda stage, _: b"502 what\r\n" if stage == "ehlo" else None)
    connection = SmtpConnection(sender(server.port))
    assert connection.send(envelope("ann")).kind is OutcomeKind.ACCEPTED
    connection.close()
