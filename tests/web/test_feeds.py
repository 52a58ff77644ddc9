"""The feeds, judged by a reader of feeds, by the JSON Feed's schema, and by the grammar of RFC 4287 for what it requires."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import feedparser
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html
from sqlalchemy import update

from newsletter.app import App
from newsletter.store.tables import mailing
from newsletter.web.app import create_app
from newsletter.web.public.feed_forms import Entry, Feed, atom, json_feed, rss

if TYPE_CHECKING:
    from conftest import Ask, Room

NOW = datetime(2026, 11, 24, 11, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
JUDGES = ROOT / "tests" / "judges"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PATHS = ("/feed.xml", "/feed.atom", "/feed.json")
ENTRY = Entry(
    url="https://letters.example/archive/one",
    title="A <b>title</b> & more ]]> “quoted”",
    summary="What it is about: 1 < 2",
    html='<h1>A title</h1> <p>“A ferry…” <a href="https://lantern.example/?a=1&amp;b=2">The Lantern</a></p>',
    language="en",
    published=NOW,
    updated=NOW,
)
FEED = Feed(
    title="The Harbour Letter & Co",
    language="en",
    home="https://letters.example/",
    own="https://letters.example/feed",
    icon="https://letters.example/icon.svg",
    entries=(ENTRY, replace(ENTRY, url="https://letters.example/archive/zero", summary="", language="de")),
)


@pytest.fixture
def started(room: Room) -> Room:
    with room.app.store.writing() as connection:
        connection.execute(update(mailing).values(started_at=NOW, status="sending"))
    return room


@pytest.mark.parametrize("form", [rss, atom])
@pytest.mark.parametrize("entries", [(), FEED.entries])
def test_a_reader_of_feeds_finds_nothing_to_mend(form: type[rss], entries: tuple[Entry, ...]) -> None:
    read = feedparser.parse(form(replace(FEED, entries=entries)), sanitize_html=False)
    assert not read.bozo, read.get("bozo_exception")
    assert read.version in {"rss20", "atom10"}
    assert read.feed.title == "The Harbour Letter & Co"
    assert read.feed.language == "en"
    assert len(read.entries) == len(entries)
    if entries:
        first = read.entries[0]
        assert first.title == ENTRY.title
        assert first.link == first.id == ENTRY.url
        assert first.content[0].value == ENTRY.html
        assert first.summary == ENTRY.summary
        assert first.published_parsed[:6] == (2026, 11, 24, 11, 0, 0)


def test_atom_has_what_its_grammar_requires() -> None:
    ns = {"a": "http://www.w3.org/2005/Atom"}
    root = etree.fromstring(atom(FEED))
    grammar = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))
    assert grammar.validate(root), grammar.error_log
    ids = [element.text for element in root.findall(".//a:id", ns)]
    assert len(ids) == len(set(ids))


@pytest.mark.outside
@pytest.mark.parametrize("entries", [(), FEED.entries])
def test_the_json_feed_keeps_to_the_schema(node: Path, entries: tuple[Entry, ...]) -> None:
    content = json_feed(replace(FEED, entries=entries))
    ran = subprocess.run([node, JUDGES / "feed.mjs"], input=content, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    assert json.loads(ran.stdout) == []


def test_the_three_feeds_tell_the_same(started: Room, web: httpx.Client) -> None:
    told = []
    for path in PATHS[:2]:
        read = feedparser.parse(web.get(path).content)
        assert not read.bozo
        told.append([(one.link, one.title) for one in read.entries])
    items = json.loads(web.get("/feed.json").content)["items"]
    told.append([(one["url"], one["title"]) for one in items])
    assert told[0] == told[1] == told[2]
    assert told[0][0] == ("http://localhost/archive/2026-11-24-night-ferry", "Should the night ferry come back?")
    assert "earned by daylight" in items[0]["content_html"]
    for secret in (started.leave, started.track, "ada@"):
        assert all(secret not in web.get(path).text for path in PATHS)


@pytest.mark.usefixtures("started")
def test_what_has_not_changed_is_not_sent_again(web: httpx.Client) -> None:
    for path in PATHS:
        first = web.get(path)
        again = web.get(path, headers={"If-None-Match": f'W/"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        since = web.get(path, headers={"If-Modified-Since": first.headers["last-modified"]})
        assert since.status_code == 304
        other = {"If-None-Match": '"other"', "If-Modified-Since": first.headers["last-modified"]}
        assert web.get(path, headers=other).status_code == 200
    kinds = [web.get(path).headers["content-type"].partition(";")[0] for path in PATHS]
    assert kinds == ["application/rss+xml", "application/atom+xml", "application/feed+json"]


def test_every_page_tells_programs_where_the_feeds_are(web: httpx.Client) -> None:
    links = lxml_html.fromstring(web.get("/").content).xpath('//link[@rel="alternate"]/@href')
    assert set(links) == set(PATHS)


def test_a_list_has_feeds_of_its_own(started: Room, web: httpx.Client) -> None:
    del started
    daily, weekly = (feedparser.parse(web.get(f"/feed/{name}.atom").content) for name in ("daily", "weekly"))
    assert [entry.link for entry in daily.entries] == ["http://localhost/archive/2026-11-24-night-ferry"]
    assert weekly.entries == []
    assert daily.feed.title.endswith(": The Daily")
    assert len({daily.feed.id, weekly.feed.id, feedparser.parse(web.get("/feed.atom").content).feed.id}) == 3
    assert len(feedparser.parse(web.get("/feed/daily.xml").content).entries) == 1
    assert web.get("/feed/daily.json").json()["feed_url"] == "http://localhost/feed/daily.json"
    first = web.get("/feed/daily.xml")
    assert web.get("/feed/daily.xml", headers={"If-None-Match": first.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("name", ["nothing", "daily%2F", "..", "%00"])
def test_what_is_no_public_list_has_no_feed(web: httpx.Client, name: str) -> None:
    assert web.get(f"/feed/{name}.xml").status_code in {400, 404}


def test_a_list_that_is_not_public_has_no_feed(started: Room, ask: Ask) -> None:
    settings = started.app.settings
    private = settings.lists["daily"].model_copy(update={"public": False})
    changed = settings.model_copy(update={"lists": {**settings.lists, "daily": private}})
    with App.open(changed, clock=started.app.clock) as app, ask(create_app(app)) as web:
        assert [web.get(f"/feed/daily.{form}").status_code for form in ("xml", "atom", "json")] == [404] * 3
        assert web.get("/feed/weekly.xml").status_code == 200


@given(text=st.text(max_size=60), day=st.dates(min_value=date(1971, 1, 1), max_value=date(2200, 1, 1)))
def test_no_text_breaks_a_feed(text: str, day: date) -> None:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    entry = replace(ENTRY, title=text, summary=text, html=text, published=at, updated=at)
    feed = replace(FEED, title=text, entries=(entry,))
    for form in (rss, atom):
        root = etree.fromstring(form(feed))
        titles = [element.text or "" for element in root.iter("{*}title")]
        assert titles == [_NOT_XML.sub("", text)] * 2
    assert json.loads(json_feed(feed))["title"] == text.encode("utf-8", "replace").decode()
