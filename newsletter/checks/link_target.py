"""A link's URL read as what would be asked: scheme, host, port, path. Whatever two programs may read in two ways is
refused. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, quote, urlsplit

import idna

from newsletter.checks.address_guard import forbidden, numeric_ipv4

LONGEST_URL = 2048
"""Characters. Mail programs and gateways cut or refuse longer ones; no outlet uses them."""

PORTS = frozenset({80, 443, 8080, 8443})
"""Where web sites are. Any other port is somebody's service."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_IN_PATH = "/%:@!$&'()*+,;=~-._[]|"

RESERVED = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")
"""Names that stand for examples and tests (RFC 2606, RFC 6761): they are never looked up."""

_OWN_NETWORK = ("local", "internal", "home.arpa", "onion", "alt", "lan")
"""Names with a meaning in one network only (RFC 6762, RFC 8375, RFC 7686, RFC 9476, ICANN's `internal`)."""


class RefusedError(Exception):
    """The link may not be asked; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What to ask. `host` is ASCII, lower case, an IPv6 address without brackets; `path` is as the request line has it.

    `reserved` tells that the host stands for examples and must not be looked up.
    """

    scheme: str
    host: str
    port: int
    path: str
    reserved: bool

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL that is asked, without a fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"


def read_target(url: str) -> Target:
    """What `url` asks for.

    Raises:
        RefusedError: another scheme than http and https, a user or password in it, another port than `PORTS`, an address
            that is not public or written in disguise, a name that is none, over `LONGEST_URL` characters.
    """
    if len(url) > LONGEST_URL:
        raise RefusedError(f"is longer than {LONGEST_URL:,} characters")
    if _UNSAFE.search(url):
        raise RefusedError("holds spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedError("is no valid URL") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise RefusedError("is no http or https address")
    if "@" in parts.netloc:
        raise RefusedError("holds a user name or a password")
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if port not in PORTS:
        raise RefusedError(f"asks for port {port}; web sites are at {', '.join(map(str, sorted(PORTS)))}")
    host = _host(parts)
    return Target(scheme=parts.scheme, host=host, port=port, path=_path(parts), reserved=_within(host, RESERVED))


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc or ":" in host:
        return _ipv6(host)
    host = _ascii(host).removesuffix(".")
    address, numeric = numeric_ipv4(host)
    if numeric:
        return _ipv4(host, address)
    if host == "localhost":
        raise RefusedError("is an address of the reader's own machine")
    if _within(host, _OWN_NETWORK):
        raise RefusedError("has a name that means something in one network only")
    if not _NAME.fullmatch(host):
        raise RefusedError("has no full host name")
    return host


def _ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError:
        raise RefusedError("has no valid IPv6 address") from None
    if reason := forbidden(address):
        raise RefusedError(f"has an address that is {reason}")
    return str(address)


def _ipv4(host: str, address: IPv4Address | None) -> str:
    if address is None:
        raise RefusedError("has a host that is neither a name nor an address")
    if reason := forbidden(address):
        raise RefusedError(f"has an address that is {reason}")
    if host != str(address):
        raise RefusedError(f"writes the address {address} in disguise")
    return host


def _ascii(host: str) -> str:
    """The host with its names in any script as ASCII: IDNA 2008 after UTS 46, which also turns ５ into 5 and 。 into a dot.

    What IDNA 2008 has no place for (emoji, which some registries sell) is encoded as browsers do.
    """
    if host.isascii():
        return host
    try:
        mapped = idna.uts46_remap(host)
    except UnicodeError:
        raise RefusedError("has no valid host name") from None
    try:
        return idna.encode(mapped).decode("ascii").lower()
    except UnicodeError:
        return ".".join(map(_punycode, mapped.replace("。", ".").split(".")))


def _punycode(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"


def _within(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith("." + name) for name in names)


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe=_IN_PATH)
    return f"{path}?{quote(parts.query, safe=_IN_PATH + '?')}" if parts.query else path
