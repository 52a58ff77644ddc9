"""The composition root: from an issue to the report, with a real database and a real SMTP server."""

import os
import signal
import socket
import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import event, update

from newsletter.app import App
from newsletter.audience import labelling, subscribers
from newsletter.audience.choosing import EVERYBODY, Choice
from newsletter.clock import system_clock
from newsletter.delivery import control, release
from newsletter.errors import BlockedError, InputError
from newsletter.findings import Finding, Severity
from newsletter.issues import Issue, Quote, Section
from newsletter.publishing import mailings, users
from newsletter.rehearsal.inbox import Inbox
from newsletter.reports import as_text
from newsletter.settings import ApprovalSettings, defaults, load
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, Exclusion, MailingStatus, UserRole
from newsletter.tokens import USER_TOKEN

QUOTE = Quote(
    id="q1",
    paragraphs=("“A ferry is a street that floats.”",),
    author="Ada Marlow",
    outlet="The Harbour Post",
    attribution="Ada Marlow, The Harbour Post",
    side="left",
    side_source="decision",
    link=None,
    suggestion=None,
    file="roundup.txt",
    lines=(1, 3),
)
ISSUE = Issue(
    slug="2026-11-23-ferries",
    title="Should ferries be free?",
    date=date(2026, 11, 23),
    subject="Should ferries be free?",
    preheader="Two sides of the harbour",
    template="daily",
    lists=("daily",),
    sections=(Section(heading="From the left", side="left", stance="For", quotes=(QUOTE,)),),
    blocks=(),
    findings=(),
    inputs=(("roundup.txt", "“A ferry is a street that floats.”\n\nAda Marlow, The Harbour Post\n".encode()),),
)


@pytest.fixture
def inbox():
    with Inbox(port=0) as inbox:
        yield inbox


@pytest.fixture
def settings(tmp_path, inbox):
    (tmp_path / "newsletter.toml").write_text(
        f"""
        [newsroom]
        name = "The Harbour Letter"
        postal_address = "1 Harbour Row"
        from_address = "letter@harbour.example"
        [lists.daily]
        title = "The Daily"
        [lists.weekly]
        title = "The Weekly"
        [approval]
        tested = false
        needed = 0
        [sender]
        port = {inbox.port}
        """
    )
    (tmp_path / "outlets.toml").write_text("")
    (tmp_path / "templates").symlink_to(defaults() / "templates")
    return load(tmp_path)


@pytest.fixture
def app(settings):
    with App.open(settings) as app:
        yield app


def subscribe(app, *names, list_name="daily"):
    for name in names:
        subscribers.add(
            app.store, f"{name}@harbour.example", list_name=list_name, consent="said yes", clock=system_clock
        )


def test_an_issue_reaches_everyone_and_the_report_adds_up(app, inbox):
    subscribe(app, "ann", "bob", "cyd")
    plan = app.plan(ISSUE, "daily")
    assert (plan.audience.selected, plan.audience.prepared, plan.unfinished) == (3, 3, None)
    seen = []
    report = app.send(plan, actor="ada", on_progress=seen.append)
    assert report.finished
    assert report.counts[DeliveryStatus.ACCEPTED] == 3 == inbox.mailbox.count()
    assert seen[-1].done == 3
    assert "Finished: all 3 accepted." in as_text(report)
    assert report.mailing.edition_digest == plan.edition.digest


def test_who_asks_to_stop_before_the_mailing_begins_changes_nothing(app, inbox):
    subscribe(app, "ann", "bob")
    stop = threading.Event()
    stop.set()
    plan = app.plan(ISSUE, "daily")
    with pytest.raises(BlockedError, match="stopped before it began"):
        app.send(plan, actor="ada", stop=stop)
    assert mailings.find(app.store, plan.target, ISSUE.date) is None
    assert app.send(plan, actor="ada").finished
    assert inbox.mailbox.count() == 2


def test_a_signal_between_the_first_step_and_the_report_ends_in_good_order(app, inbox):
    subscribe(app, "ann", "bob")
    asked = []

    def ask(_connection, _cursor, statement, *_):
        if statement.startswith("INSERT INTO delivery") and not asked:
            asked.append(os.kill(os.getpid(), signal.SIGTERM))

    event.listen(app.store.engine, "before_cursor_execute", ask)
    report = app.send(app.plan(ISSUE, "daily"), actor="ada")
    assert len(asked) == 1
    assert not report.finished
    assert inbox.mailbox.count() == 0
    assert app.send(app.plan(ISSUE, "daily"), actor="ada").finished


def test_planning_writes_nothing(app):
    subscribe(app, "ann")
    plan = app.plan(ISSUE, "daily")
    assert mailings.find(app.store, plan.target, ISSUE.date) is None


def test_a_list_gets_its_issue_once_a_day(app):
    subscribe(app, "ann")
    app.send(app.plan(ISSUE, "daily"), actor="ada")
    with pytest.raises(BlockedError, match="had its issue of 2026-11-23 already") as caught:
        app.plan(ISSUE, "daily")
    assert [finding.code for finding in caught.value.findings] == ["GATE-ALREADY-SENT"]


@pytest.fixture
def cancelled(app):
    """A mailing that ann got before it was cancelled; bob, who had not, and cyd, who is still in the air."""
    subscribe(app, "ann", "bob", "cyd")
    plan = app.plan(ISSUE, "daily")
    order = mailings.Order(
        issue=ISSUE.slug,
        edition=plan.edition,
        target=plan.target,
        local_date=ISSUE.date,
        not_later_than=app.clock() + timedelta(hours=1),
        actor="ada",
    )
    made = mailings.create(app.store, order, now=app.clock())
    mailing = mailings.move(app.store, made, made.start(app.clock()))
    release(app.store, mailing, clock=app.clock)
    with app.store.writing() as connection:
        for number, status in ((1, "accepted"), (3, "sending")):
            connection.execute(update(tables.delivery).where(tables.delivery.c.id == number).values(status=status))
    control.cancel(app.store, mailing.id, actor="ada", now=app.clock())
    return mailing


@pytest.mark.usefixtures("cancelled")
def test_after_a_cancelled_mailing_the_corrected_issue_goes_to_those_who_have_not_got_it(app, inbox):
    corrected = replace(ISSUE, subject="Should ferries be free? (corrected)")
    with pytest.raises(BlockedError) as caught:
        app.plan(corrected, "daily")
    assert "was cancelled" in caught.value.findings[0].message
    assert "1 of its messages have no end yet" in caught.value.findings[0].message
    with app.store.writing() as connection:
        in_air = tables.delivery.c.status == "sending"
        connection.execute(update(tables.delivery).where(in_air).values(status="withdrawn"))
    plan = app.plan(corrected, "daily")
    assert (plan.audience.prepared, plan.audience.excluded) == (2, {Exclusion.HAS_ISSUE: 1})
    report = app.send(plan, actor="ada")
    assert (report.finished, report.mailing.sequence) == (True, 2)
    assert inbox.mailbox.count() == 2
    assert "1  has it, or may have it, from another mailing" in as_text(report)
    assert mailings.find(app.store, plan.target, ISSUE.date) == report.mailing


def test_what_is_half_way_can_be_ended_for_another_edition(app, cancelled):
    with app.store.writing() as connection:
        connection.execute(update(tables.mailing).values(status=MailingStatus.SENDING))
    with pytest.raises(BlockedError) as caught:
        app.plan(replace(ISSUE, subject="Another one"), "daily")
    assert f"end it with `newsletter mailing cancel {cancelled.id}`" in caught.value.findings[0].message


def test_a_list_that_opted_in_has_its_unknown_sent_again(app, settings):
    subscribe(app, "ann")
    lists = settings.lists | {"daily": settings.lists["daily"].model_copy(update={"resend_unknown_after": 30})}
    opted = replace(app, settings=settings.model_copy(update={"lists": lists}))
    report = opted.send(opted.plan(ISSUE, "daily"), actor="ada")
    assert report.resend_after == timedelta(minutes=30)


def test_who_is_on_two_lists_gets_the_issue_once(app, inbox):
    subscribe(app, "ann", "bob")
    subscribe(app, "bob", "cyd", list_name="weekly")
    app.send(app.plan(ISSUE, "daily"), actor="ada")
    report = app.send(app.plan(ISSUE, "weekly"), actor="ada")
    assert (report.prepared, report.excluded) == (1, {Exclusion.HAS_ISSUE: 1})
    assert inbox.mailbox.count() == 3


def test_an_error_finding_blocks(app):
    subscribe(app, "ann")
    doubt = Finding(code="SIDE-UNDECIDED", severity=Severity.ERROR, message="a quote has no side")
    with pytest.raises(BlockedError, match="a quote has no side"):
        app.plan(replace(ISSUE, findings=(doubt,)), "daily")


def test_without_rules_of_its_own_a_newsroom_wants_a_test_and_an_approval(app):
    subscribe(app, "ann")
    strict = replace(app, settings=app.settings.model_copy(update={"approval": ApprovalSettings()}))
    with pytest.raises(BlockedError) as caught:
        strict.plan(ISSUE, "daily")
    assert [finding.code for finding in caught.value.findings] == ["GATE-NOT-TESTED", "GATE-NOT-APPROVED"]


def test_who_acts_is_known_by_the_token(app, monkeypatch):
    ada, token = users.add(
        app.store, "Ada", UserRole.EDITOR, side=None, hashed=app.keys.user_hash, actor="a test", now=app.clock()
    )
    monkeypatch.delenv(USER_TOKEN, raising=False)
    assert app.user_if_any() is None
    with pytest.raises(InputError, match="nobody is named who does this"):
        app.user()
    monkeypatch.setenv(USER_TOKEN, token)
    assert app.user() == ada
    monkeypatch.setenv(USER_TOKEN, token[:-1])
    with pytest.raises(InputError, match="no user's"):
        app.user_if_any()


def test_nobody_to_mail_blocks(app):
    with pytest.raises(BlockedError, match="nobody on list 'daily'"):
        app.plan(ISSUE, "daily")


def test_an_unknown_list_names_the_nearest(app):
    with pytest.raises(InputError, match="daily"):
        app.plan(ISSUE, "dayly")


def test_a_server_that_does_not_answer_is_told_before_anything_is_written(app, settings):
    subscribe(app, "ann")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = replace(
        app, settings=settings.model_copy(update={"sender": settings.sender.model_copy(update={"port": port})})
    )
    plan = gone.plan(ISSUE, "daily")
    with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port}: mail cannot be handed over"):
        gone.send(plan, actor="ada")
    assert mailings.find(app.store, plan.target, ISSUE.date) is None


def half_sent(app, choice=EVERYBODY):
    """A mailing that another process created and left."""
    plan = app.plan(ISSUE, "daily", choice=choice)
    now = system_clock()
    order = mailings.Order(
        issue=ISSUE.slug,
        edition=plan.edition,
        target=plan.target,
        local_date=ISSUE.date,
        not_later_than=now - timedelta(seconds=1),
        actor="ada",
        choice=choice,
    )
    return mailings.create(app.store, order, now=now)


def test_the_same_send_again_goes_on_with_new_patience(app):
    subscribe(app, "ann")
    mailing = half_sent(app)
    plan = app.plan(ISSUE, "daily")
    assert plan.unfinished == mailing
    report = app.send(plan, actor="ada")
    assert report.mailing.id == mailing.id
    assert report.mailing.status is MailingStatus.FINISHED
    assert report.counts[DeliveryStatus.ACCEPTED] == 1


def test_a_send_that_was_cut_off_goes_on_only_with_the_same_readers(app):
    subscribe(app, "ann")
    with app.store.writing() as connection:
        labelling.put_on(connection, 1, ["donor"])
    donors = Choice(filter="tag:donor")
    mailing = half_sent(app, choice=donors)
    assert app.plan(ISSUE, "daily", choice=donors).unfinished == mailing
    with pytest.raises(BlockedError, match=r"goes to tag:donor.*--filter 'tag:donor'"):
        app.plan(ISSUE, "daily")


def test_a_choice_that_leaves_nobody_is_told_in_words(app):
    subscribe(app, "ann")
    with pytest.raises(BlockedError, match=r"nobody on list 'daily', of those it is for \(tag:nobody\), can be mailed"):
        app.plan(ISSUE, "daily", choice=Choice(filter="tag:nobody"))


def test_an_edition_that_was_changed_does_not_go_on_with_the_half_sent_one(app):
    subscribe(app, "ann")
    half_sent(app)
    with pytest.raises(BlockedError, match="take back what was changed"):
        app.plan(replace(ISSUE, subject="Should ferries be free at last?"), "daily")


def test_a_paused_mailing_is_not_resumed_by_sending(app):
    subscribe(app, "ann")
    mailing = half_sent(app)
    sending = mailings.move(app.store, mailing, mailing.start(system_clock()))
    mailings.move(app.store, sending, sending.pause())
    with pytest.raises(BlockedError, match="paused"):
        app.send(app.plan(ISSUE, "daily"), actor="ada")


def test_opening_again_keeps_the_keys(app, settings):
    token = app.keys.leave(1, 1)
    with App.open(settings) as again:
        assert again.keys.read_leave(token) == (1, 1)


@pytest.fixture
def on_a_server(settings, postgresql, monkeypatch):
    """The newsroom with its database on a server, where no file tells whether it is new; its folder."""
    url = postgresql.empty()
    monkeypatch.setenv("DATABASE_URL", url)
    yield settings.data
    postgresql.drop(url)


def test_on_a_server_too_a_lost_key_is_told_and_none_is_made(settings, on_a_server):
    key = on_a_server / "secret.key"
    with App.open(settings) as first:
        token = first.keys.leave(1, 1)
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(InputError, match="the secret key is missing"):
        App.open(settings)
    assert not key.exists()
    key.write_bytes(kept)
    with App.open(settings) as again:
        assert again.keys.read_leave(token) == (1, 1)


def test_a_lost_key_is_told_where_the_database_is_a_file(app, settings):
    subscribe(app, "ann")
    key = settings.data / "secret.key"
    key.unlink()
    with app.store.writing() as connection:
        connection.execute(tables.audit.delete())  # as an earlier version has left it: it knew no fingerprints
    with pytest.raises(InputError, match="the secret key is missing"):
        App.open(settings)
    assert not key.exists()


def test_a_key_that_is_none_is_told_before_anything_is_made(settings, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SECRET_KEY", "short")
    with pytest.raises(InputError, match="16 bytes"):
        App.open(settings)
    assert not settings.database.exists()
