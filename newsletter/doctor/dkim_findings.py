"""What is to be said of DKIM: that somebody signs, and that the published key is the one that is signed with."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from newsletter.doctor import dkim_record, dns_records
from newsletter.doctor.diagnosis import Area, Fine, Found, Record, Said, found
from newsletter.doctor.dkim_record import DkimRecord, PublicKey
from newsletter.doctor.installation import Installation
from newsletter.doctor.resolving import Resolver, State
from newsletter.errors import InputError
from newsletter.findings import Severity
from newsletter.settings import FILE_NAME

_AREA = Area.DNS
_LEAST_BITS, _ENOUGH_BITS = 1024, 2048
"""RFC 8301, section 3.2."""

_SENDGRID_SELECTORS = ("s1", "s2")
"""Those of SendGrid's automated security, which turns its keys over by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """By which domain messages are signed; None where nobody is known to sign.

    `by_us` says that we have it in hand; `holds` that no record stands in the way of verifying, as far as is known.
    """

    domain: str | None
    by_us: bool
    holds: bool = True


def look(installation: Installation, resolver: Resolver) -> Generator[Said, None, Signed]:
    """What signs, and its record."""
    sender = installation.settings.sender
    if sender.kind == "sendgrid":
        return (yield from _sendgrid(installation.from_domain, resolver))
    if sender.kind != "smtp" or not sender.dkim_domain:
        if sender.kind == "smtp":
            yield found(_AREA, "DKIM-UNSIGNED", "messages are handed over unsigned", where=FILE_NAME)
        return Signed(domain=None, by_us=False)
    try:
        signer = dns_records.signer_of(installation)
    except InputError:
        signer = None  # told with the sender
    key = signer.key.public_key() if signer is not None else None
    expected = (dns_records.dkim(signer),) if signer is not None else ()
    name = f"{sender.dkim_selector}._domainkey.{sender.dkim_domain}"
    said = list(_published(name, resolver, key, expected))
    yield from said
    return Signed(domain=sender.dkim_domain, by_us=True, holds=_holds(said))


def _sendgrid(domain: str, resolver: Resolver) -> Generator[Said, None, Signed]:
    names = [f"{selector}._domainkey.{domain}" for selector in _SENDGRID_SELECTORS]
    answers = [resolver.ask(name, "TXT") for name in names]
    if all(answer.state is State.FOUND for answer in answers):
        said = [each for name in names for each in _published(name, resolver, None, ())]
        yield from said
        return Signed(domain=domain, by_us=True, holds=_holds(said))
    missing = [answer.name for answer in answers if answer.known and answer.state is not State.FOUND]
    if missing:
        yield found(
            _AREA,
            "DKIM-MISSING",
            f"SendGrid’s keys are not published for {domain}: {' and '.join(missing)} lead nowhere",
            where=domain,
            remedy="In SendGrid, under Settings, Sender Authentication, authenticate the domain, and publish the three "
            "CNAME records that it shows",
        )
    return Signed(domain=domain, by_us=True, holds=not missing)


def _holds(said: list[Said]) -> bool:
    return not any(isinstance(each, Found) and each.finding.severity is Severity.ERROR for each in said)


def _published(name: str, resolver: Resolver, key: PublicKey | None, expected: tuple[Record, ...]) -> Iterator[Said]:
    answer = resolver.ask(name, "TXT")
    if not answer.known:
        return
    if answer.state is not State.FOUND:
        yield found(_AREA, "DKIM-MISSING", f"no key is published at {name}", where=name, records=expected)
        return
    if len(answer.records) > 1:
        yield found(_AREA, "DKIM-SEVERAL", f"{name} has {len(answer.records)} records", where=name)
        return
    try:
        record = dkim_record.read(answer.records[0])
    except InputError as error:
        message = f"the DKIM record of {name} counts as none: {error.what}"
        yield found(_AREA, "DKIM-SYNTAX", message, where=name, records=expected)
        return
    yield from _judged(name, record, key, expected)


def _judged(name: str, record: DkimRecord, key: PublicKey | None, expected: tuple[Record, ...]) -> Iterator[Said]:
    if record.key is None:
        yield found(_AREA, "DKIM-REVOKED", f"the key at {name} was revoked (its p= is empty)", where=name)
        return
    if key is not None and not dkim_record.is_same(record.key, key):
        message = f"the key at {name} is another than the one that we sign with"
        yield found(_AREA, "DKIM-OTHER-KEY", message, where=name, records=expected)
        return
    if record.testing:
        yield found(_AREA, "DKIM-TESTING", f"the record of {name} says t=y, for testing", where=name)
    size = dkim_record.length_of(record.key)
    if record.bits < _ENOUGH_BITS and size != "Ed25519":
        weight = Severity.ERROR if record.bits < _LEAST_BITS else None
        yield found(_AREA, "DKIM-SHORT", f"the key at {name} has {record.bits} bits", where=name, severity=weight)
        return
    yield Fine(area=_AREA, text=f"DKIM at {name}: {size}{', the key that we sign with' if key is not None else ''}")
