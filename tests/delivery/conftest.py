"""A real SMTP server on loopback that does what a recipient's local part says, and a database with a mailing to send."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from sqlalchemy import insert, select

from newsletter import store
from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.delivery import Copies, SmtpSender, Worker, chunks, ledger, outcomes, release
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.ledger import Settled
from newsletter.publishing import mailings
from newsletter.rendering import Edition
from newsletter.settings import SenderSettings
from newsletter.store import Store, tables
from newsletter.store.statuses import MailingStatus
from newsletter.tokens import TokenKeys

MONDAY = date(2026, 11, 23)
KEYS = TokenKeys({0: b"a key for the tests only"})
QUICK = Backoff(first=0.02, longest=0.05)


@dataclass
class Server:
    """Behaves by the recipient's local part: `reject…`, `busy…` (451 twice, then 250), `late…` (451 after the message, once),
    `cut…` (the connection breaks after the message was kept), `mute…` (no answer after the message was kept)."""

    port: int = 0
    delay: float = 0.0
    refuses_us: bool = False
    closes_after: int = 0
    received: list[tuple[str, bytes]] = field(default_factory=list)
    return_paths: list[tuple[str, str]] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    in_air: int = 0
    most_in_air: int = 0

    @property
    def recipients(self) -> Counter[str]:
        return Counter(address for address, _ in self.received)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd looks the hooks up by these names
        self, _server, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuses_us:
            return "550 5.7.1 You may not send from here"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.tries[address] += 1
        self.return_paths.append((address, envelope.mail_from or ""))
        if address.startswith("reject"):
            return f"550 5.1.1 <{address}>: no such user"
        if address.startswith("busy") and self.tries[address] <= 2:
            return "451 4.7.1 Greylisted, try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server, session: Session, envelope: Envelope
    ) -> str:
        self.in_air += 1
        self.most_in_air = max(self.most_in_air, self.in_air)
        try:
            return await self._take(server, session, envelope)
        finally:
            self.in_air -= 1

    async def _take(self, server, session: Session, envelope: Envelope) -> str:
        address = envelope.rcpt_tos[0]
        await asyncio.sleep(self.delay)
        if address.startswith("late") and self.tries[address] == 1:
            return "451 4.3.0 Queue file write error"
        self.received.append((address, envelope.original_content))
        if address.startswith("cut"):
            server.transport.abort()
        if address.startswith("mute"):
            await asyncio.sleep(60)
        count = session.__dict__["messages"] = session.__dict__.get("messages", 0) + 1
        if self.closes_after and count >= self.closes_after:
            asyncio.get_running_loop().call_later(0.005, server.transport.close)
        return "250 2.0.0 Ok: queued"


class Running:
    """The server in a thread."""

    def __init__(self, behaviour: Server, **options) -> None:
        self._behaviour = behaviour
        self._options = options
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        self._started.wait(10)
        return self._behaviour

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        talks: list[SMTP] = []

        def talk() -> SMTP:
            self._behaviour.connections += 1
            options = {"hostname": "mx.example", "loop": self._loop, "enable_SMTPUTF8": False, **self._options}
            talks.append(SMTP(self._behaviour, **options))
            return talks[-1]

        server = await self._loop.create_server(talk, "127.0.0.1", self._behaviour.port)
        self._behaviour.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for each in talks:
            if each.transport is not None:
                each.transport.abort()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@pytest.fixture
def server():
    with Running(Server()) as running:
        yield running


@pytest.fixture
def running():
    """Makes servers with options of aiosmtpd's."""
    return lambda behaviour=None, **options: Running(behaviour or Server(), **options)


_USUAL = {b"EHLO": b"250-mx\r\n250 8BITMIME\r\n", b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}


class Scripted:
    """A server that answers as `script` says: it gets a stage and the recipient.

    It gives the reply, None for the usual one.

    Stages: greet, ehlo, mail, rcpt, data, dot, rset, quit. HANG_UP, after a reply or alone, closes the
    connection; SILENCE says nothing.
    What was received whole is counted in `recipients`, before the dot is answered.
    """

    HANG_UP = b"<hang up>"
    SILENCE = b""

    def __init__(self, script) -> None:
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.recipients: Counter[str] = Counter()
        self.port = self._listening.getsockname()[1]
        self._start(self._accept)

    @property
    def connections(self) -> int:
        return len(self.sockets)

    def close(self) -> None:
        for each in (self._listening, *self.sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work, *args) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                talk, _ = self._listening.accept()
                self.sockets.append(talk)
                self._start(self._talk, talk)

    def _talk(self, talk: socket.socket) -> None:
        with suppress(OSError, EOFError), talk, talk.makefile("rb") as lines:
            self._say(talk, "greet", "", b"220 hi\r\n")
            recipient = ""
            while line := lines.readline():
                verb = line[:4].upper()
                if verb == b"RCPT":
                    recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                said = self._say(talk, verb.decode().lower(), recipient, _USUAL.get(verb, b"250 ok\r\n"))
                if verb == b"DATA" and said.startswith(b"354"):
                    while (line := lines.readline()) != b".\r\n":
                        if not line:
                            return
                    self.recipients[recipient] += 1
                    self._say(talk, "dot", recipient, b"250 queued\r\n")

    def _say(self, talk: socket.socket, stage: str, recipient: str, usual: bytes) -> bytes:
        said = self._script(stage, recipient)
        said = usual if said is None else said
        talk.sendall(said.removesuffix(self.HANG_UP))
        if said.endswith(self.HANG_UP):
            raise EOFError
        return said


@pytest.fixture
def scripted():
    """Makes servers that answer by a script."""
    made: list[Scripted] = []

    def make(script) -> Scripted:
        made.append(Scripted(script))
        return made[-1]

    make.HANG_UP, make.SILENCE = Scripted.HANG_UP, Scripted.SILENCE
    yield make
    for each in made:
        each.close()


@pytest.fixture
def accepting_login():
    return lambda _server, _session, _envelope, _mechanism, data: AuthResult(
        success=data.password == b"right", handled=False
    )


EDITION = Edition(
    subject="Should ferries be free?",
    preheader="Both sides",
    html="<p>Hello slot0123456789abcdefnameend</p>",
    text="Hello slot0123456789abcdefnameend\n.\nLeave: slot0123456789abcdefleaveend\n",
    nonce="0123456789abcdef",
    from_name="The Ledger",
    from_address="news@ledger.example",
    from_header="From: The Ledger <news@ledger.example>",
    reply_to=None,
    language="en",
    base_url="http://localhost:8025",
    manifest={},
)


class Newsroom:
    """A database with a list, readers and what it takes to send to them."""

    def __init__(self, opened: Store) -> None:
        self.store = opened
        self.keys = KEYS
        self.edition = EDITION

    def list(self, name: str = "daily"):
        return lists.ensure(self.store, name, title=f"The {name.title()}", clock=system_clock)

    def subscribe(self, *names: str, list_name: str = "daily", status: str = "subscribed") -> list[int]:
        """Invented readers `name@readers.example`; their ids."""
        target = self.list(list_name)
        now = system_clock()
        addresses = [name if "@" in name else f"{name}@readers.example" for name in names]
        with self.store.writing() as connection:
            known = set(connection.execute(select(tables.subscriber.c.address)).scalars())
            rows = [
                {
                    "address": address,
                    "address_key": address,
                    "domain": address.rpartition("@")[2],
                    "name": address.partition("@")[0].title(),
                    "created_at": now,
                }
                for address in addresses
                if address not in known
            ]
            if rows:
                connection.execute(insert(tables.subscriber), rows)
            found = select(tables.subscriber.c.id).where(tables.subscriber.c.address.in_(addresses))
            ids = list(connection.execute(found.order_by(tables.subscriber.c.id)).scalars())
            consent = {
                "list_id": target.id,
                "status": status,
                "consent_text": "said yes",
                "consent_source": "a test",
                "consent_at": now,
                "changed_at": now,
            }
            connection.execute(insert(tables.subscription), [{"subscriber_id": each, **consent} for each in ids])
        return ids

    def suppress(self, address: str) -> None:
        with self.store.writing() as connection:
            row = {"address_key": address, "reason": "bounce", "at": system_clock()}
            connection.execute(insert(tables.suppression).values(row))

    def mailing(self, *, list_name: str = "daily", issue: str = "2026-11-23-ferries", hours: float = 1.0):
        """A mailing that has been started, not released."""
        now = system_clock()
        order = mailings.Order(
            issue=issue,
            edition=EDITION,
            target=self.list(list_name),
            local_date=MONDAY,
            not_later_than=now + timedelta(hours=hours),
            actor="ada",
        )
        made = mailings.create(self.store, order, now=now)
        return mailings.move(self.store, made, made.start(now))

    def released(self, **kwargs):
        made = self.mailing(**kwargs)
        release(self.store, made, clock=system_clock)
        return made

    def worker(
        self,
        mailing,
        server: Server,
        *,
        connections: int = 4,
        timeout: float = 5.0,
        answer: float | None = None,
        **kwargs,
    ) -> Worker:
        return Worker(
            store=self.store,
            mailing=mailing,
            copies=Copies.of(EDITION, mailing, self.keys),
            sender=self.sender(server, connections=connections, timeout=timeout, answer=answer),
            **{"clock": system_clock, "backoff": QUICK, **kwargs},
        )

    def sender(
        self, server: Server, *, connections: int = 4, timeout: float = 5.0, answer: float | None = None
    ) -> SmtpSender:
        settings = SenderSettings(port=server.port, connections=connections, timeout_seconds=timeout)
        return SmtpSender(settings=settings, answer_seconds=timeout if answer is None else answer)

    def statuses(self, mailing) -> dict[str, str]:
        """Local part → state."""
        with self.store.reading() as connection:
            rows = connection.execute(
                select(tables.subscriber.c.address, tables.delivery.c.status)
                .join(tables.delivery, tables.delivery.c.subscriber_id == tables.subscriber.c.id)
                .where(tables.delivery.c.mailing_id == mailing.id)
            )
            return {row.address.partition("@")[0]: row.status for row in rows}

    def status(self, mailing) -> MailingStatus:
        return mailings.get(self.store, mailing.id).status

    def finished(self, mailing):
        """Whether it is, to be asked again and again."""
        return lambda: self.status(mailing) is MailingStatus.FINISHED

    def actions(self) -> list[str]:
        """What the audit names, in order."""
        with self.store.reading() as connection:
            return list(connection.execute(select(tables.audit.c.action).order_by(tables.audit.c.id)).scalars())

    def attempts(self) -> list:
        with self.store.reading() as connection:
            return list(connection.execute(select(tables.attempt).order_by(tables.attempt.c.id)))


@pytest.fixture(scope="session")
def vouched_for(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody but the test trusts: what serves it, and what trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=mx.example", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return serving, ssl.create_default_context(cafile=str(folder / "cert.pem"))


@pytest.fixture(scope="session")
def certificate(vouched_for):
    """What a server needs that has a certificate which nobody vouches for."""
    return vouched_for[0]


@pytest.fixture
def make_newsroom():
    """Makes newsrooms of open databases."""
    return Newsroom


@pytest.fixture
def newsroom(database):
    return Newsroom(database)


@pytest.fixture
def impatient(newsroom, database_url):
    """The newsroom with a database that is waited for 50 ms only, so that the worker's patience is what is tested."""
    patient = newsroom.store
    with closing(store.open(database_url, busy_seconds=0.05)) as newsroom.store:
        yield newsroom
    newsroom.store = patient


@pytest.fixture
def lock(database_url):
    """Takes (True) and gives back (False) the right to write; on PostgreSQL, that to whatever a worker writes."""
    with closing(store.open(database_url, busy_seconds=2)) as other, ExitStack() as held:

        def turn(begin: bool) -> None:
            if not begin:
                held.close()
                return
            with ExitStack() as taking:
                connection = taking.enter_context(other.writing())
                if not other.is_sqlite:
                    connection.exec_driver_sql("LOCK TABLE delivery, chunk, attempt, mailing, audit IN EXCLUSIVE MODE")
                held.push(taking.pop_all())

        yield turn


@pytest.fixture
def noon() -> datetime:
    return datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def claim(newsroom, mailing, noon):
    """Claims deliveries of the test's `mailing`, in a chunk of a minute."""

    def claim(limit=10, *, one_request=True):
        with newsroom.store.writing() as connection:
            wave_id = connection.execute(select(tables.wave.c.id)).scalar_one()
            held = chunks.take(
                connection, wave_id, worker="w", now=noon, lease=timedelta(seconds=60), one_request=one_request
            )
            return ledger.claim(connection, mailing.id, held, limit, now=noon)

    return claim


@pytest.fixture
def record(newsroom, noon):
    """Records what became of claimed deliveries: pairs of the two."""

    def record(*pairs):
        settled = [Settled(claimed=c, outcome=o, started_at=noon, ended_at=noon, in_chunk=True) for c, o in pairs]
        with newsroom.store.writing() as connection:
            outcomes.record(connection, settled, now=noon, backoff=Backoff())

    return record
