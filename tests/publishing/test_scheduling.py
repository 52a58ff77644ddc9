import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter import alerts
from newsletter.audience import lists
from newsletter.delivery import control, restored, steps
from newsletter.delivery.scheduler import Scheduler
from newsletter.errors import BlockedError, InputError
from newsletter.issues import load
from newsletter.publishing import approvals, mailings, scheduling, users
from newsletter.publishing.recurring import schedule_approved
from newsletter.publishing.timetable import timetable
from newsletter.publishing.wish import Wish, calendar_of
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus

MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
TUESDAY = date(2026, 11, 24)
AT = Wish(at="2026-11-24 06:00", zone="America/New_York")
SLUG = "2026-11-24-ferries"


@pytest.fixture
def room(open_room):
    room = open_room()
    room.sign(room.add_user("Ada Marlow"))
    return room


def test_an_approved_issue_gets_its_slot_with_the_edition_frozen(room):
    mailing = room.schedule()
    assert (mailing.status, mailing.local_date, mailing.waits) == (MailingStatus.SCHEDULED, TUESDAY, True)
    assert mailing.edition_digest == room.digest()
    assert mailing.due_at == datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert mailing.not_later_than == mailing.due_at + timedelta(hours=6)
    assert room.waves(mailing) == [(mailing.due_at, "", "", False, False)]
    room.edit("a street that floats", "a road that floats")
    assert mailings.get(room.app.store, mailing.id).edition_digest == mailing.edition_digest != room.digest()


def test_it_passes_the_gate_or_is_refused_with_every_reason(open_room):
    room = open_room()
    with pytest.raises(BlockedError) as refused:
        room.schedule()
    assert [finding.code for finding in refused.value.findings] == ["GATE-NOT-TESTED", "GATE-NOT-APPROVED"]
    assert mailings.all_of(room.app.store) == []


def test_an_approval_withdrawn_meanwhile_stops_it(room):
    proposal = room.propose()
    with room.app.store.writing() as connection:
        connection.execute(update(tables.user).values(disabled_at=MONDAY))
    with pytest.raises(BlockedError, match="finding"):
        scheduling.schedule(room.app.store, proposal, actor="ada", now=MONDAY)
    assert mailings.all_of(room.app.store) == []


def test_the_approval_of_a_scheduled_edition_cannot_be_withdrawn_until_it_is_taken_back(room):
    room.schedule()
    ada = users.listed(room.app.store)[0]
    with pytest.raises(BlockedError, match="on its way"):
        approvals.withdraw(room.app.store, issue=SLUG, user=ada, now=MONDAY)
    room.unschedule()
    assert approvals.withdraw(room.app.store, issue=SLUG, user=ada, now=MONDAY)


def test_a_slot_is_given_once(room):
    room.schedule()
    other = room.roundup.parent.with_name("2026-11-25-trams")
    other.mkdir()
    for file in room.roundup.parent.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    issue = load(room.app.settings, other.name, outlets=room.app.outlets)
    ada = users.listed(room.app.store)[0]
    room.app.send_test(issue, ["ada@newsroom.example"], user=ada)
    approvals.approve(room.app.store, room.app.examine(issue), user=ada, now=MONDAY)
    with pytest.raises(BlockedError, match="finding") as refused:
        room.schedule(AT, issue=issue)
    assert [finding.code for finding in refused.value.findings] == ["GATE-SLOT-TAKEN"]
    assert "unschedule" in refused.value.findings[0].message
    room.unschedule()
    assert room.schedule(AT, issue=issue).issue == other.name


def test_two_who_schedule_at_once_give_the_slot_once(room):
    proposals = [room.propose(), room.propose()]
    start, made, refused = threading.Barrier(2), [], []

    def take(proposal):
        start.wait()
        try:
            made.append(scheduling.schedule(room.app.store, proposal, actor="ada", now=MONDAY))
        except BlockedError as error:
            refused.append(error.what)

    threads = [threading.Thread(target=take, args=(proposal,)) for proposal in proposals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(made) == 1
    assert refused == ["the slot was changed by another process"]


def test_scheduling_again_moves_it(room):
    first = room.schedule()
    room.reader("kim", zone="Asia/Tokyo")
    moved = room.schedule(Wish(at="2026-11-25 07:30", zone="Europe/Berlin", local=True))
    assert (moved.id, moved.local_date) == (first.id, date(2026, 11, 25))
    assert room.waves(moved) == [
        (datetime(2026, 11, 24, 22, 30, tzinfo=UTC), "Asia/Tokyo", "", False, False),
        (datetime(2026, 11, 25, 6, 30, tzinfo=UTC), "", "", False, False),
    ]
    assert moved.due_at == datetime(2026, 11, 24, 22, 30, tzinfo=UTC)


def test_taken_back_it_is_gone_and_its_slot_is_free(room):
    first = room.schedule()
    taken = room.unschedule()
    assert (taken.id, taken.status) == (first.id, MailingStatus.CANCELLED)
    assert mailings.find(room.app.store, lists.require(room.app.store, "daily"), TUESDAY) is None
    again = room.schedule()
    assert (again.id != first.id, again.sequence) == (True, 2)
    with pytest.raises(BlockedError, match="not scheduled"):
        room.unschedule("2026-11-30-nothing")


def test_one_that_has_begun_is_neither_moved_nor_taken_back(room):
    mailing = room.schedule()
    mailings.move(room.app.store, mailing, mailing.start(MONDAY))
    with pytest.raises(BlockedError, match="has begun"):
        room.unschedule()
    with pytest.raises(BlockedError) as refused:
        room.schedule()
    assert [finding.code for finding in refused.value.findings] == ["GATE-ALREADY-SENT"]


def test_a_scheduled_issue_is_not_sent_now_before_it_is_taken_back(room):
    room.schedule()
    with pytest.raises(BlockedError) as refused:
        room.app.plan(room.issue(), "daily")
    assert [finding.code for finding in refused.value.findings] == ["GATE-SLOT-TAKEN"]


def test_a_time_that_has_passed_is_refused(room, now):
    now[0] = datetime(2026, 11, 24, 11, 0, 1, tzinfo=UTC)
    with pytest.raises(BlockedError, match="has passed"):
        room.propose()


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(), "nothing says at what time"),
        (Wish(at="tomorrow"), "no day and time"),
        (Wish(at="2026-11-31 06:00"), "no day and time"),
        (Wish(at="2026-11-24 25:00"), "no day and time"),
        (Wish(at="2028-11-24 06:00"), "more than a year ahead"),
        (Wish(at="06:00", zone="America/New_Yrok"), "did you mean 'America/New_York'"),
        (Wish(at="06:00", canary="80%"), "no share"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(room, wish, words):
    with pytest.raises(InputError, match=words):
        room.propose(wish)


def test_a_list_nobody_has_is_named_with_the_nearest(room):
    with pytest.raises(InputError, match="daly"):
        room.propose(list_name="daly")


def test_without_a_time_the_lists_hour_and_the_issues_date_count(open_room):
    room = open_room(hour='"06:30"', zone='"America/New_York"', canary='"1%"')
    room.sign(room.add_user("Ada Marlow"))
    mailing = room.schedule(Wish())
    assert [(due, canary) for due, _, _, canary, _ in room.waves(mailing)] == [
        (datetime(2026, 11, 24, 11, 30, tzinfo=UTC), True),
        (datetime(2026, 11, 24, 11, 35, tzinfo=UTC), False),
    ]


def test_a_day_without_a_slot_needs_a_persons_word(open_room):
    room = open_room(hour='"06:30"', skip="[2026-11-24]")
    room.sign(room.add_user("Ada Marlow"))
    with pytest.raises(InputError, match="no slot on Tuesday 24 November 2026"):
        room.propose(Wish())
    assert room.schedule(Wish(at="2026-11-24")).local_date == TUESDAY


def test_the_answer_says_how_many_readers_a_past_wave_hits(open_room, now):
    room = open_room(hour='"06:00"', zone='"America/New_York"', local="true")
    for name, zone in (("kiri", "Pacific/Auckland"), ("bea", "Europe/Berlin"), ("max", "Europe/Berlin")):
        room.reader(name, zone=zone)
    now[0] = datetime(2026, 11, 24, 10, tzinfo=UTC)
    room.sign(room.add_user("Ada Marlow"))
    proposal = room.propose(Wish())
    assert (proposal.readers, proposal.at_once, proposal.too_late) == (3, 2, 1)
    assert proposal.due_at == datetime(2026, 11, 24, 5, tzinfo=UTC)


# --- The timetable -----------------------------------------------------------------------------------------------


def test_the_timetable_names_waves_and_empty_slots(open_room):
    room = open_room(hour='"06:00"', zone='"America/New_York"', local="true", days='["mon", "tue"]')
    room.reader("bea", zone="Europe/Berlin")
    room.sign(room.add_user("Ada Marlow"))
    room.schedule(Wish())
    found = timetable(room.app.store, room.app.settings, now=MONDAY + timedelta(hours=1))
    assert [(entry.day.day, entry.mailing is not None) for entry in found] == [
        (24, True),
        (30, False),
        (1, False),
        (7, False),
    ]
    assert [(wave.zone, wave.readers) for wave in found[0].waves] == [("Europe/Berlin", 1), ("America/New_York", 1)]
    assert found[0].readers == 2


# --- Recurring ---------------------------------------------------------------------------------------------------


def by_itself(room):
    wanted = room.app.settings.lists["daily"]
    calendars = {"daily": calendar_of(wanted, zone=room.app.settings.newsroom.zone)}
    return schedule_approved(
        room.app.store, room.app.settings, calendars, outlets=room.app.outlets, now=room.app.clock()
    )


@pytest.fixture
def recurring(open_room):
    return open_room(hour='"06:00"', zone='"America/New_York"', recurring="true")


def test_an_approved_issue_is_scheduled_by_itself_once(recurring):
    assert by_itself(recurring) == []
    recurring.sign(recurring.add_user("Ada Marlow"))
    (made,) = by_itself(recurring)
    assert made.mailing is not None
    assert made.mailing.due_at == datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert by_itself(recurring) == []


class KilledError(BaseException):
    """As if the process had been killed here."""


def dies_at(step):
    def reached(now_at):
        if now_at == step:
            raise KilledError

    return steps.watched(reached)


def test_a_scheduler_that_dies_when_a_slot_is_scheduled_has_told_of_the_readers_who_are_left_out(open_room, now):
    of_list = {"hour": '"06:00"', "zone": '"America/New_York"', "recurring": "true", "local": "true"}
    room = open_room(**of_list, past_waves='"skip"')
    room.reader("kim", zone="Asia/Tokyo")
    now[0] = datetime(2026, 11, 24, 2, tzinfo=UTC)  # five hours after Tokyo's 06:00
    room.sign(room.add_user("Ada Marlow"))
    app = room.app
    scheduler = {"store": app.store, "settings": app.settings, "outlets": app.outlets, "clock": app.clock}
    with dies_at("slot.committed"), pytest.raises(KilledError):
        Scheduler(**scheduler).tick(now[0])
    Scheduler(**scheduler).tick(now[0])
    (made,) = mailings.all_of(app.store)
    missed = [each for each in alerts.all_of(app.store) if each.code == "WAVES-MISSED"]
    assert [(each.subject, each.times) for each in missed] == [(f"mailing:{made.id}", 1)]


def test_what_goes_with_scheduling_is_done_with_it_or_neither_is(room):
    def fails(*_):
        raise KilledError

    with pytest.raises(KilledError):
        scheduling.schedule(room.app.store, room.propose(), actor="ada", now=MONDAY, also=fails)
    assert mailings.all_of(room.app.store) == []


def test_an_issue_edited_after_its_approval_waits_for_another(recurring):
    recurring.sign(recurring.add_user("Ada Marlow"))
    recurring.edit("a street that floats", "a road that floats")
    (refused,) = by_itself(recurring)
    assert (refused.mailing, refused.why) == (None, "nobody has approved it as it is now")


@pytest.mark.parametrize(
    ("zone", "hour", "day"),
    [("Pacific/Auckland", "06:00", "0001-01-01"), ("America/New_York", "20:00", "9999-12-31")],
)
def test_a_slip_in_the_date_of_one_issue_stops_no_scheduler(open_room, now, zone, hour, day):
    room = open_room(hour=f'"{hour}"', zone=f'"{zone}"', recurring="true")
    room.sign(room.add_user("Ada Marlow"))
    room.edit("subject =", f"date = {day}\nsubject =", file="issue.toml")
    app = room.app
    Scheduler(store=app.store, settings=app.settings, outlets=app.outlets, clock=app.clock).tick(now[0])
    with pytest.raises(InputError, match="leaves out"):
        room.propose(Wish(at=f"{day} {hour}"))


def test_an_issue_with_too_few_approvals_is_not_scheduled(open_room, newsroom_file):
    text = newsroom_file.read_text("utf-8")
    newsroom_file.write_text(f"{text}\n[approval]\nneeded = 2\n", "utf-8")
    room = open_room(hour='"06:00"', zone='"America/New_York"', recurring="true")
    room.sign(room.add_user("Ada Marlow"))
    (refused,) = by_itself(room)
    assert refused.mailing is None
    assert "1 of 2 approvals" in refused.why


def test_once_its_slot_has_passed_only_a_person_sends_it(recurring, now):
    now[0] = datetime(2026, 11, 24, 11, 0, 1, tzinfo=UTC)
    recurring.sign(recurring.add_user("Ada Marlow"))
    assert by_itself(recurring) == []
    assert recurring.propose(Wish()).at_once == 1


def test_an_issue_that_cannot_be_read_does_not_stop_the_others(recurring):
    recurring.sign(recurring.add_user("Ada Marlow"))
    (recurring.roundup.parent / "issue.toml").write_text("subject = ", "utf-8")
    (refused,) = by_itself(recurring)
    assert (refused.mailing, refused.day) == (None, TUESDAY)
    assert "TOML" in refused.why


def cancelled(room):
    """Its mailing began, and a person ended it; everything of it has its end."""
    mailing = room.schedule()
    started = mailings.move(room.app.store, mailing, mailing.start(room.app.clock()))
    return mailings.move(room.app.store, started, started.cancel(room.app.clock()))


def test_after_a_cancelled_mailing_a_person_may_schedule_its_issue_anew(room):
    first = cancelled(room)
    again = room.schedule()
    assert (again.id != first.id, again.local_date, again.sequence) == (True, first.local_date, 2)


def test_while_something_of_the_cancelled_one_is_open_nobody_schedules(room):
    first = cancelled(room)
    proposal = room.propose()
    with room.app.store.writing() as connection:
        wave_id = connection.execute(select(tables.wave.c.id)).scalar_one()
        row = {"mailing_id": first.id, "wave_id": wave_id, "subscriber_id": 1, "changed_at": room.app.clock()}
        connection.execute(insert(tables.delivery).values(status="sending", **row))
    with pytest.raises(BlockedError, match="have no end yet"):
        room.propose()
    with pytest.raises(BlockedError, match="changed by another process"):
        scheduling.schedule(room.app.store, proposal, actor="ada", now=room.app.clock())


def test_what_a_person_has_cancelled_is_not_scheduled_by_itself_again(recurring):
    recurring.sign(recurring.add_user("Ada Marlow"))
    cancelled(recurring)
    assert by_itself(recurring) == []


def test_what_a_person_has_taken_back_is_scheduled_by_itself_once_it_is_approved_anew(recurring, now):
    ada = recurring.add_user("Ada Marlow")
    recurring.sign(ada)
    (made,) = by_itself(recurring)
    recurring.unschedule()
    now[0] += timedelta(minutes=1)
    assert by_itself(recurring) == []
    recurring.edit("a street that floats", "a road that floats")
    assert by_itself(recurring) == []
    recurring.sign(ada)
    (again,) = by_itself(recurring)
    assert again.mailing is not None
    assert again.mailing.edition_digest != made.mailing.edition_digest


def test_what_is_held_since_a_restore_is_told_once_when_its_hour_comes(open_room, now):
    room = open_room(hour='"06:00"', zone='"America/New_York"')
    room.sign(room.add_user("Ada Marlow"))
    mailing = room.schedule()
    app = room.app
    scheduler = Scheduler(store=app.store, settings=app.settings, outlets=app.outlets, clock=app.clock)
    restored.mark(app.store, actor="ada", now=now[0])
    restored.accept(app.store, actor="ada", now=now[0])
    now[0] = mailing.due_at - timedelta(minutes=1)
    scheduler.tick(now[0])
    assert alerts.all_of(app.store, only_open=True) == []
    for _ in range(3):
        now[0] += timedelta(minutes=1)
        scheduler.tick(now[0])
    (told,) = alerts.all_of(app.store, only_open=True)
    assert (told.code, told.subject, told.times) == ("HELD-LATE", f"mailing:{mailing.id}", 1)
    control.resume(app.store, mailing.id, actor="ada", now=now[0], restored=True)
    scheduler.tick(now[0] + timedelta(minutes=1))
    assert alerts.all_of(app.store, only_open=True) == []


def test_the_lists_word_on_the_unknown_is_copied_into_the_mailing(open_room):
    room = open_room(resend_unknown_after=30)
    room.sign(room.add_user("Ada Marlow"))
    mailing = room.schedule()
    with room.app.store.reading() as connection:
        assert connection.execute(select(tables.mailing.c.resend_after)).scalar_one() == 1_800
    assert room.schedule().id == mailing.id
