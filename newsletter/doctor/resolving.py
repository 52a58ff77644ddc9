"""Asking the DNS: within a deadline, and with every way of not getting an answer told apart.

A name that does not exist, a name without such a record, a server that fails and a server that is silent are four
different things: only the first two say that a record is missing.
"""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from newsletter.errors import InputError

_MOST_QUESTIONS = 200
_MOST_RECORDS = 50
_LONGEST_TEXT = 8_192
"""Bounds for what strangers put into their records; honest ones are far below."""

_ANSWER_SECONDS = 4.0
_PORT = 53
_MOST_SILENCES = 2
"""Questions in a row without an answer after which nobody is asked any more: the network is gone."""


class State(StrEnum):
    """How a question ended."""

    FOUND = "found"
    NO_DATA = "no such record"
    NO_NAME = "no such name"
    FAILED = "the server fails"
    SILENT = "no answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer to one question. `records`: texts of TXT in one piece, targets without the dot at their end."""

    name: str
    type: str
    state: State
    records: tuple[str, ...] = ()
    words: str = ""

    @property
    def known(self) -> bool:
        """Whether the DNS has answered, if only that there is nothing."""
        return self.state in {State.FOUND, State.NO_DATA, State.NO_NAME}


class Resolver:
    """Asks each question once, one after the other.

    Args:
        nameserver: `ADDRESS` or `ADDRESS:PORT` (IPv6 in brackets) to ask; None: those of this machine.
        seconds: how long all questions together may take.

    Raises:
        InputError: the name server is no address.
    """

    def __init__(self, nameserver: str | None = None, *, seconds: float = 20.0) -> None:
        self._answers: dict[tuple[str, str], Answer] = {}
        self._seconds = seconds
        self._until: float | None = None
        self._silences = 0
        self._fault = ""
        self._public: bool | None = None
        self._resolver = dns.resolver.Resolver(configure=False)
        if nameserver is not None:
            host, port = _host_and_port(nameserver)
            self._resolver.nameservers = [host]
            self._resolver.port = port
        else:
            try:
                self._resolver = dns.resolver.Resolver()
            except dns.exception.DNSException as error:
                self._fault = f"no name server is set up on this machine ({error})"
        self._resolver.use_edns(0, 0, 1232)  # what passes every network in one piece (DNS flag day 2020)
        self._resolver.timeout = 2.0

    @property
    def servers(self) -> str:
        """Who is asked."""
        return ", ".join(str(each) for each in self._resolver.nameservers) or "nobody"

    @property
    def unanswered(self) -> list[Answer]:
        """The questions that were asked and not answered."""
        return [answer for answer in self._answers.values() if not answer.known]

    def ask(self, name: str, kind: str) -> Answer:
        """The records of that kind (`TXT`, `MX`, `A`, `AAAA`, `CNAME`, `PTR`) under a name. Never raises."""
        key = (name.rstrip(".").lower(), kind)
        if key not in self._answers:
            self._answers[key] = self._asked(*key)
        return self._answers[key]

    def reverse(self, address: str) -> Answer:
        """The names of an IP address."""
        return self.ask(ipaddress.ip_address(address).reverse_pointer, "PTR")

    def _asked(self, name: str, kind: str) -> Answer:
        now = time.monotonic()
        self._until = self._until or now + self._seconds
        seconds = min(_ANSWER_SECONDS, self._until - now)
        if self._fault:
            return _without(name, kind, State.SILENT, self._fault)
        if seconds <= 0 or len(self._answers) >= _MOST_QUESTIONS:
            return _without(name, kind, State.SILENT, "there was no time left to ask")
        answer = self._told(name, kind, seconds)
        self._silences = self._silences + 1 if answer.state is State.SILENT else 0
        if self._silences >= _MOST_SILENCES:
            self._fault = answer.words
        return answer

    def _told(self, name: str, kind: str, seconds: float) -> Answer:
        try:
            found = self._resolver.resolve(name, kind, lifetime=seconds, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return self._nonexistent(name, kind, seconds)
        except dns.resolver.LifetimeTimeout:
            return _without(name, kind, State.SILENT, f"no answer from {self.servers} within {seconds:.0f} s")
        except dns.resolver.NoNameservers as error:
            return _without(name, kind, State.FAILED, _faults(error))
        except (dns.exception.DNSException, UnicodeError, ValueError) as error:
            # Names with empty or overlong labels, circles of CNAMEs, answers that cannot be read.
            return _without(name, kind, State.FAILED, type(error).__name__)
        if found.rrset is None:
            return _without(name, kind, State.NO_DATA, "the name has no such record")
        records = tuple(_text(each, kind) for each in list(found.rrset)[:_MOST_RECORDS])
        return Answer(name=name, type=kind, state=State.FOUND, records=records)

    def _nonexistent(self, name: str, kind: str, seconds: float) -> Answer:
        if self._knows_the_root(seconds):
            return _without(name, kind, State.NO_NAME, "the name does not exist")
        return _without(name, kind, State.FAILED, f"{self.servers} does not know the public DNS")

    def _knows_the_root(self, seconds: float) -> bool:
        """Whether "no such name" can be believed: to a server cut off from the world every name is none, the root too."""
        if self._public is None:
            try:
                self._resolver.resolve(".", "SOA", lifetime=seconds, search=False, raise_on_no_answer=False)
            except dns.resolver.NXDOMAIN:
                self._public = False
            except dns.exception.DNSException:
                self._public = True
            else:
                self._public = True
        return self._public


def _without(name: str, kind: str, state: State, words: str) -> Answer:
    return Answer(name=name, type=kind, state=state, words=words)


def _text(record: object, kind: str) -> str:
    if kind == "TXT":
        whole = b"".join(getattr(record, "strings", ()))[:_LONGEST_TEXT]
        return whole.decode("ascii", "backslashreplace")
    if kind == "MX":
        return str(getattr(record, "exchange", "")).rstrip(".").lower()
    return str(record).rstrip(".").lower()


def _faults(error: dns.resolver.NoNameservers) -> str:
    """What each server said, such as `SERVFAIL`; a silence of all is told apart by the resolver."""
    words = {str(each[3]) if len(each) > 3 else "" for each in error.kwargs.get("errors", ())}
    return "the name server says " + (", ".join(sorted(filter(None, words)))[:200] or "that it fails")


def _host_and_port(nameserver: str) -> tuple[str, int]:
    # IPv6 holds colons itself, so that a port needs the brackets.
    found = re.fullmatch(r"\[(.+)\](?::(\d+))?|([^:]+)(?::(\d+))?|([^\[\]]+)()", nameserver, re.ASCII)
    host, port = _given(found) if found else ("", "")
    try:
        ipaddress.ip_address(host)
        number = int(port or _PORT)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise InputError(
            f"{nameserver[:80]!r} is no name server",
            where="--nameserver",
            remedy="Give its IP address, with :PORT where that is not 53; IPv6 with a port in brackets",
        )
    return host, number


def _given(found: re.Match[str]) -> tuple[str, str]:
    parts = [part for part in found.groups() if part]
    return parts[0], parts[1] if len(parts) > 1 else ""
