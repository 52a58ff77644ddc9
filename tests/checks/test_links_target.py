from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks.link_target import LONGEST_URL, RefusedError, read_target


@pytest.mark.parametrize(
    ("url", "asked"),
    {
        "https://news.co": "https://news.co/",
        "HTTPS://News.CO:443/A?b=c#d": "https://news.co/A?b=c",
        "http://news.co:8080/a b".replace(" ", "%20"): "http://news.co:8080/a%20b",
        "https://münchen.news/straße?ä=ö": "https://xn--mnchen-3ya.news/stra%C3%9Fe?%C3%A4=%C3%B6",
        "https://bücher。news/": "https://xn--bcher-kva.news/",
        "https://i❤.ws/": "https://xn--i-7iq.ws/",
        "https://news.co./": "https://news.co/",
        "https://a_b.news.co/": "https://a_b.news.co/",
        "http://8.8.8.8/": "http://8.8.8.8/",
        "https://[2606:4700::1111]:8443/": "https://[2606:4700::1111]:8443/",
    }.items(),
)
def test_a_link_is_read_as_what_would_be_asked(url: str, asked: str) -> None:
    assert read_target(url).url == asked


@pytest.mark.parametrize(
    ("url", "reason"),
    {
        "http://127.0.0.1/": "loopback",
        "http://2130706433/": "loopback",
        "http://0177.0.0.1/": "loopback",
        "http://0x7f.1/": "loopback",
        "http://127.1/": "loopback",
        "http://１２７.０.０.１/": "loopback",
        "http://127。0。0。1/": "loopback",
        "http://①②⑦.0.0.1/": "loopback",
        "http://0/": "this network",
        "http://[::1]/": "loopback",
        "http://[::]/": "unspecified",
        "http://[::ffff:10.0.0.1]/": "IPv4-mapped",
        "http://[::ffff:a00:1]/": "IPv4-mapped",
        "http://[fe80::1%25eth0]/": "link-local",
        "http://[64:ff9b::a9fe:a9fe]/": "NAT64",
        "http://[v1.fe80::1]/": "no valid",
        "http://169.254.169.254/latest/meta-data/": "link-local",
        "http://134744072/": "8.8.8.8 in disguise",
        "http://8.8.8.08/": "neither a name nor an address",
        "http://%31%32%37.0.0.1/": "neither a name nor an address",
        "http://%6cocalhost/": "no full host name",
        "http://localhost:8080/": "own machine",
        "http://printer.local/": "one network only",
        "http://wiki.corp.internal/": "one network only",
        "http://intranet/": "no full host name",
        "http:///path": "no full host name",
        "http://a..co/": "no full host name",
        "https://editor:secret@news.co/": "user name",
        "https://news.co@10.0.0.1/": "user name",
        "https://news.co:22/": "port 22",
        "https://news.co:0/": "port 0",
        "https://news.co:99999/": "no valid URL",
        "https://[::1/": "no valid URL",
        "https://news.co\\@10.0.0.1/": "backslashes",
        "https://news.co/a b": "spaces",
        "https://news.co/\r\nHost: x": "spaces",
        "https://news.co/" + "a" * LONGEST_URL: "longer than",
        "mailto:desk@news.co": "no http or https",
        "ftp://news.co/": "no http or https",
        "javascript:alert(1)": "no http or https",
        "file://news.co/share": "no http or https",
        "/relative": "no http or https",
        "": "no http or https",
    }.items(),
)
def test_what_must_not_be_asked_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        read_target(url)


@pytest.mark.parametrize(
    "host", ["a.example", "example.org", "www.example.com", "a.b.test", "x.invalid", "a.localhost"]
)
def test_names_for_examples_are_marked(host: str) -> None:
    assert read_target(f"https://{host}/").reserved
    assert not read_target(f"https://{host}x.co/").reserved
    assert not read_target(f"https://my{host.replace('.', '-')}.co/").reserved


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://[", "https://a.co/"]))
def test_any_text_is_read_or_refused(text: str, before: str) -> None:
    try:
        target = read_target(before + text)
    except RefusedError:
        return
    assert target.url.isascii()
    assert not set(target.url) & set(' \r\n\t\\"<>')
    assert read_target(target.url) == target
