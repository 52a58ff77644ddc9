"""What the doctor looks over: one newsroom as it stands on this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import idna

from newsletter.clock import Clock, system_clock
from newsletter.doctor.resolving import Resolver
from newsletter.errors import InputError
from newsletter.settings import SenderSettings, Settings
from newsletter.store import sqlite_url, urls
from newsletter.store.marker import MARKER_FILE

_RESERVED = ("example", "test", "invalid", "localhost", "localdomain", "local", "internal", "onion", "alt")
"""Names that no public DNS holds (RFC 6761, RFC 6762, RFC 7686, RFC 9476; ICANN keeps `internal` free)."""

_EXAMPLES = ("example.com", "example.net", "example.org")
"""Domains of RFC 2606, in DNS and nobody's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """A newsroom as it stands.

    `secret` looks a secret up, as `settings.secret` does, in `environ` and the files that it names. `key_file` is where
    the secret key is kept where no variable gives it. `database_url` is None for the SQLite file of the data folder.
    `resolver` is None where sender and DNS are left out. `sends_from` is the IP address that mail leaves from, where it
    is known.
    """

    settings: Settings
    secret: Callable[[str], str | None]
    key_file: Path
    environ: Mapping[str, str]
    database_url: str | None = None
    resolver: Resolver | None = None
    sends_from: str | None = None
    clock: Clock = system_clock

    @property
    def offline(self) -> bool:
        """Whether sender and DNS are left out."""
        return self.resolver is None

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.database_url or sqlite_url(self.settings.database)

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None where the database is a server."""
        try:
            url = urls.parse(self.url)
        except InputError:
            return None
        return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None

    @property
    def marker_file(self) -> Path:
        """What this machine has seen of the database."""
        return self.settings.data / MARKER_FILE

    @property
    def from_domain(self) -> str:
        """The domain of the From address, in ASCII."""
        return domain_of(self.settings.newsroom.from_address)

    @property
    def envelope_domain(self) -> str:
        """The domain that bounces go back to: that of the return path, by which SPF judges."""
        return domain_of(self.settings.sender.return_path or self.settings.newsroom.from_address)

    @property
    def rehearses(self) -> bool:
        """Whether nothing can leave this machine, so that what readers and mailboxes ask for does not count yet."""
        return is_reserved(self.from_domain) and stays_here(self.settings.sender)


def domain_of(address: str) -> str:
    """The domain of an address in lower case, Unicode in its ASCII form (IDNA)."""
    name = address.rpartition("@")[2].rstrip(".").lower()
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        return name


def is_reserved(domain: str) -> bool:
    """Whether the domain is one of those that exist for examples and private use."""
    name = domain.rstrip(".").lower()
    return name.rpartition(".")[2] in _RESERVED or any(name == each or name.endswith(f".{each}") for each in _EXAMPLES)


def is_loopback(host: str) -> bool:
    """Whether the host's name or address is this machine's alone."""
    bare = host.strip("[]").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def stays_here(sender: SenderSettings) -> bool:
    """Whether what is handed over goes to this machine, as far as the settings tell."""
    if sender.kind == "inbox":
        return True
    if sender.kind == "sendgrid":
        return is_loopback(sender.url.split("/")[2].rpartition("@")[2].rsplit(":", 1)[0])
    return is_loopback(sender.host)
