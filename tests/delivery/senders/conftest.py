"""One world for each sender: a peer that takes mail, refuses some, falls silent, or is not there."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from email import message_from_bytes
from pathlib import Path

import pytest

from newsletter.delivery import senders
from newsletter.delivery.senders.base import ChunkConnection, Envelope, Handed, MessageConnection, Outcome, seconds
from newsletter.rehearsal.sendgrid import Ill, Plan, Provider, read_log
from newsletter.rendering import Edition, MailingHeaders, Recipient, compile_message, compile_substitutions
from newsletter.settings import SenderSettings

EDITION = Edition(
    subject="Should ferries be free?",
    preheader="Both sides",
    html=(
        "<p>Hello slot0123456789abcdefnameend, you joined slot0123456789abcdeflistend on "
        'slot0123456789abcdefsinceend</p><a href="http://localhost:8025/view/slot0123456789abcdeftrackend">view</a> '
        '<a href="http://localhost:8025/leave/slot0123456789abcdefleaveend">leave</a> “both sides”'
    ),
    text=(
        "Hello slot0123456789abcdefnameend\n“both sides”\nhttp://localhost:8025/leave/slot0123456789abcdefleaveend\n"
    ),
    nonce="0123456789abcdef",
    from_name="The Ledger",
    from_address="news@ledger.example",
    from_header="From: The Ledger <news@ledger.example>",
    reply_to="desk@ledger.example",
    language="en",
    base_url="http://localhost:8025",
    manifest={},
)
HEADERS = MailingHeaders(
    message_id_prefix="7-0123456789ab",
    message_id_domain="ledger.example",
    date=datetime(2026, 11, 23, 12, tzinfo=UTC),
    list_name="daily",
    list_title="The Daily & more",
)
BODY = compile_substitutions(EDITION, HEADERS)
COMPILED = compile_message(EDITION, HEADERS)


def reader(address: str, *, delivery: int = 1, name: str = "Ada") -> Recipient:
    return Recipient(
        delivery=delivery, address=address, name=name, leave="L" * 32, track="T" * 32, since=date(2026, 3, 3)
    )


def handed(address: str, *, delivery: int = 1, attempt: str = "12.1", body=BODY, **kwargs) -> Handed:
    return Handed(body=body, recipient=reader(address, delivery=delivery, **kwargs), mailing="7", attempt=attempt)


class World:
    """A peer and the sender that reaches it. `good`, `refused` make addresses that fare so."""

    deadline = 5.0
    can_refuse = True
    can_fall_silent = True
    can_be_away = True

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack

    def good(self, number: int) -> str:
        return f"reader{number}@readers.example"

    def refused(self) -> str:
        return "reject1@readers.example"

    def send(self, addresses: list[str], *, connection=None, until: float | None = None) -> list[Outcome]:
        """Through one connection, as the worker would."""
        opened = connection or self.sender.open()
        try:
            if isinstance(opened, ChunkConnection):
                chunk = [handed(address, delivery=at) for at, address in enumerate(addresses, start=1)]
                return opened.send_chunk(chunk, until=until or seconds() + self.deadline)
            assert isinstance(opened, MessageConnection)
            return [
                opened.send(
                    Envelope(
                        mail_from="news@ledger.example",
                        rcpt_to=address,
                        message=COMPILED.join(reader("ada@readers.example", delivery=at)),
                    )
                )
                for at, address in enumerate(addresses, start=1)
            ]
        finally:
            if connection is None:
                opened.close()


class SmtpWorld(World):
    def __init__(self, stack: ExitStack, running) -> None:
        super().__init__(stack)
        self.server = stack.enter_context(running())
        self.sender = self._sender(self.server.port)

    def _sender(self, port: int):
        return senders.by_settings(
            SenderSettings(port=port, timeout_seconds=self.deadline), lambda _: None, root=Path()
        )

    def received(self) -> Counter[str]:
        return self.server.recipients

    def away(self):
        return self._sender(free_port())

    def silent(self) -> str:
        """An address whose message is taken and never answered."""
        return "mute1@readers.example"


class SendGridWorld(World):
    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack)
        self.log = folder / "provider.log"
        self.provider = self.start(Plan())
        self.sender = self.sender_for(self.provider.url)

    def start(self, plan: Plan, **kwargs) -> Provider:
        kwargs = {"log": self.log, "refused": frozenset({self.refused()}), **kwargs}
        return self.stack.enter_context(Provider(plan=plan, **kwargs))

    def sender_for(self, url: str, *, key: str = "SG.rehearsal", **kwargs):
        settings = SenderSettings(kind="sendgrid", url=url, timeout_seconds=self.deadline, **kwargs)
        return senders.by_settings(settings, {"NEWSLETTER_SENDGRID_KEY": key}.get, root=Path())

    def received(self) -> Counter[str]:
        return Counter(taken.address for taken in read_log(self.log))

    def away(self):
        return self.sender_for(f"http://127.0.0.1:{free_port()}")

    def silent(self) -> str:
        self.sender = self.sender_for(self.start(Plan(ills=((Ill.ACCEPTED_SILENCE, 1.0),))).url)
        return self.good(1)


class InboxWorld(World):
    can_refuse = False
    can_fall_silent = False

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack)
        self.folder = folder
        self.sender = self._sender("mail")

    def _sender(self, name: str):
        return senders.by_settings(SenderSettings(kind="inbox", folder=name), lambda _: None, root=self.folder)

    def received(self) -> Counter[str]:
        found = (self.folder / "mail" / "new").glob("*")
        return Counter(message_from_bytes(path.read_bytes())["Delivered-To"] for path in found)

    def away(self):
        (self.folder / "taken").write_text("a file stands where the folder should be", encoding="utf-8")
        return self._sender("taken")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(params=["smtp", "sendgrid", "inbox"])
def world(request: pytest.FixtureRequest, running, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        if request.param == "smtp":
            yield SmtpWorld(stack, running)
        elif request.param == "sendgrid":
            yield SendGridWorld(stack, tmp_path)
        else:
            yield InboxWorld(stack, tmp_path)


@pytest.fixture
def sendgrid(tmp_path: Path) -> Iterator[SendGridWorld]:
    with ExitStack() as stack:
        yield SendGridWorld(stack, tmp_path)


def wait_until(condition, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def eventually():
    return wait_until


@pytest.fixture(scope="session")
def make():
    """What tests build with: `make.handed(address)`, `make.edition`, `make.headers`."""

    class Make:
        edition = EDITION
        headers = HEADERS
        body = BODY

        @staticmethod
        def handed(address: str, **kwargs) -> Handed:
            return handed(address, **kwargs)

        @staticmethod
        def reader(address: str, **kwargs) -> Recipient:
            return reader(address, **kwargs)

    return Make


class SelfSigned:
    """A TLS server on loopback with a certificate of its own that takes every request."""

    def __init__(self, folder: Path) -> None:
        pem = folder / "server.pem"
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        )
        command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {pem} -out {folder / 'cert.pem'}"
        subprocess.run(command.split(), check=True, capture_output=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "cert.pem", pem)
        self.trusting = ssl.create_default_context(cafile=str(folder / "cert.pem"))
        self.requests = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            taken, _ = self._listening.accept()
            with taken:
                try:
                    with self._context.wrap_socket(taken, server_side=True) as talk:
                        data = talk.recv(65536)
                        if not data:
                            continue
                        while not data.endswith(b"}"):
                            data += talk.recv(65536)
                        self.requests += 1
                        talk.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    if self._ended:
                        return

    _ended = False

    def stop(self) -> None:
        self._ended = True
        with socket.create_connection(self._listening.getsockname()):
            pass
        self._thread.join(10)
        self._listening.close()


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[SelfSigned]:
    server = SelfSigned(tmp_path)
    yield server
    server.stop()
