"""What is due is started, once, in time or not by itself: whoever looks, whatever the clocks do, whoever is killed."""

import email
import email.policy
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from newsletter import alerts, reports, store
from newsletter.alerts.announcing import Channels
from newsletter.delivery import Copies, control, release
from newsletter.delivery.announcer import Announcer
from newsletter.delivery.scheduler import Scheduler
from newsletter.delivery.slots import SlotWatch
from newsletter.delivery.steps import CRASH_AT
from newsletter.delivery.telling import Teller
from newsletter.delivery.two_clocks import TwoClocks
from newsletter.delivery.upkeep import add_waves, clocks_chosen, reckon_anew
from newsletter.publishing import editions, mailings, scheduling
from newsletter.publishing.calendar import TZDATA
from newsletter.publishing.recurring import Outcome
from newsletter.publishing.timing import EVERYONE, ReaderClock, Timing
from newsletter.roundups import Outlets
from newsletter.settings import Newsroom, Settings
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, Exclusion, MailingStatus

SCRIPT = Path(__file__).with_name("killed_scheduler.py")
TUESDAY = date(2026, 11, 24)
SIX = datetime(2026, 11, 24, 11, tzinfo=UTC)
BEFORE = SIX - timedelta(hours=20)
NEW_YORK = Timing(day=TUESDAY, hour=time(6), zone="America/New_York", limit=timedelta(hours=6))
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HARBOUR = Newsroom(name="The Harbour Letter", from_address="letter@harbour.example", url="http://localhost:8025")


class Hours:
    """A clock on the wall, and one that nobody sets, both driven by the test."""

    def __init__(self, wall):
        self.wall = wall
        self.steady = 1_000.0

    def __call__(self):
        return self.wall

    def go_on(self, length):
        self.wall += length
        self.steady += length.total_seconds()

    def clocks(self):
        return TwoClocks(self, lambda: self.steady)


@pytest.fixture
def hours():
    return Hours(BEFORE)


def configured(**of_list):
    daily = {"title": "The Daily", "zone": "America/New_York", **of_list}
    return Settings(root=Path("/nowhere"), newsroom={"name": "The Harbour Letter"}, lists={"daily": daily})


@pytest.fixture
def scheduler(newsroom, hours):
    def make(**of_list):
        options = {"store": newsroom.store, "settings": configured(**of_list), "outlets": Outlets()}
        return Scheduler(**options, clock=hours, clocks=hours.clocks())

    return make


def readers_in(newsroom, **zones):
    """Readers by name, each with a zone and perhaps an hour: `bea="Europe/Berlin 07:00"`."""
    newsroom.subscribe(*zones)
    move(newsroom, **zones)


def move(newsroom, **zones):
    """They choose another clock."""
    with newsroom.store.writing() as connection:
        for name, clock in zones.items():
            zone, _, hour = clock.partition(" ")
            who = tables.subscriber.c.address == f"{name}@readers.example"
            connection.execute(update(tables.subscriber).where(who).values(zone=zone or None, hour=hour or None))


def scheduled(newsroom, timing=NEW_YORK, *, now=BEFORE, issue="2026-11-24-ferries", list_name="daily"):
    """A scheduled mailing with its waves."""
    target = newsroom.list(list_name)
    with newsroom.store.reading() as connection:
        waves = timing.plan(scheduling.readers_by_clock(connection, target.id, now=now), now=now)
    order = mailings.Order(
        issue=issue,
        edition=newsroom.edition,
        target=target,
        local_date=timing.day,
        not_later_than=now,
        actor="ada",
    )
    made = mailings.create(newsroom.store, order, now=now)
    with newsroom.store.writing() as connection:
        values = scheduling._columns(timing, waves)
        connection.execute(update(tables.mailing).where(tables.mailing.c.id == made.id).values(values))
        connection.execute(tables.wave.delete().where(tables.wave.c.mailing_id == made.id))
        scheduling.insert_waves(connection, made.id, made.edition_digest, waves)
    return mailings.get(newsroom.store, made.id)


def status(newsroom, mailing):
    return mailings.get(newsroom.store, mailing.id).status


def open_alerts(newsroom):
    return {(each.code, each.subject) for each in alerts.all_of(newsroom.store, only_open=True)}


def messages(newsroom):
    return [each.message for each in alerts.all_of(newsroom.store, only_open=True)]


def waves_of(newsroom, mailing):
    with newsroom.store.reading() as connection:
        rows = connection.execute(
            select(tables.wave).where(tables.wave.c.mailing_id == mailing.id).order_by(tables.wave.c.due_at)
        )
        return [(row.zone, row.hour, row.due_at) for row in rows]


# --- Starting ----------------------------------------------------------------------------------------------------


def test_it_starts_at_its_hour_and_not_a_second_before(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom)
    ticking = scheduler()
    assert ticking.run_once() == SIX
    hours.go_on(SIX - BEFORE - timedelta(seconds=1))
    ticking.run_once()
    assert status(newsroom, mailing) is MailingStatus.SCHEDULED
    hours.go_on(timedelta(seconds=1))
    assert ticking.run_once() is None
    begun = mailings.get(newsroom.store, mailing.id)
    assert (begun.status, begun.started_at) == (MailingStatus.SENDING, SIX)


def test_an_outage_within_the_limit_sends_at_once(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom)
    hours.go_on(SIX - BEFORE + 5 * HOUR + 59 * MINUTE)
    scheduler().run_once()
    assert status(newsroom, mailing) is MailingStatus.SENDING
    assert open_alerts(newsroom) == set()


def test_past_the_limit_it_is_held_with_one_alert_until_a_person_decides(newsroom, scheduler, hours):
    newsroom.subscribe("ann", "bob")
    mailing = scheduled(newsroom)
    hours.go_on(SIX - BEFORE + 6 * HOUR + MINUTE)
    for _ in range(3):
        scheduler().run_once()
        hours.go_on(HOUR)
    held = mailings.get(newsroom.store, mailing.id)
    assert (held.status, held.started_at) == (MailingStatus.PAUSED, None)
    assert open_alerts(newsroom) == {("HELD-LATE", f"mailing:{mailing.id}")}
    assert messages(newsroom)[0].startswith("mailing 1: it was due at 2026-11-24 11:00 UTC and found 6 h 1 min late")
    assert alerts.all_of(newsroom.store)[0].times == 1
    control.resume(newsroom.store, mailing.id, actor="ada", now=hours.wall, more=HOUR)
    assert open_alerts(newsroom) == set()
    begun = mailings.get(newsroom.store, mailing.id)
    assert (begun.status, begun.started_at) == (MailingStatus.SENDING, hours.wall)
    assert release(newsroom.store, begun, clock=hours).prepared == 2


def test_a_held_mailing_is_not_resumed_without_new_time(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom)
    hours.go_on(SIX - BEFORE + 7 * HOUR)
    scheduler().run_once()
    with pytest.raises(Exception, match="was over"):
        control.resume(newsroom.store, mailing.id, actor="ada", now=hours.wall)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_restored_backup_sends_nothing_of_yesterday_by_itself(newsroom, hours, tmp_path):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom)
    copy = tmp_path / "backup.db"
    with closing(sqlite3.connect(newsroom.store.engine.url.database)) as live, closing(sqlite3.connect(copy)) as kept:
        live.backup(kept)
    with closing(store.open(store.sqlite_url(copy))) as restored:
        hours.go_on(SIX - BEFORE + 24 * HOUR)
        options = {"settings": configured(), "outlets": Outlets(), "clock": hours, "clocks": hours.clocks()}
        Scheduler(store=restored, **options).run_once()
        assert mailings.get(restored, mailing.id).status is MailingStatus.PAUSED
        assert [each.code for each in alerts.all_of(restored, only_open=True)] == ["HELD-LATE"]


def test_what_a_person_sends_now_is_none_of_the_schedulers(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    order = mailings.Order(
        issue="x", edition=newsroom.edition, target=newsroom.list(), local_date=TUESDAY, not_later_than=SIX, actor="ada"
    )
    made = mailings.create(newsroom.store, order, now=BEFORE)
    hours.go_on(24 * HOUR)
    scheduler().run_once()
    assert status(newsroom, made) is MailingStatus.SCHEDULED


# --- Waves -------------------------------------------------------------------------------------------------------

LOCAL = replace(NEW_YORK, by_reader=True)


def test_every_reader_is_in_one_wave_at_the_hour_of_their_clock(newsroom, scheduler, hours):
    readers_in(newsroom, ann="", bea="Europe/Berlin", cyd="Europe/Berlin 07:00", dan="America/New_York", eve=" 05:00")
    mailing = scheduled(newsroom, LOCAL)
    ticking, got = scheduler(), {}
    while hours.wall < SIX + HOUR:
        ticking.run_once()
        now = mailings.get(newsroom.store, mailing.id)
        if now.status is MailingStatus.SENDING:
            release(newsroom.store, now, clock=hours)
        for name in newsroom.statuses(mailing):
            got.setdefault(name, hours.wall)
        hours.go_on(MINUTE)
    berlin = datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert got == {"bea": berlin, "cyd": berlin + HOUR, "eve": SIX - HOUR, "ann": SIX, "dan": SIX}


def test_a_canary_is_a_part_of_the_readers_and_the_rest_are_all_others(newsroom, hours):
    names = [f"r{number:03}" for number in range(200)]
    newsroom.subscribe(*names)
    newsroom.subscribe("gone", status="unsubscribed")
    mailing = scheduled(newsroom, replace(NEW_YORK, canary=1_000))
    hours.wall = SIX
    begun = mailings.move(newsroom.store, mailing, mailing.start(SIX))
    few = release(newsroom.store, begun, clock=hours)
    assert 15 <= few.prepared <= 25
    with newsroom.store.writing() as connection:
        # How the canary fared is judged elsewhere: here it is well.
        connection.execute(update(tables.wave).where(tables.wave.c.canary).values(released_at=SIX - HOUR))
        from newsletter.delivery import breaker  # noqa: PLC0415

        breaker.passed_canary(connection, mailing.id, now=SIX)
    hours.go_on(5 * MINUTE)
    everyone = release(newsroom.store, begun, clock=hours)
    assert (everyone.selected, everyone.prepared, everyone.excluded) == (201, 200, {Exclusion.UNSUBSCRIBED: 1})
    assert set(newsroom.statuses(mailing)) == set(names)


def test_readers_of_a_skipped_wave_are_counted_and_get_nothing(newsroom, hours, server):
    readers_in(newsroom, ann="", kim="Asia/Tokyo", lee="Asia/Tokyo")
    subscribed_at(newsroom, BEFORE)
    mailing = scheduled(newsroom, replace(LOCAL, skips_past=True), now=SIX - HOUR)
    hours.wall = SIX
    begun = mailings.move(newsroom.store, mailing, mailing.start(SIX))
    counts = release(newsroom.store, begun, clock=hours)
    assert (counts.selected, counts.prepared, counts.excluded) == (3, 1, {Exclusion.TOO_LATE: 2})
    assert set(newsroom.statuses(mailing)) == {"ann"}
    newsroom.worker(begun, server, clock=hours).run()
    assert server.recipients == {"ann@readers.example": 1}
    assert status(newsroom, mailing) is MailingStatus.FINISHED
    assert "their hour had passed" in reports.as_text(reports.of(newsroom.store, mailing.id, clock=hours))


def test_a_wave_found_too_late_waits_while_the_others_go_and_then_the_mailing_is_held(
    newsroom, scheduler, hours, server
):
    readers_in(newsroom, ann="", kim="Asia/Tokyo")
    mailing = scheduled(newsroom, LOCAL)
    hours.go_on(SIX - BEFORE)  # Tokyo's wave was due 14 hours ago
    scheduler().run_once()
    assert status(newsroom, mailing) is MailingStatus.SENDING
    assert open_alerts(newsroom) == {("HELD-LATE", f"mailing:{mailing.id}")}
    begun = mailings.get(newsroom.store, mailing.id)
    worker = newsroom.worker(begun, server, clock=hours)
    worker.run()
    assert server.recipients == {"ann@readers.example": 1}
    held = mailings.get(newsroom.store, mailing.id)
    assert held.status is MailingStatus.PAUSED
    report = reports.of(newsroom.store, mailing.id, clock=hours)
    assert "the wave of Asia/Tokyo was due at 2026-11-23 21:00 UTC" in report.trouble
    control.resume(newsroom.store, mailing.id, actor="ada", now=hours.wall, more=HOUR)
    newsroom.worker(mailings.get(newsroom.store, mailing.id), server, clock=hours).run()
    assert server.recipients == {"ann@readers.example": 1, "kim@readers.example": 1}
    assert status(newsroom, mailing) is MailingStatus.FINISHED


def test_time_given_to_a_late_wave_is_none_taken_from_those_to_come(newsroom, scheduler, hours, server):
    readers_in(newsroom, ann="", kim="Asia/Tokyo")
    mailing = scheduled(newsroom, LOCAL)
    hours.go_on(SIX - BEFORE - 13 * HOUR)  # Tokyo's wave was due an hour ago, New York's is 13 hours off
    scheduler().run_once()
    control.pause(newsroom.store, mailing.id, actor="ada", now=hours.wall)
    after = control.resume(newsroom.store, mailing.id, actor="ada", now=hours.wall, more=2 * HOUR)
    assert after.not_later_than == mailing.not_later_than
    hours.go_on(13 * HOUR + MINUTE)
    newsroom.worker(mailings.get(newsroom.store, mailing.id), server, clock=hours).run()
    assert server.recipients["ann@readers.example"] == 1


def test_waves_found_too_late_are_told_once_however_often_and_by_whom_they_are_found(newsroom, scheduler, hours):
    readers_in(newsroom, ann="America/Los_Angeles", kim="Asia/Tokyo", lee="Asia/Seoul", zoe="Asia/Kolkata")
    mailing = scheduled(newsroom, LOCAL)
    hours.go_on(SIX - BEFORE - 5 * HOUR)  # 06:00 UTC: Tokyo and Seoul are 9 hours late, Kolkata 5 hours 30 minutes
    for _ in range(20):
        scheduler().run_once()
        hours.go_on(MINUTE)
    (told,) = alerts.all_of(newsroom.store)
    assert (told.code, told.subject, told.times) == ("HELD-LATE", f"mailing:{mailing.id}", 1)
    assert told.message.startswith(
        f"2 waves of mailing {mailing.id} wait for a person: the first was due at 2026-11-23"
    )
    hours.go_on(HOUR)
    scheduler().run_once()
    (told,) = alerts.all_of(newsroom.store)
    assert told.message.startswith(f"3 waves of mailing {mailing.id} wait for a person")
    assert told.times == 2


def test_what_is_deferred_is_given_up_when_its_own_waves_time_is_over(newsroom, hours):
    readers_in(newsroom, ann="", bea="Europe/Berlin")
    mailing = scheduled(newsroom, LOCAL)
    hours.wall = SIX
    begun = mailings.move(newsroom.store, mailing, mailing.start(SIX))
    release(newsroom.store, begun, clock=hours)
    from newsletter.delivery import ledger  # noqa: PLC0415

    with newsroom.store.writing() as connection:
        assert ledger.expire(connection, mailing.id, now=SIX + MINUTE) == 1
    assert newsroom.statuses(mailing) == {"ann": DeliveryStatus.PENDING, "bea": DeliveryStatus.EXPIRED}


def test_the_message_is_dated_when_it_goes_and_not_when_it_was_scheduled(newsroom, hours, server):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom)
    hours.wall = SIX
    begun = mailings.move(newsroom.store, mailing, mailing.start(SIX))
    newsroom.worker(begun, server, clock=hours).run()
    (_, message), *_ = server.received
    assert b"Date: Tue, 24 Nov 2026 11:00:00 +0000" in message
    assert Copies.of(newsroom.edition, begun, newsroom.keys).mailing.created_at == BEFORE


def test_a_clock_chosen_after_scheduling_gets_its_wave(newsroom, scheduler, hours):
    readers_in(newsroom, ann="", bea="")
    mailing = scheduled(newsroom, LOCAL)
    newsroom.subscribe("zoe", list_name="weekly")
    ticking = scheduler()
    ticking.run_once()
    assert [zone for zone, _, _ in waves_of(newsroom, mailing)] == [""]
    move(newsroom, bea="Europe/Berlin 07:00", zoe="Asia/Tokyo")
    hours.go_on(MINUTE)
    ticking.run_once()
    berlin = datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert waves_of(newsroom, mailing) == [("Europe/Berlin", "07:00", berlin), ("", "", SIX)]
    assert mailings.get(newsroom.store, mailing.id).due_at == berlin
    assert add_waves(newsroom.store, now=hours.wall) == 0


def test_who_chooses_an_hour_that_has_passed_goes_with_everyone_and_afterwards_at_once(newsroom, hours):
    readers_in(newsroom, ann="", bea="America/Los_Angeles", cyd="America/Los_Angeles")
    mailing = scheduled(newsroom, LOCAL)
    move(newsroom, bea="Asia/Tokyo")
    assert add_waves(newsroom.store, now=SIX - HOUR) == 0
    hours.wall = SIX
    begun = mailings.move(newsroom.store, mailing, mailing.start(SIX))
    release(newsroom.store, begun, clock=hours)
    assert set(newsroom.statuses(mailing)) == {"ann", "bea"}
    move(newsroom, cyd="Asia/Seoul")
    assert add_waves(newsroom.store, now=SIX + MINUTE) == 1
    hours.go_on(2 * MINUTE)
    release(newsroom.store, begun, clock=hours)
    assert set(newsroom.statuses(mailing)) == {"ann", "bea", "cyd"}


def test_who_moves_after_their_wave_is_not_mailed_twice(newsroom, hours):
    readers_in(newsroom, ann="", bea="Europe/Berlin")
    mailing = scheduled(newsroom, LOCAL)
    hours.wall = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
    begun = mailings.move(newsroom.store, mailing, mailing.start(hours.wall))
    release(newsroom.store, begun, clock=hours)
    move(newsroom, bea="America/Chicago")
    assert add_waves(newsroom.store, now=hours.wall) == 0, "nobody is left whom it would be for"
    hours.wall = SIX + 2 * HOUR
    release(newsroom.store, begun, clock=hours)
    assert set(newsroom.statuses(mailing)) == {"ann", "bea"}


def subscribed_at(newsroom, hour, *names):
    """All readers, or these, have been on their lists since then."""
    addresses = [f"{name}@readers.example" for name in names]
    ids = select(tables.subscriber.c.id).where(tables.subscriber.c.address.in_(addresses) if names else True)
    with newsroom.store.writing() as connection:
        theirs = tables.subscription.c.subscriber_id.in_(ids)
        connection.execute(update(tables.subscription).where(theirs).values(consent_at=hour, changed_at=hour))


def gone_through(newsroom, mailing, hours, *, until):
    """Who got it when, with a look every quarter of an hour at waves to be added and released."""
    got = {}
    while hours.wall <= until:
        add_waves(newsroom.store, now=hours.wall)
        release(newsroom.store, mailing, clock=hours)
        for name in newsroom.statuses(mailing):
            got.setdefault(name, hours.wall)
        hours.go_on(15 * MINUTE)
    return got


def test_who_moves_to_a_clock_whose_wave_has_gone_loses_no_issue(newsroom, hours, server):
    readers_in(newsroom, ann="", kim="Asia/Tokyo", bea="", cyd="America/Los_Angeles", dan="America/Denver")
    newsroom.subscribe("gone", status="unsubscribed")
    move(newsroom, gone="Asia/Tokyo")
    subscribed_at(newsroom, BEFORE)
    mailing = scheduled(newsroom, replace(LOCAL, limit=timedelta(hours=24)))
    tokyo = datetime(2026, 11, 23, 21, tzinfo=UTC)
    begun = mailings.move(newsroom.store, mailing, mailing.start(tokyo))
    hours.wall = tokyo
    got = gone_through(newsroom, begun, hours, until=tokyo + HOUR)
    assert set(got) == {"kim"}
    move(newsroom, bea="Asia/Tokyo")
    got = gone_through(newsroom, begun, hours, until=SIX + HOUR) | got
    assert got == {"kim": tokyo, "ann": SIX, "bea": SIX}, "with everyone, while that wave is to come"
    move(newsroom, cyd="Asia/Tokyo", dan="")
    newsroom.subscribe("new")
    subscribed_at(newsroom, hours.wall, "new")
    gone_through(newsroom, begun, hours, until=SIX + 5 * HOUR)
    for _ in range(2):
        # Once nobody else is left they go too.
        newsroom.worker(mailings.get(newsroom.store, mailing.id), server, clock=hours).run()
    names = ("ann", "kim", "bea", "cyd", "dan")
    assert server.recipients == {f"{name}@readers.example": 1 for name in names}
    after = mailings.get(newsroom.store, mailing.id)
    report = reports.of(newsroom.store, mailing.id, clock=hours)
    assert (after.status, report.selected, report.prepared, report.excluded) == (
        MailingStatus.FINISHED,
        6,
        5,
        {Exclusion.UNSUBSCRIBED: 1},
    )


def test_who_joins_after_the_wave_of_their_clock_waits_for_the_next_issue(newsroom, hours):
    readers_in(newsroom, ann="", kim="Asia/Tokyo")
    mailing = scheduled(newsroom, LOCAL)
    tokyo = datetime(2026, 11, 23, 21, tzinfo=UTC)
    begun = mailings.move(newsroom.store, mailing, mailing.start(tokyo))
    hours.wall = tokyo
    gone_through(newsroom, begun, hours, until=tokyo + HOUR)
    newsroom.subscribe("new")
    move(newsroom, new="Asia/Tokyo")
    subscribed_at(newsroom, hours.wall, "new")
    assert set(gone_through(newsroom, begun, hours, until=SIX + HOUR)) == {"ann", "kim"}


def test_the_clocks_that_readers_go_by_are_found_in_the_index(newsroom):
    readers_in(
        newsroom, a="", b="Asia/Tokyo", c="Asia/Tokyo 07:00", d="Asia/Tokyo 18:30", e=" 05:00", f="Europe/Rome 07:00"
    )
    with newsroom.store.reading() as connection:
        found = set(clocks_chosen(connection))
    tokyo = {ReaderClock("Asia/Tokyo", hour) for hour in ("", "07:00", "18:30")}
    assert found == {EVERYONE, ReaderClock("", "05:00"), *tokyo, ReaderClock("Europe/Rome", "07:00")}


def test_new_rules_of_zones_move_the_waves_to_come(newsroom):
    readers_in(newsroom, ann="", kim="Asia/Tokyo")
    mailing = scheduled(newsroom, LOCAL)
    tokyo = datetime(2026, 11, 23, 21, tzinfo=UTC)
    with newsroom.store.writing() as connection:
        # As if reckoned by older rules, an hour off.
        connection.execute(update(tables.wave).values(due_at=tables.wave.c.due_at))
        for zone, due_at in (("Asia/Tokyo", tokyo - HOUR), ("", SIX - HOUR)):
            connection.execute(update(tables.wave).where(tables.wave.c.zone == zone).values(due_at=due_at))
        connection.execute(update(tables.mailing).values(tzdata="2020a", due_at=tokyo - HOUR))
    assert reckon_anew(newsroom.store, now=BEFORE) == [mailing.id]
    assert waves_of(newsroom, mailing) == [("Asia/Tokyo", "", tokyo), ("", "", SIX)]
    assert mailings.get(newsroom.store, mailing.id).due_at == tokyo
    assert reckon_anew(newsroom.store, now=BEFORE) == []


def reckoned_by(newsroom, version, *, off):
    """As if the waves had been reckoned by those rules, so much off."""
    with newsroom.store.writing() as connection:
        for row in connection.execute(select(tables.wave)).all():
            values = {"due_at": row.due_at + off, "not_later_than": row.not_later_than + off}
            connection.execute(update(tables.wave).where(tables.wave.c.id == row.id).values(values))
        for row in connection.execute(select(tables.mailing)).all():
            values = {"due_at": row.due_at + off, "not_later_than": row.not_later_than + off, "tzdata": version}
            connection.execute(update(tables.mailing).where(tables.mailing.c.id == row.id).values(values))


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_scheduler_with_newer_rules_of_zones_sends_at_the_hours_that_they_make(newsroom, scheduler, hours, off):
    readers_in(newsroom, ann="", bea="Europe/Berlin")
    mailing = scheduled(newsroom, LOCAL)
    reckoned_by(newsroom, "2020a", off=off)
    ticking, got = scheduler(), {}
    berlin = datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert ticking.run_once() == berlin
    while hours.wall < SIX + 2 * HOUR:
        ticking.run_once()
        now = mailings.get(newsroom.store, mailing.id)
        if now.status is MailingStatus.SENDING:
            release(newsroom.store, now, clock=hours)
        for name in newsroom.statuses(mailing):
            got.setdefault(name, hours.wall)
        hours.go_on(15 * MINUTE)
    assert got == {"bea": berlin, "ann": SIX}
    after = mailings.get(newsroom.store, mailing.id)
    # Never less time than it had: a person may have given it more.
    assert after.not_later_than == SIX + 6 * HOUR + max(off, timedelta(0))
    with newsroom.store.reading() as connection:
        assert connection.execute(select(tables.mailing.c.tzdata)).scalar_one() == TZDATA


def test_between_its_waves_a_mailing_follows_newer_rules_in_those_to_come_alone(newsroom, scheduler, hours):
    readers_in(newsroom, ann="", bea="Europe/Berlin")
    mailing = scheduled(newsroom, LOCAL)
    hours.go_on(datetime(2026, 11, 24, 5, tzinfo=UTC) - BEFORE)
    ticking = scheduler()
    ticking.run_once()
    release(newsroom.store, mailings.get(newsroom.store, mailing.id), clock=hours)
    reckoned_by(newsroom, "2020a", off=-MINUTE)
    hours.go_on(MINUTE)
    ticking.run_once()
    assert [(zone, due) for zone, _, due in waves_of(newsroom, mailing)] == [
        ("Europe/Berlin", datetime(2026, 11, 24, 4, 59, tzinfo=UTC)),
        ("", SIX),
    ]
    assert set(newsroom.statuses(mailing)) == {"bea"}


def test_a_scheduler_with_older_rules_leaves_what_newer_ones_have_made(newsroom, scheduler):
    readers_in(newsroom, ann="", bea="Europe/Berlin")
    mailing = scheduled(newsroom, LOCAL)
    reckoned_by(newsroom, "2999z", off=HOUR)
    scheduler().run_once()
    assert [due for _, _, due in waves_of(newsroom, mailing)] == [datetime(2026, 11, 24, 6, tzinfo=UTC), SIX + HOUR]


# --- Slots -------------------------------------------------------------------------------------------------------


def test_a_slot_without_an_issue_raises_an_alert_by_the_time_it_had_to_be_ready(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    ticking = scheduler(hour="06:00", ready_by="05:15")
    assert ticking.run_once() == SIX - 45 * MINUTE
    hours.go_on(SIX - BEFORE - 46 * MINUTE)
    ticking.run_once()
    assert open_alerts(newsroom) == set()
    hours.go_on(MINUTE)
    ticking.run_once()
    assert open_alerts(newsroom) == {("NOT-READY", "list:daily:2026-11-24")}
    assert "Tuesday 24 November 2026, 06:00 in New York (EST, UTC−5)" in messages(newsroom)[0]
    hours.go_on(MINUTE)
    scheduled(newsroom, now=hours.wall)
    ticking.run_once()
    assert open_alerts(newsroom) == set()


def test_a_missed_slot_sends_nothing_and_its_alert_ends_with_the_day(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    ticking = scheduler(hour="06:00", days=["tue"])
    ticking.run_once()
    hours.go_on(SIX - BEFORE + 3 * HOUR)
    scheduler(hour="06:00", days=["tue"]).run_once()
    assert open_alerts(newsroom) == {("NOT-READY", "list:daily:2026-11-24")}
    assert mailings.all_of(newsroom.store) == []
    hours.go_on(24 * HOUR)
    scheduler(hour="06:00", days=["tue"]).run_once()
    assert open_alerts(newsroom) == set()


def test_a_slot_before_the_list_had_its_calendar_was_never_promised(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    hours.go_on(SIX - BEFORE + HOUR)
    scheduler(hour="06:00").run_once()
    assert open_alerts(newsroom) == set()


# --- Clocks ------------------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_ahead_sends_nothing_early_and_is_told(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom)
    ticking = scheduler()
    ticking.run_once()
    hours.wall += 24 * HOUR
    ticking.run_once()
    assert status(newsroom, mailing) is MailingStatus.SCHEDULED
    assert open_alerts(newsroom) == {("CLOCK-JUMPED", "machine:clock")}
    hours.wall -= 24 * HOUR
    hours.go_on(SIX - BEFORE)
    ticking.run_once()
    assert status(newsroom, mailing) is MailingStatus.SENDING


def test_a_clock_that_was_wrong_and_was_set_right_is_believed_after_a_while(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom)
    hours.wall -= 24 * HOUR
    ticking = scheduler()
    ticking.run_once()
    hours.wall += 24 * HOUR
    hours.go_on(SIX - BEFORE)
    ticking.run_once()
    assert status(newsroom, mailing) is MailingStatus.SCHEDULED
    hours.go_on(5 * MINUTE)
    ticking.run_once()
    ticking.run_once()
    assert status(newsroom, mailing) is MailingStatus.SENDING
    assert open_alerts(newsroom) == set()


def test_a_clock_that_is_set_back_sends_nothing_twice(newsroom, scheduler, hours):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom)
    hours.go_on(SIX - BEFORE)
    ticking = scheduler()
    ticking.run_once()
    hours.wall -= HOUR
    ticking.run_once()
    hours.go_on(2 * HOUR)
    ticking.run_once()
    with newsroom.store.reading() as connection:
        actions = connection.execute(select(tables.audit.c.action)).scalars().all()
    assert actions.count("mailing.start") == 1
    assert status(newsroom, mailing) is MailingStatus.SENDING


# --- Several, and killed -----------------------------------------------------------------------------------------


def test_of_several_schedulers_one_starts_each_mailing(newsroom, hours):
    newsroom.subscribe("ann")
    for number in range(20):
        newsroom.subscribe("ann", list_name=f"list{number}")
        scheduled(newsroom, issue=f"issue-{number}", list_name=f"list{number}")
    hours.wall = SIX
    started, ready = [], threading.Barrier(4)

    def tick():
        ready.wait()
        from newsletter.delivery.starting import start_due  # noqa: PLC0415

        started.extend(start_due(newsroom.store, now=SIX))

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(started) == sorted(set(started))
    assert len(started) == 20
    with newsroom.store.reading() as connection:
        assert set(connection.execute(select(tables.mailing.c.status)).scalars()) == {"sending"}


def test_of_several_schedulers_that_find_it_too_late_one_holds_it_and_people_are_told_once(newsroom, hours):
    newsroom.subscribe("ann")
    for number in range(10):
        newsroom.subscribe("ann", list_name=f"list{number}")
        scheduled(newsroom, issue=f"issue-{number}", list_name=f"list{number}")
    hours.wall = SIX + 7 * HOUR
    ready = threading.Barrier(4)

    def tick():
        ticking = Scheduler(
            store=newsroom.store, settings=configured(), outlets=Outlets(), clock=hours, clocks=hours.clocks()
        )
        ready.wait()
        ticking.run_once()
        ticking.run_once()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with newsroom.store.reading() as connection:
        actions = connection.execute(select(tables.audit.c.action)).scalars().all()
        assert set(connection.execute(select(tables.mailing.c.status)).scalars()) == {"paused"}
    assert actions.count("mailing.hold") == 10
    told = alerts.all_of(newsroom.store)
    assert sorted(each.subject for each in told) == sorted(f"mailing:{number}" for number in range(1, 11))
    assert {(each.code, each.times) for each in told} == {("HELD-LATE", 1)}


def telling_scheduler(newsroom, hours, server):
    """One that mails alerts to the desk."""
    channels = Channels(
        newsroom="The Harbour Letter",
        addresses={"desk@harbour.example": "desk@harbour.example"},
        webhook=False,
        remind_after=4 * HOUR,
    )
    announcer = Announcer(
        store=newsroom.store,
        channels=channels,
        newsroom=HARBOUR,
        sender=newsroom.sender(server),
        webhook=None,
        clock=hours,
    )
    teller = Teller(newsroom.store, clock=hours, announcer=announcer)
    options = {"store": newsroom.store, "settings": configured(), "outlets": Outlets()}
    return Scheduler(**options, clock=hours, clocks=hours.clocks(), teller=teller)


def test_what_is_held_is_mailed_to_people_once_by_several_schedulers_that_are_started_again_and_again(
    newsroom, hours, server
):
    newsroom.subscribe("ann")
    scheduled(newsroom)
    hours.wall = SIX + 7 * HOUR
    for _ in range(3):
        both = [telling_scheduler(newsroom, hours, server) for _ in range(2)]
        for ticking in both:
            ticking.run_once()
        for ticking in both:
            ticking.finish()
        hours.go_on(MINUTE)
    (_, mail), *others = server.received
    said = " ".join(
        email.message_from_bytes(mail, policy=email.policy.default).get_body(("plain",)).get_content().split()
    )
    assert (others, "found 7 h 0 min late" in said) == ([], True)
    # Nobody has answered: it is told again after the newsroom's four hours, by whom ever.
    hours.go_on(4 * HOUR)
    ticking = telling_scheduler(newsroom, hours, server)
    ticking.run_once()
    ticking.finish()
    assert server.recipients == {"desk@harbour.example": 2}


def ticking_process(newsroom, now, *, crash_at="", **of_list):
    database = newsroom.store.engine.url.render_as_string(hide_password=False)
    words = [f"{name}={value}" for name, value in of_list.items()]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), database, now.isoformat(), *words],
        env={**os.environ, CRASH_AT: crash_at},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("step", ["start.writing", "start.committed", "hold.writing", "waves.writing"])
def test_what_a_killed_scheduler_leaves_two_others_do_once(newsroom, step):
    readers_in(newsroom, ann="", bea="")
    in_time = scheduled(newsroom, LOCAL)
    move(newsroom, bea="America/Chicago")
    long_ago = replace(NEW_YORK, day=date(2026, 11, 22))
    newsroom.subscribe("cyd", list_name="weekly")
    late = scheduled(newsroom, long_ago, now=BEFORE - 72 * HOUR, issue="2026-11-22-trams", list_name="weekly")
    (killed := ticking_process(newsroom, SIX, crash_at=f"{step}:1")).communicate(timeout=60)
    assert killed.returncode == -9
    # Whatever it left undone, one of two others does, once.
    for process in [ticking_process(newsroom, SIX) for _ in range(2)]:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert status(newsroom, in_time) is MailingStatus.SENDING
    assert status(newsroom, late) is MailingStatus.PAUSED
    found = [(zone, due) for zone, _, due in waves_of(newsroom, in_time)]
    assert found == [("", SIX), ("America/Chicago", SIX + HOUR)]
    with newsroom.store.reading() as connection:
        actions = connection.execute(select(tables.audit.c.action)).scalars().all()
    assert (actions.count("mailing.start"), actions.count("mailing.hold")) == (1, 1)
    assert actions.count("mailing.waves_added") == 1
    held = [each for each in alerts.all_of(newsroom.store, only_open=True) if each.subject == f"mailing:{late.id}"]
    assert len(held) == 1


def test_an_issue_that_did_not_go_by_itself_is_not_called_scheduled_when_its_slot_passes(newsroom):
    newsroom.list()
    settings = configured(hour="06:00", ready_by="05:15")
    watch = SlotWatch(newsroom.store, settings, outlets=Outlets())
    watch.look(now=BEFORE)
    (watched,) = watch._watched
    slot = watched.calendar.slot(TUESDAY)
    ready = [(watched, slot, SIX - 45 * MINUTE)]
    why = Outcome(list_name="daily", day=TUESDAY, issue="2026-11-24-ferries", why="nobody has approved it as it is now")
    for now, outcomes in ((SIX - 44 * MINUTE, []), (SIX - 40 * MINUTE, [why]), (SIX + MINUTE, [])):
        watch._judge(ready, outcomes, now)
    found = {each.code: each for each in alerts.all_of(newsroom.store)}
    assert found["NOT-READY"].resolution == "it is not scheduled still: another alert says why"
    assert found["NOT-SENT-BY-ITSELF"].open
    assert "nobody has approved it" in found["NOT-SENT-BY-ITSELF"].message


def test_an_approved_issue_that_the_gate_objects_to_is_told_by_its_reason(newsroom, hours):
    newsroom.subscribe("ann")
    with newsroom.store.writing() as connection:
        editions.freeze(connection, newsroom.edition, issue="2026-11-24-ferries", now=BEFORE)
        user = {"name": "Ada", "name_key": "ada", "role": "editor", "token_hash": "x", "created_at": BEFORE}
        connection.execute(insert(tables.user).values(user))
        given = {"edition_digest": newsroom.edition.digest, "issue": "2026-11-24-ferries", "user_id": 1, "at": BEFORE}
        connection.execute(insert(tables.approval).values(given))
    settings = configured(hour="06:00", recurring=True)
    options = {"settings": settings, "outlets": Outlets(), "clock": hours, "clocks": hours.clocks()}
    ticking = Scheduler(store=newsroom.store, **options)
    ticking.run_once()
    hours.go_on(SIX - BEFORE)
    ticking.run_once()
    # Its folder is not there, so it cannot be read.
    assert open_alerts(newsroom) == {("NOT-SENT-BY-ITSELF", "list:daily:2026-11-24")}
    assert "2026-11-24-ferries" in messages(newsroom)[0]
    scheduled(newsroom, now=hours.wall)
    hours.go_on(MINUTE)
    ticking.run_once()
    assert open_alerts(newsroom) == set()
