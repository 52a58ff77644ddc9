"""An SPF record with everything that it refers to: what it costs, and what is wrong (RFC 7208)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from newsletter.doctor import spf_record
from newsletter.doctor.resolving import Resolver, State
from newsletter.doctor.spf_record import Term
from newsletter.errors import InputError

MOST_LOOKUPS, MOST_VOID, MOST_MX = 10, 2, 10
"""RFC 7208, section 4.6.4."""

_GIVE_UP = 60
"""Look-ups after which the rest is not walked: the record is far beyond its limit, and may be made to be."""


class FaultKind(StrEnum):
    """What is wrong with a record or one that it includes; the value is the finding's code."""

    SYNTAX = "SPF-SYNTAX"
    SEVERAL = "SPF-SEVERAL"
    INCLUDE = "SPF-INCLUDE"
    MANY_MX = "SPF-LOOKUPS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault, and the domain in whose record it is."""

    kind: FaultKind
    domain: str
    message: str


@dataclass(kw_only=True, slots=True)
class Walk:
    """What came of walking a record and all that it includes.

    `terms` are those of the record itself, None where there is none; `costs` are the look-ups of each of its words, with
    all that it includes; `unknown` says that something could not be asked.
    """

    domain: str
    text: str = ""
    terms: tuple[Term, ...] | None = None
    nearly: str = ""
    lookups: int = 0
    costs: dict[str, int] = field(default_factory=dict)
    void: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unknown: bool = False

    @property
    def all(self) -> str:
        """The qualifier of `all`; "" where the record ends without."""
        return next((term.qualifier for term in self.terms or () if term.name == "all"), "")

    @property
    def redirects(self) -> bool:
        """Whether another domain's record counts where nothing fits."""
        return not self.all and any(term.name == "redirect" for term in self.terms or ())

    @property
    def endless(self) -> bool:
        """Whether the walk gave up."""
        return self.lookups >= _GIVE_UP


def walk(domain: str, resolver: Resolver) -> Walk:
    """The domain's record with all that it includes; what would be asked in the worst case, none fitting before."""
    found = Walk(domain=domain)
    _visit(domain, resolver, found, chain=())
    return found


def _visit(domain: str, resolver: Resolver, found: Walk, *, chain: tuple[str, ...]) -> None:
    answer = resolver.ask(domain, "TXT")
    if not answer.known:
        found.unknown = True
        return
    texts = [text for text in answer.records if spf_record.is_record(text)]
    if not chain:
        found.nearly = next((text for text in answer.records if spf_record.is_nearly(text)), "")
        found.text = texts[0] if texts else ""
    if len(texts) != 1:
        _note_number(domain, len(texts), found, chain)
        return
    terms = _read(domain, texts[0], found)
    if not chain:
        found.terms = terms
    for term in _in_force(terms):
        before = found.lookups
        _follow(term, domain, resolver, found, chain)
        if not chain:
            found.costs[term.text] = found.costs.get(term.text, 0) + found.lookups - before


def _read(domain: str, text: str, found: Walk) -> tuple[Term, ...]:
    try:
        return spf_record.read(text)
    except InputError as error:
        found.faults.append(Fault(kind=FaultKind.SYNTAX, domain=domain, message=error.what))
        return ()


def _in_force(terms: tuple[Term, ...]) -> list[Term]:
    """The words that ask, without those behind `all`; redirect counts last, and only where there is no `all`."""
    names = [term.name for term in terms]
    before = terms[: names.index("all")] if "all" in names else terms
    asking = [term for term in before if term.asks and term.name != "redirect"]
    return asking if "all" in names else [*asking, *(term for term in terms if term.name == "redirect")]


def _note_number(domain: str, number: int, found: Walk, chain: tuple[str, ...]) -> None:
    if number > 1:
        message = f"{domain} has {number} SPF records"
        found.faults.append(Fault(kind=FaultKind.SEVERAL, domain=domain, message=message))
        found.terms = found.terms if chain else ()
    elif chain:
        message = f"{domain} has no SPF record, and {chain[-1]} includes it"
        found.faults.append(Fault(kind=FaultKind.INCLUDE, domain=chain[-1], message=message))


def _follow(term: Term, domain: str, resolver: Resolver, found: Walk, chain: tuple[str, ...]) -> None:
    if found.endless:
        return
    found.lookups += 1
    target = term.value or domain
    if term.name in {"include", "redirect"}:
        if term.has_macro:
            return
        if target.lower().rstrip(".") in (*chain, domain):
            message = f"{domain} includes {target}, which leads back to itself"
            found.faults.append(Fault(kind=FaultKind.INCLUDE, domain=domain, message=message))
            return
        _visit(target.lower().rstrip("."), resolver, found, chain=(*chain, domain))
    elif not term.has_macro:
        _ask_hosts(term, target, resolver, found)


def _ask_hosts(term: Term, target: str, resolver: Resolver, found: Walk) -> None:
    kinds = {"a": ("A", "AAAA"), "mx": ("MX",), "exists": ("A",)}.get(term.name, ())
    answers = [resolver.ask(target, kind) for kind in kinds]
    if any(not answer.known for answer in answers):
        found.unknown = True
    elif answers and all(answer.state is not State.FOUND for answer in answers):
        found.void.append(term.text)
    if term.name == "mx" and answers and len(answers[0].records) > MOST_MX:
        message = f"{target} has {len(answers[0].records)} mail servers, and mx allows {MOST_MX}"
        found.faults.append(Fault(kind=FaultKind.MANY_MX, domain=target, message=message))
