from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import delete, select, update

from newsletter.audience import subscribers, suppressions
from newsletter.audience.addresses import parse
from newsletter.audience.erasures import Erasures
from newsletter.store.audience_tables import consent
from newsletter.store.statuses import SuppressionReason
from newsletter.store.tables import audit, notice, subscriber, subscription

if TYPE_CHECKING:
    from conftest import Room


@pytest.fixture
def token(room: Room, web: httpx.Client) -> str:
    """A fresh link, asked for on the preferences page."""
    answer = web.post(f"/preferences/{room.leave}", data={"action": "link"})
    assert "A link is on its way" in web.get(answer.headers["location"]).text
    (mail,) = room.post_of_the_day()
    assert mail.template == "manage"
    return mail.fresh


def test_a_link_can_be_had_without_a_mail_at_hand(room: Room, web: httpx.Client) -> None:
    assert 'type="email"' in web.get("/manage").text
    answer = web.post("/manage", data={"email": "ADA@example.org"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/manage/asked")
    assert "Look into your inbox" in web.get("/manage/asked").text
    assert [mail.template for mail in room.post_of_the_day()] == ["manage"]
    assert web.post("/manage", data={"email": "stranger@example.org"}).status_code == 303
    assert room.post_of_the_day() == []
    assert web.post("/manage", data={"email": "nonsense"}).status_code == 400


def test_looking_at_ones_data_page_changes_nothing(room: Room, web: httpx.Client, token: str) -> None:
    before = room.dump()
    shown = web.get(f"/manage/{token}")
    assert shown.status_code == 200
    assert "a…@example.org" in shown.text
    assert "ada@example.org" not in shown.text
    assert room.dump() == before


def test_the_address_changes_once_its_new_owner_says_so(room: Room, web: httpx.Client, token: str) -> None:
    answer = web.post(f"/manage/{token}/address", data={"email": "ada@new.example.org"})
    assert "A link is on its way to the new address." in answer.text
    (mail,) = room.post_of_the_day()
    before = room.dump()
    asks = web.get(f"/address/{mail.fresh}").text
    assert "Is this your new address?" in asks
    assert room.dump() == before
    for _ in range(2):
        assert "Your address is changed" in web.post(f"/address/{mail.fresh}").text
    known = subscribers.find(room.app.store, "ada@new.example.org")
    assert known is not None
    assert known.id == room.reader
    # The old link was bound to the old address.
    assert web.get(f"/manage/{token}").status_code == 410
    assert [one.template for one in room.post_of_the_day()] == ["moved"]


def test_an_address_that_is_somebody_elses_is_refused_only_to_its_owner(
    room: Room, web: httpx.Client, token: str
) -> None:
    subscribers.add(room.app.store, "bo@example.org", list_name="daily", consent="yes", clock=room.app.clock)
    answers = [
        web.post(f"/manage/{token}/address", data={"email": address})
        for address in ("bo@example.org", "free@example.org")
    ]
    assert answers[0].text == answers[1].text
    taken, _free = room.post_of_the_day()
    answer = web.post(f"/address/{taken.fresh}")
    assert answer.status_code == 409
    assert "nothing was changed" in answer.text
    assert "is subscribed here already" in answer.text
    assert "No mail may go to this address" not in answer.text


def test_who_asked_to_join_with_the_new_address_first_can_still_move_to_it(
    room: Room, web: httpx.Client, token: str
) -> None:
    web.post("/join", data={"email": "ada@new.example.org", "list": "daily"})
    (confirm,) = room.post_of_the_day()
    web.post(f"/manage/{token}/address", data={"email": "ada@new.example.org"})
    (mail,) = room.post_of_the_day()
    for _ in range(2):
        assert "Your address is changed" in web.post(f"/address/{mail.fresh}").text
    known = subscribers.find(room.app.store, "ada@new.example.org")
    assert known is not None
    assert known.id == room.reader
    assert {one.status for one in known.subscriptions} == {"subscribed"}
    assert web.post(f"/confirm/{confirm.fresh}").status_code == 404


def test_an_address_that_gets_no_mail_is_refused_with_that_reason(room: Room, web: httpx.Client, token: str) -> None:
    web.post(f"/manage/{token}/address", data={"email": "barred@example.org"})
    (mail,) = room.post_of_the_day()
    suppressions.add(room.app.store, parse("barred@example.org"), SuppressionReason.COMPLAINT, clock=room.app.clock)
    answer = web.post(f"/address/{mail.fresh}")
    assert answer.status_code == 409
    assert "No mail may go to this address any more, and nothing was changed." in answer.text


@pytest.mark.parametrize("typed", ["", "nonsense", "<b>@x", "a@example.org\nBcc: b@example.org"])
def test_what_is_no_address_is_said(room: Room, web: httpx.Client, token: str, typed: str) -> None:
    answer = web.post(f"/manage/{token}/address", data={"email": typed})
    assert answer.status_code == 400
    assert "This is no e-mail address" in answer.text
    assert room.post_of_the_day() == []


def test_ones_data_comes_as_one_file(room: Room, web: httpx.Client, token: str) -> None:
    before = room.dump()
    answer = web.post(f"/manage/{token}/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert answer.headers["cache-control"] == "no-store"
    data = json.loads(answer.content)
    assert data["person"]["address"] == "ada@example.org"
    assert {one["list"] for one in data["subscriptions"]} == {"The Daily", "The <Weekly> & more"}
    assert room.dump() == before
    assert web.get(f"/manage/{token}/export").status_code == 405


def test_erasing_asks_to_be_sure_and_leaves_nobody(room: Room, web: httpx.Client, token: str) -> None:
    assert "Tick the box first" in web.post(f"/manage/{token}/erase").text
    assert subscribers.find(room.app.store, "ada@example.org", fingerprint=room.app.keys.fingerprint) is not None
    done = web.post(f"/manage/{token}/erase", data={"sure": "yes"})
    assert "Your data is erased" in done.text
    # Told outside the database, too: a backup that is put back has them again.
    noted = Erasures.of(room.app.settings.data).since(None)
    assert noted == {room.app.keys.fingerprint("ada@example.org"): room.app.clock()}
    with room.app.store.reading() as connection:
        for table in (subscriber, subscription, notice):
            assert connection.execute(select(table)).all() == []
    assert "ada@" not in json.dumps(room.dump())
    for path in (f"/manage/{token}", f"/preferences/{room.leave}", f"/leave/{room.leave}", f"/view/{room.track}"):
        assert web.get(path).status_code == 404
    # One click from a mail that is on its way is no fault of the reader's.
    assert web.post(f"/leave/{room.leave}", data={"List-Unsubscribe": "One-Click"}).status_code == 404


def test_preferences_pause_resume_and_choose(room: Room, web: httpx.Client) -> None:
    path = f"/preferences/{room.leave}"
    answer = web.post(path, data={"action": "pause", "list": "daily", "weeks": "2"})
    assert "pauses, and comes again by itself" in web.get(answer.headers["location"]).text
    assert "Paused until 8 December 2026" in web.get(path).text
    assert "Your pause lasts until 8 December 2026" in web.get(f"/leave/{room.leave}").text
    web.post(path, data={"action": "resume", "list": "daily"})
    assert "Paused until" not in web.get(path).text
    for weeks in ("", "3", "-1", "999", "x"):
        assert web.post(path, data={"action": "pause", "list": "daily", "weeks": weeks}).status_code == 400


def test_preferences_keep_what_was_not_asked_for(room: Room, web: httpx.Client) -> None:
    path = f"/preferences/{room.leave}"
    with room.app.store.writing() as connection:
        connection.execute(update(subscriber).values(zone="America/New_York", hour="06:30"))
    web.post(path, data={"action": "choose", "language": "de"})
    known = subscribers.find(room.app.store, "ada@example.org")
    assert known is not None
    assert (known.zone, known.hour, known.language) == ("America/New_York", "06:30", "de")
    assert "Ihre Einstellungen" in web.get(path).text
    web.post(path, data={"action": "choose", "zone": "Europe/Vienna", "hour": "list", "language": "en"})
    known = subscribers.find(room.app.store, "ada@example.org")
    assert known is not None
    assert (known.zone, known.hour, known.language) == ("Europe/Vienna", None, "en")
    for nonsense in ({"zone": "Mars/Base"}, {"hour": "25:00"}, {"hour": "6"}, {"language": "xx"}, {"zone": "x\x00"}):
        assert web.post(path, data={"action": "choose", **nonsense}).status_code == 400
    with room.app.store.reading() as connection:
        assert set(connection.execute(select(audit.c.action).where(audit.c.action.like("%choose"))).scalars())


def test_another_list_is_asked_for_on_ones_own_page_and_confirmed_by_mail(room: Room, web: httpx.Client) -> None:
    path = f"/preferences/{room.leave}"
    assert "What else there is" not in web.get(path).text
    with room.app.store.writing() as connection:
        theirs = select(subscription.c.id).where(subscription.c.list_id == room.weekly)
        connection.execute(delete(consent).where(consent.c.subscription_id.in_(theirs)))
        connection.execute(delete(subscription).where(subscription.c.list_id == room.weekly))
    shown = web.get(path).text
    assert "Please send me “The &lt;Weekly&gt; &amp; more” by e-mail, until I end it." in shown
    for wrong in ("", "secret", "daily\x00"):
        assert web.post(path, data={"action": "join", "list": wrong}).status_code == 400
    answer = web.post(path, data={"action": "join", "list": "weekly"})
    assert (
        "A message is on its way to your address, with a link to confirm." in web.get(answer.headers["location"]).text
    )
    assert room.weekly not in room.statuses()
    (mail,) = room.post_of_the_day()
    assert (mail.template, mail.subscriber_id) == ("confirm", room.reader)
    assert room.statuses()[room.weekly] == "unconfirmed"
    assert "Waiting for your confirmation" in web.get(path).text
    web.post(f"/confirm/{mail.fresh}")
    assert room.statuses()[room.weekly] == "subscribed"


@pytest.mark.parametrize(("own", "shown"), [("de-AT", "de"), ("fr", "en")])
def test_choosing_an_hour_changes_no_language_that_the_page_cannot_show(
    room: Room, web: httpx.Client, own: str, shown: str
) -> None:
    with room.app.store.writing() as connection:
        connection.execute(update(subscriber).values(language=own))
    path = f"/preferences/{room.leave}"
    assert f'value="{shown}" lang="{shown}" selected' in web.get(path).text
    web.post(path, data={"action": "choose", "zone": "Europe/Vienna", "hour": "06:00", "language": shown})
    known = subscribers.find(room.app.store, "ada@example.org")
    assert known is not None
    assert (known.zone, known.hour, known.language) == ("Europe/Vienna", "06:00", own)
