"""What is to be said of SPF: the record of the return path's domain, and whether our server may send."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from newsletter.doctor import dns_records, spf
from newsletter.doctor.diagnosis import Area, Fine, Found, Said, found
from newsletter.doctor.installation import Installation, is_loopback, is_reserved
from newsletter.doctor.resolving import Resolver
from newsletter.doctor.spf import MOST_LOOKUPS, MOST_VOID, Walk
from newsletter.doctor.spf_judging import lets_send
from newsletter.findings import Severity

_AREA = Area.DNS
_MOST_FAULTS = 5
_NAMED = 12


def look(installation: Installation, resolver: Resolver) -> Generator[Said, None, bool]:
    """The record, and whom it lets send; returns whether nothing stands in the way of passing, as far as is known.

    SendGrid's return paths are names of its own, with records of its own.
    """
    domain = installation.envelope_domain
    if installation.settings.sender.kind == "sendgrid" or is_reserved(domain):
        return True
    said = list(_looked_at(installation, spf.walk(domain, resolver), resolver))
    yield from said
    return not any(isinstance(each, Found) and each.finding.severity is Severity.ERROR for each in said)


def _looked_at(installation: Installation, walk: Walk, resolver: Resolver) -> Iterator[Said]:
    if walk.terms is None:
        if not walk.unknown:
            yield _missing(installation, walk)
        return
    yield from _record(walk)
    if not walk.faults:
        yield from _allowed(installation, walk, resolver)


def _missing(installation: Installation, walk: Walk) -> Found:
    domain = walk.domain
    if walk.nearly:
        message = f"{domain} has a record that is nearly SPF, and counts as none: {walk.nearly[:80]!r}"
        return found(
            _AREA,
            "SPF-SYNTAX",
            message,
            where=domain,
            remedy="Let it begin with exactly `v=spf1 `, one blank, without quotation marks of its own",
        )
    return found(
        _AREA,
        "SPF-MISSING",
        f"{domain} has no SPF record",
        where=domain,
        remedy="Publish one that names your mail server or your provider’s include; as far as the settings tell:",
        records=(dns_records.spf(installation),),
    )


def _record(walk: Walk) -> Iterator[Said]:
    said = [*_faults(walk), *_cost(walk), *_end(walk)]
    if any(term.name == "ptr" for term in walk.terms or ()):
        said.append(found(_AREA, "SPF-PTR", f"the SPF record of {walk.domain} uses ptr", where=walk.domain))
    if not any(each.finding.severity is not Severity.INFO for each in said) and not walk.unknown:
        yield Fine(area=_AREA, text=f"SPF of {walk.domain}: {walk.lookups} of {MOST_LOOKUPS} look-ups")
    yield from said


def _faults(walk: Walk) -> Iterator[Found]:
    for fault in walk.faults[:_MOST_FAULTS]:
        inside = "" if fault.domain == walk.domain else f" (included by {walk.domain})"
        told = f"the SPF record of {fault.domain}{inside}: {fault.message}"
        yield found(
            _AREA, fault.kind.value, told if fault.kind.value == "SPF-SYNTAX" else fault.message, where=fault.domain
        )


def _cost(walk: Walk) -> Iterator[Found]:
    if walk.lookups > MOST_LOOKUPS:
        count = f"{walk.lookups} look-ups or more" if walk.endless else f"{walk.lookups} look-ups"
        dearest = sorted(walk.costs.items(), key=lambda item: -item[1])
        named = ", ".join(f"{word} {cost}" for word, cost in dearest[:_NAMED]) + (", …" if dearest[_NAMED:] else "")
        yield found(
            _AREA,
            "SPF-LOOKUPS",
            f"the SPF record of {walk.domain} takes {count}, and {MOST_LOOKUPS} are allowed: {named}",
            where=walk.domain,
        )
    if len(walk.void) > MOST_VOID:
        yield found(
            _AREA,
            "SPF-VOID",
            f"{len(walk.void)} words of SPF have no answer, and {MOST_VOID} may: {', '.join(walk.void[:_NAMED])}",
            where=walk.domain,
        )


def _end(walk: Walk) -> Iterator[Found]:
    if any(fault.domain == walk.domain for fault in walk.faults) or walk.redirects:
        return
    if walk.all == "+":
        message = f"the SPF record of {walk.domain} lets everybody send (+all)"
        yield found(_AREA, "SPF-ALL", message, where=walk.domain, severity=Severity.ERROR)
    elif walk.all in {"", "?"}:
        end = "ends in ?all" if walk.all else "has no all at its end"
        message = f"the SPF record of {walk.domain} {end}, so it says nothing about strangers"
        yield found(_AREA, "SPF-ALL", message, where=walk.domain)


def _allowed(installation: Installation, walk: Walk, resolver: Resolver) -> Iterator[Said]:
    """The address that mail leaves from, where it is known; else that of the server it is handed to, which is a hint."""
    if installation.sends_from is not None:
        yield from _address(installation, walk, installation.sends_from, resolver)
        return
    host = installation.settings.sender.host
    if installation.settings.sender.kind != "smtp" or is_loopback(host):
        return
    addresses = [each for kind in ("A", "AAAA") for each in resolver.ask(host, kind).records]
    verdicts = [lets_send(walk.domain, each, resolver) for each in addresses]
    if any(verdicts):
        yield Fine(area=_AREA, text=f"SPF lets {host} send for {walk.domain}")
    elif verdicts and all(verdict is False for verdict in verdicts):
        yield found(
            _AREA,
            "SPF-NOT-ALLOWED",
            f"SPF of {walk.domain} does not name {host}, which may send from other addresses",
            where=walk.domain,
            severity=Severity.INFO,
            remedy="Look whether the include that its provider asks for is in the record",
        )


def _address(installation: Installation, walk: Walk, address: str, resolver: Resolver) -> Iterator[Said]:
    verdict = lets_send(walk.domain, address, resolver)
    if verdict:
        yield Fine(area=_AREA, text=f"SPF lets {address} send for {walk.domain}")
    elif verdict is False:
        yield found(
            _AREA,
            "SPF-NOT-ALLOWED",
            f"SPF of {walk.domain} does not let {address} send",
            where=walk.domain,
            severity=Severity.ERROR,
            remedy="Put the address into the record, in its place before all:",
            records=(dns_records.spf(installation, walk.text),),
        )
