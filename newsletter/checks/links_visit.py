"""One link on its way from its first request to the end of its redirects, and what hosts have shown of themselves so far."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urljoin

from newsletter.checks import links_request
from newsletter.checks.address_guard import first_forbidden
from newsletter.checks.link_options import LinkOptions
from newsletter.checks.link_result import LinkResult, Verdict
from newsletter.checks.link_target import RefusedError, Target, read_target
from newsletter.checks.links_request import Answer, Deadline

GONE = frozenset({404, 410})
TOO_MANY = 429
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_SILENCES = 2
"""Links of one host that may go without an answer before its others are not asked any more."""


class _Host:
    """What one round knows of a host: whose turn it is, and whether it should be left alone."""

    def __init__(self, per_host: int) -> None:
        self.turns = threading.Semaphore(per_host)
        self.silences = 0
        self.left_alone = ""


class Hosts:
    """What one round of checks knows of hosts and names; threads share it."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()
        self.found: set[str] = set()
        self.missing: set[str] = set()

    def of(self, name: str) -> _Host:
        """What is known of the host."""
        with self._lock:
            return self._hosts.setdefault(name, _Host(self._per_host))

    def note(self, name: str, *, exists: bool) -> None:
        """Remember whether there is such a name."""
        with self._lock:
            (self.found if exists else self.missing).add(name)


class _Ended(Exception):  # noqa: N818 - how a visit ends, and no error
    """The visit's outcome."""

    def __init__(self, verdict: Verdict, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.verdict = verdict
        self.detail = detail
        self.status = status


class Visit:
    """One link, to be followed once with `result`."""

    def __init__(self, start: Target, hosts: Hosts, options: LinkOptions, tls: ssl.SSLContext) -> None:
        self._hosts = hosts
        self._options = options
        self._tls = tls
        self._start = start
        self._at = start
        self._deadline = Deadline(options.timeout)

    def result(self, now: datetime) -> LinkResult:
        """Follow the link to its end; `now` is noted as the time of it. Nothing raises."""
        try:
            self._follow()
        except _Ended as end:
            verdict, detail, status = end.verdict, end.detail, end.status
        except (OSError, http.client.HTTPException, ValueError) as error:
            verdict, status = Verdict.UNVERIFIED, None
            detail = _fault(error, self._options.timeout)
        else:
            raise AssertionError("a visit ends")
        if self._at != self._start:
            detail = f"leads to {self._at.url}, which {detail}"
        return LinkResult(
            url=self._start.url,
            verdict=verdict,
            status=status,
            detail=detail,
            final_url=self._at.url,
            checked_at=now,
        )

    def _follow(self) -> None:
        for _ in range(self._options.redirects + 1):
            answer = self._answer()
            if answer.status not in REDIRECTS or not answer.location:
                raise _judged(answer)
            self._at = self._next(answer)
        raise _Ended(Verdict.UNVERIFIED, f"redirects once more, after {self._options.redirects} redirects")

    def _answer(self) -> Answer:
        """What the present target answers, in our turn."""
        host = self._hosts.of(self._at.host)
        began = time.monotonic()
        with host.turns:
            self._deadline.extend(time.monotonic() - began)
            if host.left_alone:
                raise _Ended(Verdict.UNVERIFIED, host.left_alone)
            addresses = self._vetted()
            try:
                answer = self._head_or_get(addresses)
            except TimeoutError:
                host.silences += 1
                if host.silences >= _SILENCES:
                    host.left_alone = "was not asked: its host left others without an answer"
                raise
            if answer.status == TOO_MANY:
                host.left_alone = "was not asked: its host wants fewer requests (429)"
            return answer

    def _vetted(self) -> Sequence[str]:
        """The addresses of the present target, each of which may be asked."""
        host, port = self._at.host, self._at.port
        if _is_address(host):
            return [host]  # `read_target` has judged it
        try:
            addresses = links_request.in_time(lambda: self._options.resolve(host, port), self._deadline)
        except socket.gaierror as error:
            if error.errno not in _NO_SUCH_NAME:
                raise _Ended(Verdict.UNVERIFIED, f"has a host that could not be looked up: {error.strerror}") from error
            addresses = ()
        self._hosts.note(host, exists=bool(addresses))
        if not addresses:
            raise _Ended(Verdict.DEAD, f"has a host that does not exist: {host}")
        if bad := first_forbidden(addresses):
            raise _Ended(Verdict.REFUSED, f"has a host whose address {bad[0]} is {bad[1]}")
        return addresses

    def _head_or_get(self, addresses: Sequence[str]) -> Answer:
        """HEAD's answer where it is of use, else GET's: many sites know no HEAD, or answer it with anything."""
        try:
            # Half of the time: there are sites that let HEAD wait for ever.
            answer = self._ask("HEAD", addresses, Deadline(self._deadline.left() / 2))
        except (http.client.HTTPException, TimeoutError, ConnectionResetError, BrokenPipeError):
            return self._ask("GET", addresses, self._deadline)
        useful = answer.status < 300 or answer.status == TOO_MANY or answer.status in REDIRECTS
        return answer if useful else self._ask("GET", addresses, self._deadline)

    def _ask(self, method: str, addresses: Sequence[str], deadline: Deadline) -> Answer:
        return links_request.ask(
            self._at,
            method,
            addresses=addresses,
            connect=self._options.connect,
            tls=self._tls,
            user_agent=self._options.user_agent,
            deadline=deadline,
        )

    def _next(self, answer: Answer) -> Target:
        # Headers are read as Latin-1; what sites put there in other scripts is UTF-8. Spaces are theirs to forgive.
        written = (answer.location or "").encode("latin-1", "replace").decode("utf-8", "replace").strip(" \t")
        try:
            url = urljoin(self._at.url, written.replace(" ", "%20"))
            target = read_target(url)
        except (RefusedError, ValueError) as refusal:
            reason = str(refusal) if isinstance(refusal, RefusedError) else "is no valid URL"
            raise _Ended(Verdict.REFUSED, f"redirects to an address that {reason}", status=answer.status) from refusal
        if target.reserved:
            raise _Ended(Verdict.REFUSED, f"redirects to a name kept for examples: {target.host}", status=answer.status)
        return target


def _judged(answer: Answer) -> _Ended:
    words = f"answers {answer.status} {_printable(answer.reason)}".rstrip()
    if 200 <= answer.status < 300:
        return _Ended(Verdict.OK, words, status=answer.status)
    verdict = Verdict.DEAD if answer.status in GONE else Verdict.UNVERIFIED
    return _Ended(verdict, words, status=answer.status)


def _fault(error: Exception, timeout: float) -> str:
    """The fault in words that go on from "the link …"."""
    if isinstance(error, TimeoutError):
        return f"gave no answer within {timeout:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that does not hold: {_printable(error.verify_message)}"
    if isinstance(error, ssl.SSLError):
        return f"cannot be read safely (TLS): {_printable(error.reason or 'handshake failed')}"
    if isinstance(error, OSError):
        return f"cannot be connected: {_printable(error.strerror or str(error))}"
    return "answers with something that is no HTTP"


def _printable(text: str) -> str:
    return "".join(c for c in text[:200] if c.isprintable())


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
