from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks.address_guard import first_forbidden, forbidden, numeric_ipv4

CLOSED = {
    "0.0.0.0": "this network",  # noqa: S104 - nothing is bound
    "0.1.2.3": "this network",
    "10.0.0.1": "private",
    "100.64.0.1": "shared",
    "100.127.255.255": "shared",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "cloud",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "protocols",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarks",
    "198.19.255.255": "benchmarks",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::ffff:10.0.0.1": "IPv4-mapped",
    "::ffff:8.8.8.8": "IPv4-mapped",
    "::ffff:0:10.0.0.1": "IPv4-translated",
    "::7f00:1": "IPv4-compatible",
    "64:ff9b::7f00:1": "NAT64 of an address that is loopback",
    "64:ff9b::a9fe:a9fe": "NAT64 of an address that is link-local",
    "64:ff9b:1::808:808": "own NAT64",
    "100::1": "discarded",
    "2001::1": "Teredo",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "Teredo",
    "2001:2::1": "benchmarks",
    "2001:10::1": "protocols",
    "2001:20::1": "protocols",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "2002:808:808::": "6to4",
    "3fff::1": "documentation",
    "4000::1": "not assigned",
    "5f00::1": "segment routing",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "2606:4700::1111%eth0": "link-local",
    "febf::1": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
}

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "198.17.0.1",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::200e",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize(("address", "reason"), CLOSED.items())
def test_an_address_of_our_own_side_is_refused_with_its_name(address: str, reason: str) -> None:
    assert reason in forbidden(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_asked(address: str) -> None:
    assert not forbidden(ip_address(address))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_the_standard_library_calls_closed_is_closed_here_too(address: IPv4Address | IPv6Address) -> None:
    closed = not address.is_global or address.is_multicast or address.is_reserved
    assert forbidden(address) or not closed or address in IPv6Network("64:ff9b::/96")


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_within_nat64(address: IPv4Address) -> None:
    within = IPv6Address(int(IPv6Address("64:ff9b::")) + int(address))
    assert bool(forbidden(within)) == bool(forbidden(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_within_another_kind_is_always_refused(address: IPv4Address) -> None:
    number = int(address)
    for written in (0xFFFF << 32, 0):
        assert forbidden(IPv6Address(written + number))
    assert forbidden(IPv6Address((0x2002 << 112) + (number << 80)))


@given(st.ip_addresses(v=4))
def test_every_spelling_of_an_ipv4_address_is_read_as_that_address(address: IPv4Address) -> None:
    number = int(address)
    octets = list(address.packed)
    spellings = [
        str(number),
        hex(number),
        f"0{number:o}" if number else "0",
        ".".join(map(str, octets)),
        ".".join(map(hex, octets)),
        ".".join(f"0{octet:o}" for octet in octets),
        f"{octets[0]}.{number & 0xFFFFFF}",
        f"{octets[0]}.{octets[1]}.{number & 0xFFFF}",
        f"{address}.",
    ]
    assert {numeric_ipv4(spelling) for spelling in spellings} == {(address, True)}


@pytest.mark.parametrize(
    "host", ["256.1.1.1", "1.2.3.4.5", "08.1.1.1", "1.2.3.0x1g.9", "4294967296", "1..1", "9" * 400]
)
def test_a_host_that_ends_in_a_number_and_is_no_address_is_no_name_either(host: str) -> None:
    assert numeric_ipv4(host) == (None, True)


@pytest.mark.parametrize("host", ["news.co", "127.0.0.1.news.co", "a1", "0xg", "1.2.3.4x"])
def test_a_name_is_no_number(host: str) -> None:
    assert numeric_ipv4(host) == (None, False)


def test_one_bad_address_condemns_the_name() -> None:
    assert first_forbidden(["8.8.8.8", "2606:4700::1111"]) is None
    assert first_forbidden(["8.8.8.8", "10.0.0.1"]) == ("10.0.0.1", "private")
    assert first_forbidden(["8.8.8.8", "nonsense"]) == ("nonsense", "no address at all")
