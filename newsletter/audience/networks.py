"""Networks that requests come from: all that is counted and kept of an IP address. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_BITS = {4: 24, 6: 48}
"""What a network of one owner has, as a rule: 256 addresses of IPv4, a site of IPv6 (RFC 6177)."""


def network_of(ip: str) -> str:
    """The network of an IP address, such as `192.0.2.0/24` or `2001:db8:1::/48`; "" for what is no address.

    An IPv4 address that is written as one of IPv6 (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) counts as what it is.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(ip.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ip_network((address, _BITS[address.version]), strict=False))
