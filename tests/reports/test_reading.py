from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from newsletter import reports
from newsletter.audience import lists
from newsletter.delivery import chunks, ledger, outcomes, release
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.ledger import Settled
from newsletter.delivery.senders.base import Outcome
from newsletter.errors import InputError
from newsletter.publishing import mailings
from newsletter.rendering import Edition
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, Exclusion

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EDITION = Edition(
    subject="Should ferries be free?",
    preheader="",
    html="<p>Hello</p>",
    text="Hello",
    nonce="0123456789abcdef",
    from_name="The Ledger",
    from_address="news@ledger.example",
    from_header="From: The Ledger <news@ledger.example>",
    reply_to=None,
    language="en",
    base_url="http://localhost:8025",
    manifest={},
)
READERS = ["ann@a.example", "bob@a.example", "cyd@b.example", "dee@b.example", "eve@a.example"]


@pytest.fixture
def opened(database):
    return database


@pytest.fixture
def mailing(opened):
    """Released to four of five readers."""
    target = lists.ensure(opened, "daily", title="The Daily", clock=lambda: NOON)
    with opened.writing() as connection:
        people = [
            {"address": each, "address_key": each, "domain": each.partition("@")[2], "created_at": NOON}
            for each in READERS
        ]
        connection.execute(insert(tables.subscriber), people)
        consent = {"consent_text": "", "consent_source": "", "consent_at": NOON, "changed_at": NOON}
        rows = [
            {"list_id": target.id, "subscriber_id": number, "status": "subscribed", **consent} for number in range(1, 6)
        ]
        connection.execute(insert(tables.subscription), rows)
        connection.execute(insert(tables.suppression).values(address_key="eve@a.example", reason="bounce", at=NOON))
    order = mailings.Order(
        issue="2026-11-23-ferries",
        edition=EDITION,
        target=target,
        local_date=date(2026, 11, 23),
        not_later_than=NOON + timedelta(hours=6),
        actor="ada",
    )
    made = mailings.create(opened, order, now=NOON)
    made = mailings.move(opened, made, made.start(NOON))
    release(opened, made, clock=lambda: NOON)
    return made


@pytest.fixture
def settle(opened, mailing):
    def settle(*ends, now=NOON):
        with opened.writing() as connection:
            held = chunks.take(connection, 1, worker="elsewhere/1/1/x", now=now, lease=timedelta(seconds=60))
            claimed = ledger.claim(connection, mailing.id, held, len(ends), now=now)
            pairs = zip(claimed, ends, strict=True)
            settled = [Settled(claimed=c, outcome=o, started_at=now, ended_at=now) for c, o in pairs]
            outcomes.record(connection, settled, now=now, backoff=Backoff(first=1, jitter=0))
            return claimed

    return settle


def read(opened, mailing, *, after=10):
    return reports.of(opened, mailing.id, clock=lambda: NOON + timedelta(seconds=after))


def test_a_mailing_that_was_cut_off_before_anybody_was_selected_is_not_finished(opened):
    target = lists.ensure(opened, "daily", title="The Daily", clock=lambda: NOON)
    order = mailings.Order(
        issue="2026-11-23-ferries",
        edition=EDITION,
        target=target,
        local_date=date(2026, 11, 23),
        not_later_than=NOON + timedelta(hours=6),
        actor="ada",
    )
    made = mailings.create(opened, order, now=NOON)
    report = read(opened, mailings.move(opened, made, made.start(NOON)))
    assert (report.balanced, report.waiting, report.finished) == (True, 0, False)


def test_a_report_balances_at_every_step(opened, mailing, settle):
    before = read(opened, mailing)
    assert (before.selected, before.prepared, before.excluded) == (5, 4, {Exclusion.SUPPRESSED: 1})
    assert before.balanced
    assert before.waiting == 4
    settle(Outcome.accepted(250, "ok"), Outcome.rejected(550, "<bob@a.example>: no such user"))
    middle = read(opened, mailing)
    assert middle.balanced
    assert not middle.finished
    settle(Outcome.unknown("no answer"), Outcome.deferred(451, "later"))
    settle(Outcome.accepted(250, "ok"), now=NOON + timedelta(seconds=5))
    assert not read(opened, mailing).finished
    with opened.writing() as connection:
        assert ledger.finish(connection, mailing.id, now=NOON)
    after = read(opened, mailing)
    assert after.finished
    assert after.counts[DeliveryStatus.ACCEPTED] == 2
    assert after.unknown == ("c…@b.example",)
    assert [(domain.name, domain.total) for domain in after.domains] == [("a.example", 2), ("b.example", 2)]
    assert {(reply.outcome, reply.code, reply.text) for reply in after.replies} == {
        ("rejected", 550, "<address>: no such user"),
        ("unknown", None, "no answer"),
        ("deferred", 451, "later"),
    }
    assert after.twice == 0


def test_two_accepts_of_one_delivery_are_shown(opened, mailing, settle):
    (late,) = settle(Outcome.deferred(451, "later"))
    with opened.writing() as connection:
        connection.execute(
            update(tables.delivery).where(tables.delivery.c.id != late.delivery_id).values(status="expired")
        )
    settle(Outcome.accepted(250, "ok"), now=NOON + timedelta(seconds=5))
    with opened.writing() as connection:
        answer = Settled(claimed=late, outcome=Outcome.accepted(250, "ok"), started_at=NOON, ended_at=NOON)
        outcomes.record(connection, [answer], now=NOON, backoff=Backoff())
    assert read(opened, mailing).twice == 1


def test_the_duration_ends_with_the_mailing(opened, mailing):
    assert read(opened, mailing, after=10).duration == timedelta(seconds=10)
    mailings.move(opened, mailing, mailing.finish(NOON + timedelta(seconds=30)))
    assert read(opened, mailing, after=99).duration == timedelta(seconds=30)


def test_a_mailing_that_is_not_there_has_no_report(opened):
    with pytest.raises(InputError, match="no mailing 7"):
        reports.of(opened, 7)
