"""SPF records are read as RFC 7208 writes them, and faulty words are named."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.doctor import spf_record
from newsletter.errors import InputError


@pytest.mark.parametrize(
    ("text", "is_record", "is_nearly"),
    [
        ("v=spf1 -all", True, False),
        ("V=SPF1 -ALL", True, False),
        ("v=spf1", True, False),
        ("v=spf10 -all", False, False),
        ("v=spf1-all", False, True),
        ("v=spf1,include:a.fish", False, True),
        (" v=spf1 -all", False, True),
        ('"v=spf1 -all"', False, True),
        ("spf1 -all", False, True),
        ("spf2.0/pra -all", False, False),
        ("google-site-verification=spf1", False, False),
    ],
)
def test_records_are_told_from_what_is_nearly_one(text, is_record, is_nearly):
    assert spf_record.is_record(text) == is_record
    assert spf_record.is_nearly(text) == is_nearly


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("v=spf1", []),
        ("v=spf1 -all", ["all"]),
        ("v=spf1 mx a ?ptr ~all", ["mx", "a", "ptr", "all"]),
        ("v=spf1  ip4:203.0.113.0/24   ip6:2001:db8::/32 ip4:203.0.113.7 -all ", ["ip4", "ip6", "ip4", "all"]),
        ("v=spf1 a:mail.fish/24//64 mx/28 mx//120 a:_spf.mail.fish", ["a", "mx", "mx", "a"]),
        ("v=spf1 include:_spf.relay.fish exists:%{i}._spf.%{d2} redirect=%{d}", ["include", "exists", "redirect"]),
        ("v=spf1 exp=why.%{d} unknown=any:thing/%%here -all", ["exp", "unknown", "all"]),
        ("v=spf1 INCLUDE:Relay.Fish. +ALL", ["include", "all"]),
    ],
)
def test_good_records_are_read(text, names):
    assert [term.name for term in spf_record.read(text)] == names


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("ip4:203.0.113.0/33", "is no IP network"),
        ("ip4:2001:db8::1", "is no IPv4 network"),
        ("ip6:203.0.113.1", "is no IPv6 network"),
        ("ip4", "is no IP network"),
        ("ip4:", "is no IP network"),
        ("ipv4:203.0.113.1", "is no word of SPF"),
        ("203.0.113.1", "is no word of SPF"),
        ("include", "names no domain"),
        ("include:", "names no domain"),
        ("include:relay", "names no domain"),
        ("include:https://relay.fish", "names no domain"),
        ("include=relay.fish:x", None),
        ("exists:%{x}.fish", "has a macro that cannot be read"),
        ("a/33", "has a prefix that cannot be"),
        ("mx//129", "has a prefix that cannot be"),
        ("all:relay.fish", "has more behind `all`"),
        ("-all;", "cannot be read"),
        ("--all", "is no word of SPF"),
        ("“-all”", "beyond ASCII"),
        (r"\xe2-all", "beyond ASCII"),
    ],
)
def test_faulty_words_are_named(word, fault):
    if fault is None:
        assert spf_record.read(f"v=spf1 {word} -all")[0].name == "include"
        return
    with pytest.raises(InputError) as caught:
        spf_record.read(f"v=spf1 mx {word} -all")
    assert fault in caught.value.what


def test_redirect_may_stand_there_once():
    with pytest.raises(InputError, match="redirect= stands there twice"):
        spf_record.read("v=spf1 redirect=a.fish redirect=b.fish")


def test_a_record_of_a_thousand_words_is_refused():
    with pytest.raises(InputError, match="1001 words"):
        spf_record.read("v=spf1 " + "mx " * 1000 + "-all")


@given(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(["a", "mx", "ip4:", "ip6:", "include:", "all", "%{", "}", ":/", "//", "-", "~", "=", "é"])
    ),
)
def test_whatever_stands_there_is_read_or_refused(text, parts):
    for record in (f"v=spf1 {text}", "v=spf1 " + " ".join(parts), "v=spf1 " + "".join(parts)):
        with suppress(InputError):
            spf_record.read(record)
