"""DMARC: whose record counts, and which domains count as one, by walking up the tree (RFC 9989, section 4.10)."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.doctor import dmarc
from newsletter.errors import InputError


@pytest.mark.parametrize(
    ("domain", "asked"),
    [
        ("a.fish", ["a.fish", "fish"]),
        ("news.a.fish", ["news.a.fish", "a.fish", "fish"]),
        # The example of RFC 9989: of a long name, the last seven labels follow the whole.
        (
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            [
                "a.b.c.d.e.f.g.h.i.j.mail.example.com",
                *("g.h.i.j.mail.example.com", "h.i.j.mail.example.com", "i.j.mail.example.com", "j.mail.example.com"),
                *("mail.example.com", "example.com", "com"),
            ],
        ),
    ],
)
def test_at_most_eight_names_are_asked_for(domain, asked):
    assert dmarc.names_above(domain) == asked


@pytest.mark.parametrize(
    ("records", "organization", "counts"),
    [
        ({}, "x.news.a.fish", None),
        ({"a.fish": "p=reject"}, "a.fish", "a.fish"),
        ({"news.a.fish": "p=none", "a.fish": "p=reject"}, "a.fish", "a.fish"),
        ({"x.news.a.fish": "p=none", "a.fish": "p=reject"}, "a.fish", "x.news.a.fish"),
        ({"news.a.fish": "p=none; psd=n", "a.fish": "p=reject"}, "news.a.fish", "news.a.fish"),
        ({"fish": "p=reject; psd=y"}, "a.fish", "fish"),
        ({"a.fish": "p=none", "fish": "p=reject; psd=y"}, "a.fish", "a.fish"),
        ({"a.fish": "p=none; psd=y"}, "news.a.fish", "a.fish"),
    ],
)
def test_the_organizational_domain_is_found_by_walking_up(records, organization, counts, names, resolver):
    for name, text in records.items():
        names.txt(f"_dmarc.{name}", f"v=DMARC1; {text}")
    walked = dmarc.walk("x.news.a.fish", resolver)
    assert walked.organization == organization
    assert (walked.record.domain if walked.record else None) == counts


@pytest.fixture
def asking(names, resolver):
    return names, resolver


@pytest.mark.parametrize(
    ("one", "other", "strict", "expected"),
    [
        ("a.fish", "a.fish", True, True),
        ("news.a.fish", "a.fish", True, False),
        ("news.a.fish", "a.fish", False, True),
        ("news.a.fish", "mail.a.fish", False, True),
        ("b.fish", "a.fish", False, False),
        ("a.fish.b.fish", "a.fish", False, False),
    ],
)
def test_domains_align_when_they_are_of_one_organization(one, other, strict, expected, asking):
    names, resolver = asking
    names.txt("_dmarc.a.fish", "v=DMARC1; p=none")
    names.txt("_dmarc.b.fish", "v=DMARC1; p=none")
    assert dmarc.aligned(one, other, strict=strict, resolver=resolver) is expected


def test_two_records_count_as_none(names, resolver):
    names.txt("_dmarc.a.fish", "v=DMARC1; p=none", "v=DMARC1; p=reject", "something else")
    walked = dmarc.walk("a.fish", resolver)
    assert (walked.several, walked.record) == (("a.fish",), None)


def test_a_failing_server_makes_nothing_missing(names, resolver):
    names.fails.add("_dmarc.a.fish")
    assert dmarc.walk("a.fish", resolver).unknown


def test_the_tags_are_read():
    text = "v=DMARC1;p=Reject ; sp=none; aspf=s; adkim=r; pct=50; rua=mailto:a@x.fish!10m, mailto:b@y.fish;t=y"
    record = dmarc.read("a.fish", text)
    assert (record.policy_for("a.fish"), record.policy_for("news.a.fish")) == ("reject", "none")
    assert (record.strict_spf, record.strict_dkim, record.share, record.testing) == (True, False, "50", True)
    assert record.reports == ("mailto:a@x.fish!10m", "mailto:b@y.fish")


@pytest.mark.parametrize("text", ["v=DMARC1", "v=DMARC1; rua=mailto:a@x.fish", "v=DMARC1; p=nix; rua=mailto:a@x.fish"])
def test_without_a_policy_the_record_only_watches(text):
    assert dmarc.read("a.fish", text).policy == "none"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("v=DMARC2; p=none", "does not begin"),
        ("p=none; v=DMARC1", "does not begin"),
        ("v=DMARC1; p=nix", "none of none, quarantine, reject"),
        ("v=DMARC1; p=none; aspf=strict", "aspf=strict is neither"),
        ("v=DMARC1; p=none; p=reject", "twice"),
        ("v=DMARC1; p=none; reject", "is no tag"),
        ("v=DMARC1 p=none", "does not begin"),
        (r"v=DMARC1; p=none; rua=\xe4", "beyond ASCII"),
    ],
)
def test_records_that_count_as_none_say_why(text, fault):
    with pytest.raises(InputError) as caught:
        dmarc.read("a.fish", text)
    assert fault in caught.value.what


@given(st.text(max_size=100))
def test_whatever_stands_there_is_read_or_refused(text):
    for record in (text, f"v=DMARC1; {text}"):
        with suppress(InputError):
            dmarc.read("a.fish", record)
