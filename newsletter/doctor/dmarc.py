"""DMARC (RFC 9989): records, whose record counts for a domain, and which domains count as one.

The organizational domain is found by walking up the tree of names, so that no list of public suffixes has to be carried
and kept up to date.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from newsletter.doctor import tags
from newsletter.doctor.resolving import Resolver
from newsletter.errors import InputError

_VERSION = "v=DMARC1"
_MOST_LABELS = 8
"""RFC 9989, section 4.10: of a longer name only the last seven labels are asked for after the first question."""

POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, kw_only=True, slots=True)
class DmarcRecord:
    """A record. `policy` is p=, or what stands in for it; `subdomains` is sp=; `reports` are the URIs of rua=."""

    domain: str
    text: str
    policy: str
    subdomains: str
    strict_spf: bool
    strict_dkim: bool
    reports: tuple[str, ...]
    share: str
    testing: bool
    suffix: str

    def policy_for(self, domain: str) -> str:
        """What is asked for the mail of the domain: p= for the record's own, sp= for those below."""
        return self.policy if domain == self.domain else self.subdomains


@dataclass(frozen=True, kw_only=True, slots=True)
class Walked:
    """What walking up from a domain brought: records by the names under which they were found, nearest first."""

    domain: str
    records: tuple[DmarcRecord, ...] = ()
    several: tuple[str, ...] = ()
    faulty: dict[str, str] = field(default_factory=dict)
    unknown: bool = False

    @property
    def organization(self) -> str:
        """The organizational domain (RFC 9989, section 4.10.2)."""
        for record in self.records:
            if record.suffix == "n":
                return record.domain
            if record.suffix == "y" and record.domain != self.domain:
                labels = self.domain.split(".")
                return ".".join(labels[-(record.domain.count(".") + 2) :])
        return self.records[-1].domain if self.records else self.domain

    @property
    def record(self) -> DmarcRecord | None:
        """The record that counts: the domain's own, else that of its organization, else that of the suffix above."""
        by_name = {record.domain: record for record in self.records}
        above = self.records[-1] if self.records else None
        return by_name.get(self.domain) or by_name.get(self.organization) or above


def read(domain: str, text: str) -> DmarcRecord:
    """A record.

    Raises:
        InputError: it counts as none; says why.
    """
    found = tags.read(text)
    if next(iter(found.items()), None) != ("v", "DMARC1"):
        raise InputError("it does not begin with v=DMARC1")
    reports = tuple(uri.strip() for uri in found.get("rua", "").split(",") if uri.strip())
    policy = found.get("p", "").lower()
    if policy not in POLICIES:
        if not reports and policy:
            raise InputError(f"p={policy[:40]} is none of {', '.join(POLICIES)}")
        policy = "none"  # RFC 9989, section 4.7: a missing p= is none; so is a faulty one where rua= shows the intent
    subdomains = found.get("sp", policy).lower()
    return DmarcRecord(
        domain=domain,
        text=text,
        policy=policy,
        subdomains=subdomains if subdomains in POLICIES else policy,
        strict_spf=_is_strict(found, "aspf"),
        strict_dkim=_is_strict(found, "adkim"),
        reports=reports,
        share=found.get("pct", "100"),
        testing=found.get("t", "n").lower() == "y",
        suffix=found.get("psd", "u").lower(),
    )


def _is_strict(found: dict[str, str], tag: str) -> bool:
    value = found.get(tag, "r").lower()
    if value not in {"r", "s"}:
        raise InputError(f"{tag}={value[:40]} is neither r nor s")
    return value == "s"


def walk(domain: str, resolver: Resolver) -> Walked:
    """Walk up the tree from `domain` (RFC 9989, section 4.10): at most eight questions."""
    records: list[DmarcRecord] = []
    several: list[str] = []
    faulty: dict[str, str] = {}
    for name in names_above(domain):
        answer = resolver.ask(f"_dmarc.{name}", "TXT")
        if not answer.known:
            return Walked(domain=domain, records=tuple(records), several=tuple(several), faulty=faulty, unknown=True)
        texts = [text for text in answer.records if text.replace(" ", "").startswith(_VERSION)]
        if len(texts) > 1:
            several.append(name)
            continue
        for text in texts:
            try:
                records.append(read(name, text))
            except InputError as error:
                faulty[name] = error.what
        if records and records[-1].suffix in {"y", "n"} and name != domain:
            break
        if records and records[-1].suffix == "n":
            break
    return Walked(domain=domain, records=tuple(records), several=tuple(several), faulty=faulty)


def names_above(domain: str) -> list[str]:
    """The domain and those above it that are asked for, nearest first."""
    labels = domain.split(".")
    starts = range(1, len(labels)) if len(labels) < _MOST_LABELS else range(len(labels) - 7, len(labels))
    return [domain, *(".".join(labels[start:]) for start in starts)]


def aligned(one: str, other: str, *, strict: bool, resolver: Resolver) -> bool:
    """Whether a domain that passed speaks for the From address's (RFC 9989, section 4.4).

    Strictly: where they are the same; otherwise where they belong to the same organizational domain.
    """
    if one == other or strict:
        return one == other
    return walk(one, resolver).organization == walk(other, resolver).organization
