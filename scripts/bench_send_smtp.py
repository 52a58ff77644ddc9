"""SMTP: messages a second into postfix's smtp-sink, with the ledger and all, and the peers in the same run.

Targets (issue 4): without DKIM 1.5 times as many as smtplib with 8 connections that are kept, and as many as postfix's
own smtp-source with 8 sessions, as it comes: with a connection for each message. Each way runs several times, in turns,
and its best time counts: others use the machine too. The peers send one message over and over; ours are each reader's
own. Of the parts alone, one hands the same messages over with nothing written down, the other hands them to nobody.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_newsroom import Asked, SkippedError, people, start_mailing
from bench_rows import Row, long_issue
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from newsletter import store
from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.delivery import Copies, Worker, ledger, release
from newsletter.delivery.chunks import Chunk
from newsletter.delivery.connections import Connections
from newsletter.delivery.ledger import Claimed
from newsletter.delivery.parcels import Parcel, settled_of
from newsletter.delivery.senders.base import Capabilities, Envelope, MessageConnection, Outcome, Sender, seconds
from newsletter.delivery.senders.smtp import Signer, SmtpSender
from newsletter.publishing import Mailing
from newsletter.rendering import Edition
from newsletter.settings import SenderSettings
from newsletter.store import Store
from newsletter.store.statuses import DeliveryStatus
from newsletter.tokens import TokenKeys

READERS = 6_000
ROUNDS = 3
LANES = 8
"""Connections of each way."""
MANY = 48
"""Connections of ours besides: one thread serves them all, and a commit tells of more messages at once."""
BYTES = 60_000
"""The size of a message, as in the design's measurements."""
KEYS = TokenKeys({0: b"a key for the benchmark only"})
_WHOLE = f"the whole worker, {MANY} connections"
_FEW = f"the whole worker, {LANES} connections"
_LIBRARY = f"smtplib, {LANES} connections kept"
_SOURCE = f"smtp-source, {LANES} sessions"


def measured(asked: Asked) -> Iterator[Row]:
    """Rows of each way."""
    tools = {name: _tool(name) for name in ("smtp-sink", "smtp-source")}
    edition = _edition()
    many = asked.readers(READERS, quick=80)
    with _sink(tools["smtp-sink"]) as port:
        peers = _Peers(port=port, messages=many, message=_sample(edition), source=tools["smtp-source"])
        ours = _Ours(port=port, messages=many, edition=edition)
        best = _best(_ways(ours, peers), rounds=1 if asked.quick else ROUNDS)
    size = f"{many:,} by SMTP, {len(_sample(edition)) / 1000:.0f} KB each: "
    for name, value in best.items():
        yield Row(name=f"{size if name == _WHOLE else '  '}{name}", value=value, unit="messages/s")
    yield _over(best, _LIBRARY, 1.5)
    yield _over(best, _SOURCE, 1.0)
    yield from ours.times()


def _ways(ours: _Ours, peers: _Peers) -> dict[str, Callable[[], float]]:
    return {
        _WHOLE: lambda: ours.worker(MANY),
        "the same, signed (DKIM)": lambda: ours.worker(MANY, signed=True),
        _FEW: lambda: ours.worker(LANES),
        f"personalising and wire alone, {LANES} connections": ours.wire,
        f"personalising and wire alone, {LANES} connections, signed": lambda: ours.wire(signed=True),
        f"ledger and personalising alone, {LANES} connections": ours.nowhere,
        _LIBRARY: peers.smtplib,
        _SOURCE: peers.smtp_source,
        f"smtp-source, {LANES} sessions kept": lambda: peers.smtp_source("-d"),
    }


def _over(best: Mapping[str, float], peer: str, target: float) -> Row:
    return Row(
        name=f"  ours over {peer}", value=best[_WHOLE] / best[peer], unit="times", target=target, more_is_better=True
    )


def _best(ways: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """The most messages a second of each, over rounds in which each has its turn."""
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, way in ways.items():
            best[name] = max(best[name], way())
    return best


@dataclass(frozen=True, kw_only=True, slots=True)
class _Peers:
    """What others do with one message of the same size."""

    port: int
    messages: int
    message: bytes
    source: str

    def smtplib(self) -> float:
        """The standard library, a thread a connection."""
        return _in_lanes(self._lane, self.messages)

    def _lane(self, messages: int) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, "-") as server:
            for _ in range(messages):
                server.sendmail("news@bench.example", ["reader@bench.example"], self.message)

    def smtp_source(self, *options: str) -> float:
        """Postfix's own generator of load; without `-d` it connects anew for each message."""
        sizes = ["-s", str(LANES), "-m", str(self.messages), "-l", str(len(self.message))]
        people = ["-f", "news@bench.example", "-t", "reader@bench.example"]
        begun = time.perf_counter()
        subprocess.run([self.source, *sizes, *options, *people, f"127.0.0.1:{self.port}"], check=True)
        return self.messages / (time.perf_counter() - begun)


class _Ours:
    """The sender of the product, whole and in parts."""

    def __init__(self, *, port: int, messages: int, edition: Edition) -> None:
        self._port = port
        self._messages = messages
        self._edition = edition
        key = generate_private_key(public_exponent=65537, key_size=2048)
        self._signer = Signer(domain="bench.example", selector="b", key=key)
        self._spent = {"ledger": float("inf"), "connections": float("inf")}

    def worker(self, lanes: int, *, signed: bool = False) -> float:
        """The worker as it sends a mailing: claims, personalises, hands over, records, on a database of its own."""
        return self._run(self._sender(lanes, signed=signed), counted=not signed and lanes == MANY)

    def nowhere(self) -> float:
        """The same with a sender that takes everything at once."""
        return self._run(_Nowhere(), counted=False)

    def wire(self, *, signed: bool = False) -> float:
        """Personalising and handing over, with nothing written down."""
        sender = self._sender(LANES, signed=signed)
        copies = Copies.of(self._edition, _mailing(self._edition), KEYS)
        handed = taken = 0
        begun = time.perf_counter()
        with closing(Connections(sender, clock=system_clock, alone=nullcontext())) as connections:
            while taken < self._messages:
                some = range(handed, min(handed + connections.free, self._messages))
                connections.hand([_parcel(copies, number + 1) for number in some])
                handed += len(some)
                back = settled_of(connections.collect(timeout=1.0))
                for one in back:
                    _accepted(one.outcome)
                taken += len(back)
            return taken / (time.perf_counter() - begun)

    def times(self) -> list[Row]:
        """Where the processor's time of an unsigned message goes, in the best run."""
        names = {"ledger": "the ledger's thread", "connections": "the connections' thread"}
        return [
            Row(name=f"  processor's time of {names[key]}", value=spent * 1e6, unit="µs a message")
            for key, spent in self._spent.items()
        ]

    def _sender(self, lanes: int, *, signed: bool) -> SmtpSender:
        settings = SenderSettings(port=self._port, connections=lanes, return_path="b@bench.example")
        return SmtpSender(settings=settings, signer=self._signer if signed else None)

    def _run(self, sender: Sender, *, counted: bool) -> float:
        with TemporaryDirectory() as folder, closing(store.open(store.sqlite_url(Path(folder) / "bench.db"))) as opened:
            lists.ensure(opened, "daily", title="The Daily", clock=system_clock)
            people(opened, self._messages)
            mailing = start_mailing(opened, self._edition)
            release(opened, mailing, clock=system_clock)
            worker = Worker(
                store=opened,
                mailing=mailing,
                copies=Copies.of(self._edition, mailing, KEYS),
                sender=sender,
                clock=system_clock,
            )
            begun, of_all, of_this = time.perf_counter(), time.process_time(), time.thread_time()
            worker.run()
            taken, of_this = time.perf_counter() - begun, time.thread_time() - of_this
            of_all = time.process_time() - of_all
            _all_accepted(opened, mailing, self._messages)
        if counted:
            self._spent["ledger"] = min(self._spent["ledger"], of_this / self._messages)
            self._spent["connections"] = min(self._spent["connections"], (of_all - of_this) / self._messages)
        return self._messages / taken


class _Nowhere(MessageConnection):
    """Takes everything and keeps nothing; sender and connection in one."""

    name = "nowhere"
    place = "nowhere"
    capabilities = Capabilities(whole_messages=True, chunk=1, connections=LANES, deadline=1.0)

    def check(self, *, stop: threading.Event | None = None) -> None:
        """All is well."""

    def open(self) -> _Nowhere:
        """Itself: it has no state."""
        return self

    def send(self, envelope: Envelope) -> Outcome:  # noqa: ARG002 - as all senders
        """Taken."""
        return Outcome.accepted(250, "2.0.0 Ok")

    def cut(self) -> None:
        """There is nothing to cut."""

    def close(self) -> None:
        """There is nothing to close."""


def _in_lanes(lane: Callable[[int], None], messages: int) -> float:
    """Messages a second of all lanes together."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            lane(messages // LANES)
        except BaseException as fault:  # noqa: BLE001 - raised below
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(LANES)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return messages // LANES * LANES / (time.perf_counter() - begun)


def _edition() -> Edition:
    """An edition whose messages have about `BYTES`."""
    html = BYTES // 2
    while True:
        _, _, edition = long_issue(html)
        size = len(_sample(edition))
        if size >= BYTES * 0.95:
            return edition
        html += BYTES // 20


def _sample(edition: Edition) -> bytes:
    return Copies.of(edition, _mailing(edition), KEYS).envelope(_claimed(1)).message


def _claimed(number: int) -> Claimed:
    return Claimed(
        delivery_id=number, subscriber_id=number, fence=1, chunk_id=1, address=_address(number), name="Ada Reader",
        since=date(2026, 3, 3), was=DeliveryStatus.PENDING,
    )  # fmt: skip


def _parcel(copies: Copies, number: int) -> Parcel:
    return Parcel(chunk=Chunk(id=1, fence=1), claims=(_claimed(number),), copies=copies, until=seconds() + 60)


def _address(number: int) -> str:
    return f"reader.{number}@mail{number % 50}.example"


def _mailing(edition: Edition) -> Mailing:
    """One that exists nowhere but here."""
    with TemporaryDirectory() as folder, closing(store.open(store.sqlite_url(Path(folder) / "bench.db"))) as opened:
        lists.ensure(opened, "daily", title="The Daily", clock=system_clock)
        return start_mailing(opened, edition)


def _accepted(outcome: Outcome) -> None:
    if outcome.code != 250:
        raise SystemExit(f"a message was not taken: {outcome.reply}")


def _all_accepted(opened: Store, mailing: Mailing, messages: int) -> None:
    with opened.reading() as connection:
        counts = ledger.counts(connection, mailing.id)
    if counts.get(DeliveryStatus.ACCEPTED) != messages:
        raise SystemExit(f"not every message was taken: {counts}")


def _tool(name: str) -> str:
    # Debian keeps it outside of an ordinary user's PATH.
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    if found is None:
        raise SkippedError(f"postfix's {name} is not installed (Debian, Ubuntu: apt-get install postfix)")
    return found


@contextmanager
def _sink(program: str) -> Iterator[int]:
    """smtp-sink on a free port of this machine; the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    # It refuses to run as root.
    command = [program, *(("-u", "nobody") if os.geteuid() == 0 else ()), f"127.0.0.1:{port}", "200"]
    with subprocess.Popen(command) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit("smtp-sink does not run here: see above")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit("smtp-sink did not begin to listen")
