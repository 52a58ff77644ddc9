from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import event, select

from newsletter.audience import erasing, subscribers, suppressions
from newsletter.audience.addresses import parse
from newsletter.store.audience_tables import consent, wording
from newsletter.store.statuses import NoticeKind, SuppressionReason
from newsletter.store.tables import notice, subscription
from newsletter.web.app import create_app

if TYPE_CHECKING:
    from conftest import Ask, Room

NEW = {"email": "bo@example.org", "list": "daily"}


def test_signing_up_needs_a_mail_and_a_button(room: Room, web: httpx.Client) -> None:
    answer = web.post("/join", data=NEW)
    assert (answer.status_code, answer.headers["location"]) == (303, "/joined")
    assert "Look into your inbox" in web.get("/joined").text
    (mail,) = room.post_of_the_day()
    assert mail.kind is NoticeKind.CONFIRMATION
    before = room.dump()
    asks = web.get(f"/confirm/{mail.fresh}")
    assert asks.status_code == 200
    assert "b…@example.org" in asks.text
    assert "bo@example.org" not in asks.text
    assert room.dump() == before
    known = subscribers.find(room.app.store, "bo@example.org")
    assert known is not None
    assert [one.status for one in known.subscriptions] == ["unconfirmed"]
    done = web.post(f"/confirm/{mail.fresh}")
    assert "You are subscribed" in done.text
    assert f"/preferences/{room.app.keys.leave(known.id, room.daily)}" in done.text
    known = subscribers.find(room.app.store, "bo@example.org")
    assert known is not None
    assert [one.status for one in known.subscriptions] == ["subscribed"]


def test_pressing_the_button_twice_is_pressing_it_once(room: Room, web: httpx.Client) -> None:
    web.post("/join", data=NEW)
    (mail,) = room.post_of_the_day()
    answers = [web.post(f"/confirm/{mail.fresh}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].text == answers[1].text
    assert web.get(f"/confirm/{mail.fresh}").text == answers[0].text


def test_the_words_at_the_button_and_the_network_are_kept_as_evidence(room: Room, web: httpx.Client) -> None:
    web.post("/join", data=NEW, headers={"Accept-Language": "de-AT"})
    (mail,) = room.post_of_the_day()
    web.post(f"/confirm/{mail.fresh}", headers={"Accept-Language": "de-AT"})
    with room.app.store.reading() as connection:
        joined = select(consent, wording.c.text).outerjoin(wording).join(subscription)
        rows = connection.execute(joined.where(subscription.c.subscriber_id == mail.subscriber_id)).all()
    assert [row.what for row in rows] == ["requested", "confirmed"]
    assert rows[0].text == "The Daily: Bitte schicken Sie mir den gewählten Newsletter per E-Mail, bis ich es beende."
    assert rows[1].text == "Ja, bitte schicken"
    assert {row.network for row in rows} == {"127.0.0.0/24"}
    assert {row.language for row in rows} == {"de-AT"}


@pytest.fixture
def everybody(room: Room) -> list[str]:
    """An address of each kind that must not be told apart."""
    store, keys = room.app.store, room.app.keys
    suppressions.add(store, parse("barred@example.org"), SuppressionReason.COMPLAINT, clock=room.app.clock)
    gone, _ = subscribers.add(store, "gone@example.org", list_name="daily", consent="yes", clock=room.app.clock)
    with store.writing() as connection:
        erasing.erase(connection, gone.id, fingerprint=keys.fingerprint, at=room.app.clock(), actor="test")
    return ["ada@example.org", "stranger@example.org", "barred@example.org", "gone@example.org"]


def test_nobody_learns_from_the_answer_who_is_known(room: Room, web: httpx.Client, everybody: list[str]) -> None:
    web.post("/join", data=NEW)  # connections are made by now
    answers, statements = [], []
    counted: list[str] = []
    event.listen(room.app.store.engine, "before_cursor_execute", lambda *given: counted.append(given[2]))
    for address in everybody:
        for path, data in (("/join", {"email": address, "list": "daily"}), ("/manage", {"email": address})):
            counted.clear()
            answer = web.post(path, data=data)
            own = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
            answers.append((path, answer.status_code, own, answer.text))
            statements.append((path, tuple(counted)))
    assert len({repr(answer) for answer in answers}) == 2
    # The same statements in the same order: no more and no less work for any of them.
    assert len(set(statements)) == 2


def test_programs_that_fill_in_everything_get_the_same_answer_and_nothing_else(room: Room, web: httpx.Client) -> None:
    before = room.dump()
    trapped = web.post("/join", data={**NEW, "topic_url": "https://spam.example"})
    assert (trapped.status_code, trapped.headers["location"]) == (303, "/joined")
    assert room.dump() == before
    assert 'name="topic_url"' in web.get("/").text


@pytest.mark.parametrize(
    "typed", ["", "nobody", "a@b", "a b@example.org", "<script>@example.org", "a@example.org\r\nBcc: x@y.z", "x" * 600]
)
def test_what_is_no_address_is_said_and_never_repeated(room: Room, web: httpx.Client, typed: str) -> None:
    answer = web.post("/join", data={"email": typed, "list": "daily"})
    assert answer.status_code == 400
    assert len(typed) > 500 or "This is no e-mail address" in answer.text
    assert "<script>@" not in answer.text
    assert "Bcc" not in answer.text
    assert room.post_of_the_day() == []


def test_a_list_that_nobody_offers_is_refused(room: Room, web: httpx.Client) -> None:
    for name in ("", "secret", "daily\x00"):
        assert web.post("/join", data={"email": "bo@example.org", "list": name}).status_code == 400
    assert room.post_of_the_day() == []


@pytest.fixture
def limited(room: Room, ask: Ask) -> Iterator[httpx.Client]:
    """The pages with a limit of two requests an hour from a network."""
    known = room.app.settings
    tight = known.model_copy(update={"joining": known.joining.model_copy(update={"per_network_an_hour": 2})})
    with ask(create_app(replace(room.app, settings=tight))) as client:
        yield client


def test_a_network_that_asks_too_often_is_told_when_to_come_back(room: Room, limited: httpx.Client) -> None:
    answers = [limited.post("/join", data={**NEW, "email": f"bo{number}@example.org"}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3601
    assert "Too much at once" in answers[-1].text
    assert len(room.post_of_the_day()) == 2


def test_one_address_is_not_flooded_and_the_answer_does_not_say_so(room: Room, web: httpx.Client) -> None:
    assert {web.post("/join", data=NEW).status_code for _ in range(8)} == {303}
    with room.app.store.reading() as connection:
        assert len(connection.execute(select(notice)).all()) == room.app.settings.joining.per_address_a_day


def test_a_link_that_has_run_out_says_so_and_leads_to_a_new_one(room: Room, web: httpx.Client, ask: Ask) -> None:
    web.post("/join", data=NEW)
    (mail,) = room.post_of_the_day()
    later = room.app.clock() + timedelta(hours=mail.hours, seconds=2)
    with ask(create_app(replace(room.app, clock=lambda: later))) as client:
        for method in ("GET", "POST"):
            answer = client.request(method, f"/confirm/{mail.fresh}")
            assert answer.status_code == 410
            assert "This link has run out" in answer.text
            assert 'href="/#subscribe"' in answer.text


def test_a_forged_or_foreign_token_opens_nothing(room: Room, web: httpx.Client) -> None:
    web.post("/join", data=NEW)
    (mail,) = room.post_of_the_day()
    before = room.dump()
    forged = mail.fresh[:-1] + ("A" if mail.fresh[-1] != "A" else "B")
    for token in (forged, room.leave, room.track, "x", "a" * 48, "a" * 3000):
        for method in ("GET", "POST"):
            for page in ("confirm", "manage", "address"):
                assert web.request(method, f"/{page}/{token}").status_code in {404, 405}
    for page in ("manage", "address", "leave", "preferences", "view"):
        assert web.get(f"/{page}/{mail.fresh}").status_code == 404
    assert room.dump() == before
