"""A backup that is put back never sends again what went out after it was made, without a person's word.

Who got what is told by the provider's own log.
"""

import os
import runpy
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from newsletter import alerts, reports, store
from newsletter.clock import system_clock
from newsletter.delivery import StandBy, control, restored
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.restored import Watch
from newsletter.delivery.scheduler import Scheduler
from newsletter.errors import BlockedError
from newsletter.publishing import mailings
from newsletter.rehearsal.sendgrid import Plan, Provider, read_log
from newsletter.roundups import Outlets
from newsletter.settings import Settings
from newsletter.store import backup, lineage, tables
from newsletter.store.marker import Marker
from newsletter.store.statuses import DeliveryStatus, MailingStatus

sender_to = runpy.run_path(str(Path(__file__).with_name("standing_worker.py")))["sender_to"]
READERS = [f"r{number:03}" for number in range(60)]
QUICK = Backoff(first=0.02, longest=0.05)


@pytest.fixture
def marker(tmp_path):
    """What this machine has seen of the newsroom's database."""
    return Marker(path=tmp_path / "database.seen")


@pytest.fixture
def provider(tmp_path):
    with Provider(log=tmp_path / "provider.log", plan=Plan(latency=0.05)) as running:
        running.taken = lambda: Counter(one.address for one in read_log(tmp_path / "provider.log"))
        yield running


@pytest.fixture
def put_back(request, tmp_path):
    """Puts a backup of `db backup`, or any other copy, back as a database of its own, and opens that."""
    opened = []

    def put_back(file):
        if file.suffix == ".db":
            target = tmp_path / f"put-back-{len(opened)}.db"
            opened.append(store.open(store.sqlite_url(shutil.copy(file, target))))
            return opened[-1]
        databases = request.getfixturevalue("postgresql")
        url = databases.empty()
        request.addfinalizer(lambda: databases.drop(url))
        command = ["pg_restore", "--exit-on-error", "--no-owner", "--single-transaction", f"--dbname={url}", str(file)]
        subprocess.run(command, check=True, capture_output=True)
        opened.append(store.open(url))
        return opened[-1]

    yield put_back
    for each in opened:
        each.close()


def worker(newsroom, provider, watch):
    everything = {"store": newsroom.store, "keys": newsroom.keys, "clock": system_clock, "backoff": QUICK}
    return StandBy(**everything, sender=sender_to(provider.url), watch=watch)


def until(condition, seconds=30.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.005)


def send_with_a_backup_in_the_middle(newsroom, provider, marker, tmp_path):
    """All 60 readers get it; the backup knows of some."""
    newsroom.subscribe(*READERS)
    mailing = newsroom.released()
    watch = Watch(newsroom.store, marker)
    watch.look(now=system_clock())
    standing_by = worker(newsroom, provider, watch)
    thread = threading.Thread(target=standing_by.run)
    thread.start()
    try:
        until(lambda: len(provider.taken()) >= 10)
        made = backup.make(newsroom.store, tmp_path, now=system_clock())
        until(lambda: mailings.get(newsroom.store, mailing.id).status is MailingStatus.FINISHED)
    finally:
        standing_by.stop()
        thread.join(30)
    assert provider.taken() == Counter(f"{name}@readers.example" for name in READERS)
    return mailing, made.file


def open_alerts(opened):
    return [(each.code, each.subject) for each in alerts.all_of(opened, only_open=True)]


def work_on(newsroom, provider, watch):
    """Whatever a worker and a scheduler would do by themselves."""
    worker(newsroom, provider, watch).run(until=lambda: True)
    settings = Settings(
        root=Path("/nowhere"), newsroom={"name": "The Harbour Letter"}, lists={"daily": {"title": "The Daily"}}
    )
    Scheduler(store=newsroom.store, settings=settings, outlets=Outlets(), clock=system_clock, watch=watch).run_once()


@pytest.mark.parametrize("same_machine", [True, False])
def test_a_backup_of_the_middle_of_a_mailing_that_is_put_back_mails_nobody_twice(
    newsroom, make_newsroom, provider, marker, *, put_back, tmp_path, same_machine
):
    mailing, file = send_with_a_backup_in_the_middle(newsroom, provider, marker, tmp_path)
    again = make_newsroom(put_back(file))
    knows = marker if same_machine else Marker(path=tmp_path / "new-machine.seen")
    for _ in range(2):
        work_on(again, provider, Watch(again.store, knows))
    assert set(provider.taken().values()) == {1}
    held = mailings.get(again.store, mailing.id)
    assert held.status is MailingStatus.PAUSED
    assert open_alerts(again.store) == [("RESTORED", "newsroom:database")]
    assert alerts.all_of(again.store)[0].times == 1
    assert restored.waiting(again.store).endswith("made by `newsletter db backup`)")
    report = reports.of(again.store, mailing.id)
    assert report.balanced
    assert report.waiting > 0
    assert f"newsletter mailing cancel {mailing.id}. Or send it to all who are left" in reports.as_text(report)
    with pytest.raises(BlockedError, match="put back"):
        control.resume(again.store, mailing.id, actor="ada", now=system_clock(), restored=True)
    assert [one.id for one in restored.accept(again.store, actor="ada", now=system_clock())] == [mailing.id]
    assert open_alerts(again.store) == []
    with pytest.raises(BlockedError, match="may have it already"):
        control.resume(again.store, mailing.id, actor="ada", now=system_clock())
    work_on(again, provider, Watch(again.store, knows))
    control.cancel(again.store, mailing.id, actor="ada", now=system_clock())
    work_on(again, provider, Watch(again.store, knows))
    assert set(provider.taken().values()) == {1}


def test_what_events_tell_since_is_not_sent_again_when_a_person_resumes(
    newsroom, make_newsroom, provider, marker, *, put_back, tmp_path
):
    mailing, file = send_with_a_backup_in_the_middle(newsroom, provider, marker, tmp_path)
    again = make_newsroom(put_back(file))
    watch = Watch(again.store, marker)
    watch.look(now=system_clock())
    told = list(read_log(tmp_path / "provider.log"))[:-7]
    silent = {one.address for one in list(read_log(tmp_path / "provider.log"))[-7:]}
    with again.store.writing() as connection:
        now = system_clock()
        common = {
            "provider": "sendgrid",
            "type": "delivered",
            "at": now,
            "received_at": now,
            "machine": False,
            "raw": {},
        }
        rows = [
            {"mailing_id": int(one.mailing), "delivery_id": int(one.delivery), "attempt": one.attempt} for one in told
        ]
        rows.append({"mailing_id": 999, "delivery_id": 5, "attempt": "7.1"})
        connection.execute(
            insert(tables.event), [{**common, **one, "provider_event": f"e{n}"} for n, one in enumerate(rows)]
        )
    assert [(one.mailing, one.readers) for one in restored.lost(again.store)] == [(999, 1)]
    restored.accept(again.store, actor="ada", now=system_clock())
    control.resume(again.store, mailing.id, actor="ada", now=system_clock(), restored=True)
    assert reports.of(again.store, mailing.id).counts[DeliveryStatus.PENDING] == len(silent)
    work_on(again, provider, watch)
    assert {address for address, times in provider.taken().items() if times > 1} == silent
    assert reports.of(again.store, mailing.id).finished


# --- Put back by other means -------------------------------------------------------------------------------------


def scheduled(newsroom, *, due):
    """A mailing that is scheduled and has one wave."""
    order = mailings.Order(
        issue="2026-11-24-ferries",
        edition=newsroom.edition,
        target=newsroom.list(),
        local_date=due.date(),
        not_later_than=due + timedelta(hours=6),
        actor="ada",
    )
    made = mailings.create(newsroom.store, order, now=due - timedelta(hours=9))
    timing = {"due_at": due, "zone": "UTC", "hour": "06:00", "tzdata": "2099z", "late_limit": 6 * 3600}
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).where(tables.mailing.c.id == made.id).values(timing))
        values = {"due_at": due, "not_later_than": due + timedelta(hours=6)}
        connection.execute(update(tables.wave).where(tables.wave.c.mailing_id == made.id).values(values))
    return made


SIX = datetime(2026, 11, 24, 6, tzinfo=UTC)


def tick(opened, now, watch=None):
    settings = Settings(
        root=Path("/nowhere"), newsroom={"name": "The Harbour Letter"}, lists={"daily": {"title": "The Daily"}}
    )
    Scheduler(store=opened, settings=settings, outlets=Outlets(), clock=lambda: now, watch=watch).tick(now)


@pytest.fixture
def overwritten(tmp_path):
    """Puts the bytes of a kept copy in the place of a database, as a snapshot does: nothing of the place changes."""

    def keep(opened):
        opened.close()
        shutil.copy(opened.place, tmp_path / "kept")

    def overwrite(opened):
        opened.close()
        for end in ("-wal", "-shm"):
            Path(opened.place + end).unlink(missing_ok=True)
        with Path(opened.place).open("r+b") as file:
            file.truncate()
            file.write((tmp_path / "kept").read_bytes())
        os.sync()

    return keep, overwrite


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_snapshot_of_before_the_hour_that_is_put_back_within_the_limit_holds_what_went_out(
    newsroom, marker, overwritten
):
    keep, overwrite = overwritten
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom, due=SIX)
    tick(newsroom.store, SIX - timedelta(hours=1), Watch(newsroom.store, marker))
    keep(newsroom.store)
    tick(newsroom.store, SIX, Watch(newsroom.store, marker))
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.SENDING
    overwrite(newsroom.store)
    tick(newsroom.store, SIX + timedelta(hours=1), Watch(newsroom.store, marker))
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.PAUSED
    assert open_alerts(newsroom.store) == [("RESTORED", "newsroom:database")]
    assert "this machine has seen a later state" in restored.waiting(newsroom.store)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_goes_back_under_a_process_is_noticed_by_what_that_has_seen(newsroom, overwritten):
    keep, overwrite = overwritten
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom, due=SIX)
    watch = Watch(newsroom.store)
    tick(newsroom.store, SIX - timedelta(hours=1), watch)
    keep(newsroom.store)
    tick(newsroom.store, SIX, watch)
    overwrite(newsroom.store)
    with newsroom.store.reading() as connection:
        assert watch.is_behind(connection)
    tick(newsroom.store, SIX + timedelta(minutes=1), watch)
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.PAUSED


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_dump_of_others_that_is_put_back_where_nobody_knows_it_is_held(newsroom, marker, put_back, tmp_path):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom, due=SIX)
    watch = Watch(newsroom.store, marker)
    tick(newsroom.store, SIX - timedelta(hours=1), watch)
    file = tmp_path / "of-others"
    url = newsroom.store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([backup._program("pg_dump"), "-Fc", f"--file={file}", "-d", url], check=True, capture_output=True)
    tick(newsroom.store, SIX, watch)
    for knows in (marker, Marker(path=tmp_path / "new-machine.seen")):
        again = put_back(file)
        tick(again, SIX + timedelta(minutes=1), Watch(again, knows))
        assert mailings.get(again, mailing.id).status is MailingStatus.PAUSED
        assert open_alerts(again) == [("RESTORED", "newsroom:database")]


# --- Moved on purpose, new, or never put back --------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("at", "held"), [(SIX - timedelta(minutes=1), False), (SIX + timedelta(minutes=1), True)])
def test_a_newsroom_that_moves_with_its_folder_goes_on_unless_something_was_due(
    newsroom, marker, put_back, tmp_path, *, at, held
):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom, due=SIX)
    tick(newsroom.store, SIX - timedelta(hours=1), Watch(newsroom.store, marker))
    newsroom.store.close()
    moved = put_back(shutil.copy(newsroom.store.place, tmp_path / "moved.db"))
    tick(moved, at, Watch(moved, marker))
    assert bool(open_alerts(moved)) is held
    assert mailings.get(moved, mailing.id).status is (MailingStatus.PAUSED if held else MailingStatus.SCHEDULED)
    if not held:
        tick(moved, SIX, Watch(moved, marker))
        assert mailings.get(moved, mailing.id).status is MailingStatus.SENDING


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_paused_in_a_copy_may_have_been_resumed_since_and_needs_a_persons_word(
    newsroom, marker, put_back, tmp_path
):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom, due=SIX)
    tick(newsroom.store, SIX, Watch(newsroom.store, marker))
    control.pause(newsroom.store, mailing.id, actor="ada", now=SIX)
    newsroom.store.close()
    again = put_back(shutil.copy(newsroom.store.place, tmp_path / "moved.db"))
    tick(again, SIX + timedelta(minutes=30), Watch(again, marker))
    assert open_alerts(again) == [("RESTORED", "newsroom:database")]
    with pytest.raises(BlockedError):
        control.resume(again, mailing.id, actor="ben", now=SIX + timedelta(minutes=31))


def test_an_outage_over_the_slot_is_no_restore_and_a_second_machine_learns_from_the_database(
    newsroom, marker, tmp_path
):
    newsroom.subscribe("ann")
    mailing = scheduled(newsroom, due=SIX)
    tick(newsroom.store, SIX - timedelta(hours=1), Watch(newsroom.store, marker))
    other = Watch(newsroom.store, Marker(path=tmp_path / "second-machine.seen"))
    tick(newsroom.store, SIX + timedelta(hours=1), other)
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.SENDING
    for watch in (other, Watch(newsroom.store, marker), Watch(newsroom.store, Marker(path=tmp_path / "third.seen"))):
        assert not watch.look(now=SIX + timedelta(hours=2))
    assert open_alerts(newsroom.store) == []


def test_of_many_who_notice_at_once_one_holds_and_one_alert_is_raised(newsroom, put_back, tmp_path):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    Watch(newsroom.store).look(now=SIX)
    again = put_back(backup.make(newsroom.store, tmp_path, now=SIX).file)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(Watch(again).look(now=SIX))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 5 + [True]
    assert (open_alerts(again), alerts.all_of(again)[0].times) == ([("RESTORED", "newsroom:database")], 1)
    with again.reading() as connection:
        actions = select(tables.audit.c.action).where(tables.audit.c.subject == f"mailing:{mailing.id}")
        assert list(connection.execute(actions).scalars()).count("mailing.hold") == 1


def test_a_marker_that_cannot_be_written_weakens_the_guard_and_stops_nothing(newsroom, tmp_path):
    watch = Watch(newsroom.store, Marker(path=tmp_path / "nowhere" / "database.seen"))
    assert not watch.look(now=SIX)
    watch.rise(now=SIX)
    assert not watch.look(now=SIX)
    assert watch.look(now=SIX, thorough=False) is False


# --- The person's word -------------------------------------------------------------------------------------------


def test_nothing_new_is_made_before_the_word_and_what_had_not_begun_is_scheduled_again(newsroom):
    newsroom.subscribe("ann")
    waiting = scheduled(newsroom, due=SIX)
    paused = newsroom.released(list_name="weekly", issue="2026-11-23-weekly")
    control.pause(newsroom.store, paused.id, actor="ada", now=SIX)
    before = SIX - timedelta(hours=3)
    assert [one.id for one in restored.mark(newsroom.store, actor="ada", now=before)] == [waiting.id, paused.id]
    with pytest.raises(BlockedError, match=r"backup of .* that was put back") as refused:
        newsroom.mailing(list_name="evening")
    assert "newsletter db accept-restore" in refused.value.remedy
    tick(newsroom.store, SIX)
    assert mailings.get(newsroom.store, waiting.id).status is MailingStatus.PAUSED
    restored.accept(newsroom.store, actor="ada", now=before)
    with pytest.raises(BlockedError, match="nothing waits for this"):
        restored.accept(newsroom.store, actor="ada", now=before)
    again = control.resume(newsroom.store, waiting.id, actor="ada", now=before, restored=True)
    assert (again.status, again.started_at) == (MailingStatus.SCHEDULED, None)
    assert [one.id for one in restored.held(newsroom.store)] == [paused.id]
    tick(newsroom.store, SIX)
    assert mailings.get(newsroom.store, waiting.id).status is MailingStatus.SENDING
    assert newsroom.mailing(list_name="evening").id


def test_the_number_of_a_mailing_that_was_lost_is_not_given_again(newsroom, make_newsroom, marker, put_back, tmp_path):
    newsroom.subscribe("ann")
    newsroom.released()
    file = backup.make(newsroom.store, tmp_path, now=system_clock()).file
    lost = [newsroom.released(list_name=name, issue="lost").id for name in ("weekly", "monthly")]
    again = make_newsroom(put_back(file))
    Watch(again.store, marker).look(now=system_clock())
    restored.accept(again.store, actor="ada", now=system_clock())
    later = system_clock() + timedelta(minutes=5)
    order = mailings.Order(
        issue="2026-11-24-buses",
        edition=again.edition,
        target=again.list(),
        local_date=later.date() + timedelta(days=1),
        not_later_than=later,
        actor="ada",
    )
    first = mailings.create(again.store, order, now=later)
    assert first.id > max(lost)
    weekly = replace(order, target=again.list("weekly"), local_date=order.local_date)
    assert mailings.create(again.store, weekly, now=later).id == first.id + 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_backup_of_sqlite_alone_lacks_the_row_and_the_original_keeps_it(newsroom, tmp_path):
    Watch(newsroom.store).look(now=SIX)
    made = backup.make(newsroom.store, tmp_path, now=SIX)
    with closing(sqlite3.connect(made.file)) as copy:
        assert copy.execute("SELECT count(*) FROM lineage").fetchone() == (0,)
    with newsroom.store.reading() as connection:
        assert lineage.read(connection) is not None


def test_the_number_of_a_reader_who_was_lost_is_not_given_again(newsroom, make_newsroom, marker, put_back, tmp_path):
    """Else the links in that reader's mail would open the pages of whoever joins next."""
    newsroom.subscribe("ada", "bo")
    file = backup.make(newsroom.store, tmp_path, now=SIX).file
    newsroom.subscribe("cy", "di")
    numbers = select(tables.subscriber.c.id).order_by(tables.subscriber.c.id)
    with newsroom.store.reading() as connection:
        *known, lost, lost_too = connection.execute(numbers).scalars()
    again = make_newsroom(put_back(file))
    for _ in range(2):
        Watch(again.store, marker).look(now=SIX)
    again.subscribe("eve")
    with again.store.reading() as connection:
        *still, eve = connection.execute(numbers).scalars()
    assert still == known
    assert lineage.GAP <= eve - max(known) < 2 * lineage.GAP
    assert eve > lost_too > lost
