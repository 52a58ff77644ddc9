"""Telling people of alerts: through the real senders, with retries, by whichever worker comes first."""

import email
import email.policy
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from newsletter.alerts import Alert, raise_alert
from newsletter.alerts.announcing import Channels, announce
from newsletter.alerts.tellings import tellings_of
from newsletter.clock import system_clock
from newsletter.delivery import StandBy, notices
from newsletter.delivery.announcer import LEFT, PATIENCE, Announcer, by_settings
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.senders.base import Outcome
from newsletter.errors import InputError
from newsletter.settings import AlertSettings, Newsroom, Settings
from newsletter.store import tables

LEDGER = Newsroom(name="The Ledger", from_address="news@ledger.example", url="http://localhost:8025")


@dataclass
class Hook:
    """Answers as it is told, and keeps what it got."""

    answers: list[Outcome] = field(default_factory=list)
    posts: list[tuple[str, dict]] = field(default_factory=list)
    gate: threading.Event | None = None

    def post(self, identity: str, payload: dict, *, now: datetime) -> Outcome:
        assert now.tzinfo
        if self.gate:
            assert self.gate.wait(20)
        self.posts.append((identity, payload))
        return self.answers.pop(0) if self.answers else Outcome.accepted(200, "200 OK")


class Desk:
    """An alert, somebody to tell, and a clock that tests set."""

    def __init__(self, newsroom, server):
        self.newsroom, self.store, self.server = newsroom, newsroom.store, server
        self.hook = Hook()
        self.now = system_clock()
        self.to = {"ops@ledger.example": "ops@ledger.example"}

    def announcer(self, *, hook=True):
        channels = Channels(newsroom="The Ledger", addresses=self.to, webhook=hook, remind_after=timedelta(hours=4))
        return Announcer(
            store=self.store,
            channels=channels,
            newsroom=LEDGER,
            sender=self.newsroom.sender(self.server),
            webhook=self.hook if hook else None,
            clock=lambda: self.now,
            waits=Backoff(first=30, longest=1800, jitter=0),
        )

    def raise_one(self, code="HELD-LATE"):
        with self.store.writing() as connection:
            return raise_alert(connection, Alert(code=code, subject="mailing:12", message="late"), now=self.now)

    def ends(self, alert=1):
        return {one.channel: one.status.value for one in tellings_of(self.store, alert)}


@pytest.fixture
def desk(newsroom, server):
    return Desk(newsroom, server)


def test_an_alert_is_mailed_and_posted(desk):
    desk.raise_one()
    assert desk.announcer().run_once() == 2
    assert desk.announcer().run_once() == 0
    address, raw = desk.server.received[0]
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert address == "ops@ledger.example"
    assert message["Subject"] == "[The Ledger] Alert: a mailing was found too late and is held (mailing:12)"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    assert re.fullmatch(r"<alert-1-\d{14}\.1@ledger\.example>", message["Message-ID"])
    assert "late" in message.get_body(("plain",)).get_content()
    identity, payload = desk.hook.posts[0]
    # The instant, too: after a restore the same number may be given again.
    assert re.fullmatch(r"announcement_1-\d{14}", identity)
    assert payload["code"] == "HELD-LATE"
    assert desk.ends() == {"webhook": "accepted", "mail": "accepted"}


def test_what_is_not_taken_is_tried_again_under_the_same_name_until_it_is(desk):
    desk.raise_one()
    desk.hook.answers = [Outcome.deferred(500, "500"), Outcome.unknown("no answer")]
    desk.to = {"busy@ledger.example": "busy@ledger.example"}
    desk.announcer().run_once()
    assert desk.ends() == {"webhook": "deferred", "mail": "deferred"}
    assert desk.announcer().run_once() == 0, "not before its time"
    for seconds in (30, 60):
        desk.now += timedelta(seconds=seconds)
        desk.announcer().run_once()
    assert desk.ends() == {"webhook": "accepted", "mail": "accepted"}
    assert [len(desk.hook.posts), len({identity for identity, _ in desk.hook.posts})] == [3, 1]


def test_what_is_refused_is_not_tried_again(desk):
    desk.raise_one()
    desk.hook.answers = [Outcome.rejected(410, "410 Gone")]
    desk.to = {"reject@ledger.example": "reject@ledger.example"}
    desk.announcer().run_once()
    desk.now += timedelta(hours=2)
    assert desk.announcer().run_once() == 0
    assert desk.ends() == {"webhook": "rejected", "mail": "rejected"}


def test_after_a_day_it_is_given_up(desk):
    desk.raise_one()
    desk.hook.answers = [Outcome.deferred(500, "500")]
    desk.announcer().run_once()
    desk.now += PATIENCE
    desk.newsroom.store.engine.dispose()
    with desk.store.writing() as connection:
        connection.execute(update(tables.notice).values(status="accepted"))
    desk.announcer().run_once()
    assert tellings_of(desk.store, 1)[0].status.value == "expired"
    assert len(desk.hook.posts) == 2, "the reminder goes out all the same"


def test_what_a_killed_process_left_is_told_after_a_while(desk):
    desk.raise_one()
    announcer = desk.announcer(hook=False)
    announcer.run_once()
    with desk.store.writing() as connection:
        connection.execute(update(tables.notice).values(status="sending", changed_at=desk.now))
    assert announcer.run_once() == 0
    desk.now += LEFT
    assert announcer.run_once() == 1
    assert desk.ends() == {"mail": "accepted"}


def test_several_workers_tell_it_once(desk):
    desk.raise_one()
    desk.raise_one("BREAKER-BOUNCES")
    several = [desk.announcer() for _ in range(4)]
    threads = [threading.Thread(target=one.run_once) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.server.received) == 2
    assert [len(desk.hook.posts), len({identity for identity, _ in desk.hook.posts})] == [2, 2]


def test_who_gets_no_mail_from_us_gets_no_alert_either(desk):
    desk.newsroom.suppress("ops@ledger.example")
    desk.raise_one()
    desk.announcer().run_once()
    assert desk.ends() == {"webhook": "accepted", "mail": "withdrawn"}
    assert desk.server.received == []


@contextmanager
def standing_by(desk):
    announcer = desk.announcer()
    sender = desk.newsroom.sender(desk.server)
    worker = StandBy(store=desk.store, keys=desk.newsroom.keys, sender=sender, clock=system_clock, announcer=announcer)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(20)
        assert not thread.is_alive()
        assert worker.crash is None


def test_a_standing_worker_tells_and_a_webhook_that_hangs_holds_up_no_mailing(desk):
    desk.raise_one()
    desk.hook.gate = threading.Event()
    desk.newsroom.subscribe("ann")
    mailing = desk.newsroom.mailing()
    done = threading.Event()
    with standing_by(desk):
        for _ in range(1000):
            if desk.newsroom.statuses(mailing) == {"ann": "accepted"} and not desk.hook.posts:
                break
            done.wait(0.01)
        assert desk.newsroom.statuses(mailing) == {"ann": "accepted"}
        assert desk.hook.posts == []
        desk.hook.gate.set()
    assert len(desk.hook.posts) == 1
    assert {address for address, _ in desk.server.received} == {"ann@readers.example", "ops@ledger.example"}


def test_a_worker_that_leaves_by_itself_tells_what_came_up_at_the_end(desk):
    sender = desk.newsroom.sender(desk.server)
    worker = StandBy(
        store=desk.store, keys=desk.newsroom.keys, sender=sender, clock=system_clock, announcer=desk.announcer()
    )
    raised = []

    def leave():
        raised.append(desk.raise_one())
        return True

    worker.run(until=leave)
    assert raised == [1]
    assert len(desk.hook.posts) == 1


def settings(tmp_path, **alerts):
    return Settings(root=tmp_path, newsroom=LEDGER, alerts=AlertSettings(**alerts))


def test_the_settings_say_who_is_told(desk, tmp_path):
    asked = settings(tmp_path, mail_to=("Ops@Ledger.example",), url="https://hooks.news/x")
    options = {"store": desk.store, "sender": desk.newsroom.sender(desk.server), "clock": system_clock}
    by_settings(asked, lambda _: "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", **options)
    with pytest.raises(InputError, match="there is no key to sign with"):
        by_settings(asked, lambda _: None, **options)
    by_settings(settings(tmp_path, mail_to=("ops@ledger.example",)), lambda _: None, **options)


def test_notices_of_other_kinds_are_left_alone(desk):
    desk.raise_one()
    desk.announcer().run_once()
    with desk.store.writing() as connection:
        connection.execute(update(tables.notice).values(status="pending", kind="test"))
    assert desk.announcer().run_once() == 0
    with desk.store.reading() as connection:
        assert connection.execute(select(tables.notice.c.status)).scalar_one() == "pending"


def test_no_mail_of_an_alert_is_given_up_because_nobody_was_there_to_send_it(desk):
    desk.raise_one()
    with desk.store.writing() as connection:
        channels = Channels(newsroom="The Ledger", addresses=desk.to, webhook=False, remind_after=timedelta(hours=4))
        assert announce(connection, channels, now=desk.now) == 1
        late = desk.now + 2 * notices.FORGOTTEN
        assert notices.end_forgotten(connection, now=late) == 0
