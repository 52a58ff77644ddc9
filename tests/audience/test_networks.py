from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.networks import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("127.0.0.1", "127.0.0.0/24"),
        ("", ""),
        ("testclient", ""),
        ("192.0.2.77, 203.0.113.9", ""),
        ("192.0.2.999", ""),
    ],
)
def test_a_network_is_all_that_is_kept_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.ip_addresses())
def test_an_address_is_in_its_network_which_fits_the_column(address: object) -> None:
    found = network_of(str(address))
    mapped = getattr(ip_address(str(address)), "ipv4_mapped", None)
    assert (mapped or address) in ip_network(found)
    assert len(found) <= 43


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    assert isinstance(network_of(text), str)
