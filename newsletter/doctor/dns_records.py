"""The DNS records that a newsroom's domain should publish, as they go into its zone."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from newsletter.doctor.diagnosis import Record
from newsletter.doctor.installation import Installation, is_loopback

if TYPE_CHECKING:
    from newsletter.delivery.senders.smtp.dkim import Signer


def records_to_publish(installation: Installation) -> tuple[Record, ...]:
    """SPF for the return path, DKIM where we sign, DMARC for the From address. What is published already is not looked at.

    With SendGrid SPF and DKIM are its own CNAME records, which it shows; only DMARC is told.

    Raises:
        InputError: [sender] asks for signatures, and the key is missing or unusable.
    """
    sender = installation.settings.sender
    records = [] if sender.kind == "sendgrid" else [spf(installation)]
    if (signer := signer_of(installation)) is not None:
        records.append(dkim(signer))
    return (*records, dmarc(installation.from_domain))


def spf(installation: Installation, present: str = "") -> Record:
    """An SPF record that lets the newsroom's server send; `present` is the record to add it to, where there is one."""
    wanted = _server(installation)
    if not present:
        return Record(name=installation.envelope_domain, text=f"v=spf1 {wanted} ~all")
    words = present.split(" ")
    ends = [place for place, word in enumerate(words) if word.lower().lstrip("+-~?") == "all"]
    place = ends[0] if ends else len(words)
    return Record(name=installation.envelope_domain, text=" ".join([*words[:place], wanted, *words[place:]]))


def _server(installation: Installation) -> str:
    """The server in SPF's words; `mx` where nothing is known of the way out: mail often leaves where it comes in."""
    if installation.sends_from is not None:
        return _network(installation.sends_from)
    host = installation.settings.sender.host
    if is_loopback(host):
        return "mx"
    try:
        return _network(host)
    except ValueError:
        return f"a:{host}"


def _network(address: str) -> str:
    return f"ip{ipaddress.ip_address(address).version}:{address}"


def signer_of(installation: Installation) -> Signer | None:
    """What signs our messages; None where [sender] asks for no signatures.

    Raises:
        InputError: it asks for them, and the key is missing or cannot be used.
    """
    from newsletter.delivery.senders.smtp import dkim as signing  # noqa: PLC0415 - for whoever signs alone

    sender = installation.settings.sender
    return signing.by_settings(sender, installation.secret(signing.SECRET_NAME)) if sender.kind == "smtp" else None


def dkim(signer: Signer) -> Record:
    """The record of the key that we sign with."""
    return Record(name=signer.record.name, text=signer.record.value)


def dmarc(domain: str) -> Record:
    """A DMARC record to begin with: nothing is refused yet, and reports come in."""
    return Record(name=f"_dmarc.{domain}", text=f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}")
