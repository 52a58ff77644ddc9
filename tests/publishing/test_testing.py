"""Test sends: through the readers' own path, into a real inbox."""

import re
import socket
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from newsletter.audience import suppressions
from newsletter.audience.addresses import parse
from newsletter.delivery import notices
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import approvals, testing
from newsletter.rehearsal.reading import read
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, SuppressionReason
from newsletter.tokens import INERT, TokenError


def kept(room):
    with room.app.store.reading() as connection:
        return connection.execute(select(tables.notice).order_by(tables.notice.c.id)).all()


def test_the_very_edition_arrives_with_its_subject_marked(room, ada):
    edition, sent = room.app.send_test(room.issue(), ["ada@newsroom.example"], user=ada)
    raw = room.inbox.mailbox.raw(next(iter(room.inbox.mailbox)))
    reading = read(raw)
    assert reading.header("Subject") == f"[Test] {edition.subject}"
    assert reading.header("To") == "<ada@newsroom.example>"
    assert reading.header("Message-ID") == f"<test-{edition.digest[:12]}.{sent[0].id}@harbour.example>"
    assert [notice.status for notice in sent] == [DeliveryStatus.ACCEPTED]


def test_only_subject_address_and_tokens_differ_from_what_readers_get(room, ada):
    room.sign(ada)
    room.app.send(room.app.plan(room.issue(), "daily"), actor="ada")
    readers, test = (read(room.inbox.mailbox.raw(message)) for message in room.inbox.mailbox)

    def plain(text):
        text = re.sub(r"(/(?:view|leave|preferences)/)[A-Za-z0-9_-]{32}", r"\1…", text or "")
        return re.sub(r"(ann@reader|ada@newsroom)\.example", "…", text)

    assert plain(readers.html) == plain(test.html)
    assert plain(readers.text) == plain(test.text)
    differ = {name for name, value in readers.headers if plain(test.header(name)) != plain(value)}
    assert differ <= {"To", "Subject", "Date", "Message-ID", "Feedback-ID", "Content-Type"}


def test_its_links_are_inert(room, ada):
    room.test(ada)
    reading = read(room.inbox.mailbox.raw(next(iter(room.inbox.mailbox))))
    assert reading.header("List-Unsubscribe").endswith(f"/leave/{INERT}>")
    assert set(re.findall(r"/(?:view|leave|preferences)/([A-Za-z0-9_-]+)", reading.html + reading.text)) == {INERT}
    for read_token in (room.app.keys.read_leave, room.app.keys.read_track):
        with pytest.raises(TokenError):
            read_token(INERT)


def test_it_is_recorded_with_edition_person_and_time(room, ada):
    room.test(ada, "ada@newsroom.example", "Bob@Newsroom.example", "bob@newsroom.example")
    rows = kept(room)
    assert [row.address for row in rows] == ["ada@newsroom.example", "Bob@newsroom.example"]
    assert {(row.kind, row.edition_digest, row.user_id, row.status) for row in rows} == {
        ("test", room.digest(), ada.id, "accepted")
    }
    assert [test.by for test in room.app.examine(room.issue()).standing.tests] == ["Ada Marlow"] * 2


def test_the_audit_names_no_address(room, ada):
    room.test(ada)
    with room.app.store.reading() as connection:
        noted = [row for row in connection.execute(select(tables.audit)) if row.action == "test.order"]
    assert noted[0].actor == "Ada Marlow"
    assert "@" not in str(noted[0].detail)


def test_a_suppressed_address_gets_nothing_and_neither_do_the_others(room, ada):
    suppressions.add(room.app.store, parse("bob@newsroom.example"), SuppressionReason.COMPLAINT, clock=room.app.clock)
    with pytest.raises(BlockedError, match=r"B…@newsroom.example gets no mail .*complaint"):
        room.test(ada, "ada@newsroom.example", "BOB@newsroom.example")
    assert kept(room) == []
    assert room.inbox.mailbox.count() == 0


@pytest.mark.parametrize("addresses", [["ada"], ["a@b.example\r\nBcc: c@d.example"], ["@"], []])
def test_what_is_no_address_is_refused_before_anything_is_sent(room, ada, addresses):
    with pytest.raises(InputError) as caught:
        room.app.send_test(room.issue(), addresses, user=ada)
    assert caught.value.where == "--to"
    assert kept(room) == []


def test_a_test_is_no_mailing(room, ada):
    with pytest.raises(InputError, match="1 to 20 addresses"):
        room.test(ada, *(f"r{number}@reader.example" for number in range(21)))


def test_a_server_that_does_not_answer_is_told_before_anything_is_written(room, ada):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sender = room.app.settings.sender.model_copy(update={"port": port})
    gone = replace(room, app=replace(room.app, settings=room.app.settings.model_copy(update={"sender": sender})))
    with pytest.raises(InputError, match="mail cannot be handed over"):
        gone.test(ada)
    assert kept(room) == []


def test_a_test_that_was_never_taken_does_not_count(room, ada):
    room.test(ada)
    room.approve(ada)
    with room.app.store.writing() as connection:
        connection.execute(update(tables.notice).values(status=DeliveryStatus.UNKNOWN))
    with pytest.raises(BlockedError) as refused:
        room.app.plan(room.issue(), "daily")
    assert "nobody has tested" in refused.value.findings[0].message


def ordered(room, ada):
    edition = room.app.examine(room.issue()).edition
    now = room.app.clock()
    numbers = testing.order(
        room.app.store,
        edition,
        issue=room.slug,
        addresses=["ada@newsroom.example"],
        user=ada,
        fingerprint=room.app.keys.fingerprint,
        now=now,
    )
    mail = notices.MarkedMail.of(edition, list_name="daily", list_title="The Daily", now=now)
    return numbers, mail


def test_a_notice_is_sent_once_however_often_it_is_asked_for(room, ada):
    numbers, mail = ordered(room, ada)
    for _ in range(2):
        notices.send_tests(room.app.store, numbers, mail, sender=room.app.sender(), clock=room.app.clock)
    assert room.inbox.mailbox.count() == 1


def test_what_a_kill_left_on_its_way_is_not_sent_again(room, ada):
    numbers, mail = ordered(room, ada)
    with room.app.store.writing() as connection:
        connection.execute(update(tables.notice).values(status=DeliveryStatus.SENDING, fence=1))
    sent = notices.send_tests(room.app.store, numbers, mail, sender=room.app.sender(), clock=room.app.clock)
    assert [notice.status for notice in sent] == [DeliveryStatus.SENDING]
    assert room.inbox.mailbox.count() == 0


def end_forgotten(room, after):
    with room.app.store.writing() as connection:
        return notices.end_forgotten(connection, now=room.app.clock() + after)


@pytest.mark.parametrize(
    ("left", "becomes", "told"),
    [
        (DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN, "may have arrived, but no answer was recorded"),
        (DeliveryStatus.PENDING, DeliveryStatus.EXPIRED, "was not sent in time"),
    ],
)
def test_what_a_killed_process_left_gets_its_end_and_the_editor_is_told(room, ada, left, becomes, told):
    ordered(room, ada)
    with room.app.store.writing() as connection:
        connection.execute(update(tables.notice).values(status=left, fence=1))
    assert end_forgotten(room, notices.FORGOTTEN / 2) == 0
    assert end_forgotten(room, notices.FORGOTTEN * 1.1) == 1
    with room.app.store.reading() as connection:
        assert connection.execute(select(tables.notice.c.status)).scalar_one() == becomes
    with pytest.raises(BlockedError) as refused:
        room.app.plan(room.issue(), "daily")
    assert told in refused.value.findings[0].message
    assert f"the test by {ada.name} of" in refused.value.findings[0].message


def test_who_is_suppressed_after_the_order_gets_nothing(room, ada):
    numbers, mail = ordered(room, ada)
    suppressions.add(room.app.store, parse("ada@newsroom.example"), SuppressionReason.MANUAL, clock=room.app.clock)
    sent = notices.send_tests(room.app.store, numbers, mail, sender=room.app.sender(), clock=room.app.clock)
    assert [notice.status for notice in sent] == [DeliveryStatus.WITHDRAWN]
    assert room.inbox.mailbox.count() == 0


def test_withdrawing_an_approval_leaves_the_test(room, ada):
    room.sign(ada)
    approvals.withdraw(room.app.store, issue=room.slug, user=ada, now=room.app.clock())
    assert room.app.examine(room.issue()).standing.tests
