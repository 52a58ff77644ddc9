from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from newsletter.rendering.cleaning import clean, safe_link


@given(st.text(st.characters()))
def test_clean_text_fits_into_xml_on_one_line(text: str) -> None:
    cleaned = clean(text)
    element = etree.Element("p")
    element.text = cleaned
    assert len(cleaned.splitlines()) <= 1
    assert len(cleaned) <= len(text)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.example/x?a=1&b=2#c", "https://a.example/x?a=1&b=2#c"),
        ("http://münchen.example/straße?q=ä", "http://xn--mnchen-3ya.example/stra%C3%9Fe?q=%C3%A4"),
        ("mailto:desk@a.example", "mailto:desk@a.example"),
        (" https://a.example/%20 ", "https://a.example/%20"),
        ("javascript:alert(1)", None),
        ("JAVASCRIPT:alert(1)", None),
        ("data:text/html,x", None),
        ("//a.example", None),
        ("/relative", None),
        ("https://a.example/\r\nBcc: x", None),
        ('https://a.example/"onmouseover="x', None),
        ("https://", None),
        ("https://[::1", None),
        ("https://a.example:port/", None),
        ("", None),
        (None, None),
    ],
)
def test_only_web_and_mail_links_pass(url: str | None, kept: str | None) -> None:
    assert safe_link(url) == kept


@given(st.text())
def test_a_link_that_passes_is_plain_ascii(url: str) -> None:
    link = safe_link("https://a.example/" + url)
    assert link is None or (link.isascii() and link.isprintable() and " " not in link)
