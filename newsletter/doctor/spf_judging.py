"""Whom an SPF record lets send: the check of RFC 7208, section 4, for one address."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from newsletter.doctor import spf_record
from newsletter.doctor.resolving import Resolver, State
from newsletter.doctor.spf import MOST_LOOKUPS, MOST_MX
from newsletter.doctor.spf_record import Term
from newsletter.errors import InputError


class _UnknowableError(Exception):
    """A macro, ptr, or DNS that does not answer stands before the answer."""


class _FaultyError(Exception):
    """The record, or one that it includes, counts as an error."""


def lets_send(domain: str, address: str, resolver: Resolver) -> bool | None:
    """Whether mail of the domain passes from the IP address; None where that cannot be known beforehand."""
    try:
        return _Judge(resolver=resolver, address=ipaddress.ip_address(address)).verdict(domain) == "+"
    except _UnknowableError:
        return None
    except _FaultyError:
        return False


@dataclass(kw_only=True, slots=True)
class _Judge:
    resolver: Resolver
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    lookups: int = 0

    def verdict(self, domain: str) -> str:
        """The qualifier of the first word that fits; `?` where none does."""
        terms = self._terms(domain)
        for term in terms:
            if self._fits(term, domain):
                return term.qualifier
        for term in terms:
            if term.name == "redirect":
                self._count(term)
                return self.verdict(term.value)
        return "?"

    def _terms(self, domain: str) -> tuple[Term, ...]:
        texts = [text for text in self._ask(domain, "TXT") if spf_record.is_record(text)]
        if len(texts) != 1:
            raise _FaultyError
        try:
            return spf_record.read(texts[0])
        except InputError:
            raise _FaultyError from None

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        answer = self.resolver.ask(name, kind)
        if not answer.known:
            raise _UnknowableError
        return answer.records if answer.state is State.FOUND else ()

    def _count(self, term: Term) -> None:
        """Past the limit receivers stop, and so a record that was made to grow without end stops here, too."""
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _FaultyError
        if term.has_macro or term.name == "ptr":
            raise _UnknowableError

    def _fits(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.name in {"ip4", "ip6"}:
            return self.address in ipaddress.ip_network(term.value)
        if not term.asks or term.name == "redirect":
            return False
        self._count(term)
        target = term.value or domain
        if term.name == "include":
            return self.verdict(target) == "+"
        if term.name == "exists":
            return bool(self._ask(target, "A"))
        names = (target,) if term.name == "a" else self._ask(target, "MX")[:MOST_MX]
        return any(self._is_at(name, term) for name in names)

    def _is_at(self, name: str, term: Term) -> bool:
        kind, length = ("A", term.four) if self.address.version == 4 else ("AAAA", term.six)
        networks = (ipaddress.ip_network(f"{text}/{length}", strict=False) for text in self._ask(name, kind))
        return any(self.address in network for network in networks)
