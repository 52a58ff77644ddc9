from __future__ import annotations

import time

import pytest

from newsletter.rehearsal.preview import LONGEST_HTML, Theme, framed, one_click, origin
from newsletter.rehearsal.reading import Reading

DARK_RULE = "<style>@media (prefers-color-scheme: dark) { p { color: #ffffff } }</style>"
LIGHT_RULE = "<style>@media screen and ( PREFERS-color-scheme:light ) { p { color: #000000 } }</style>"


def test_a_theme_answers_the_style_sheets_questions() -> None:
    dark, light = (framed(f"<head>{DARK_RULE}{LIGHT_RULE}</head>", theme, {}) for theme in (Theme.DARK, Theme.LIGHT))
    assert "@media (min-width:0px) { p { color: #ffffff" in dark
    assert "@media screen and (max-width:0px) { p { color: #000000" in dark
    assert "@media (max-width:0px) { p { color: #ffffff" in light
    assert "@media screen and (min-width:0px) { p { color: #000000" in light


def test_what_a_message_says_about_colour_schemes_stays() -> None:
    said = "<p>We use (prefers-color-scheme: dark) now.</p>"
    assert said in framed(f"{DARK_RULE}{said}{DARK_RULE}", Theme.DARK, {})


def test_links_open_in_a_new_tab_and_the_doctype_stays_first() -> None:
    html = "<!doctype html><html><head lang=en><title>x</title></head>"
    shown = framed(html, Theme.LIGHT, {})
    assert shown.startswith('<!doctype html><html><head lang=en><base target="_blank">')
    assert framed("<p>bare", Theme.LIGHT, {}).startswith('<base target="_blank">')
    assert framed("<!DOCTYPE html><p>x", Theme.DARK, {}).startswith('<!DOCTYPE html><base target="_blank">')


def test_own_images_come_from_the_message() -> None:
    images = {"a@b": "/messages/1/parts/2"}
    html = (
        """<img src="cid:a@b"><td background='cid:a@b' style="background:url(cid:a@b)"><img src=cid:none><p>cid:a@b"""
    )
    shown = framed(html, Theme.LIGHT, images)
    assert shown.count("/messages/1/parts/2") == 3
    assert "src=cid:none" in shown
    assert "<p>cid:a@b" in shown


@pytest.mark.parametrize(
    "unit", ["<style", "<style>", "<head ", "<!doctype", "(prefers-color-scheme", "cid:", "</style"]
)
def test_endless_html_costs_little(unit: str) -> None:
    began = time.perf_counter()
    framed(unit * (LONGEST_HTML // len(unit)), Theme.DARK, {})
    assert time.perf_counter() - began < 3


def reading(link: str, post: str = "List-Unsubscribe=One-Click") -> Reading:
    return Reading(headers=(("List-Unsubscribe", link), ("list-unsubscribe-post", post)))


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8025/leave/x", "HTTP://LOCALHOST:8025/leave/x"],
)
def test_one_click_is_offered_for_the_newsrooms_own_page(url: str) -> None:
    assert one_click(reading(f"<mailto:out@harbour.example>, <{url}>"), "http://localhost:8025").url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8026/leave/x",
        "https://localhost:8025/leave/x",
        "http://localhost:8025@evil.example/",
        "http://localhost:8025\\@evil.example/",
        "http://evil.example/http://localhost:8025/",
        "http://localhost.evil.example:8025/",
        "http://localhost:8025:80/",
        "http://localhost:99999/",
        "http://[::1/",
        "http:///localhost:8025/",
        "http://loc\talhost:8025/",
        "javascript:alert(1)",
        "//localhost:8025/",
        "",
    ],
)
def test_one_click_is_refused_for_any_other_page(url: str) -> None:
    found = one_click(reading(f"<{url}>"), "http://localhost:8025")
    assert found.url == ""
    assert found.refusal


def test_one_click_needs_both_headers() -> None:
    url = "<http://localhost:8025/leave/x>"
    assert "List-Unsubscribe-Post" in one_click(reading(url, post="yes"), "http://localhost:8025").refusal
    assert "no List-Unsubscribe header" in one_click(Reading(), "http://localhost:8025").refusal


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://harbour.example/news", "https://harbour.example"),
        ("http://harbour.example:80", "http://harbour.example"),
        ("http://[::1]:8025/", "http://[::1]:8025"),
        ("ftp://harbour.example", ""),
        ("https://a b", ""),
    ],
)
def test_the_origin_of_a_url(url: str, shown: str) -> None:
    assert origin(url) == shown
