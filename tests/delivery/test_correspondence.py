"""Notices to readers, from the request to the inbox and back: through the ledger, with real senders, on both databases."""

import email
import email.policy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from newsletter import store
from newsletter.audience import asking, evidence, joining, leaving, moving, own_data, suppressions
from newsletter.audience.addresses import parse
from newsletter.clock import system_clock
from newsletter.delivery import SmtpSender, StandBy, correspondence
from newsletter.delivery.attendance import Attendance
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.correspondence import FORGOTTEN, LEFT_LYING, PATIENCE, Correspondence
from newsletter.delivery.limits.rules import SENDER
from newsletter.delivery.senders.sendgrid import SendGridSender
from newsletter.delivery.steps import CRASH_AT, NOTICE_STEPS
from newsletter.errors import BlockedError, InputError
from newsletter.rehearsal.mailbox import Mailbox
from newsletter.rehearsal.sendgrid import Provider, read_log
from newsletter.rehearsal.sendgrid.provider import KEY
from newsletter.rendering.template_folder import packaged_templates
from newsletter.settings import (
    DomainLimits,
    JoiningSettings,
    MailingList,
    Newsroom,
    RampUp,
    SenderSettings,
    Settings,
)
from newsletter.store import tables
from newsletter.store.alert_tables import alert
from newsletter.store.audience_tables import rate
from newsletter.store.statuses import ConsentWay, SuppressionReason
from newsletter.tokens import ExpiredTokenError, TokenError

MONDAY = date(2026, 11, 23)
ADA = "ada@reader.example"
HERE = "192.0.2.0/24"
WORDS = "Yes, send me The Daily."


class Post:
    """A newsroom that is written to and writes back, and a clock that tests set."""

    def __init__(self, newsroom, server, root):
        self.newsroom, self.store, self.keys, self.server = newsroom, newsroom.store, newsroom.keys, server
        self.daily, self.weekly = newsroom.list("daily").id, newsroom.list("weekly").id
        self.now = system_clock().replace(hour=9)
        self.limits = JoiningSettings()
        self.settings = Settings(
            root=root,
            newsroom=Newsroom(
                name="The Ledger",
                postal_address="1 Quay Street",
                from_address="news@ledger.example",
                url="https://ledger.example",
            ),
            lists={"daily": MailingList(title="The Daily"), "weekly": MailingList(title="The Weekly", welcome=False)},
        )

    @property
    def welcome(self):
        return {name for name, each in self.settings.lists.items() if each.welcome}

    def ask(self, address=ADA, list_name="daily", **options):
        given = {"language": "en", "source": "/join", "network": HERE, "text": WORDS, "limits": self.limits}
        joining.request(self.store, self.keys, list_name, address, **{**given, "now": self.now, **options})

    def confirm(self, token):
        given = {"welcome": self.welcome, "language": "en", "network": HERE, "text": WORDS, "now": self.now}
        return joining.confirm(self.store, self.keys, token, **given)

    def joined(self, address=ADA, list_name="daily"):
        """A reader who has asked and confirmed; their number."""
        self.ask(address, list_name)
        self.carry()
        self.confirm(self.token(address))
        self.carry()
        return self.person(address).id

    def ask_for_link(self, address=ADA, **options):
        given = {"language": None, "network": HERE, "limits": self.limits, "now": self.now}
        asking.send_link_to(self.store, self.keys, address, **{**given, **options})

    def change_address(self, token, address):
        given = {"language": None, "network": HERE, "limits": self.limits, "now": self.now}
        moving.change_address(self.store, self.keys, token, address, **given)

    def letters(self, **options):
        given = {"store": self.store, "keys": self.keys, "settings": self.settings, "clock": lambda: self.now}
        given["sender"] = self.newsroom.sender(self.server)
        return Correspondence(**{**given, "waits": Backoff(first=30, longest=1800, jitter=0), **options})

    def carry(self, **options):
        return self.letters(**options).run_once()

    def mails(self, address=ADA):
        """What was delivered to an address, parsed."""
        received = [content for to, content in self.server.received if to == address]
        return [email.message_from_bytes(content, policy=email.policy.default) for content in received]

    def subjects(self, address=ADA):
        return [mail["Subject"] for mail in self.mails(address)]

    def token(self, address=ADA, page="confirm"):
        """The token in the newest mail that has one for the page."""
        texts = (mail.get_body(("plain",)).get_content() for mail in reversed(self.mails(address)))
        return next(found[1] for text in texts if (found := re.search(rf"/{page}/([\w-]{{48}})\s", text)))

    def person(self, address=ADA):
        key = parse(address).key
        with self.store.reading() as connection:
            statement = select(tables.subscriber).where(tables.subscriber.c.address_key == key)
            return connection.execute(statement).one_or_none()

    def standing(self, address=ADA, list_id=None):
        person = self.person(address)
        if person is None:
            return None
        where = evidence.of_pair(person.id, list_id or self.daily)
        with self.store.reading() as connection:
            return connection.execute(select(tables.subscription).where(where)).one_or_none()

    def steps(self, address=ADA):
        with self.store.reading() as connection:
            found = evidence.steps_of(connection, [self.standing(address).id])
        return [step.what.value for step in next(iter(found.values()))]

    def suppress(self, address, reason):
        suppressions.add(self.store, parse(address), SuppressionReason(reason), clock=lambda: self.now)

    def forget(self, address):
        """A keyed hash, as erasure leaves it."""
        row = {"address_hash": self.keys.fingerprint(parse(address).key), "reason": "erased", "at": self.now}
        with self.store.writing() as connection:
            connection.execute(insert(tables.suppression).values(row))

    def against(self, address=ADA):
        with self.store.reading() as connection:
            return suppressions.reasons_of(connection, parse(address).key, fingerprint=self.keys.fingerprint)

    def notices(self):
        with self.store.reading() as connection:
            return connection.execute(select(tables.notice).order_by(tables.notice.c.id)).all()

    def ends(self):
        return [(row.kind, row.status) for row in self.notices()]


@pytest.fixture
def post(newsroom, server, tmp_path):
    return Post(newsroom, server, tmp_path)


# --- Joining ---------------------------------------------------------------------------------------------------------


def test_who_asks_gets_a_mail_confirms_and_is_welcomed(post):
    post.ask("Ada@Reader.Example")
    assert post.person() is None
    assert post.carry() == 1
    assert post.subjects("Ada@reader.example") == ["Please confirm: The Daily"]
    assert post.standing().status == "unconfirmed"
    token = post.token("Ada@reader.example")
    seen = joining.confirmation(post.store, post.keys, token, now=post.now)
    assert (seen.title, seen.masked, seen.status, seen.leave) == ("The Daily", "A…@reader.example", "unconfirmed", "")
    assert post.standing().status == "unconfirmed"
    told = post.confirm(token)
    assert (told.status, told.changed) == ("subscribed", True)
    assert post.keys.read_leave(told.leave) == (post.person().id, post.daily)
    assert post.carry() == 1
    assert post.subjects("Ada@reader.example") == ["Please confirm: The Daily", "Welcome: The Daily"]
    assert post.standing().consent_text == WORDS
    assert post.steps() == ["requested", "confirmed"]
    assert post.ends() == [("confirmation", "accepted"), ("welcome", "accepted")]


def test_confirming_twice_is_confirming_once(post):
    post.ask()
    post.carry()
    token = post.token()
    assert [post.confirm(token).changed for _ in range(3)] == [True, False, False]
    post.carry()
    assert post.subjects() == ["Please confirm: The Daily", "Welcome: The Daily"]
    assert post.steps() == ["requested", "confirmed"]


def test_confirming_at_once_from_two_places_is_confirming_once(post):
    post.ask()
    post.carry()
    token, told, ready = post.token(), [], threading.Barrier(4)

    def press():
        ready.wait()
        told.append(post.confirm(token).changed)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False, False, False, True]
    assert post.steps() == ["requested", "confirmed"]


def test_a_list_that_does_not_welcome_sends_no_welcome(post):
    post.joined(list_name="weekly")
    assert post.subjects() == ["Please confirm: The Weekly"]


def test_a_page_writes_the_same_for_everybody(post):
    post.joined("known@reader.example")
    post.suppress("spam@reader.example", "complaint")
    post.forget("gone@reader.example")
    before = len(post.notices())
    for name in ("known", "spam", "gone", "new"):
        post.ask(f"{name}@reader.example")
    asked = post.notices()[before:]
    told = {(row.kind, row.status, row.subscriber_id, row.list_id, str(row.detail)) for row in asked}
    assert len(asked) == 4
    assert len(told) == 1


def test_who_is_on_the_list_is_told_so_once_a_day(post):
    post.joined()
    for _ in range(3):
        post.ask()
        post.carry()
    assert post.subjects()[2:] == ["You get The Daily already"]
    assert post.ends()[2:] == [("already", "accepted"), ("confirmation", "withdrawn"), ("confirmation", "withdrawn")]
    post.now += timedelta(days=1, minutes=1)
    post.ask()
    post.carry()
    assert post.subjects()[2:] == ["You get The Daily already"] * 2
    assert post.steps() == ["requested", "confirmed"]


@pytest.mark.parametrize("reason", ["complaint", "manual"])
def test_who_must_not_be_mailed_gets_nothing(post, reason):
    post.suppress(ADA, reason)
    post.ask()
    post.ask_for_link()
    post.carry()
    assert post.mails() == []
    assert post.person() is None
    assert {row.reply for row in post.notices()} == {"suppressed"}


def test_a_complaint_stands_even_where_the_link_was_out_already(post):
    post.ask()
    post.carry()
    post.suppress(ADA, "complaint")
    with pytest.raises(BlockedError, match="no mail may go"):
        post.confirm(post.token())
    assert post.standing().status == "unconfirmed"


@pytest.mark.parametrize("reason", ["bounce", "invalid"])
def test_a_mailbox_that_was_mended_proves_itself_once_a_week(post, reason):
    post.suppress(ADA, reason)
    for _ in range(2):
        post.ask()
        post.carry()
    assert post.subjects() == ["Please confirm: The Daily"]
    post.now += timedelta(days=7, minutes=1)
    post.ask()
    post.carry()
    assert len(post.mails()) == 2
    assert post.against() == {SuppressionReason(reason)}
    post.confirm(post.token())
    assert post.against() == frozenset()


def test_who_was_erased_comes_back_by_their_own_consent_only(post):
    post.forget(ADA)
    post.ask()
    post.carry()
    assert post.against() == {SuppressionReason.ERASED}
    post.confirm(post.token())
    assert post.against() == frozenset()
    assert post.standing().status == "subscribed"


def test_who_left_stays_away_until_they_confirm_anew(post):
    number = post.joined()
    old = post.token()
    post.now += timedelta(minutes=10)
    leaving.leave(post.store, number, post.daily, at=post.now, how=ConsentWay.ONE_CLICK)
    with pytest.raises(ExpiredTokenError):
        joining.confirmation(post.store, post.keys, old, now=post.now)
    with pytest.raises(ExpiredTokenError):
        post.confirm(old)
    post.now += timedelta(minutes=10)
    post.ask()
    post.carry()
    assert post.standing().status == "unsubscribed"
    assert post.confirm(post.token()).changed
    assert post.steps() == ["requested", "confirmed", "left", "requested", "confirmed"]


def test_a_confirmation_link_ends_after_three_days(post):
    post.ask()
    post.carry()
    token = post.token()
    post.now += timedelta(days=3, seconds=1)
    with pytest.raises(ExpiredTokenError):
        post.confirm(token)


def test_mail_comes_in_the_language_of_the_page(post):
    post.ask(language="de-AT")
    post.carry()
    assert post.subjects() == ["Bitte bestätigen: The Daily"]
    assert post.mails()[0]["Content-Language"] == "de"
    assert post.person().language == "de-AT"
    post.ask("bea@reader.example", language="tlh")
    post.ask("cyd@reader.example", language="'; DROP TABLE list")
    post.carry()
    assert post.subjects("bea@reader.example") == post.subjects("cyd@reader.example") == ["Please confirm: The Daily"]


def test_only_the_welcome_has_the_headers_of_a_list(post):
    post.joined()
    asked, welcome = post.mails()
    assert asked["Auto-Submitted"] == "auto-generated"
    assert asked["List-Unsubscribe"] is None
    assert welcome["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = post.keys.leave(post.person().id, post.daily)
    assert welcome["List-Unsubscribe"] == f"<https://ledger.example/leave/{leave}>"
    for mail in (asked, welcome):
        assert "1 Quay Street" in mail.get_body(("plain",)).get_content()
        assert mail.get_body(("html",)) is not None


@pytest.mark.parametrize("address", ["", "no address", "käthe@reader.example", f"{'a' * 65}@reader.example"])
def test_what_no_mail_can_be_written_to_is_refused_at_once(post, address):
    with pytest.raises(InputError) as refused:
        post.ask(address)
    assert not address or address not in str(refused.value)
    assert post.notices() == []


def test_readers_who_wait_for_a_worker_in_vain_are_told_of(post):
    watch = Attendance(post.store)

    def open_alerts():
        with post.store.reading() as connection:
            found = select(alert.c.subject).where(alert.c.open_key.is_not(None))
            return list(connection.execute(found).scalars())

    post.ask()
    watch.look(now=post.now)
    assert open_alerts() == []
    post.now += timedelta(minutes=4)
    for _ in range(2):
        watch.look(now=post.now)
    assert open_alerts() == ["notices:readers"]
    post.carry()
    watch.look(now=post.now)
    assert open_alerts() == []


# --- Limits ----------------------------------------------------------------------------------------------------------


def test_one_address_is_not_flooded_and_the_page_says_nothing_of_it(post):
    for _ in range(9):
        post.ask()
    assert len(post.notices()) == post.limits.per_address_a_day
    post.now += timedelta(days=1)
    post.ask()
    assert len(post.notices()) == post.limits.per_address_a_day + 1


def test_one_network_is_held_back_over_processes(post, database_url):
    post.limits = JoiningSettings(per_network_an_hour=3)
    for number in range(3):
        post.ask(f"a{number}@reader.example")
    with closing(store.open(database_url)) as other, pytest.raises(joining.LimitError) as refused:
        joining.request(
            other,
            post.keys,
            "daily",
            ADA,
            language="en",
            source="/join",
            network=HERE,
            text=WORDS,
            limits=post.limits,
            now=post.now,
        )
    assert 0 < refused.value.retry_after <= 3600
    post.ask(network="198.51.100.0/24")
    post.now += timedelta(hours=1)
    post.ask()
    assert len(post.notices()) == 5


def test_everyone_together_is_held_back_and_counters_are_swept(post):
    post.limits = JoiningSettings(all_an_hour=2)
    for number in range(2):
        post.ask(f"a{number}@reader.example", network=f"10.0.{number}.0/24")
    for number in range(50):
        with pytest.raises(joining.LimitError):
            post.ask(f"b{number}@reader.example", network="")
    assert len(_counters(post)) == 5
    assert not any(ADA in row.key or HERE in row.key for row in _counters(post))
    post.now += timedelta(days=2)
    post.carry()
    assert _counters(post) == []


def _counters(post):
    with post.store.reading() as connection:
        return connection.execute(select(rate)).all()


# --- The ledger ------------------------------------------------------------------------------------------------------


def test_what_a_server_puts_off_is_tried_again_as_the_same_message(post):
    busy = "busy.bea@reader.example"
    post.ask(busy)
    post.carry()
    assert post.ends() == [("confirmation", "deferred")]
    assert post.carry() == 0
    for _ in range(2):
        post.now += timedelta(minutes=2)
        post.carry()
    assert post.ends() == [("confirmation", "accepted")]
    assert post.steps(busy) == ["requested"]
    assert post.mails(busy)[0]["Message-ID"] == f"<notice.{post.notices()[0].id}@ledger.example>"


def test_what_is_put_off_for_a_day_expires(post):
    post.ask("busy.bea@reader.example")
    post.carry()
    post.now += PATIENCE
    post.carry()
    assert post.ends() == [("confirmation", "expired")]


def test_what_waited_for_days_for_a_worker_expires(post):
    post.ask()
    post.now += LEFT_LYING
    post.carry()
    assert post.ends() == [("confirmation", "expired")]
    assert post.person() is None


def test_what_may_have_arrived_is_never_sent_again_by_itself(post):
    post.ask("cut.cyd@reader.example")
    post.carry()
    assert post.ends() == [("confirmation", "unknown")]
    post.now += timedelta(hours=2)
    assert post.carry() == 0
    assert post.server.recipients == Counter({"cut.cyd@reader.example": 1})


def test_what_a_kill_left_before_it_was_handed_over_is_taken_up_again(post):
    post.ask()
    _left_behind(post, edition=False)
    post.carry()
    assert post.mails() == []
    post.now += FORGOTTEN + timedelta(seconds=1)
    with post.store.writing() as connection:
        assert correspondence.end_forgotten(connection, now=post.now) == 1
    post.carry()
    assert post.subjects() == ["Please confirm: The Daily"]


def test_what_a_kill_left_in_the_air_becomes_unknown(post):
    post.joined()
    post.ask()
    _left_behind(post, edition=True)
    post.now += FORGOTTEN + timedelta(seconds=1)
    with post.store.writing() as connection:
        assert correspondence.end_forgotten(connection, now=post.now) == 1
    assert post.carry() == 0
    assert post.ends()[2:] == [("confirmation", "unknown")]


def _left_behind(post, *, edition):
    digest = next((row.edition_digest for row in post.notices() if row.edition_digest), None) if edition else None
    values = {"status": "sending", "fence": 1, "changed_at": post.now, "edition_digest": digest}
    statement = update(tables.notice).where(tables.notice.c.status == "pending").values(values)
    with post.store.writing() as connection:
        connection.execute(statement)


# How many of six readers get their mail, and what becomes of the one at whose notice the process was killed.
KILLED_AT = {
    "notice.claimed": (6, "accepted"),
    "notice.frozen": (5, "unknown"),
    "notice.returned": (6, "unknown"),
}


@pytest.mark.parametrize("step", KILLED_AT)
def test_a_kill_at_each_commit_mails_nobody_twice(post, database_url, step):
    post.now = system_clock()
    names = [f"reader{number}@reader.example" for number in range(6)]
    for name in names:
        post.ask(name)

    def run(ahead, **environment):
        command = [sys.executable, str(Path(__file__).with_name("killed_notices.py")), database_url]
        return subprocess.run(
            [*command, str(post.server.port), str(ahead)],
            env={**os.environ, **environment},
            timeout=60,
            check=False,
        ).returncode

    assert step in NOTICE_STEPS
    assert run(0, **{CRASH_AT: f"{step}:3"}) == -signal.SIGKILL
    assert run(31) == 0
    mailed, end = KILLED_AT[step]
    assert set(post.server.recipients.values()) == {1}
    assert len(post.server.recipients) == mailed
    assert [status for _, status in post.ends()] == ["accepted"] * 2 + [end] + ["accepted"] * 3


def test_several_workers_send_each_notice_once(post):
    names = [f"reader{number}@reader.example" for number in range(12)]
    for number, name in enumerate(names):
        post.ask(name, network=f"10.0.{number}.0/24")
    post.server.delay = 0.02
    threads = [threading.Thread(target=post.carry) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert post.server.recipients == Counter(names)
    assert set(post.ends()) == {("confirmation", "accepted")}


def test_a_worker_carries_them_beside_its_mailings(post):
    post.now = system_clock()
    post.ask()
    letters = post.letters(clock=system_clock)
    worker = StandBy(
        store=post.store,
        keys=post.keys,
        sender=post.newsroom.sender(post.server),
        clock=system_clock,
        letters=letters,
    )
    worker.run(until=lambda: True)
    assert post.subjects() == ["Please confirm: The Daily"]


def test_a_broken_template_of_ones_own_is_replaced_by_the_packaged_one(post):
    own = post.settings.templates / "confirm"
    shutil.copytree(packaged_templates() / "confirm", own)
    shutil.copytree(packaged_templates() / "_shared", post.settings.templates / "_shared")
    words = post.settings.templates / "_shared" / "notices.en.txt"
    words.write_text(words.read_text("utf-8").replace("Please confirm", "Do confirm"), "utf-8")
    post.ask()
    post.carry()
    (own / "body.mjml").write_text("{{ nothing }}", "utf-8")
    post.ask("bea@reader.example")
    post.carry()
    assert post.subjects() == ["Do confirm: The Daily"]
    assert post.subjects("bea@reader.example") == ["Please confirm: The Daily"]


def test_they_count_against_the_limits_of_the_sender_and_do_not_wait_for_them(post):
    limits = {
        "domains": {"reader.example": DomainLimits(per_day=1)},
        "ramp_up": RampUp(since=MONDAY, first_day=1, factor=1),
    }
    sender = SmtpSender(settings=SenderSettings(port=post.server.port, **limits), answer_seconds=5)
    for name in ("ann", "bea"):
        post.ask(f"{name}@reader.example")
    post.carry(sender=sender)
    assert [end for _, end in post.ends()] == ["accepted"] * 2
    with post.store.reading() as connection:
        rows = {row.scope: row.today for row in connection.execute(select(tables.pace))}
    assert rows == {SENDER: 2, "reader.example": 2}


def test_a_provider_that_fills_in_the_slots_itself_carries_them_too(post, tmp_path):
    with Mailbox(tmp_path / "inbox") as mailbox, Provider(log=tmp_path / "log", mailbox=mailbox) as provider:
        settings = SenderSettings(kind="sendgrid", url=provider.url)
        sender = SendGridSender(settings=settings, key=KEY)
        post.ask()
        post.carry(sender=sender)
        (kept,) = [email.message_from_bytes(mailbox.raw(one), policy=email.policy.default) for one in mailbox]
        (taken,) = read_log(tmp_path / "log")
    assert (kept["Subject"], taken.mailing) == ("Please confirm: The Daily", "notice")
    assert kept["List-Unsubscribe"] is None
    texts = [kept.get_body((kind,)).get_content() for kind in ("plain", "html")]
    tokens = {token for text in texts for token in re.findall(r"/confirm/([\w-]+)", text)}
    assert len(tokens) == 1
    assert post.confirm(tokens.pop()).changed


# --- One's own data --------------------------------------------------------------------------------------------------


def test_the_link_to_ones_own_data_is_mailed_to_those_we_know_only(post):
    number = post.joined()
    post.ask_for_link()
    post.ask_for_link("nobody@reader.example")
    post.carry()
    assert post.subjects()[2:] == ["Your data at The Ledger"]
    assert post.mails("nobody@reader.example") == []
    assert post.person("nobody@reader.example") is None
    known = own_data.managed(post.store, post.keys, post.token(page="manage"), now=post.now)
    assert (known.subscriber_id, known.masked) == (number, "a…@reader.example")
    with pytest.raises(ExpiredTokenError):
        own_data.managed(post.store, post.keys, post.token(page="manage"), now=post.now + timedelta(days=1, seconds=1))


def test_a_link_that_is_forwarded_with_an_issue_opens_nothing_of_it(post):
    number = post.joined()
    for lasting in (post.keys.leave(number, post.daily), post.keys.track(number, 1), post.token()):
        with pytest.raises(TokenError):
            own_data.managed(post.store, post.keys, lasting, now=post.now)


def test_a_new_address_is_confirmed_from_there_and_told_to_the_old_one(post):
    number = post.joined()
    post.ask_for_link()
    post.carry()
    manage = post.token(page="manage")
    post.change_address(manage, "Ada@New.Example")
    post.carry()
    assert post.subjects("Ada@new.example") == ["Please confirm your new address"]
    token = post.token("Ada@new.example", page="address")
    seen = moving.address_change(post.store, post.keys, token, now=post.now)
    assert (seen.new, seen.masked, seen.done) == ("Ada@new.example", "a…@reader.example", False)
    assert post.person().id == number
    for _ in range(2):
        done = moving.confirm_address(post.store, post.keys, token, network=HERE, now=post.now)
        assert (done.new, done.done) == ("Ada@new.example", True)
    assert post.person() is None
    assert (post.person("ada@new.example").id, post.person("ada@new.example").domain) == (number, "new.example")
    post.carry()
    assert post.subjects()[-1] == "Your address was changed"
    assert post.steps("ada@new.example") == ["requested", "confirmed", "changed"]
    # Whatever was mailed to the old address is worth nothing now.
    for use in (
        lambda: own_data.managed(post.store, post.keys, manage, now=post.now),
        lambda: post.confirm(post.token()),
    ):
        with pytest.raises(ExpiredTokenError):
            use()


def test_an_address_that_somebody_has_cannot_be_taken(post):
    post.joined()
    post.joined("bea@reader.example")
    post.ask_for_link()
    post.carry()
    post.change_address(post.token(page="manage"), "bea@reader.example")
    post.carry()
    token = post.token("bea@reader.example", page="address")
    with pytest.raises(BlockedError, match="subscribed here already"):
        moving.confirm_address(post.store, post.keys, token, network=HERE, now=post.now)
    assert post.person() is not None


def test_what_was_mailed_about_a_new_address_ends_with_the_next_change(post):
    post.joined()
    post.ask_for_link()
    post.carry()
    for address in ("one@new.example", "two@new.example"):
        post.change_address(post.token(page="manage"), address)
    post.carry()
    first, second = (post.token(f"{name}@new.example", page="address") for name in ("one", "two"))
    moving.confirm_address(post.store, post.keys, second, network=HERE, now=post.now)
    with pytest.raises(ExpiredTokenError):
        moving.confirm_address(post.store, post.keys, first, network=HERE, now=post.now)
    assert post.person("two@new.example") is not None


def test_all_that_is_kept_of_a_person_is_plain_data(post):
    number = post.joined()
    post.ask_for_link()
    post.carry()
    kept = own_data.export_own(post.store, post.keys, post.token(page="manage"), now=post.now)
    again = json.loads(json.dumps(kept))
    assert again["person"]["address"] == ADA
    (one,) = again["subscriptions"]
    assert (one["list"], one["status"], one["consent_text"]) == ("The Daily", "subscribed", WORDS)
    assert [step["what"] for step in one["evidence"]] == ["requested", "confirmed"]
    assert one["evidence"][0]["network"] == HERE
    assert [each["kind"] for each in again["notices"]] == ["confirmation", "welcome", "manage"]
    assert [each["action"] for each in again["log"]] == ["subscription.confirm"]
    assert f"subscriber:{number}" in str(again["log"])


def test_who_has_themselves_erased_is_gone_and_may_come_back_by_themselves(post):
    post.joined()
    post.ask_for_link()
    post.carry()
    token = post.token(page="manage")
    own_data.erase_own(post.store, post.keys, token, now=post.now)
    assert post.person() is None
    assert SuppressionReason.ERASED in post.against()
    assert not [row for row in post.notices() if row.address_key == ADA]
    with pytest.raises(TokenError):
        own_data.managed(post.store, post.keys, token, now=post.now)
    post.now += timedelta(days=1)
    post.joined()
    assert post.standing().status == "subscribed"
    assert post.against() == frozenset()
