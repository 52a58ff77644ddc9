"""Which addresses of the Internet may be asked: only those that everybody can reach. Pure.

Links come from text that anybody may have written; a link must not make the newsroom's machine talk to its neighbours,
to itself or to the service that hands out its cloud's credentials. The standard library's `is_global` is not used: its
tables changed between patch releases (CVE-2024-4032), and it calls transition ranges public whatever they carry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# IANA's special-purpose registry of IPv4 (RFC 6890 and what came after), and what clouds keep in public space.
_CLOSED_4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier's customers",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's own service",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved for protocols",
    "192.0.2.0/24": "for documentation",
    "192.88.99.0/24": "a relay of 6to4",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "255.255.255.255/32": "broadcast",
    "240.0.0.0/4": "reserved",
}
# Public IPv6 is 2000::/3 without these; the rest of the table gives the other ranges their names.
_CLOSED_6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::ffff:0:0/96": "IPv4-mapped",
    "::ffff:0:0:0/96": "IPv4-translated",
    "::/96": "IPv4-compatible",
    "64:ff9b:1::/48": "a network's own NAT64",
    "100::/64": "discarded",
    "2001::/32": "Teredo",
    "2001:2::/48": "for benchmarks",
    "2001:db8::/32": "for documentation",
    "2001::/23": "reserved for protocols",
    "2002::/16": "6to4",
    "3fff::/20": "for documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_RANGES_4 = tuple((IPv4Network(network), name) for network, name in _CLOSED_4.items())
_RANGES_6 = tuple((IPv6Network(network), name) for network, name in _CLOSED_6.items())
_PUBLIC_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

_HEX = re.compile(r"0[xX][0-9a-fA-F]*")
_DIGITS = re.compile(r"[0-9]+")


def forbidden(address: Address) -> str:
    """What the address is instead of public ("loopback", "private", …); "" where it may be asked.

    NAT64's well-known prefix is judged by the address within: in networks of IPv6 alone every name of an IPv4 host
    resolves to it (RFC 6147).
    """
    if isinstance(address, IPv4Address):
        return next((name for network, name in _RANGES_4 if address in network), "")
    if address.scope_id is not None:
        return "link-local"
    if address in _NAT64:
        within = forbidden(IPv4Address(int(address) & 0xFFFF_FFFF))
        return f"NAT64 of an address that is {within}" if within else ""
    named = next((name for network, name in _RANGES_6 if address in network), "")
    return named or ("" if address in _PUBLIC_6 else "not assigned to anybody")


def first_forbidden(addresses: Iterable[str]) -> tuple[str, str] | None:
    """The first of a name's addresses that may not be asked, and why. One bad address condemns the name: whoever owns
    it chooses which of them the next look-up gives.
    """
    for written in addresses:
        try:
            reason = forbidden(ip_address(written))
        except ValueError:
            reason = "no address at all"
        if reason:
            return written, reason
    return None


def numeric_ipv4(host: str) -> tuple[IPv4Address | None, bool]:
    """The IPv4 address that `host` spells, in any of the forms that programs understand, and whether it spells one.

    Decimal, octal and hexadecimal, in one to four parts, as the WHATWG's URL standard reads them (and inet_aton). A host
    that ends in a number and spells no address gives (None, True): it cannot be a name either.
    """
    parts = host.removesuffix(".").split(".")
    if not (_DIGITS.fullmatch(parts[-1]) or _HEX.fullmatch(parts[-1])):
        return None, False
    numbers = [_number(part) for part in parts]
    known = [number for number in numbers if number is not None]
    if len(known) != len(parts) or len(parts) > 4:
        return None, True
    return _joined(known), True


def _number(part: str) -> int | None:
    if _HEX.fullmatch(part):
        return int(part[2:] or "0", 16)
    if not _DIGITS.fullmatch(part) or len(part) > 20:
        return None
    if len(part) > 1 and part.startswith("0"):
        return int(part, 8) if not set(part) & {"8", "9"} else None
    return int(part)


def _joined(numbers: Sequence[int]) -> IPv4Address | None:
    *leading, last = numbers
    room = 256 ** (4 - len(leading))
    if any(number > 255 for number in leading) or last >= room:
        return None
    return IPv4Address(sum(number << (8 * (3 - place)) for place, number in enumerate(leading)) + last)
