from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from newsletter.audience import suppressions
from newsletter.audience.addresses import parse
from newsletter.audience.leaving import leave, reader, rejoin
from newsletter.store.statuses import ConsentWay, SuppressionReason
from newsletter.store.tables import mailing, subscription
from newsletter.tokens import INERT
from newsletter.web.app import create_app
from newsletter.web.guards import MOST_BYTES

if TYPE_CHECKING:
    from conftest import Ask, Room

NOW = datetime(2026, 11, 24, 11, tzinfo=UTC)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def test_one_click_unsubscribes_at_once_without_cookie_or_redirect(room: Room, web: httpx.Client) -> None:
    answer = web.post(f"/leave/{room.leave}", data=ONE_CLICK)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert room.statuses() == {room.daily: "unsubscribed", room.weekly: "subscribed"}
    assert room.audited() == ["subscription.leave"]


def test_one_click_as_multipart_form_works_too(room: Room, web: httpx.Client) -> None:
    answer = web.post(f"/leave/{room.leave}", files={"List-Unsubscribe": (None, "One-Click")})
    assert answer.status_code == 200
    assert room.statuses()[room.daily] == "unsubscribed"


def test_unsubscribing_twice_is_the_same_as_once(room: Room, web: httpx.Client) -> None:
    answers = [web.post(f"/leave/{room.leave}", data=ONE_CLICK) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].text == answers[1].text
    assert room.audited() == ["subscription.leave"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("page", ["view", "leave", "preferences"])
def test_the_links_of_a_test_mail_say_so_and_change_nothing(
    room: Room, web: httpx.Client, method: str, page: str
) -> None:
    before = room.statuses()
    answer = web.request(method, f"/{page}/{INERT}", data=ONE_CLICK if method == "POST" else None)
    assert answer.status_code == 200
    assert method == "HEAD" or "This is a test mail" in answer.text
    assert room.statuses() == before
    assert room.audited() == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_never_changes_anything(room: Room, web: httpx.Client, method: str) -> None:
    before = room.statuses()
    query = "List-Unsubscribe=One-Click&action=leave&list=daily"
    for path in (f"/leave/{room.leave}", f"/preferences/{room.leave}", f"/view/{room.track}", "/", "/healthz"):
        assert web.request(method, f"{path}?{query}").status_code == 200
    assert room.statuses() == before
    assert room.audited() == []


@pytest.mark.parametrize("data", [{}, {"List-Unsubscribe": "yes"}, {"action": "erase"}, {"action": "x" * 100}])
def test_a_post_that_asks_for_nothing_changes_nothing(room: Room, web: httpx.Client, data: dict[str, str]) -> None:
    answer = web.post(f"/leave/{room.leave}", data=data)
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert room.audited() == []


def test_the_page_asks_then_confirms_then_undoes(room: Room, web: httpx.Client) -> None:
    path = f"/leave/{room.leave}"
    asks = web.get(path).text
    assert "Unsubscribe?" in asks
    assert "a…@example.org" in asks
    assert "ada@example.org" not in asks
    assert re.findall(r'name="action" value="(\w+)"', asks) == ["leave", "pause"]
    left = web.post(path, data={"action": "leave"}).text
    assert "You are unsubscribed" in left
    assert f'action="{path}/undo"' in left
    assert "You have left already" in web.get(path).text
    assert "Welcome back" in web.post(f"{path}/undo").text
    assert room.statuses()[room.daily] == "subscribed"
    assert room.audited() == ["subscription.leave", "subscription.undo"]


def test_whoever_leaves_may_say_why_and_need_not(room: Room, web: httpx.Client) -> None:
    path = f"/leave/{room.leave}"
    web.post(path, data=ONE_CLICK)
    assert "Thank you" in web.post(f"{path}/reason", data={"reason": "often"}).text
    with room.app.store.reading() as connection:
        assert sorted(connection.execute(select(subscription.c.left_reason)).scalars().all()) == ["", "often"]
    for nonsense in ("", "x", "a" * 30):
        assert web.post(f"{path}/reason", data={"reason": nonsense}).status_code == 400


def test_undoing_is_over_after_a_day(room: Room, web: httpx.Client) -> None:
    leave(room.app.store, room.reader, room.daily, at=NOW - timedelta(days=1, seconds=1), how=ConsentWay.ONE_CLICK)
    answer = web.post(f"/leave/{room.leave}/undo")
    assert answer.status_code == 409
    assert "Too much time has passed" in answer.text
    assert room.statuses()[room.daily] == "unsubscribed"


def test_preferences_leave_and_take_up_any_list_of_the_reader(room: Room, web: httpx.Client) -> None:
    path = f"/preferences/{room.leave}"
    answer = web.post(path, data={"list": "weekly", "action": "leave"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=left&chosen=weekly")
    shown = web.get(answer.headers["location"]).text
    assert "You have left “The &lt;Weekly&gt; &amp; more”" in shown
    assert room.statuses() == {room.daily: "subscribed", room.weekly: "unsubscribed"}
    web.post(path, data={"list": "weekly", "action": "rejoin"})
    assert room.statuses()[room.weekly] == "subscribed"


@pytest.mark.parametrize(
    "data", [{}, {"list": "weekly"}, {"list": "nope", "action": "leave"}, {"list": "daily", "action": "erase"}]
)
def test_preferences_refuse_what_makes_no_sense(room: Room, web: httpx.Client, data: dict[str, str]) -> None:
    assert web.post(f"/preferences/{room.leave}", data=data).status_code == 400
    assert room.audited() == []


def test_who_is_suppressed_is_told_so_and_not_subscribed_again(room: Room, web: httpx.Client) -> None:
    suppressions.add(room.app.store, parse("ada@example.org"), SuppressionReason.COMPLAINT, clock=room.app.clock)
    web.post(f"/leave/{room.leave}", data=ONE_CLICK)
    for path, data in (
        (f"/leave/{room.leave}/undo", {}),
        (f"/preferences/{room.leave}", {"action": "rejoin", "list": "daily"}),
    ):
        answer = web.post(path, data=data)
        assert answer.status_code == 409
        # A forwarded link need not tell what was complained of.
        assert "stopped for good" in answer.text
    assert room.statuses()[room.daily] == "unsubscribed"


def test_the_own_copy_is_the_mail_with_the_readers_slots_filled(room: Room, web: httpx.Client) -> None:
    answer = web.get(f"/view/{room.track}")
    assert answer.status_code == 200
    assert answer.text.lower().count("<!doctype html>") == 1
    assert "earned by daylight" in answer.text
    assert room.leave in answer.text
    assert room.track in answer.text
    assert not re.search("slot[0-9a-f]{16}", answer.text)
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-scripts" not in answer.headers["content-security-policy"]
    assert answer.headers["x-robots-tag"] == "noindex"


def test_nothing_of_an_issue_is_shown_before_its_first_wave(room: Room, web: httpx.Client) -> None:
    with room.app.store.writing() as connection:
        reckoned = {"due_at": NOW, "zone": "UTC", "hour": "11:00", "late_limit": 3600}
        connection.execute(update(mailing).values(**reckoned, started_at=None, status="scheduled"))
    assert web.get(f"/view/{room.track}").status_code == 404
    # Held because it was found too late: not yet either.
    with room.app.store.writing() as connection:
        connection.execute(update(mailing).values(status="paused"))
    assert web.get(f"/view/{room.track}").status_code == 404
    with room.app.store.writing() as connection:
        connection.execute(update(mailing).values(status="sending", started_at=NOW))
    assert web.get(f"/view/{room.track}").status_code == 200


def test_an_own_copy_outlives_the_subscription(room: Room, web: httpx.Client) -> None:
    web.post(f"/leave/{room.leave}", data=ONE_CLICK)
    assert web.get(f"/view/{room.track}").status_code == 200


def test_every_answer_is_private(room: Room, web: httpx.Client) -> None:
    public = ("/", "/archive", "/feed.xml", "/robots.txt")
    own = (
        f"/leave/{room.leave}",
        f"/preferences/{room.leave}",
        f"/view/{room.track}",
        "/leave/x",
        "/nope",
        "/archive?q=x",
    )
    for path in (*public, *own):
        headers = web.get(path).headers
        assert headers["cache-control"] == ("public, max-age=60" if path in public else "no-store")
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert "set-cookie" not in headers
        assert "server" not in headers


def test_a_token_of_another_purpose_person_or_newsroom_is_a_page_that_helps(room: Room, web: httpx.Client) -> None:
    nobody = room.app.keys.leave(999, room.daily)
    elsewhere = room.app.keys.leave(room.reader, 999)
    forged = room.leave[:-1] + ("A" if room.leave[-1] != "A" else "B")
    for token in (room.track, nobody, elsewhere, forged, "x", "%00", "a" * 5000):
        for path, method in ((f"/leave/{token}", "POST"), (f"/leave/{token}", "GET"), (f"/preferences/{token}", "GET")):
            answer = web.request(method, path, data=ONE_CLICK if method == "POST" else None)
            assert answer.status_code == 404
            assert "copy it whole" in answer.text
    for token in (room.leave, room.app.keys.track(999, room.mailing), room.app.keys.track(room.reader, 999)):
        assert web.get(f"/view/{token}").status_code == 404
    assert room.audited() == []


def test_there_is_no_documentation_of_the_interface(web: httpx.Client) -> None:
    assert [web.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]


def test_health_asks_the_database(web: httpx.Client) -> None:
    assert web.get("/healthz").json() == {"status": "ok"}


def test_home_names_the_newsroom_and_its_lists(web: httpx.Client) -> None:
    home = web.get("/").text
    assert '<h1 class="name"><bdi>The Harbour Letter</bdi></h1>' in home
    assert "The &lt;Weekly&gt; &amp; more" in home
    assert "4 Quay Street" in home


def test_assets_are_found_under_names_that_never_change_content(web: httpx.Client) -> None:
    home = web.get("/").text
    for path in re.findall(r'(?:href|src)="(/assets/[^"]+)"', home):
        answer = web.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert web.get("/assets/style.css").status_code == 404
    assert web.get("/assets/..%2Fpages.py").status_code == 404


def test_a_body_that_is_too_long_is_refused_unread(room: Room, web: httpx.Client) -> None:
    answer = web.post(f"/leave/{room.leave}", content=b"List-Unsubscribe=One-Click&x=" + b"y" * MOST_BYTES)
    assert answer.status_code == 413
    assert room.audited() == []


def test_a_database_in_use_is_said_and_nothing_is_changed(room: Room, tmp_path: pytest.TempPathFactory) -> None:
    del tmp_path
    from newsletter import store  # noqa: PLC0415

    impatient = store.open(store.sqlite_url(room.app.settings.database), busy_seconds=0.1)
    left_alone = reader(impatient, room.reader)
    with room.app.store.writing(), pytest.raises(Exception, match="in use by another process"):
        leave(impatient, room.reader, room.daily, at=room.app.clock(), how=ConsentWay.LINK)
    assert reader(impatient, room.reader) == left_alone
    impatient.close()


def test_coming_back_is_a_new_consent_with_its_words(room: Room) -> None:
    at = room.app.clock() + timedelta(hours=1)
    assert leave(room.app.store, room.reader, room.daily, at=at, how=ConsentWay.ONE_CLICK)
    assert not leave(room.app.store, room.reader, room.daily, at=at, how=ConsentWay.ONE_CLICK)
    assert rejoin(room.app.store, room.reader, room.daily, at=at, how=ConsentWay.PAGE, words="Subscribe again")
    assert not rejoin(room.app.store, room.reader, room.daily, at=at, how=ConsentWay.PAGE, words="Subscribe again")
    from newsletter.audience import subscribers  # noqa: PLC0415

    known = subscribers.find(room.app.store, "ada@example.org")
    assert known is not None
    (daily,) = (one for one in known.subscriptions if one.list_name == "daily")
    assert (daily.consent_text, daily.consent_source, daily.consent_at) == ("Subscribe again", "preferences page", at)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.text(max_size=60), field=st.text(max_size=30), value=st.text(max_size=60))
def test_hostile_requests_change_nothing_and_break_nothing(
    room: Room, web: httpx.Client, token: str, field: str, value: str
) -> None:
    clean = {field.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()}
    for path in ("leave", "preferences", "view"):
        for method in ("GET", "POST"):
            answer = web.request(
                method, web.base_url.copy_with(raw_path=f"/{path}/".encode() + quoted(token)), data=clean
            )
            assert answer.status_code < 500
    assert room.audited() == []


def quoted(text: str) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in text.encode("utf-8", "replace"))


def test_browsers_are_told_to_stay_with_tls_where_the_pages_are_served_by_it(
    room: Room, ask: Ask, web: httpx.Client
) -> None:
    known = room.app.settings
    secure = known.model_copy(update={"newsroom": known.newsroom.model_copy(update={"url": "https://letters.example"})})
    with ask(create_app(replace(room.app, settings=secure))) as client:
        assert client.get("/").headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in web.get("/").headers
