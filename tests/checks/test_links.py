from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from newsletter.checks.address_guard import forbidden
from newsletter.checks.link_cache import LinkCache
from newsletter.checks.links import LinkOptions, LinkResult, Verdict, check_links
from newsletter.settings import Newsroom, Settings

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
PUBLIC = "8.8.8.8"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Reply = bytes | Callable[[socket.socket], None]


def status(code: int, words: str = "Words", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {code} {words}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def moved(to: str, code: int = 302) -> bytes:
    return status(code, "Moved", Location=to)


@dataclass
class Web:
    """All public web sites: one server on loopback, which the links reach through `connect`."""

    port: int
    names: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, Reply] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    accepted: int = 0
    tls: ssl.SSLContext | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def resolve(self, host: str, port: int) -> Sequence[str]:
        del port
        with self.lock:
            self.looked_up.append(host)
        found = self.names.get(host, [PUBLIC])
        if isinstance(found, Exception):
            raise found
        return list(found() if callable(found) else found)

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        del port
        assert not forbidden(ip_address(address)), f"asked to connect to {address}"
        with self.lock:
            self.connected.append(address)
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def options(self, **changes: Any) -> LinkOptions:
        return replace(LinkOptions(resolve=self.resolve, connect=self.connect, timeout=5), **changes)

    def check(
        self, *urls: str, cache: LinkCache | None = None, now: datetime = NOW, **changes: Any
    ) -> list[LinkResult]:
        return list(check_links(urls, cache=cache, now=now, options=self.options(**changes)).values())

    def one(self, url: str, **changes: Any) -> LinkResult:
        return self.check(url, **changes)[0]

    def answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.settimeout(10)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            head = _head(connection)
            method, path = head.split(" ")[:2]
            host = next(line[6:] for line in head.split("\r\n") if line.startswith("Host: "))
            url = f"{host}{path}"
            with self.lock:
                self.heads.append(head)
                self.requests.append((method, url))
            reply = self.pages.get(f"{method} {url}", self.pages.get(url, self.pages.get(host, OK)))
            connection.sendall(reply) if isinstance(reply, bytes) else reply(connection)
        connection.close()


def _head(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            raise OSError("gone")
        data += piece
    return data.decode()


@pytest.fixture
def web() -> Iterator[Web]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        site = Web(port=listening.getsockname()[1])
        threads: list[threading.Thread] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                site.accepted += 1
                thread = threading.Thread(target=site.answer, args=(connection,), daemon=True)
                threads.append(thread)
                thread.start()

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        yield site
        listening.shutdown(socket.SHUT_RDWR)
        server.join(5)
        for thread in threads:
            thread.join(15)


# --- Verdicts ----------------------------------------------------------------------------------------------------


def test_a_link_that_answers_is_ok_and_head_is_enough(web: Web) -> None:
    result = web.one("https://a.co/x#part".replace("https", "http"))
    assert (result.verdict, result.status, result.detail) == (Verdict.OK, 200, "answers 200 OK")
    assert (result.url, result.final_url, result.checked_at) == ("http://a.co/x#part", "http://a.co/x", NOW)
    assert web.requests == [("HEAD", "a.co/x")]


@pytest.mark.parametrize("code", [405, 501, 403, 404, 400, 500, 503])
def test_a_site_that_refuses_head_is_asked_by_get(web: Web, code: int) -> None:
    web.pages["HEAD a.co/"] = status(code)
    assert web.one("http://a.co/").verdict is Verdict.OK
    assert [method for method, _ in web.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        *((code, "ok") for code in (200, 204, 206)),
        *((code, "dead") for code in (404, 410)),
        *((code, "unverified") for code in (304, 400, 401, 402, 403, 429, 451, 500, 503, 999)),
    ],
)
def test_the_status_decides(web: Web, code: int, verdict: str) -> None:
    web.pages["a.co"] = status(code, "Said So")
    result = web.one("http://a.co/")
    assert (result.verdict, result.status) == (verdict, code)
    assert result.detail == f"answers {code} Said So"


def test_a_name_that_does_not_exist_is_dead_and_one_that_cannot_be_looked_up_is_unverified(web: Web) -> None:
    web.names["gone.co"] = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    web.names["later.co"] = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    web.names["empty.co"] = []
    gone, later, empty = web.check("http://gone.co/", "http://later.co/", "http://empty.co/")
    assert (gone.verdict, gone.detail) == (Verdict.DEAD, "has a host that does not exist: gone.co")
    assert later.verdict is Verdict.UNVERIFIED
    assert "Temporary failure" in later.detail
    assert empty.verdict is Verdict.DEAD
    assert not web.connected


def test_names_that_all_do_not_exist_speak_of_a_machine_without_a_network(web: Web) -> None:
    for host in ("a.co", "b.co", "c.co"):
        web.names[host] = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    results = web.check("http://a.co/", "http://b.co/", "http://c.co/")
    assert {result.verdict for result in results} == {Verdict.UNVERIFIED}
    assert "no name at all" in results[0].detail


def test_silence_is_unverified_within_the_time_in_all(web: Web) -> None:
    web.pages["a.co"] = lambda connection: connection.recv(1) and None
    web.pages["slow.co"] = _drip
    web.names["lookup.co"] = lambda: time.sleep(1.5) or [PUBLIC]
    began = time.monotonic()
    results = web.check("http://a.co/", "http://slow.co/", "http://lookup.co/", timeout=0.6)
    assert time.monotonic() - began < 3
    assert {(result.verdict, result.detail) for result in results} == {
        (Verdict.UNVERIFIED, "gave no answer within 0.6 s")
    }


def _drip(connection: socket.socket) -> None:
    for octet in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40:
        connection.sendall(bytes([octet]))
        time.sleep(0.03)


def test_a_site_that_lets_head_wait_is_asked_by_get(web: Web) -> None:
    web.pages["HEAD a.co/"] = lambda connection: connection.recv(1) and None
    assert web.one("http://a.co/", timeout=1).verdict is Verdict.OK


@pytest.mark.parametrize("reply", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 9000])
def test_what_is_no_http_is_unverified(web: Web, reply: bytes) -> None:
    web.pages["a.co"] = reply
    assert web.one("http://a.co/").verdict is Verdict.UNVERIFIED


def test_an_endless_head_is_not_read_to_its_end(web: Web) -> None:
    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000 + OK)

    web.pages["a.co"] = pour
    assert web.one("http://a.co/").detail == "answers with something that is no HTTP"


def test_bodies_are_not_read(web: Web) -> None:
    sent = 0

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(20_000):
            sent += connection.send(b"x" * 4096)

    web.pages["HEAD a.co/"] = status(405)
    web.pages["GET a.co/"] = pour
    began = time.monotonic()
    assert web.one("http://a.co/").verdict is Verdict.OK
    assert time.monotonic() - began < 4
    assert sent < 16_000_000  # what the kernel's buffers on loopback take, of 80 MB


def test_a_refused_connection_is_unverified_and_says_so(web: Web) -> None:
    def refuse(_address: str, _port: int, _seconds: float) -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    assert web.one("http://a.co/", connect=refuse).detail == "cannot be connected: Connection refused"


# --- The address guard -------------------------------------------------------------------------------------------

REFUSED = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8080/",
    "http://[::ffff:10.0.0.1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2130706433/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://[::1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://localhost/",
    "http://user:secret@a.co/",
    "http://a.co:2525/",
    "ftp://a.co/",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("url", REFUSED)
def test_nothing_is_looked_up_or_connected_for_a_refused_link(web: Web, url: str) -> None:
    assert web.one(url).verdict is Verdict.REFUSED
    assert (web.looked_up, web.connected, web.accepted) == ([], [], 0)


BAD_ANSWERS = [
    ["127.0.0.1"],
    [PUBLIC, "10.0.0.1"],
    ["::1"],
    ["::ffff:127.0.0.1"],
    ["64:ff9b::a9fe:a9fe"],
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    ["fe80::1%eth0"],
    ["192.168.0.1"],
    ["0.0.0.0"],  # noqa: S104 - nothing is bound
    ["nonsense"],
]


@pytest.mark.parametrize("addresses", BAD_ANSWERS)
def test_a_name_with_one_bad_address_is_refused_and_nothing_connected(web: Web, addresses: list[str]) -> None:
    web.names["trap.co"] = addresses
    result = web.one("http://trap.co/")
    assert result.verdict is Verdict.REFUSED
    assert addresses[-1] in result.detail
    assert (web.connected, web.accepted) == ([], 0)


@pytest.mark.parametrize("to", [*REFUSED, "http://trap.co/", "//trap.co/", "http://trap.co:8443/"])
def test_a_redirect_to_a_refused_address_is_not_followed(web: Web, to: str) -> None:
    web.names["trap.co"] = ["10.0.0.1"]
    web.pages["a.co"] = moved(to)
    result = web.one("http://a.co/")
    assert result.verdict is Verdict.REFUSED
    assert web.accepted == 1
    assert {url.partition("/")[0] for _, url in web.requests} == {"a.co"}


def test_the_connection_goes_to_the_address_that_was_checked(web: Web) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    web.names["rebinds.co"] = lambda: next(answers)
    web.pages["HEAD rebinds.co/"] = status(405)
    assert web.one("http://rebinds.co/").verdict is Verdict.OK
    assert (web.connected, web.looked_up) == ([PUBLIC, PUBLIC], ["rebinds.co"])


def test_a_redirect_back_to_a_name_that_changed_its_mind_is_refused(web: Web) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    web.names["rebinds.co"] = lambda: next(answers)
    web.pages["rebinds.co/"] = moved("/again")
    assert web.one("http://rebinds.co/").verdict is Verdict.REFUSED
    assert web.accepted == 1


def test_names_for_examples_are_never_looked_up(web: Web) -> None:
    results = web.check("https://a.example/x", "https://www.example.org/", "http://a.test/", "http://b.localhost/")
    assert {result.verdict for result in results} == {Verdict.RESERVED}
    assert (web.looked_up, web.connected) == ([], [])


def test_a_redirect_to_a_name_for_examples_is_refused(web: Web) -> None:
    web.pages["a.co"] = moved("https://b.example/")
    assert web.one("http://a.co/").verdict is Verdict.REFUSED


# --- Redirects ---------------------------------------------------------------------------------------------------


def test_redirects_are_followed_relative_ones_and_odd_ones_too(web: Web) -> None:
    web.pages["a.co/1"] = moved("2?q=ü", 301)
    web.pages["a.co/2?q=%C3%BC"] = moved("//b.co/3 4#part", 308)
    web.pages["b.co/3%204"] = moved("http://c.co:8080/end", 303)
    result = web.one("http://a.co/1")
    assert (result.verdict, result.status, result.final_url) == (Verdict.OK, 200, "http://c.co:8080/end")
    assert result.detail == "leads to http://c.co:8080/end, which answers 200 OK"


def test_a_redirect_to_what_is_gone_is_dead(web: Web) -> None:
    web.pages["a.co"] = moved("http://b.co/")
    web.pages["b.co"] = status(404, "Not Found")
    assert web.one("http://a.co/").verdict is Verdict.DEAD


def test_the_fourth_redirect_is_too_many(web: Web) -> None:
    web.pages["a.co"] = moved("/")
    result = web.one("http://a.co/")
    assert result.verdict is Verdict.UNVERIFIED
    assert len(web.requests) == 4


def test_the_time_holds_for_all_redirects_together(web: Web) -> None:
    def slowly(connection: socket.socket) -> None:
        time.sleep(0.4)
        connection.sendall(moved("/"))

    web.pages["a.co"] = slowly
    began = time.monotonic()
    assert "within" in web.one("http://a.co/", timeout=0.7).detail
    assert time.monotonic() - began < 1.5


# --- Manners -----------------------------------------------------------------------------------------------------


def test_two_at_a_time_are_asked_of_one_host(web: Web) -> None:
    busy: list[int] = [0]
    lock = threading.Lock()

    def slowly(connection: socket.socket) -> None:
        with lock:
            busy.append(busy[-1] + 1)
        time.sleep(0.05)
        with lock:
            busy.append(busy[-1] - 1)
        connection.sendall(OK)

    web.pages["a.co"] = slowly
    web.pages["b.co"] = moved("http://a.co/")
    urls = [f"http://a.co/{number}" for number in range(8)] + [f"http://b.co/{number}" for number in range(4)]
    assert {result.verdict for result in web.check(*urls)} == {Verdict.OK}
    assert max(busy) == 2


def test_forty_hosts_take_the_time_of_the_slowest(web: Web) -> None:
    def slowly(connection: socket.socket) -> None:
        time.sleep(0.3)
        connection.sendall(OK)

    urls = [f"http://host{number}.co/" for number in range(40)]
    web.pages |= {f"host{number}.co": slowly for number in range(40)}
    began = time.monotonic()
    results = web.check(*urls)
    assert time.monotonic() - began < 6  # one after the other: 12 s
    assert [result.url for result in results] == urls


def test_a_host_that_wants_fewer_requests_is_left_alone(web: Web) -> None:
    web.pages["a.co"] = status(429)
    results = web.check(*(f"http://a.co/{number}" for number in range(10)))
    assert {result.verdict for result in results} == {Verdict.UNVERIFIED}
    assert len(web.requests) <= 2
    assert "wants fewer requests" in results[-1].detail


def test_a_silent_host_costs_its_time_once(web: Web) -> None:
    web.pages["a.co"] = lambda connection: connection.recv(1) and None
    began = time.monotonic()
    results = web.check(*(f"http://a.co/{number}" for number in range(20)), timeout=0.4)
    assert time.monotonic() - began < 3  # two at a time, each for its time: 4 s
    assert {result.verdict for result in results} == {Verdict.UNVERIFIED}


def test_requests_name_the_newsroom_and_carry_nothing_else(web: Web, tmp_path: Path) -> None:
    web.pages["a.co/"] = status(302, "Moved", **{"Location": "/b", "Set-Cookie": "id=1"})
    newsroom = Newsroom(name="Zeitung (für) Ålle", url="https://news.co", postal_address="1 Street")
    named = LinkOptions.of(Settings(root=tmp_path, newsroom=newsroom)).user_agent
    assert web.one("http://a.co/", user_agent=named).verdict is Verdict.OK
    assert len(web.heads) == 2
    for head in web.heads:
        assert "(link check; Zeitung fur Alle; +https://news.co)" in head
        assert "cookie" not in head.casefold()
        assert "authorization" not in head.casefold()
        assert "referer" not in head.casefold()


def test_a_link_is_asked_once_whatever_its_fragment(web: Web) -> None:
    results = web.check("http://a.co/#one", "http://a.co/#two", "http://A.CO", "http://a.co/#one")
    assert [result.url for result in results] == ["http://a.co/#one", "http://a.co/#two", "http://A.CO"]
    assert len(web.requests) == 1


def test_another_address_of_the_host_is_tried_where_one_does_not_answer(web: Web) -> None:
    def connect(address: str, port: int, seconds: float) -> socket.socket:
        if ":" in address:
            raise OSError(101, "Network is unreachable")
        return web.connect(address, port, seconds)

    web.names["a.co"] = ["2606:4700::1111", PUBLIC]
    assert web.one("http://a.co/", connect=connect).verdict is Verdict.OK


# --- TLS ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context, with a certificate for tls.co, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tls.co")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("tls.co")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    written = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("tls") / "tls.pem"
    file.write_bytes(written + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=written.decode())


def test_the_certificate_must_hold_the_name_of_the_url(
    web: Web, authority: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    web.tls, client = authority
    good, bad = web.check("https://tls.co/", "https://other.co/", tls=client)
    assert (good.verdict, web.connected[0]) == (Verdict.OK, PUBLIC)
    assert bad.verdict is Verdict.UNVERIFIED
    assert bad.detail.startswith("has a certificate that does not hold: Hostname mismatch")


def test_a_certificate_that_nobody_vouches_for_is_named(
    web: Web, authority: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    web.tls, _ = authority
    result = web.one("https://tls.co/")
    assert (result.verdict, result.status) == (Verdict.UNVERIFIED, None)
    assert "self-signed certificate" in result.detail
    assert not web.requests


def test_a_site_without_tls_is_unverified(web: Web) -> None:
    web.pages["a.co"] = OK
    assert web.one("https://a.co/", timeout=0.5).verdict is Verdict.UNVERIFIED


# --- The cache ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "minutes"), [(200, 24 * 60), (404, 60), (503, 10)])
def test_an_answer_holds_as_long_as_its_verdict_says(web: Web, tmp_path: Path, code: int, minutes: int) -> None:
    web.pages["a.co"] = status(code)
    file = tmp_path / "data" / "links.json"
    first = web.one("http://a.co/#x", cache=LinkCache(file))
    asked = len(web.requests)
    before_end = NOW + timedelta(minutes=minutes, seconds=-1)
    assert web.one("http://a.co/#x", cache=LinkCache(file), now=before_end) == first
    assert len(web.requests) == asked
    web.one("http://a.co/#x", cache=LinkCache(file), now=NOW + timedelta(minutes=minutes))
    assert len(web.requests) > asked


def test_refused_and_reserved_links_are_not_kept(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "links.json"
    web.names["trap.co"] = ["10.0.0.1"]
    web.check("http://trap.co/", "http://127.0.0.1/", "http://a.example/", cache=LinkCache(file))
    assert not file.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": 2, "links": {}}',
        b'{"format": 1, "links": 3}',
        b'{"format": 1, "links": {"http://a.co/": null}}',
        b'{"format": 1, "links": {"http://a.co/": {"status": "x"}}}',
    ],
)
def test_a_spoilt_cache_is_dropped(web: Web, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "links.json"
    file.write_bytes(content)
    assert web.one("http://a.co/", cache=LinkCache(file)).verdict is Verdict.OK
    assert web.one("http://a.co/", cache=LinkCache(file)).verdict is Verdict.OK
    assert len(web.requests) == 1


def test_a_cache_of_the_future_does_not_count(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "links.json"
    web.one("http://a.co/", cache=LinkCache(file), now=NOW + timedelta(hours=1))
    web.one("http://a.co/", cache=LinkCache(file), now=NOW)
    assert len(web.requests) == 2


def test_two_checks_at_once_keep_each_others_answers(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "links.json"
    one, other = LinkCache(file), LinkCache(file)
    web.one("http://a.co/", cache=one)
    web.one("http://b.co/", cache=other)
    kept = LinkCache(file)
    assert kept.get("http://a.co/", now=NOW) is not None
    assert kept.get("http://b.co/", now=NOW) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["links.json"]


def test_a_cache_that_cannot_be_written_does_not_disturb(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert web.one("http://a.co/", cache=LinkCache(tmp_path / "file" / "links.json")).verdict is Verdict.OK


def test_offline_only_the_cache_answers(web: Web, tmp_path: Path) -> None:
    cache = LinkCache(tmp_path / "links.json")
    web.one("http://a.co/", cache=cache)
    urls = ["http://a.co/", "http://b.co/", "http://127.0.0.1/", "http://c.example/"]
    results = check_links(urls, cache=cache, now=NOW, options=web.options(offline=True))
    assert {url: result.verdict.value for url, result in results.items()} == {
        "http://a.co/": "ok",
        "http://127.0.0.1/": "refused",
        "http://c.example/": "reserved",
    }
    assert len(web.requests) == 1
