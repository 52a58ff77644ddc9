"""Many connections in one thread: what one server does is no matter to the others."""

import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date

import pytest

from newsletter import store
from newsletter.clock import system_clock
from newsletter.delivery import Copies, SmtpSender, steps
from newsletter.delivery.chunks import Chunk
from newsletter.delivery.connections import Connections
from newsletter.delivery.ledger import Claimed
from newsletter.delivery.parcels import Parcel
from newsletter.delivery.senders.base import seconds
from newsletter.settings import SenderSettings
from newsletter.store.statuses import OutcomeKind

OFFER = b"250-mx.example\r\n250 PIPELINING\r\n"
THREE = b"250 ok\r\n250 ok\r\n354 go\r\n"


class Peer:
    """A mail server in threads; `ways` say how it talks: the first of them on the first connection, and so on."""

    def __init__(self, *ways, encrypted: ssl.SSLContext | None = None) -> None:
        self._ways = ways
        self._encrypted = encrypted
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.taken: list[bytes] = []
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self.over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            for number in range(1000):
                sock, _ = self._listening.accept()
                way = self._ways[min(number, len(self._ways) - 1)]
                self._threads.append(threading.Thread(target=self._serve, args=(sock, way), daemon=True))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket, way) -> None:
        sock.settimeout(20)
        with suppress(OSError, EOFError):
            if self._encrypted is not None:
                sock = self._encrypted.wrap_socket(sock, server_side=True)
            sock.sendall(b"220 mx.example\r\n")
            until(sock, b"\r\n")
            sock.sendall(OFFER)
            while True:
                way(self, sock)
        sock.close()


def until(sock: socket.socket, end: bytes, *, at_once: int = 65_536) -> bytes:
    data = bytearray()
    while not data.endswith(end):
        more = sock.recv(at_once)
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def well(peer: Peer, sock: socket.socket, *, at_once: int = 65_536) -> None:
    if until(sock, b"\r\n") == b"quit\r\n":
        sock.sendall(b"221 bye\r\n")
        raise EOFError
    sock.sendall(THREE)
    peer.taken.append(until(sock, b"\r\n.\r\n", at_once=at_once))
    sock.sendall(b"250 2.0.0 queued\r\n")


def byte_by_byte(peer: Peer, sock: socket.socket) -> None:
    well(peer, sock, at_once=1)


def never(_peer: Peer, sock: socket.socket) -> None:
    """Reads what comes and says nothing."""
    while sock.recv(65_536):
        pass
    raise EOFError


def slow_to_read(peer: Peer, sock: socket.socket) -> None:
    until(sock, b"\r\n")
    sock.sendall(THREE)
    peer.over.wait(0.3)
    peer.taken.append(until(sock, b"\r\n.\r\n", at_once=50_000))
    sock.sendall(b"250 2.0.0 queued\r\n")


@pytest.fixture
def peer():
    made = []

    def start(*ways, **kwargs):
        made.append(Peer(*ways, **kwargs))
        return made[-1]

    yield start
    for each in made:
        each.close()


class Sending:
    """Connections to a peer, and messages for them."""

    def __init__(
        self, newsroom, peer: Peer, *, lines: int = 1, number: int = 4, timeout: float = 10.0, **kwargs
    ) -> None:
        tls = kwargs.pop("tls", None)
        settings = SenderSettings(port=peer.port, connections=number, timeout_seconds=timeout, **kwargs)
        sender = SmtpSender(settings=settings, tls=tls, answer_seconds=timeout)
        edition = replace(newsroom.edition, text=newsroom.edition.text + "as long as it has to be\n" * lines)
        self.copies = Copies.of(edition, newsroom.mailing(), newsroom.keys)
        self.connections = Connections(sender, clock=system_clock, alone=threading.Lock())
        self._next = 1

    def hand(self, number: int) -> None:
        self.connections.hand([self._parcel() for _ in range(number)])

    def back(self, number: int, *, seconds: float = 10.0) -> list:
        """Outcomes, as they come back."""
        outcomes, end = [], time.monotonic() + seconds
        while len(outcomes) < number and time.monotonic() < end:
            for each in self.connections.collect(timeout=0.05):
                outcomes += [one.outcome for one in each.settled]
        return outcomes

    def send(self, number: int) -> list:
        """So many messages, on all connections; their outcomes."""
        outcomes = []
        while len(outcomes) < number:
            left = number - len(outcomes) - self.connections.in_air
            self.hand(min(left, self.connections.free))
            outcomes += self.back(1)
        return outcomes

    def close(self) -> None:
        self.connections.close()

    def _parcel(self) -> Parcel:
        number, self._next = self._next, self._next + 1
        claimed = Claimed(
            delivery_id=number,
            subscriber_id=number,
            fence=1,
            chunk_id=1,
            address=f"r{number}@readers.example",
            name="Ada",
            since=date(2026, 3, 3),
        )
        return Parcel(chunk=Chunk(id=1, fence=1), claims=(claimed,), copies=self.copies, until=seconds() + 60)


@pytest.fixture
def newsroom(tmp_path, make_newsroom):
    """What messages are made of; nothing of what is tested here is written down."""
    with closing(store.open(store.sqlite_url(tmp_path / "messages.db"))) as opened:
        yield make_newsroom(opened)


@pytest.fixture
def sending(newsroom):
    made = []

    def start(peer: Peer, **kwargs):
        made.append(Sending(newsroom, peer, **kwargs))
        return made[-1]

    yield start
    for each in made:
        each.close()


def kinds(outcomes) -> set[OutcomeKind]:
    return {outcome.kind for outcome in outcomes}


def test_a_server_that_says_nothing_holds_up_its_own_message_only(peer, sending):
    to = sending(peer(never, well))
    to.hand(4)
    assert kinds(to.back(3)) == {OutcomeKind.ACCEPTED}
    for _ in range(20):
        to.hand(3)
        assert len(to.back(3)) == 3
    assert to.connections.in_air == 1
    to.connections.cut()
    (outcome,) = to.back(1)
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, True)


def test_its_silence_ends_by_itself(peer, sending):
    to = sending(peer(never, well), timeout=0.3)
    to.hand(4)
    outcomes = to.back(4)
    assert sorted(outcome.kind for outcome in outcomes) == sorted([OutcomeKind.ACCEPTED] * 3 + [OutcomeKind.DEFERRED])
    assert "timed out" in next(one.reply for one in outcomes if one.kind is OutcomeKind.DEFERRED)


def test_a_server_that_reads_byte_by_byte_gets_every_byte(peer, sending):
    server = peer(byte_by_byte, well)
    to = sending(server, lines=2_000, number=2)
    assert kinds(to.send(4)) == {OutcomeKind.ACCEPTED}
    assert len({len(message) for message in server.taken}) == 1
    assert len(server.taken[0]) > 40_000


@pytest.mark.parametrize("encrypted", [False, True])
def test_what_the_system_does_not_take_at_once_follows(peer, sending, vouched_for, encrypted):
    """Far more than the buffers of both machines hold: it leaves in parts, in between the others."""
    serving, trusting = vouched_for
    server = peer(slow_to_read, encrypted=serving if encrypted else None)
    more = {"security": "tls", "tls": trusting} if encrypted else {}
    to = sending(server, lines=250_000, number=3, **more)
    assert kinds(to.send(6)) == {OutcomeKind.ACCEPTED}
    assert len({len(message) for message in server.taken}) == 1
    assert len(server.taken) == 6
    assert len(server.taken[0]) > 6_000_000


def test_an_encrypted_answer_in_many_records_is_one(peer, sending, vouched_for):
    serving, trusting = vouched_for

    def in_records(peer, sock):
        until(sock, b"\r\n")
        for at in range(len(THREE)):
            sock.sendall(THREE[at : at + 1])
        peer.taken.append(until(sock, b"\r\n.\r\n"))
        # Read at once by the system, and decrypted one by one.
        for part in (b"250-2.0.0 queued\r\n", b"250-as\r\n", b"25", b"0 4F21\r\n"):
            sock.sendall(part)

    to = sending(peer(in_records, encrypted=serving), security="tls", tls=trusting)
    outcomes = to.send(20)
    assert {(one.kind, one.reply) for one in outcomes} == {(OutcomeKind.ACCEPTED, "2.0.0 queued as 4F21")}


def test_an_answer_without_an_end_is_refused(peer, sending):
    def chatters(_peer, sock):
        until(sock, b"\r\n")
        while True:
            sock.sendall(b"250-and another thing\r\n" * 1000)

    outcomes = sending(peer(chatters), number=2).send(2)
    assert {(one.kind, one.sender_fault) for one in outcomes} == {(OutcomeKind.DEFERRED, True)}
    assert all("too long" in one.reply for one in outcomes)


def test_after_the_message_such_an_answer_says_nothing(peer, sending):
    def chatters(_peer, sock):
        until(sock, b"\r\n")
        sock.sendall(THREE)
        until(sock, b"\r\n.\r\n")
        sock.sendall(b"250-and another thing\r\n" * 20_000)

    assert kinds(sending(peer(chatters), number=1).send(1)) == {OutcomeKind.UNKNOWN}


def test_an_answer_of_many_lines_is_read(peer, sending):
    def explains(_peer, sock):
        until(sock, b"\r\n")
        sock.sendall(b"250 ok\r\n" + b"550-and another thing\r\n" * 2_000 + b"550 no\r\n503 what\r\n")
        assert until(sock, b"\r\n") == b"RSET\r\n"
        sock.sendall(b"250 ok\r\n")

    assert kinds(sending(peer(explains), number=1).send(3)) == {OutcomeKind.REJECTED}


@pytest.mark.parametrize("says", [b"", b"421 idle for too long\r\n"])
def test_idle_connections_that_the_server_ends_cost_nothing_and_are_replaced(peer, sending, says):
    hang_up = threading.Event()

    def once(peer, sock):
        well(peer, sock)
        hang_up.wait(10)
        sock.sendall(says)
        raise EOFError

    to = sending(peer(once), number=3)
    assert kinds(to.send(3)) == {OutcomeKind.ACCEPTED}
    hang_up.set()
    time.sleep(0.1)
    begun = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - begun < 0.2
    assert kinds(to.send(3)) == {OutcomeKind.ACCEPTED}


def test_leave_is_taken_of_all_at_once(peer, newsroom):
    def well_but_rude(peer, sock):
        """Answers QUIT without an end."""
        line = until(sock, b"\r\n")
        if line != b"quit\r\n":
            sock.sendall(THREE)
            until(sock, b"\r\n.\r\n")
            sock.sendall(b"250 2.0.0 queued\r\n")
            return
        while not peer.over.wait(0.1):
            sock.sendall(b"221-and another thing\r\n")
        raise EOFError

    to = Sending(newsroom, peer(well_but_rude), number=6)
    to.hand(6)
    assert len(to.back(6)) == 6
    begun = time.monotonic()
    to.close()
    assert time.monotonic() - begun < 4


def test_a_message_that_is_late_is_not_begun(peer, sending):
    server = peer(well)
    to = sending(server)
    late = replace(to._parcel(), until=seconds() - 1)
    to.connections.hand([late])
    (outcome,) = to.back(1)
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, False)
    assert server.taken == []


def test_a_fault_of_this_program_is_one_messages_own(peer, sending):
    to = sending(peer(well), number=2)
    broken = to._parcel()
    to.connections.hand([replace(broken, claims=(replace(broken.claims[0], subscriber_id=2**48),))])
    assert kinds(to.back(1)) == {OutcomeKind.UNKNOWN}
    assert isinstance(to.connections.crash, ValueError)
    assert kinds(to.send(4)) == {OutcomeKind.ACCEPTED}


@pytest.mark.parametrize("lines", [1, 10_000])
def test_an_answer_that_comes_before_the_message_is_not_the_one_to_it(peer, sending, lines):
    def hasty(_peer, sock):
        until(sock, b"\r\n")
        sock.sendall(THREE + b"250 2.0.0 queued\r\n")
        until(sock, b"\r\n.\r\n")
        sock.sendall(b"451 4.3.0 later\r\n")

    (outcome,) = sending(peer(hasty), number=1, lines=lines).send(1)
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, True)
    assert "out of step" in outcome.reply


def test_nor_one_that_comes_in_the_middle_of_it(peer, sending):
    def hasty(peer, sock):
        until(sock, b"\r\n")
        sock.sendall(THREE)
        sock.recv(10)
        sock.sendall(b"250 2.0.0 queued\r\n")
        peer.over.wait(0.2)
        until(sock, b"\r\n.\r\n")
        sock.sendall(b"451 4.3.0 later\r\n")

    assert kinds(sending(peer(hasty), number=1, lines=500_000).send(1)) == {OutcomeKind.DEFERRED}


def test_what_is_said_after_an_answer_shifts_none(peer, sending):
    """Else the reader is given up for what was said of the sender."""

    def adds(peer, sock):
        until(sock, b"\r\n")
        sock.sendall(THREE)
        peer.taken.append(until(sock, b"\r\n.\r\n"))
        sock.sendall(b"250 2.0.0 queued\r\n250 2.0.0 noted\r\n")
        until(sock, b"\r\n")
        sock.sendall(b"550 5.7.1 you have sent enough\r\n503 first MAIL\r\n503 first RCPT\r\n")
        raise EOFError

    server = peer(adds, well)
    to = sending(server, number=1)
    assert kinds(to.send(2)) == {OutcomeKind.ACCEPTED}
    assert len(server.taken) == 2


def test_who_refuses_in_the_middle_of_a_message_and_hangs_up_is_heard(peer, sending):
    def refuses(peer, sock):
        until(sock, b"\r\n")
        sock.sendall(THREE)
        sock.recv(100_000)
        sock.sendall(b"552 5.3.4 too big\r\n")
        peer.over.wait(0.2)
        raise EOFError

    (outcome,) = sending(peer(refuses), number=1, lines=500_000).send(1)
    assert (outcome.kind, outcome.code, outcome.of_message) == (OutcomeKind.REJECTED, 552, True)


def test_a_server_that_takes_a_message_slowly_gets_all_of_it(peer, sending):
    """It may be silent, or take nothing, for so long; not be slow."""

    def steady(peer, sock):
        until(sock, b"\r\n")
        sock.sendall(THREE)
        data = b""
        while not data.endswith(b"\r\n.\r\n"):
            data += sock.recv(120_000)
            peer.over.wait(0.015)
        peer.taken.append(data)
        sock.sendall(b"250 2.0.0 queued\r\n")

    server = peer(steady)
    assert kinds(sending(server, number=1, lines=500_000, timeout=1.5).send(1)) == {OutcomeKind.ACCEPTED}
    assert len(server.taken) == 1


class Tarpit(Peer):
    """Greets for ever, and is agreeing on the encryption at the moment when that has lasted for too long."""

    def _serve(self, sock: socket.socket, way) -> None:
        with suppress(OSError, EOFError):
            for _ in range(10):
                sock.sendall(b"220-hold on\r\n")
                self.over.wait(0.17)
            for says in (b"220 mx.example\r\n", b"250-mx.example\r\n250 STARTTLS\r\n", b"220 go\r\n"):
                sock.sendall(says)
                if not says.startswith(b"220 go"):
                    until(sock, b"\r\n")
            self.over.wait(0.42)
            sock = way.wrap_socket(sock, server_side=True)
            until(sock, b"\r\n")
            while not self.over.wait(0.1):
                sock.sendall(b"250-and another thing\r\n")
        sock.close()


def test_a_greeting_without_an_end_ends_whenever_it_is_cut(sending, vouched_for):
    serving, trusting = vouched_for
    with closing(Tarpit(serving)) as server:
        to = sending(server, number=1, timeout=0.5, security="starttls", tls=trusting)
        to.hand(1)
        (outcome,) = to.back(1, seconds=6)
    assert (outcome.kind, outcome.sender_fault) == (OutcomeKind.DEFERRED, True)
    assert "took too long" in outcome.reply


@pytest.mark.parametrize(
    "says", [b"221 closing\r\n", b"220 mx.example\r\n", b"550-refused\r\n250 bye\r\n", b"250-ok\r\n451 later\r\n"]
)
def test_an_answer_to_the_message_that_says_nothing_of_it_is_unknown(peer, sending, says):
    def odd(_peer, sock):
        until(sock, b"\r\n")
        sock.sendall(THREE)
        until(sock, b"\r\n.\r\n")
        sock.sendall(says)

    assert kinds(sending(peer(odd), number=1).send(1)) == {OutcomeKind.UNKNOWN}


def test_a_fault_of_the_loop_itself_leaves_nothing_behind(peer, sending):
    over = threading.Event()

    def hears_the_end(peer, sock):
        try:
            well(peer, sock)
        except EOFError:
            over.set()
            raise

    to = sending(peer(hears_the_end), number=4)
    assert len(to.send(4)) == 4
    left = [RuntimeError(), None]

    def fails(step):
        if step == "call.begins" and (fault := left.pop()) is not None:
            raise fault

    with steps.watched(fails):
        to.hand(4)
        assert kinds(to.back(4, seconds=5)) <= {OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED}
    assert to.connections.in_air == 0
    assert isinstance(to.connections.crash, RuntimeError)
    assert over.wait(5)


def test_nothing_is_left_open(peer, newsroom):
    server = peer(well)
    with closing(Sending(newsroom, server)) as to:
        to.send(8)
    names = {thread.name for thread in threading.enumerate()}
    assert "smtp" not in names
