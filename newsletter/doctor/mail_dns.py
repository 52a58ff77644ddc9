"""What the DNS says of the newsroom's domains: that they exist, take mail, and vouch for what is sent."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import urlsplit

from newsletter.doctor import dkim_findings, dmarc_findings, spf_findings
from newsletter.doctor.diagnosis import Area, Fine, LeftOut, Said, found
from newsletter.doctor.installation import Installation, domain_of, is_loopback, is_reserved
from newsletter.doctor.resolving import Answer, Resolver, State
from newsletter.findings import Severity

_AREA = Area.DNS
_NAMED = 4
_PRIVATE = tuple(
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "::1")
)


def look(installation: Installation) -> Iterator[Said]:
    """Asks for everything that receivers ask for when the newsletter comes in."""
    resolver = installation.resolver
    if resolver is None:
        return
    if is_reserved(installation.from_domain):
        yield LeftOut(area=_AREA, why=f"{installation.from_domain} is a name for examples: there is nothing to ask")
        return
    if resolver.ask(installation.from_domain, "MX").state is State.NO_NAME:
        yield _no_domain(installation)
    else:
        yield from _mail(installation, resolver)
    yield from _pages(installation, resolver)
    yield from _reverse(installation, resolver)
    yield from _unanswered(resolver)


def _mail(installation: Installation, resolver: Resolver) -> Iterator[Said]:
    for domain in _mail_domains(installation):
        yield from _takes_mail(domain, resolver)
    passes = yield from spf_findings.look(installation, resolver)
    signed = yield from dkim_findings.look(installation, resolver)
    yield from dmarc_findings.look(installation, resolver, signed, spf_passes=passes)


def _no_domain(installation: Installation) -> Said:
    return found(
        _AREA,
        "DNS-NO-DOMAIN",
        f"{installation.from_domain}, the domain of the From address, does not exist",
        where=installation.from_domain,
    )


def _mail_domains(installation: Installation) -> list[str]:
    """The domains that something comes back to: answers, bounces."""
    reply_to = installation.settings.newsroom.reply_to
    domains = [installation.from_domain, installation.envelope_domain, *([domain_of(reply_to)] if reply_to else [])]
    return list(dict.fromkeys(domain for domain in domains if not is_reserved(domain)))


def _takes_mail(domain: str, resolver: Resolver) -> Iterator[Said]:
    servers = resolver.ask(domain, "MX")
    if servers.state is State.FOUND:
        if servers.records == ("",):
            # RFC 7505: a single MX that names the root.
            yield found(_AREA, "DNS-NO-MAILBOX", f"{domain} says that it takes no mail (null MX)", where=domain)
        else:
            yield Fine(area=_AREA, text=f"{domain} takes mail at {servers.records[0]}")
        return
    if not servers.known:
        return
    hosts = [resolver.ask(domain, kind) for kind in ("A", "AAAA")]
    if any(host.state is State.FOUND for host in hosts):
        yield found(
            _AREA, "DNS-NO-MAILBOX", f"{domain} has no MX record: mail goes to its web server’s address", where=domain
        )
    elif all(host.known for host in hosts):
        yield found(
            _AREA,
            "DNS-NO-MAILBOX",
            f"{domain} takes no mail: it has neither MX nor address",
            where=domain,
            severity=Severity.ERROR,
        )


def _pages(installation: Installation, resolver: Resolver) -> Iterator[Said]:
    host = urlsplit(installation.settings.newsroom.url).hostname or ""
    if is_loopback(host) or is_reserved(host) or _is_address(host):
        return  # told with the settings
    answers = [resolver.ask(host, kind) for kind in ("A", "AAAA")]
    addresses = [each for answer in answers for each in answer.records]
    if addresses and all(_is_private(each) for each in addresses):
        yield found(_AREA, "SETUP-URL-LOCAL", f"{host} leads to {addresses[0]}, which no reader can reach", where=host)
    elif addresses:
        yield Fine(area=_AREA, text=f"readers’ pages: {host} has an address")
    elif all(answer.known for answer in answers):
        yield found(_AREA, "DNS-URL", f"{host}, where readers’ links lead, has no address", where=host)


def _reverse(installation: Installation, resolver: Resolver) -> Iterator[Said]:
    address = installation.sends_from
    if address is None:
        return
    names = resolver.reverse(address)
    if not names.known:
        return
    if names.state is not State.FOUND:
        yield found(_AREA, "DNS-REVERSE", f"{address} has no reverse name", where=address)
        return
    kind = "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
    for name in names.records:
        if ipaddress.ip_address(address) in map(ipaddress.ip_address, resolver.ask(name, kind).records):
            yield Fine(area=_AREA, text=f"{address} is {name}, which leads back to it")
            return
    yield found(
        _AREA, "DNS-REVERSE", f"{address} says that it is {names.records[0]}, which does not lead back", where=address
    )


def _unanswered(resolver: Resolver) -> Iterator[Said]:
    """One finding for each reason: when the network is gone, twenty would say the same."""

    def reason(answer: Answer) -> str:
        return answer.words

    for words, group in groupby(sorted(resolver.unanswered, key=reason), key=reason):
        answers = list(group)
        names = ", ".join(f"{answer.type} of {answer.name}" for answer in answers[:_NAMED])
        more = f" and {len(answers) - _NAMED} more" if len(answers) > _NAMED else ""
        yield found(_AREA, "DNS-UNANSWERED", f"not known, because {words}: {names}{more}", where=resolver.servers)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_private(address: str) -> bool:
    return any(ipaddress.ip_address(address) in network for network in _PRIVATE)
