"""RFC 8058 as a mailbox provider does it: a bare POST to a server that has just started, while the mailing is going on."""

from __future__ import annotations

import http.client
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

from sqlalchemy import select

from newsletter.audience import subscribers
from newsletter.delivery import Copies, Worker, release
from newsletter.publishing import editions, mailings
from newsletter.rehearsal.inbox import Inbox
from newsletter.store.tables import delivery
from newsletter.web.app import create_app
from newsletter.web.serving import Server

if TYPE_CHECKING:
    from conftest import Room

BODY = b"List-Unsubscribe=One-Click"


def post(server: Server, path: str) -> tuple[int, dict[str, str]]:
    """As RFC 8058 section 3.1 has it: no cookie, no referrer, nothing of a browser."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    try:
        connection.request("POST", path, BODY, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def test_one_click_counts_for_the_mailing_that_is_going_on(room: Room) -> None:
    app = room.app
    subscribers.add(app.store, "bo@example.org", list_name="daily", consent="yes", clock=app.clock)
    made = mailings.get(app.store, room.mailing)
    mailing = mailings.move(app.store, made, made.start(app.clock()))
    assert release(app.store, mailing, clock=app.clock).prepared == 2
    for _ in range(2):
        with Server(create_app(app)) as server:
            status, headers = post(server, f"/leave/{room.leave}")
        assert status == 200
        assert "set-cookie" not in headers
        assert "location" not in headers
    with Inbox(port=0) as inbox:
        sender = app.settings.sender.model_copy(update={"host": inbox.host, "port": inbox.port})
        sending = replace(app, settings=app.settings.model_copy(update={"sender": sender}))
        copies = Copies.of(editions.edition_of(app.store, mailing.edition_digest), mailing, app.keys)
        Worker(
            store=app.store,
            mailing=mailing,
            copies=copies,
            sender=sending.sender(),
            clock=app.clock,
            stop=Event(),
            on_progress=lambda _: None,
        ).run()
        reached = [stored.rcpt_tos for stored in inbox.mailbox.page("", 1, size=10).messages]
    assert reached == [("bo@example.org",)]
    with app.store.reading() as connection:
        rows = connection.execute(select(delivery.c.subscriber_id, delivery.c.status, delivery.c.reason)).all()
    told = {number: (status, reason) for number, status, reason in rows}
    assert told[room.reader] == ("withdrawn", "unsubscribed")
    assert ("accepted", None) in told.values()
