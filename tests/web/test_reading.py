from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert, update

from newsletter.audience import lists
from newsletter.issues.model import Issue
from newsletter.publishing import mailings
from newsletter.rendering import Edition, render
from newsletter.store import Store
from newsletter.store.tables import mailing
from newsletter.web.app import create_app
from newsletter.web.public.past import MOST_SEARCHES, Archive, NotReadyError, wanted_words
from newsletter.web.public.reading import add_reading
from newsletter.web.public.site import Site

if TYPE_CHECKING:
    from conftest import Ask, Room

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 11, tzinfo=UTC)
SLUG = "2026-11-24-night-ferry"


def send(room: Room, edition: Edition, slug: str, day: date, *, list_name: str = "daily", **values: Any) -> int:
    """A mailing whose first wave has gone out."""
    order = mailings.Order(
        issue=slug,
        edition=edition,
        target=lists.require(room.app.store, list_name),
        local_date=day,
        not_later_than=NOW + timedelta(hours=6),
        actor="test",
    )
    made = mailings.create(room.app.store, order, now=NOW)
    change(room, made.id, **{"started_at": NOW, "status": "sending", **values})
    return made.id


def change(room: Room, number: int, **values: Any) -> None:
    with room.app.store.writing() as connection:
        connection.execute(update(mailing).where(mailing.c.id == number).values(**values))


def start(room: Room) -> None:
    change(room, room.mailing, started_at=NOW, status="sending")


@pytest.mark.parametrize(
    "held",
    [
        {"status": "scheduled", "started_at": None},
        {
            "status": "scheduled",
            "started_at": None,
            "due_at": NOW - timedelta(hours=1),
            "zone": "UTC",
            "hour": "10:00",
            "late_limit": 1,
        },
        {"status": "paused", "started_at": None},
        {"status": "sending", "started_at": NOW + timedelta(seconds=1)},
        {"status": "cancelled", "started_at": NOW},
        {"status": "cancelled", "started_at": None},
        {"status": "sending", "started_at": NOW, "filter": "tag:donor"},
    ],
)
def test_nothing_of_an_issue_is_public_before_its_first_wave_or_if_it_is_not_for_everybody(
    room: Room, web: httpx.Client, held: dict[str, Any]
) -> None:
    change(room, room.mailing, **held)
    for path in ("/", "/archive", "/archive?q=ferry", "/feed.xml", "/feed.atom", "/feed.json"):
        answer = web.get(path)
        assert answer.status_code == 200
        assert "night-ferry" not in answer.text
        assert "ferry come back" not in answer.text
    assert web.get(f"/archive/{SLUG}").status_code == 404
    start(room)
    change(room, room.mailing, filter="")
    for path in ("/", "/archive", f"/archive/{SLUG}", "/feed.xml", "/feed.atom", "/feed.json"):
        assert "Should the night ferry come back?" in web.get(path).text


def test_lists_that_are_not_public_stay_among_their_readers(room: Room, ask: Ask) -> None:
    start(room)
    known = room.app.settings.lists
    hidden = {**known, "daily": known["daily"].model_copy(update={"public": False})}
    app = replace(room.app, settings=room.app.settings.model_copy(update={"lists": hidden}))
    with ask(create_app(app)) as web:
        assert "night-ferry" not in web.get("/").text
        assert web.get(f"/archive/{SLUG}").status_code == 404
        assert web.post("/join", data={"email": "bo@example.org", "list": "daily"}).status_code == 400


def test_home_has_the_last_issue_its_date_and_one_field(room: Room, web: httpx.Client) -> None:
    start(room)
    home = web.get("/").text
    assert home.count('type="email"') == 1
    assert "Tuesday 24 November 2026" in home
    assert f'href="/archive/{SLUG}"' in home
    assert "x-robots-tag" in web.get("/").headers
    assert web.get("/").headers["x-robots-tag"] == "all"
    assert "noindex" not in home


def test_an_archived_issue_has_no_way_to_anybodys_own_pages(room: Room, web: httpx.Client) -> None:
    start(room)
    answer = web.get(f"/archive/{SLUG}")
    assert "earned by daylight" in answer.text
    links = set(re.findall(r'href="([^"]+)"', answer.text))
    assert not [link for link in links if "/leave" in link or "/view" in link or "/preferences" in link]
    for secret in (room.leave, room.track, "ada@", "Ada"):
        assert secret not in answer.text


def test_the_archives_policy_lets_one_style_through_and_no_script(room: Room, web: httpx.Client) -> None:
    start(room)
    answer = web.get(f"/archive/{SLUG}")
    policy = answer.headers["content-security-policy"]
    assert re.search(r"style-src 'self' 'sha256-[A-Za-z0-9+/]{43}='", policy)
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert " style=" not in answer.text
    assert answer.text.count("<style>") == 1


def test_issues_follow_one_another(room: Room, web: httpx.Client, issue: Issue) -> None:
    start(room)
    for number in (25, 26):
        later = replace(
            issue, slug=f"2026-11-{number}-later", title=f"Later & <b>{number}</b>", date=date(2026, 11, number)
        )
        send(room, render(later, room.app.settings.model_copy(update={"root": REPOSITORY})), later.slug, later.date)
    middle = web.get("/archive/2026-11-25-later").text
    assert re.search(r'rel="prev"[^>]*><span>Previous issue</span>Should the night ferry', middle)
    assert re.search(r'rel="next"[^>]*><span>Next issue</span>Later &amp; &lt;b&gt;26&lt;/b&gt;', middle)
    first, last = web.get(f"/archive/{SLUG}").text, web.get("/archive/2026-11-26-later").text
    assert 'rel="prev"' not in first
    assert 'rel="next"' not in last
    listed = web.get("/archive").text
    assert listed.index("2026-11-26-later") < listed.index("2026-11-25-later") < listed.index(SLUG)


def test_a_corrected_issue_says_so_and_is_read_as_corrected(room: Room, web: httpx.Client, issue: Issue) -> None:
    start(room)
    assert "was corrected" not in web.get(f"/archive/{SLUG}").text
    mended = replace(issue, sections=(replace(issue.sections[0], stance="The town works by day."),))
    edition = render(mended, room.app.settings.model_copy(update={"root": REPOSITORY}))
    with room.app.store.writing() as connection:
        digest = mailings.freeze(connection, edition, issue=SLUG, now=NOW)
        row = {
            "list_id": room.daily,
            "local_date": date(2026, 11, 25),
            "kind": "correction",
            "issue": SLUG,
            "edition_digest": digest,
            "status": "finished",
            "not_later_than": NOW,
            "excluded": {},
            "created_at": NOW,
            "started_at": NOW,
        }
        connection.execute(insert(mailing).values(row))
    shown = web.get(f"/archive/{SLUG}").text
    assert "was corrected on 24 November 2026" in shown
    assert "works by day" in shown
    assert "works at night" not in shown
    assert "corrected" in web.get("/archive").text
    assert web.get("/archive").text.count(f"/archive/{SLUG}") == 1


def test_search_finds_all_words_whatever_their_case_and_accents(room: Room, web: httpx.Client) -> None:
    start(room)
    for words, found in (
        ("ferry", True),
        ("FERRY Daylight", True),
        ("lantérn", True),
        ("ferry zeppelin", False),
        ("unsubscribe", False),
        ("%", False),
    ):
        shown = web.get("/archive", params={"q": words}).text
        assert (SLUG in shown) is found, words
        assert 'role="status"' in shown


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", '"><img src=x>', "a&b", "\x00\x1f", "é" * 100])
def test_what_was_searched_for_is_shown_only_as_text(web: httpx.Client, words: str) -> None:
    answer = web.get("/archive", params={"q": words})
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_pages_that_are_none_are_not_found(room: Room, web: httpx.Client) -> None:
    start(room)
    for query in ("page=0", "page=-1", "page=x", "page=99999999999", f"q={'a' * 101}"):
        assert web.get(f"/archive?{query}").status_code == 400
    assert web.get("/archive?page=2").status_code == 404


def test_pages_speak_the_browsers_language_and_the_issue_its_own(room: Room, web: httpx.Client) -> None:
    start(room)
    answer = web.get(f"/archive/{SLUG}", headers={"Accept-Language": "de-AT"})
    assert '<html lang="de" dir="ltr">' in answer.text
    assert "Alle Ausgaben" in answer.text
    assert 'class="issue" lang="en"' in answer.text
    assert "Accept-Language" in answer.headers["vary"]
    assert "24. November 2026" in web.get("/", headers={"Accept-Language": "de"}).text


def test_while_all_issues_are_read_who_searches_is_asked_to_come_back(room: Room, ask: Ask) -> None:
    start(room)
    app = create_app(room.app)
    held = Archive(room.app.store, ["daily"])
    with held._reading_all, pytest.raises(NotReadyError):
        held.warm(now=NOW)
    app.state.warm().join(30)
    with ask(app) as web:
        assert SLUG in web.get("/archive?q=ferry").text


def test_a_search_that_has_to_wait_says_when_to_come_back(room: Room, ask: Ask) -> None:
    start(room)
    site = Site(room.app)
    app = FastAPI()
    add_reading(app, site)
    with ask(app) as web, site.archive._reading_all:
        answer = web.get("/archive?q=ferry")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert web.get("/archive").status_code == 200


def test_only_so_many_search_at_a_time_and_the_others_are_told_when_to_come_back(room: Room, ask: Ask) -> None:
    start(room)
    site = Site(room.app)
    app = FastAPI()
    add_reading(app, site)
    with ask(app) as web, ExitStack() as searching:
        for _ in range(MOST_SEARCHES):
            assert web.get("/archive?q=ferry").status_code == 200
            searching.enter_context(site.archive._searching)
        answer = web.get("/archive?q=ferry")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert web.get("/archive").status_code == 200


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", []),
        ("Ferry", ["ferry"]),
        ("a ferry ferry FERRY err", ["ferry", "a"]),
        ("night ferries, at  night", ["ferries,", "night", "at"]),
        ("lder " * 20, ["lder"]),
    ],
)
def test_a_word_is_looked_for_once_and_parts_of_others_not_at_all(typed: str, wanted: list[str]) -> None:
    assert wanted_words(typed) == wanted


def test_the_archive_is_the_same_on_either_database(database: Store, edition: Edition, issue: Issue) -> None:
    target = lists.ensure(database, "daily", title="The Daily", clock=lambda: NOW)
    order = mailings.Order(
        issue=issue.slug, edition=edition, target=target, local_date=issue.date, not_later_than=NOW, actor="test"
    )
    archive = Archive(database, ["daily"])
    made = mailings.create(database, order, now=NOW)
    assert archive.issues(now=NOW) == ()
    mailings.move(database, made, made.start(NOW))
    for words in ("", "ferry"):
        found = archive.page(now=NOW, words=words)
        assert (found.total, found.issues[0][0].slug, found.issues[0][0].day) == (1, issue.slug, issue.date)
    assert archive.page(now=NOW, words="zeppelin").total == 0
    assert archive.issues(now=NOW - timedelta(seconds=1)) == ()
