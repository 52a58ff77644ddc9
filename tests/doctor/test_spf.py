"""What a record costs and whom it lets send, with all that it includes, asked of a real server."""

import pytest

from newsletter.doctor import spf
from newsletter.doctor.resolving import Resolver
from newsletter.doctor.spf_judging import lets_send


def kinds(walk):
    return [fault.kind.value for fault in walk.faults]


def test_look_ups_are_counted_through_everything_that_is_included(names, resolver):
    names.txt("a.fish", "v=spf1 a mx include:b.fish ip4:203.0.113.1 exists:c.fish ptr -all")
    names.txt("b.fish", "v=spf1 a:c.fish include:c.fish redirect=d.fish")
    names.txt("c.fish", "v=spf1 ip4:203.0.113.2 ~all include:never.fish")
    names.txt("d.fish", "v=spf1 mx:c.fish -all")
    for name in ("a.fish", "c.fish"):
        names.put(name, "A", "203.0.113.3")
        names.put(name, "MX", "10 mx.fish.")
    walk = spf.walk("a.fish", resolver)
    # a, mx, include, exists, ptr; a, include, redirect in b.fish; mx in d.fish. Nothing behind `all` counts.
    assert (walk.lookups, walk.faults, walk.void) == (9, [], [])
    assert ("never.fish", "TXT") not in names.asked


def test_redirect_counts_only_without_all(names, resolver):
    names.txt("a.fish", "v=spf1 redirect=b.fish mx ~all")
    names.put("a.fish", "MX", "10 mx.fish.")
    assert spf.walk("a.fish", resolver).lookups == 1


def test_words_without_an_answer_are_void(names, resolver):
    names.txt("a.fish", "v=spf1 a:gone.fish mx:gone.fish exists:gone.fish a:here.fish a:%{i}.gone.fish ~all")
    names.put("here.fish", "AAAA", "2001:db8::1")
    walk = spf.walk("a.fish", resolver)
    assert walk.void == ["a:gone.fish", "mx:gone.fish", "exists:gone.fish"]
    assert walk.lookups == 5


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"a.fish": ["v=spf1 -all", "v=spf1 mx -all"]}, ["SPF-SEVERAL"]),
        ({"a.fish": ["v=spf1 include:b.fish -all"], "b.fish": ["v=spf1 -all", "v=spf1 ~all"]}, ["SPF-SEVERAL"]),
        ({"a.fish": ["v=spf1 include:b.fish -all"], "b.fish": ["hello"]}, ["SPF-INCLUDE"]),
        ({"a.fish": ["v=spf1 include:gone.fish -all"]}, ["SPF-INCLUDE"]),
        ({"a.fish": ["v=spf1 include:A.fish. -all"]}, ["SPF-INCLUDE"]),
        ({"a.fish": ["v=spf1 include:b.fish"], "b.fish": ["v=spf1 redirect=a.fish"]}, ["SPF-INCLUDE"]),
        ({"a.fish": ["v=spf1 include:b.fish -all"], "b.fish": ["v=spf1 ip4:nonsense"]}, ["SPF-SYNTAX"]),
    ],
)
def test_faults_of_what_is_included_are_the_record_s(records, expected, names, resolver):
    for name, texts in records.items():
        names.txt(name, *texts)
    assert kinds(spf.walk("a.fish", resolver)) == expected


def test_a_thousand_includes_end_soon(names, resolver):
    names.txt("a.fish", "v=spf1 " + " ".join(f"include:i{number}.fish" for number in range(199)) + " -all")
    for number in range(199):
        names.txt(f"i{number}.fish", "v=spf1 " + " ".join(f"include:i{each}.fish" for each in range(199)) + " -all")
    walk = spf.walk("a.fish", resolver)
    assert walk.endless
    assert len(names.asked) <= 100
    assert lets_send("a.fish", "203.0.113.1", Resolver(names.address, seconds=10)) is False
    assert len(names.asked) <= 200


def test_more_than_ten_mail_servers_are_a_fault(names, resolver):
    names.txt("a.fish", "v=spf1 mx -all")
    names.put("a.fish", "MX", *(f"{number} mx{number}.fish." for number in range(11)))
    assert kinds(spf.walk("a.fish", resolver)) == ["SPF-LOOKUPS"]


def test_a_server_that_fails_makes_nothing_missing(names, resolver):
    names.txt("a.fish", "v=spf1 include:ill.fish a:ill.fish -all")
    names.fails.add("ill.fish")
    walk = spf.walk("a.fish", resolver)
    assert (walk.faults, walk.void, walk.unknown) == ([], [], True)
    names.fails.add("b.fish")
    assert spf.walk("b.fish", resolver).terms is None


@pytest.fixture
def published(names):
    names.txt("a.fish", "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8::/32 include:b.fish ?a:host.fish -mx ~all")
    names.txt("b.fish", "v=spf1 -ip4:198.51.100.1 a:host.fish/30 -all")
    names.put("host.fish", "A", "192.0.2.4")
    names.put("host.fish", "AAAA", "2001:db9::4")
    names.put("a.fish", "MX", "10 mx.fish.")
    names.put("mx.fish", "A", "192.0.2.40")
    return names


@pytest.mark.parametrize(
    ("address", "passes"),
    [
        ("203.0.113.77", True),
        ("2001:db8::77", True),
        ("192.0.2.6", True),
        ("2001:db9::4", True),
        ("198.51.100.1", False),
        ("192.0.2.40", False),
        ("192.0.2.99", False),
        ("2001:dba::1", False),
    ],
)
def test_an_address_passes_by_the_first_word_that_fits(address, passes, published, resolver):  # noqa: ARG001
    assert lets_send("a.fish", address, resolver) is passes


def test_macros_and_failures_are_not_guessed(names, resolver):
    names.txt("a.fish", "v=spf1 exists:%{i}.list.fish -all")
    names.txt("b.fish", "v=spf1 ip4:203.0.113.1 a:ill.fish -all")
    names.fails.add("ill.fish")
    assert lets_send("a.fish", "203.0.113.1", resolver) is None
    assert lets_send("b.fish", "203.0.113.1", resolver) is True
    assert lets_send("b.fish", "203.0.113.2", resolver) is None
    assert lets_send("gone.fish", "203.0.113.2", resolver) is False
