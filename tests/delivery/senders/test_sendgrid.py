"""The SendGrid sender against the rehearsed SendGrid and against servers that are no servers."""

import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.delivery.senders.base import seconds
from newsletter.delivery.senders.sendgrid import SendGridSender
from newsletter.errors import InputError
from newsletter.rehearsal.sendgrid import Ill, Plan, read_log
from newsletter.settings import SenderSettings
from newsletter.store.statuses import OutcomeKind

TAKEN = (Ill.ACCEPTED_500, Ill.ACCEPTED_RESET, Ill.ACCEPTED_SILENCE)


@contextmanager
def serving(talk):
    """A server on loopback that does to its first connections what `talk(socket)` says; its URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve():
        while not ended.is_set():
            try:
                taken, _ = listening.accept()
            except OSError:
                return
            with taken, suppress(OSError):
                talk(taken)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        ended.set()
        with socket.create_connection(listening.getsockname()):
            pass
        listening.close()
        thread.join(10)


def received(taken):
    data = taken.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


def read_request(taken):
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(taken)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += received(taken)
    return head, body


def answering(answer):
    def talk(taken):
        read_request(taken)
        taken.sendall(answer)

    return talk


def only(outcomes):
    assert len(set(outcomes)) == 1
    return outcomes[0]


def test_a_chunk_goes_in_one_request_with_one_provider_id(sendgrid):
    outcomes = sendgrid.send([sendgrid.good(number) for number in range(1000)])
    assert {outcome.code for outcome in outcomes} == {202}
    assert only(outcomes).provider_id == "m0-1"
    assert sendgrid.provider.counts == {"taken": 1, "recipients": 1000}


@pytest.mark.parametrize("ill", list(Ill))
def test_each_ill_has_its_outcome_and_nobody_is_counted_wrong(sendgrid, ill):
    sendgrid.deadline = 1.0
    sendgrid.sender = sendgrid.sender_for(sendgrid.start(Plan(ills=((ill, 1.0),), retry_after=7)).url)
    outcome = only(sendgrid.send([sendgrid.good(1), sendgrid.good(2)]))
    took = sum(sendgrid.received().values())
    assert took == (2 if ill in TAKEN else 0)
    if took:
        assert outcome.kind is OutcomeKind.UNKNOWN
    elif ill in (Ill.TOO_MANY, Ill.HALF_READ):
        # A request that was not written whole was never made.
        assert outcome.kind in (OutcomeKind.DEFERRED, OutcomeKind.UNKNOWN)
        assert outcome.retry_after == (7 if ill is Ill.TOO_MANY else None)
    else:
        assert outcome.kind is OutcomeKind.UNKNOWN


def test_too_many_requests_defers_all_for_as_long_as_was_asked(sendgrid):
    sendgrid.sender = sendgrid.sender_for(sendgrid.start(Plan(ills=((Ill.TOO_MANY, 1.0),), retry_after=7)).url)
    outcome = only(sendgrid.send([sendgrid.good(1)]))
    assert (outcome.kind, outcome.code, outcome.retry_after) == (OutcomeKind.DEFERRED, 429, 7.0)
    assert outcome.sender_fault
    assert not outcome.permanent


def test_bad_addresses_among_a_thousand_are_rejected_and_the_rest_go(sendgrid):
    bad = {"reject1@readers.example", "reject2@readers.example"}
    provider = sendgrid.start(Plan(), refused=frozenset(bad))
    sendgrid.sender = sendgrid.sender_for(provider.url)
    addresses = [sendgrid.good(number) for number in range(998)]
    addresses[500:500] = sorted(bad)
    outcomes = sendgrid.send(addresses)
    rejected = {address for address, outcome in zip(addresses, outcomes, strict=True) if outcome.permanent}
    assert rejected == bad
    assert sendgrid.received() == Counter(set(addresses) - bad)
    assert provider.counts["taken"] == 1
    # Events of those who were left vouch for nobody but themselves: who was named was in the request before.
    assert {taken.attempt for taken in read_log(sendgrid.log)} == {"12.1.0"}


def test_an_address_that_comes_twice_goes_in_a_request_of_its_own_with_an_attempt_of_its_own(sendgrid):
    addresses = [sendgrid.good(1), sendgrid.good(2), sendgrid.good(1).upper().replace("EXAMPLE", "example")]
    outcomes = sendgrid.send(addresses)
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert [(taken.delivery, taken.attempt) for taken in read_log(sendgrid.log)] == [
        ("1", "12.1.1"), ("2", "12.1.1"), ("3", "12.1.2"),
    ]  # fmt: skip


def test_a_refused_key_is_the_senders_fault_for_good(sendgrid):
    sendgrid.sender = sendgrid.sender_for(sendgrid.provider.url, key="SG.wrong")
    outcome = only(sendgrid.send([sendgrid.good(1), sendgrid.good(2)]))
    assert (outcome.kind, outcome.code) == (OutcomeKind.DEFERRED, 401)
    assert outcome.sender_fault
    assert outcome.permanent
    with pytest.raises(InputError, match="authorization grant is invalid"):
        sendgrid.sender.check()


def test_a_refused_from_is_the_senders_fault_for_good(sendgrid):
    provider = sendgrid.start(Plan(), senders=frozenset({"other@ledger.example"}))
    sendgrid.sender = sendgrid.sender_for(provider.url)
    outcome = only(sendgrid.send([sendgrid.good(1)]))
    assert (outcome.code, outcome.sender_fault, outcome.permanent) == (403, True, True)
    assert "Sender Identity" in outcome.reply


def test_sandbox_mode_mails_nobody(sendgrid):
    sendgrid.sender = sendgrid.sender_for(sendgrid.provider.url, sandbox=True)
    outcome = only(sendgrid.send([sendgrid.good(1)]))
    assert (outcome.kind, outcome.code) == (OutcomeKind.ACCEPTED, 200)
    assert "nobody was mailed" in outcome.reply
    assert not sendgrid.received()


def test_a_request_over_30_mb_goes_in_halves(sendgrid, make):
    heavy = replace(make.body, html=make.body.html + "x" * 29_900_000)
    chunk = [make.handed(f"reader{number}@readers.example", delivery=number, body=heavy) for number in range(200)]
    connection = sendgrid.sender.open()
    outcomes = connection.send_chunk(chunk, until=seconds() + 60)
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert {taken.attempt for taken in read_log(sendgrid.log)} == {"12.1.1", "12.1.2"}
    assert sum(sendgrid.received().values()) == 200
    assert sendgrid.provider.counts["taken"] >= 2


def test_no_time_left_means_nothing_was_sent(sendgrid):
    outcome = only(sendgrid.send([sendgrid.good(1)], until=seconds() - 1))
    assert outcome.kind is OutcomeKind.DEFERRED
    assert not outcome.sender_fault
    assert "no time was left" in outcome.reply
    assert sendgrid.provider.counts == {}


@pytest.mark.parametrize(
    ("trickle", "kind"),
    [
        (b"H", OutcomeKind.UNKNOWN),
        # The status is said: what follows it changes nothing.
        (b"HTTP/1.1 202 Accepted\r\nX-A: 1\r\n", OutcomeKind.ACCEPTED),
    ],
)
def test_a_server_that_trickles_is_cut_at_the_deadline(sendgrid, trickle, kind):
    def talk(taken):
        read_request(taken)
        while True:
            taken.sendall(trickle)
            time.sleep(0.05)

    with serving(talk) as url:
        sendgrid.sender = sendgrid.sender_for(url)
        begun = time.monotonic()
        outcome = only(sendgrid.send([sendgrid.good(1)], until=seconds() + 0.5))
    assert 0.4 < time.monotonic() - begun < 2
    assert outcome.kind is kind


def test_a_server_that_takes_no_request_is_cut_and_nothing_was_sent(sendgrid, make):
    with serving(lambda _taken: time.sleep(1.5)) as url:
        connection = sendgrid.sender_for(url).open()
        heavy = replace(make.body, html="x" * 20_000_000)  # more than any socket's buffers hold
        begun = time.monotonic()
        outcomes = connection.send_chunk([make.handed("a@readers.example", body=heavy)], until=seconds() + 0.5)
        assert time.monotonic() - begun < 1.5
    assert only(outcomes).kind is OutcomeKind.DEFERRED


@pytest.mark.parametrize(
    ("answer", "kind", "for_good"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", OutcomeKind.UNKNOWN, False),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nshort", OutcomeKind.ACCEPTED, False),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", OutcomeKind.ACCEPTED, False),
        (b"HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nshort", OutcomeKind.DEFERRED, True),
        (b"HTTP/1.1 429 Later\r\nContent-Length: 100\r\n\r\nshort", OutcomeKind.DEFERRED, False),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            OutcomeKind.DEFERRED,
            True,
        ),
        (b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", OutcomeKind.DEFERRED, True),
        (b"HTTP/1.1 504 Timeout\r\nContent-Length: 0\r\n\r\n", OutcomeKind.UNKNOWN, False),
        (b"no HTTP at all\r\n\r\n", OutcomeKind.UNKNOWN, False),
        (b"", OutcomeKind.UNKNOWN, False),
    ],
)
def test_odd_answers(sendgrid, answer, kind, for_good):
    with serving(answering(answer)) as url:
        sendgrid.sender = sendgrid.sender_for(url)
        outcome = only(sendgrid.send([sendgrid.good(1), sendgrid.good(2)]))
    assert (outcome.kind, outcome.permanent) == (kind, for_good)


@pytest.mark.parametrize(
    ("status", "kind", "for_good"),
    [
        (b"401 No", OutcomeKind.DEFERRED, True),
        (b"413 Too Large", OutcomeKind.DEFERRED, True),
        (b"429 Later", OutcomeKind.DEFERRED, False),
        # Less than all of a request is none: it cannot have been taken.
        (b"503 Busy", OutcomeKind.DEFERRED, False),
        (b"202 Accepted", OutcomeKind.UNKNOWN, False),
    ],
)
def test_who_hangs_up_on_a_large_request_has_said_why(sendgrid, make, status, kind, for_good):
    body = b'{"errors":[{"message":"so early"}]}'

    def talk(taken):
        received(taken)
        taken.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        time.sleep(0.05)

    with serving(talk) as url:
        connection = sendgrid.sender_for(url).open()
        heavy = replace(make.body, html="x" * 20_000_000)  # more than any socket's buffers hold
        outcomes = connection.send_chunk([make.handed("a@readers.example", body=heavy)], until=seconds() + 5)
    outcome = only(outcomes)
    assert (outcome.kind, outcome.permanent, outcome.reply) == (kind, for_good, "so early")


def test_who_hangs_up_without_a_word_has_taken_nothing(sendgrid, make):
    with serving(received) as url:
        connection = sendgrid.sender_for(url).open()
        heavy = replace(make.body, html="x" * 20_000_000)
        outcomes = connection.send_chunk([make.handed("a@readers.example", body=heavy)], until=seconds() + 5)
    assert (only(outcomes).kind, only(outcomes).code) == (OutcomeKind.DEFERRED, None)


def test_the_key_is_masked_where_an_answer_repeats_it(sendgrid):
    def talk(taken):
        head, _ = read_request(taken)
        said = head.decode().partition("uthorization: ")[2].partition("\r\n")[0].encode()
        taken.sendall(b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))

    with serving(talk) as url:
        sendgrid.sender = sendgrid.sender_for(url, key="SG.geheim")
        outcome = only(sendgrid.send([sendgrid.good(1)]))
    assert outcome.reply == "Bearer …"


def test_the_key_never_follows_a_redirect(sendgrid):
    heads = []

    def elsewhere(taken):
        heads.append(taken.recv(65536))

    with serving(elsewhere) as other:
        answer = f"HTTP/1.1 303 See\r\nLocation: {other}/\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(answering(answer)) as url:
            sendgrid.sender = sendgrid.sender_for(url)
            sendgrid.send([sendgrid.good(1)])
    assert not any(heads)


def test_a_certificate_that_does_not_fit_is_refused_before_anything_is_sent(sendgrid, self_signed):
    sendgrid.sender = sendgrid.sender_for(self_signed.url)
    outcome = only(sendgrid.send([sendgrid.good(1)]))
    assert outcome.kind is OutcomeKind.DEFERRED
    assert outcome.sender_fault
    assert "certificate" in outcome.reply.lower()
    assert not self_signed.requests


def test_tls_with_a_trusted_certificate(sendgrid, self_signed):
    settings = SenderSettings(kind="sendgrid", url=self_signed.url, timeout_seconds=5)
    sendgrid.sender = SendGridSender(settings=settings, key="SG.rehearsal", tls=self_signed.trusting)
    assert only(sendgrid.send([sendgrid.good(1)])).code == 202


def test_a_tls_handshake_that_never_ends_is_cut(sendgrid):
    with serving(lambda taken: (taken.recv(10), time.sleep(1.5))) as url:
        sendgrid.sender = sendgrid.sender_for(url.replace("http", "https"))
        begun = time.monotonic()
        outcome = only(sendgrid.send([sendgrid.good(1)], until=seconds() + 0.4))
        assert time.monotonic() - begun < 1.3
    assert outcome.kind is OutcomeKind.DEFERRED


@pytest.mark.parametrize(
    "url",
    [
        "http://api.sendgrid.com",
        "http://127.0.0.1.example.com:80",
        "http://127.0.0.1:80@elsewhere.example",
    ],
)
def test_the_key_never_crosses_the_network_unencrypted(url):
    with pytest.raises(InputError, match="unencrypted"):
        SendGridSender(settings=SenderSettings(kind="sendgrid", url=url), key="SG.x")


@pytest.mark.parametrize("key", ["", "a\r\nX: b", "schlüssel"])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(InputError, match="no SendGrid key"):
        SendGridSender(settings=SenderSettings(kind="sendgrid"), key=key)


def test_a_key_that_may_not_send_is_told(sendgrid):
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"scopes":["stats.read"]}'

    def talk(taken):
        taken.recv(65536)
        taken.sendall(answer)

    with serving(talk) as url, pytest.raises(InputError, match=r"lacks the scope mail\.send"):
        sendgrid.sender_for(url).check()


def test_threads_do_not_get_into_each_others_way(sendgrid):
    def go(number):
        return sendgrid.send([f"reader{number}-{each}@readers.example" for each in range(50)])

    with ThreadPoolExecutor(8) as pool:
        outcomes = [outcome for chunk in pool.map(go, range(40)) for outcome in chunk]
    assert {outcome.code for outcome in outcomes} == {202}
    assert len(sendgrid.received()) == 2000
    assert set(sendgrid.received().values()) == {1}


def test_no_descriptor_stays_open(sendgrid):
    connection = sendgrid.sender.open()
    sendgrid.send([sendgrid.good(1)], connection=connection)
    time.sleep(0.1)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(20):
        sendgrid.send([sendgrid.good(number)], connection=connection)
    time.sleep(0.1)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_neither_key_nor_addresses_are_logged(sendgrid, caplog):
    caplog.set_level("DEBUG")
    sendgrid.send([sendgrid.good(1), sendgrid.refused()])
    sendgrid.sender = sendgrid.sender_for(sendgrid.provider.url, key="SG.wrong")
    sendgrid.send([sendgrid.good(1)])
    assert "SG." not in caplog.text
    assert "reader1" not in caplog.text
