"""A name server on loopback, and a newsroom to look over."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from newsletter.doctor import Diagnosis, Found, Installation, Resolver, examine
from newsletter.settings import Settings

UDP_BYTES = 1232
DOMAIN = "harbour-letter.fish"


def quoted(text: str) -> str:
    """A TXT record's data, in strings of at most 255 characters."""
    parts = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


@dataclass
class NameServer:
    """Answers on UDP and TCP from `zone`: records by name and type. Names in `fails` get SERVFAIL, in `silent` nothing.

    One that is `cut_off` knows no root either, as a local server does whose network is down.
    """

    zone: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    by_tcp: list[str] = field(default_factory=list)
    cut_off: bool = False
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def txt(self, name: str, *texts: str) -> None:
        self.zone[name, "TXT"] = [quoted(text) for text in texts]

    def put(self, name: str, kind: str, *data: str) -> None:
        self.zone[name, kind] = list(data)

    def drop(self, name: str, kind: str) -> None:
        del self.zone[name, kind]

    def answer(self, wire: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text().rstrip(".").lower()
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append((name, kind))
        if tcp:
            self.by_tcp.append(name)
        if name in self.silent or "*" in self.silent:
            return None
        answer = dns.message.make_response(query, recursion_available=True)
        if name in self.fails:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer.to_wire()
        self._fill(answer, name, kind)
        whole = answer.to_wire(max_size=65535)
        if tcp or len(whole) <= UDP_BYTES:
            return whole
        short = dns.message.make_response(query)
        short.flags |= dns.flags.TC
        return short.to_wire()

    def _fill(self, answer: dns.message.Message, name: str, kind: str) -> None:
        for _ in range(20):
            data = self.zone.get((name, kind))
            if data is not None:
                answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *data))
                return
            target = self.zone.get((name, "CNAME"))
            if target is None:
                break
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", *target))
            name = target[0].rstrip(".").lower()
        known = (name == "" and not self.cut_off) or any(
            each == name or each.endswith(f".{name}") for each, _ in self.zone
        )
        if not known and not answer.answer:
            answer.set_rcode(dns.rcode.NXDOMAIN)


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, ours = self.request
        if (answer := self.server.names.answer(data, tcp=False)) is not None:  # type: ignore[attr-defined]
            ours.sendto(answer, self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        (length,) = struct.unpack("!H", self.rfile.read(2))
        if (answer := self.server.names.answer(self.rfile.read(length), tcp=True)) is not None:  # type: ignore[attr-defined]
            self.wfile.write(struct.pack("!H", len(answer)) + answer)


@contextmanager
def serving(names: NameServer) -> Iterator[NameServer]:
    """The server at work on one port, for UDP and TCP alike."""
    for _ in range(20):
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), _Udp)
        try:
            tcp = socketserver.ThreadingTCPServer(udp.server_address, _Tcp)
        except OSError:
            udp.server_close()
            continue
        break
    names.port = udp.server_address[1]
    threads = []
    for server in (udp, tcp):
        server.names = names  # type: ignore[attr-defined]
        threads.append(threading.Thread(target=server.serve_forever, args=(0.01,)))
        threads[-1].start()
    try:
        yield names
    finally:
        for server in (udp, tcp):
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A name server that knows nothing yet."""
    with serving(NameServer()) as served:
        yield served


@pytest.fixture
def resolver(names: NameServer) -> Resolver:
    """Asks it."""
    return Resolver(names.address, seconds=10)


@pytest.fixture(scope="session")
def signing_key() -> tuple[str, str]:
    """A private key of 2,048 bits as PEM, and the record that publishes it."""
    return made_key(2048)


def made_key(bits: int) -> tuple[str, str]:
    from newsletter.delivery.senders.smtp.dkim import Signer  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    return pem, Signer(domain=DOMAIN, selector="k1", key=key).record.value


@dataclass
class Room:
    """A newsroom's settings as tables, its secrets, and where it asks."""

    root: Path
    names: NameServer
    tables: dict[str, dict[str, Any]]
    secrets: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def change(self, table: str, **keys: Any) -> None:
        self.tables.setdefault(table, {}).update(keys)

    @property
    def settings(self) -> Settings:
        return Settings(root=self.root, **self.tables)

    @property
    def key_file(self) -> Path:
        return self.settings.data / "secret.key"

    def installation(self, *, offline: bool = False) -> Installation:
        return Installation(
            settings=self.settings,
            secret=self.secrets.get,
            key_file=self.key_file,
            environ=self.environ,
            resolver=None if offline else Resolver(self.names.address, seconds=10),
            **self.more,
        )

    def examined(self, *, offline: bool = False) -> Diagnosis:
        return examine(self.installation(offline=offline))


def codes(diagnosis: Diagnosis) -> list[str]:
    return [each.finding.code for each in diagnosis.found]


def the(diagnosis: Diagnosis, code: str) -> Found:
    (one,) = [each for each in diagnosis.found if each.finding.code == code]
    return one


CLEAN: dict[tuple[str, str], list[str]] = {
    (DOMAIN, "MX"): ["10 mx.harbour-letter.fish."],
    ("mx.harbour-letter.fish", "A"): ["203.0.113.9"],
    (DOMAIN, "TXT"): ['"v=spf1 mx include:spf.relay.fish ~all"', '"some-verification=1"'],
    ("spf.relay.fish", "TXT"): ['"v=spf1 ip4:198.51.100.0/24 -all"'],
    (f"_dmarc.{DOMAIN}", "TXT"): [f'"v=DMARC1; p=quarantine; rua=mailto:dmarc@{DOMAIN}"'],
    ("letter.harbour-letter.fish", "A"): ["203.0.113.10"],
}
"""Records of a domain that large mailboxes would take mail from; the DKIM record comes with the key."""


@pytest.fixture
def clean_zone(names: NameServer, signing_key: tuple[str, str]) -> NameServer:
    names.zone.update({key: list(data) for key, data in CLEAN.items()})
    names.txt(f"k1._domainkey.{DOMAIN}", signing_key[1])
    return names


@pytest.fixture
def room(tmp_path: Path, clean_zone: NameServer, signing_key: tuple[str, str]) -> Room:
    """A newsroom that sends for real, through the folder's inbox until a test says otherwise; all is in order."""
    tables: dict[str, dict[str, Any]] = {
        "newsroom": {
            "name": "The Harbour Letter",
            "postal_address": "4 Quay Street, Port Alder",
            "url": f"https://letter.{DOMAIN}",
            "from_address": f"letter@{DOMAIN}",
        },
        "lists": {"daily": {"title": "The Harbour Letter", "zone": "Europe/London"}},
        "alerts": {"mail_to": [f"desk@{DOMAIN}"]},
        "sender": {
            "kind": "smtp",
            "host": "127.0.0.1",
            "port": _free_port(),
            "dkim_domain": DOMAIN,
            "dkim_selector": "k1",
        },
    }
    (tmp_path / "data").mkdir(mode=0o700)
    return Room(root=tmp_path, names=clean_zone, tables=tables, secrets={"NEWSLETTER_DKIM_KEY": signing_key[0]})


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


Change = Callable[[Room], None]
