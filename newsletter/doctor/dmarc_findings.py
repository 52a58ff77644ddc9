"""What is to be said of DMARC: its record, its reports, and whether SPF or DKIM speaks for the From address."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.doctor import dmarc, dns_records
from newsletter.doctor.diagnosis import Area, Fine, Record, Said, found
from newsletter.doctor.dkim_findings import Signed
from newsletter.doctor.dmarc import DmarcRecord, Walked
from newsletter.doctor.installation import Installation, domain_of
from newsletter.doctor.resolving import Resolver
from newsletter.findings import Severity

_AREA = Area.DNS
_MOST_REPORTS = 5


def look(installation: Installation, resolver: Resolver, signed: Signed, *, spf_passes: bool) -> Iterator[Said]:
    """The record that counts for the From address, then alignment; faults of SPF and DKIM are told by then."""
    walked = dmarc.walk(installation.from_domain, resolver)
    yield from _faults(walked)
    if walked.record is not None:
        yield from _record(walked.record, installation.from_domain)
        yield from _reports(walked.record, resolver)
    elif not (walked.unknown or walked.several or walked.faulty):
        yield found(
            _AREA,
            "DMARC-MISSING",
            f"there is no DMARC record for {installation.from_domain}",
            where=f"_dmarc.{installation.from_domain}",
            remedy="Publish one, with an address for reports that somebody reads:",
            records=(dns_records.dmarc(installation.from_domain),),
        )
    if not walked.unknown:
        yield from _alignment(installation, resolver, signed, walked.record, spf_passes=spf_passes)


def _faults(walked: Walked) -> Iterator[Said]:
    for name in walked.several:
        yield found(_AREA, "DMARC-SEVERAL", f"_dmarc.{name} has more than one record", where=f"_dmarc.{name}")
    for name, fault in walked.faulty.items():
        message = f"the DMARC record of {name} counts as none: {fault}"
        yield found(_AREA, "DMARC-SYNTAX", message, where=f"_dmarc.{name}")


def _record(record: DmarcRecord, domain: str) -> Iterator[Said]:
    where, policy = f"_dmarc.{record.domain}", record.policy_for(domain)
    if policy == "none":
        yield found(_AREA, "DMARC-NONE", f"DMARC of {record.domain} only watches (p=none)", where=where)
    else:
        yield Fine(area=_AREA, text=f"DMARC of {record.domain}: {policy}")
    if not record.reports:
        yield found(_AREA, "DMARC-NO-REPORTS", f"DMARC of {record.domain} asks for no reports", where=where)
    if record.testing or record.share != "100":
        how = "t=y" if record.testing else f"pct={record.share[:10]}"
        yield found(_AREA, "DMARC-PARTIAL", f"DMARC of {record.domain} holds for a part only ({how})", where=where)


def _reports(record: DmarcRecord, resolver: Resolver) -> Iterator[Said]:
    """Reports to another organization's domain need its word (RFC 9990; RFC 7489, section 7.1)."""
    home = dmarc.walk(record.domain, resolver).organization
    for uri in record.reports[:_MOST_REPORTS]:
        if not uri.lower().startswith("mailto:") or "@" not in uri:
            continue
        target = domain_of(uri.partition("!")[0])
        walked = dmarc.walk(target, resolver)
        if target == record.domain or walked.unknown or walked.organization == home:
            continue
        asked = Record(name=f"{record.domain}._report._dmarc.{target}", text="v=DMARC1;")
        answer = resolver.ask(asked.name, "TXT")
        if not answer.known or any(text.startswith("v=DMARC1") for text in answer.records):
            continue
        yield found(
            _AREA,
            "DMARC-REPORTS-REFUSED",
            f"{target} does not say that it takes DMARC reports on {record.domain}",
            where=f"_dmarc.{record.domain}",
            remedy=f"Have {target} publish this, or use an address of your own domain:",
            records=(asked,),
        )


def _alignment(
    installation: Installation, resolver: Resolver, signed: Signed, record: DmarcRecord | None, *, spf_passes: bool
) -> Iterator[Said]:
    domain, envelope = installation.from_domain, installation.envelope_domain
    strict_spf, strict_dkim = (record.strict_spf, record.strict_dkim) if record else (False, False)
    # SendGrid's return paths are in a domain of its own, unless its CNAME records are there: then DKIM is, too.
    by_spf = installation.settings.sender.kind != "sendgrid" and dmarc.aligned(
        envelope, domain, strict=strict_spf, resolver=resolver
    )
    by_dkim = signed.domain is not None and dmarc.aligned(signed.domain, domain, strict=strict_dkim, resolver=resolver)
    speaking = [name for name, speaks in (("SPF", by_spf and spf_passes), ("DKIM", by_dkim and signed.holds)) if speaks]
    if not by_dkim and (signed.by_us or not by_spf):
        yield _not_aligned(installation, signed, by_spf=by_spf, strict=strict_dkim or strict_spf)
    elif speaking:
        risk = ", as long as nobody forwards the mail" if speaking == ["SPF"] else ""
        verb = "speaks" if len(speaking) == 1 else "speak"
        yield Fine(area=_AREA, text=f"{' and '.join(speaking)} {verb} for {domain} (DMARC){risk}")


def _not_aligned(installation: Installation, signed: Signed, *, by_spf: bool, strict: bool) -> Said:
    domain, sender = installation.from_domain, installation.settings.sender
    how = " (the record asks for the very same domain)" if strict else ""
    signer = f"signatures are by {signed.domain}" if signed.domain else "nobody is known to sign"
    if by_spf:
        message, weight = f"SPF alone speaks for {domain}: {signer}{how}; forwarded mail fails", Severity.WARNING
    else:
        message = f"nothing speaks for {domain}: {signer}, bounces go to {installation.envelope_domain}{how}"
        # A mail server of the provider's may sign where we do not.
        weight = Severity.ERROR if signed.by_us else Severity.WARNING
    remedy = f'Set dkim_domain = "{domain}" under [sender], and publish its key' if sender.kind == "smtp" else ""
    return found(_AREA, "DMARC-NOT-ALIGNED", message, where=f"_dmarc.{domain}", remedy=remedy, severity=weight)
