import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from newsletter.clock import system_clock
from newsletter.delivery import Copies, Worker, release
from newsletter.errors import InputError
from newsletter.publishing import editions, mailings
from newsletter.rehearsal.sendgrid import Ill, Key, Plan, Provider, read_log
from newsletter.rehearsal.sendgrid.events import encode, of_request
from newsletter.settings import SenderSettings
from newsletter.store.tables import delivery, event
from newsletter.web.app import create_app
from newsletter.web.hooks import MOST_BYTES, PATH
from newsletter.web.serving import Server

KEY = Key(20261123)
EVENTS = [{"event": "delivered", "sg_event_id": "e1", "mailing": "1", "delivery": "1", "attempt": "1.1"}]


def with_key(app, key):
    settings = app.settings
    return replace(
        app, settings=settings.model_copy(update={"sender": settings.sender.model_copy(update={"events_key": key})})
    )


@pytest.fixture
def hooks(room, web):
    transport = type(web._transport)(create_app(with_key(room.app, KEY.public)))
    with httpx.Client(transport=transport, base_url="http://localhost") as client:
        yield client


def post(client, room, body=None, **headers):
    data = json.dumps(EVENTS).encode() if body is None else body
    signed = KEY.headers(data, at=int(room.app.clock().timestamp()))
    return client.post(PATH, content=data, headers={**signed, **headers})


def kept(room):
    with room.app.store.reading() as connection:
        return connection.execute(select(event)).all()


def test_signed_events_are_kept_once(hooks, room):
    assert post(hooks, room).status_code == 204
    assert post(hooks, room).status_code == 204
    assert [row.provider_event for row in kept(room)] == ["e1"]


def test_no_cookie_or_form_is_asked_for(hooks, room):
    answer = post(hooks, room, Origin="https://elsewhere.example")
    assert answer.status_code == 204
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("header", ["X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"])
@pytest.mark.parametrize("value", ["", "0", "AAAA"])
def test_what_is_not_signed_is_refused_and_not_kept(hooks, room, header, value):
    assert post(hooks, room, **{header: value}).status_code == 403
    assert not kept(room)


def test_a_signature_over_other_bytes_is_refused(hooks, room):
    signed = KEY.headers(json.dumps(EVENTS).encode(), at=int(room.app.clock().timestamp()))
    assert hooks.post(PATH, content=json.dumps(EVENTS, indent=1).encode(), headers=signed).status_code == 403


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[" * 50_000])
def test_signed_nonsense_is_no_fault(hooks, room, body):
    assert post(hooks, room, body).status_code in {400, 403}
    assert not kept(room)


def test_posts_up_to_the_limit_are_taken_and_larger_ones_not(hooks, room):
    event_of = {"event": "open", "sg_event_id": "big", "url": "x" * (MOST_BYTES - 100)}
    assert post(hooks, room, json.dumps([event_of]).encode()).status_code == 204
    assert post(hooks, room, b" " * (MOST_BYTES + 1)).status_code == 413
    assert hooks.post("/leave/x", content=b"x" * 20_000).status_code == 413


def test_a_get_is_refused(hooks):
    assert hooks.get(PATH).status_code == 405


def test_without_a_key_there_is_no_hook(web, room):
    assert post(web, room).status_code in {404, 405}


def test_a_key_that_is_none_is_told_at_the_start(room):
    with pytest.raises(InputError, match="signed events"):
        create_app(with_key(room.app, "nonsense"))


def test_events_settle_what_was_left_unknown(room, tmp_path, monkeypatch):
    """The whole way: the provider takes a request, answers 500, and tells by signed events that it took it."""
    monkeypatch.setenv("NEWSLETTER_SENDGRID_KEY", "SG.rehearsal")
    begun, now = system_clock(), room.app.clock()

    def clock():
        return now + (system_clock() - begun)

    provider = Provider(plan=Plan(ills=((Ill.ACCEPTED_500, 1.0),)), log=tmp_path / "log", signing=KEY)
    with Server(create_app(replace(with_key(room.app, KEY.public), clock=clock))) as server, provider:
        sender = SenderSettings(kind="sendgrid", url=provider.url)
        app = replace(room.app, settings=room.app.settings.model_copy(update={"sender": sender}), clock=clock)
        made = mailings.get(app.store, room.mailing)
        going = mailings.move(app.store, made, replace(made.start(now), not_later_than=now + timedelta(hours=1)))
        release(app.store, going, clock=app.clock)
        edition = editions.edition_of(app.store, going.edition_digest)
        worker = Worker(
            store=app.store,
            mailing=going,
            copies=Copies.of(edition, going, app.keys),
            sender=app.sender(),
            clock=app.clock,
        )
        worker.run()
        assert statuses(app.store) == ["unknown"]
        told, _ = of_request(1, [row_of(taken) for taken in read_log(tmp_path / "log")], provider.plan)
        body = encode(told)
        signed = KEY.headers(body, at=int(clock().timestamp()))
        answer = httpx.post(server.url + PATH, content=body, headers=signed, trust_env=False)
        assert answer.status_code == 204
        assert statuses(app.store) == ["accepted"]


def row_of(taken):
    arguments = {"mailing": taken.mailing, "delivery": taken.delivery, "attempt": taken.attempt}
    return {"to": [{"email": taken.address}], "custom_args": arguments}


def statuses(opened):
    with opened.reading() as connection:
        return list(connection.execute(select(delivery.c.status)).scalars())
