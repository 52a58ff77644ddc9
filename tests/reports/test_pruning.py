import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event as listening
from sqlalchemy import func, insert, select, update

from newsletter import reports
from newsletter.audience import lists
from newsletter.errors import InputError
from newsletter.publishing import mailings
from newsletter.rendering import Edition
from newsletter.reports import pruning
from newsletter.settings import RetentionSettings
from newsletter.store import alert_tables, tables
from newsletter.store.statuses import DeliveryStatus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=100)
POLICY = RetentionSettings()
READERS = 300
DOMAINS = ("large.example", "large.example", "large.example", "middle.example", "middle.example")
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


def a_mailing(opened, *, day=0, finished_at=NOON, unknown=0):
    """A mailing that has ended, with deliveries of every end, some tried more than once."""
    target = lists.ensure(opened, "daily", title="The Daily", clock=lambda: NOON)
    order = mailings.Order(
        issue=f"2026-03-0{day + 1}-ferries",
        edition=EDITION,
        target=target,
        local_date=date(2026, 3, day + 1),
        not_later_than=NOON + timedelta(hours=6),
        actor="ada",
    )
    made = mailings.create(opened, order, now=NOON)
    with opened.writing() as connection:
        readers = readers_of(connection)
        wave = connection.execute(select(tables.wave.c.id).where(tables.wave.c.mailing_id == made.id)).scalar_one()
        connection.execute(update(tables.wave).where(tables.wave.c.id == wave).values(released_at=NOON))
        chunk = {"wave_id": wave, "status": "closed", "worker": "w", "created_at": NOON, "lease_until": NOON}
        chunk_id = connection.execute(insert(tables.chunk).values(chunk).returning(tables.chunk.c.id)).scalar_one()
        dice = random.Random(made.id)
        ends = ["accepted"] * 8 + ["rejected", "withdrawn", "expired"]
        rows = [
            {
                "mailing_id": made.id,
                "wave_id": wave,
                "subscriber_id": reader,
                "status": "unknown" if place < unknown else dice.choice(ends),
                "fence": dice.choice([1, 1, 1, 2]),
                "chunk_id": chunk_id,
                "changed_at": NOON,
                "reason": dice.choice(["paused", "unsubscribed", "erased"]),
            }
            for place, reader in enumerate(readers)
        ]
        connection.execute(insert(tables.delivery), rows)
        connection.execute(insert(tables.attempt), attempts_of(connection, made.id, chunk_id, dice))
        counts = {"selected": READERS + 7, "prepared": READERS, "excluded": {"suppressed": 7}}
        ended = {"status": "finished", "started_at": NOON, "finished_at": finished_at}
        connection.execute(update(tables.mailing).where(tables.mailing.c.id == made.id).values(counts | ended))
    return made.id


def readers_of(connection):
    found = connection.execute(select(tables.subscriber.c.id)).scalars().all()
    if found:
        return found
    people = [
        {"address": each, "address_key": each, "domain": each.partition("@")[2], "created_at": NOON}
        for number in range(READERS)
        for each in [f"r{number}@" + (DOMAINS[number % 7] if number % 7 < 5 else f"d{number}.example")]
    ]
    connection.execute(insert(tables.subscriber), people)
    return connection.execute(select(tables.subscriber.c.id)).scalars().all()


def attempts_of(connection, mailing_id, chunk_id, dice):
    common = {"chunk_id": chunk_id, "started_at": NOON, "ended_at": NOON}
    whole = {**common, "delivery_id": None, "fence": 1, "outcome": "rejected", "code": 400, "reply": "no"}
    rows = [whole]
    columns = select(tables.delivery).where(tables.delivery.c.mailing_id == mailing_id)
    for row in connection.execute(columns):
        said = f"4.2.1 <r{row.subscriber_id}@large.example> is over quota (queue AB12CD{row.id:04})"
        for fence in range(1, row.fence + 1):
            outcome = (
                "accepted" if fence == row.fence and row.status == "accepted" else dice.choice(["deferred", "unknown"])
            )
            outcome = "accepted" if row.id % 20 == 0 else outcome  # twice, in plain sight
            rows.append(
                {**common, "delivery_id": row.id, "fence": fence, "outcome": outcome, "code": 450, "reply": said}
            )
    return rows


def compared(opened, mailing_id):
    """What a report says that must stay."""
    report = reports.of(opened, mailing_id, clock=lambda: LATER)
    assert report.finished
    return replace(report, history=()).as_dict(), reports.as_text(report)


def number_of(opened, table):
    with opened.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("batch", [17, 20_000])
def test_a_report_reads_the_same_before_and_after(database, batch):
    numbers = [a_mailing(database, day=day) for day in range(2)]
    before = [compared(database, number) for number in numbers]
    assert before[0][0]["twice"] > 0
    assert before[0][0]["possibly_twice"] > 0
    assert sum(before[0][0]["withdrawn_for"].values()) == before[0][0]["withdrawn"] > 0
    assert len(before[0][0]["domains"]) == reports.reading.TOP_DOMAINS
    planned = pruning.survey(database, POLICY, now=LATER)
    done = pruning.prune(database, POLICY, now=LATER, batch=batch)
    assert (done.mailings, done.deliveries) == (2, 2 * READERS) == (planned.mailings, planned.deliveries)
    after = [compared(database, number) for number in numbers]
    assert after == before
    assert number_of(database, tables.delivery) == number_of(database, tables.attempt) == 0
    assert pruning.prune(database, POLICY, now=LATER).deliveries == 0


def test_cut_off_anywhere_the_report_reads_the_same_and_the_next_run_goes_on(database):
    number = a_mailing(database)
    before = compared(database, number)
    for _ in range(3):
        asked = iter([False, True])
        pruning.prune(database, POLICY, now=LATER, batch=10, stop=lambda asked=asked: next(asked, True))
        assert compared(database, number) == before
    assert 0 < number_of(database, tables.delivery) < READERS
    failing = []

    def cut(_connection, _cursor, statement, *_rest):
        if statement.startswith("DELETE FROM delivery"):
            failing.append(statement)
            raise InputError("the disk is full")

    listening.listen(database.engine, "before_cursor_execute", cut)
    with pytest.raises(InputError):
        pruning.prune(database, POLICY, now=LATER, batch=10)
    listening.remove(database.engine, "before_cursor_execute", cut)
    assert failing
    assert compared(database, number) == before
    pruning.prune(database, POLICY, now=LATER)
    assert compared(database, number) == before
    assert number_of(database, tables.delivery) == 0


def test_nothing_is_touched_that_is_young_unfinished_or_unknown(database):
    young = a_mailing(database, day=0, finished_at=LATER - timedelta(days=POLICY.deliveries_days - 1))
    unknown = a_mailing(database, day=1, unknown=1)
    unfinished = a_mailing(database, day=2)
    with database.writing() as connection:
        connection.execute(
            update(tables.mailing).where(tables.mailing.c.id == unfinished).values(status="sending", finished_at=None)
        )
    done = pruning.prune(database, POLICY, now=LATER)
    assert (done.deliveries, done.unknown_in) == (0, (unknown,))
    assert number_of(database, tables.delivery) == 3 * READERS
    assert reports.of(database, young, clock=lambda: LATER).counts[DeliveryStatus.UNKNOWN] == 0
    with database.writing() as connection:
        connection.execute(
            update(tables.delivery).where(tables.delivery.c.status == "unknown").values(status="accepted")
        )
    assert pruning.prune(database, POLICY, now=LATER).deliveries == READERS


def an_event(number, *, at, delivery_id=None):
    return {
        "provider": "sendgrid",
        "provider_event": f"e{number}",
        "type": "delivered",
        "at": at,
        "received_at": at,
        "delivery_id": delivery_id,
        "machine": False,
        "raw": {"email": "ann@reader.example", "ip": "192.0.2.1"},
    }


def test_old_events_lose_their_bodies_and_very_old_ones_go_where_nothing_rests_on_them(database):
    a_mailing(database, finished_at=NOON, unknown=1)
    with database.reading() as connection:
        needed = connection.execute(
            select(tables.delivery.c.id).where(tables.delivery.c.status == "unknown")
        ).scalar_one()
    now = NOON + timedelta(days=800)
    with database.writing() as connection:
        rows = [an_event(number, at=NOON + timedelta(days=number)) for number in range(0, 801, 10)]
        rows.append(an_event(-1, at=now))
        connection.execute(insert(tables.event), [an_event(-2, at=NOON, delivery_id=needed), *rows])
    planned = pruning.survey(database, POLICY, now=now)
    done = pruning.prune(database, POLICY, now=now, batch=7)
    assert (planned.event_bodies, planned.events) == (done.event_bodies, done.events) == (78, 7)
    with database.reading() as connection:
        left = connection.execute(select(tables.event).order_by(tables.event.c.id)).all()
    assert left[0].delivery_id == needed
    assert [bool(row.raw) for row in left] == [row.received_at >= now - timedelta(days=30) for row in left]
    assert pruning.survey(database, POLICY, now=now) == replace(pruning.Pruned(), unknown_in=done.unknown_in)


def test_old_notices_go_once_they_have_their_end(database):
    common = {"kind": "test", "address": "a@x.example", "address_key": "a@x.example", "created_at": NOON}
    states = [("accepted", NOON), ("rejected", NOON), ("unknown", NOON), ("pending", NOON), ("accepted", LATER)]
    with database.writing() as connection:
        connection.execute(insert(tables.notice), [{**common, "status": s, "changed_at": at} for s, at in states])
    assert pruning.survey(database, POLICY, now=LATER).notices == 2
    assert pruning.prune(database, POLICY, now=LATER, batch=1).notices == 2
    assert number_of(database, tables.notice) == 3


def test_old_mails_of_alerts_go_too(database):
    alert = {"kind": "alert", "address": "a@x.example", "address_key": "a@x.example", "created_at": NOON}
    said = {"code": "HELD-LATE", "created_at": NOON, "subject": "s", "text": "t", "payload": {}, "changed_at": NOON}
    with database.writing() as connection:
        connection.execute(insert(tables.notice).values(**alert, id=1, status="accepted", changed_at=NOON))
        connection.execute(insert(alert_tables.announcement).values(**said, id=1))
        connection.execute(insert(alert_tables.announcement_notice).values(notice_id=1, announcement_id=1))
    assert pruning.prune(database, POLICY, now=LATER).notices == 1
    assert number_of(database, alert_tables.announcement_notice) == 0
    assert number_of(database, alert_tables.announcement) == 1


def test_what_is_kept_for_ever_stays(database):
    a_mailing(database)
    with database.writing() as connection:
        connection.execute(insert(tables.event), [an_event(1, at=NOON)])
        connection.execute(insert(tables.suppression).values(address_hash="ab", reason="erased", at=NOON))
    forever = RetentionSettings(deliveries_days=0, event_bodies_days=0, events_days=0, notices_days=0)
    now = NOON + timedelta(days=10_000)
    assert pruning.prune(database, forever, now=now) == pruning.Pruned()
    pruning.prune(database, POLICY, now=now)
    assert number_of(database, tables.suppression) == 1
    assert number_of(database, tables.audit) > 0


def test_too_short_a_retention_is_refused():
    with pytest.raises(ValueError, match="at least 14 days"):
        RetentionSettings(deliveries_days=3)


def test_events_keep_no_longer_whose_they_are_than_their_deliveries(database):
    number = a_mailing(database)
    with database.writing() as connection:
        deliveries = select(tables.delivery.c.id).where(tables.delivery.c.mailing_id == number)
        same = {"provider": "p", "type": "bounced", "at": LATER, "received_at": LATER, "machine": False}
        rows = [
            {"provider_event": str(each), "delivery_id": each, "raw": {"email": "ann@large.example"}, **same}
            for each in connection.execute(deliveries).scalars()
        ]
        connection.execute(insert(tables.event), rows)
    pruning.prune(database, POLICY, now=LATER)
    with database.reading() as connection:
        bodies = connection.execute(select(tables.event.c.raw)).scalars().all()
    assert len(bodies) == READERS
    assert not any(bodies)


def test_what_erased_people_got_becomes_counts_with_the_rest(database):
    number = a_mailing(database)
    with database.writing() as connection:
        some = tables.delivery.c.id % 3 == 0
        connection.execute(update(tables.delivery).where(some).values(subscriber_id=-tables.delivery.c.id))
    before = reports.of(database, number, clock=lambda: LATER)
    pruning.prune(database, POLICY, now=LATER)
    after = reports.of(database, number, clock=lambda: LATER)
    assert (after.counts, after.balanced, after.withdrawn_for) == (before.counts, True, before.withdrawn_for)
