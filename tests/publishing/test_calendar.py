from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.publishing.calendar import Calendar, due, hour_in_words, oddity, offset_of, place_of, zone_of

ZONES = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
DAY = timedelta(days=1)

TABLE = [
    ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:00"),
    ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30"),
    ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:00"),
    ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),
    ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),
    ("Australia/Lord_Howe", "2027-04-04 01:45", "2027-04-03 14:45"),
    ("Africa/Cairo", "2026-04-24 00:30", "2026-04-23 22:00"),
    ("Africa/Cairo", "2026-10-29 23:30", "2026-10-29 20:30"),
    ("Africa/Casablanca", "2026-02-15 02:30", "2026-02-15 01:30"),
    ("Africa/Casablanca", "2026-03-22 02:30", "2026-03-22 02:00"),
    ("Asia/Beirut", "2026-03-29 00:00", "2026-03-28 22:00"),
    ("America/Santiago", "2026-09-06 00:00", "2026-09-06 04:00"),
    ("America/Havana", "2026-03-08 00:00", "2026-03-08 05:00"),
]


@pytest.mark.parametrize(("zone", "local", "expected"), TABLE)
def test_the_table_of_clocks_that_change(zone, local, expected):
    wanted = datetime.fromisoformat(local)
    assert due(wanted.date(), wanted.time(), zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_day_that_a_zone_leaves_out_is_skipped():
    assert due(date(2011, 12, 30), time(6), "Pacific/Apia") is None
    assert due(date(2011, 12, 29), time(6), "Pacific/Apia") == datetime(2011, 12, 29, 16, tzinfo=UTC)
    assert due(date(2011, 12, 31), time(6), "Pacific/Apia") == datetime(2011, 12, 30, 16, tzinfo=UTC)
    # Kwajalein went over the date line too: it had no 21 August 1993.
    assert due(date(1993, 8, 21), time(6), "Pacific/Kwajalein") is None


def shown(at, zone):
    """What clocks show: from an instant to a local time, where nothing is ambiguous. `due` is judged by this alone."""
    return at.astimezone(zone_of(zone)).replace(tzinfo=None)


def judge(zone, day, hour):
    """Due at the first instant at which clocks show the time or a later one; never early, one a day."""
    wanted, found = datetime.combine(day, hour), due(day, hour, zone)
    if found is None:
        around = datetime.combine(day, time(), tzinfo=UTC)
        shown_days = {shown(around + timedelta(minutes=15 * n), zone).date() for n in range(-4 * 16, 4 * 40)}
        assert day not in shown_days
        return None
    assert shown(found, zone) >= wanted
    # A second before, and at any quarter of an hour of the day before, clocks had not got there.
    assert shown(found - timedelta(seconds=1), zone) < wanted
    for quarters in range(1, 97):
        assert shown(found - timedelta(minutes=15 * quarters), zone) < wanted
    return found


@settings(max_examples=300)
@given(
    st.sampled_from(ZONES),
    st.dates(min_value=date(1970, 1, 1), max_value=date(2037, 12, 31)),
    st.times().map(lambda moment: moment.replace(second=0, microsecond=0, tzinfo=None)),
)
def test_in_every_zone_a_slot_is_due_once_a_day_and_never_early(zone, day, hour):
    found = [judge(zone, day + number * DAY, hour) for number in range(3)]
    instants = [instant for instant in found if instant is not None]
    assert instants == sorted(set(instants))


def changes(zone, first, last):
    """The days in whose course the clocks of a zone change."""
    day, before = first, None
    while day < last:
        offset = zone_of(zone).utcoffset(day)
        if before is not None and offset != before:
            yield day
        day, before = day + DAY, offset


@cache
def different_zones():
    """One name for each set of rules; the years in which each changes clocks take a while to look through."""
    by_rules = {}
    for zone in ZONES:
        rules = files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()
        by_rules.setdefault(sha256(rules).digest(), zone)
    return sorted(by_rules.values())


@pytest.mark.parametrize("part", range(4))
def test_around_every_change_of_clocks_a_slot_is_due_once_a_day_and_never_early(part):
    hours = [time(0), time(0, 30), time(1, 30), time(2), time(2, 30), time(3), time(6), time(23, 30)]
    looked_at = 0
    for zone in different_zones()[part::4]:
        for change in changes(zone, datetime(1970, 1, 1), datetime(2038, 1, 1)):  # noqa: DTZ001 - clocks' own
            for hour in hours:
                found = [due(change.date() + n * DAY, hour, zone) for n in (-2, -1, 0, 1)]
                instants = [instant for instant in found if instant is not None]
                assert instants == sorted(set(instants)), (zone, change, hour)
                for n, instant in zip((-2, -1, 0, 1), found, strict=True):
                    wanted = datetime.combine(change.date() + n * DAY, hour)
                    if instant is not None:
                        assert shown(instant, zone) >= wanted > shown(instant - timedelta(seconds=1), zone)
                looked_at += 1
    assert looked_at > 20_000


def test_a_list_in_new_york_with_readers_in_twelve_zones_agrees_with_zoneinfo_over_a_change():
    zones = (
        *("America/New_York", "America/Los_Angeles", "America/Halifax", "America/Sao_Paulo", "Europe/London"),
        *("Europe/Berlin", "Africa/Cairo", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland"),
        "Pacific/Honolulu",
    )
    for first in (date(2026, 3, 1), date(2026, 10, 18)):  # weeks in which all of them change that ever do
        for number in range(45):
            for zone in zones:
                day = first + number * DAY
                # 06:00 exists once on every day there: the standard library's own reckoning is the judge.
                assert due(day, time(6), zone) == datetime.combine(day, time(6), tzinfo=ZoneInfo(zone))


def test_a_calendar_knows_its_days_and_leaves_out_those_skipped():
    weekdays = frozenset(range(5))
    calendar = Calendar(hour=time(6), zone="America/New_York", weekdays=weekdays, skip=frozenset({date(2026, 11, 26)}))
    begin = datetime(2026, 11, 23, tzinfo=UTC)
    found = [slot.day for slot in calendar.slots(begin, begin + timedelta(days=8))]
    assert found == [date(2026, 11, day) for day in (23, 24, 25, 27, 30)]
    assert calendar.slot(date(2026, 11, 26)) is None
    assert calendar.slot(date(2026, 11, 28)) is None


def test_slots_of_a_span_are_those_due_in_it_wherever_the_zone_is():
    calendar = Calendar(hour=time(0, 30), zone="Pacific/Kiritimati")
    begin = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    assert [slot.due_at for slot in calendar.slots(begin, begin + DAY)] == [begin]


def test_by_when_a_day_has_to_be_ready_goes_by_the_same_clocks():
    calendar = Calendar(hour=time(6), zone="Europe/Berlin", ready_by=time(2, 30))
    assert calendar.ready_at(date(2026, 3, 29)) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("America/New_York", "Tuesday 24 November 2026, 06:00 in New York (EST, UTC−5)"),
        ("Asia/Kathmandu", "Tuesday 24 November 2026, 16:45 in Kathmandu (UTC+5:45)"),
        ("Pacific/Kiritimati", "Wednesday 25 November 2026, 01:00 in Kiritimati (UTC+14)"),
        ("Europe/London", "Tuesday 24 November 2026, 11:00 in London (GMT, UTC)"),
        ("UTC", "Tuesday 24 November 2026, 11:00 UTC"),
    ],
)
def test_an_instant_in_words_names_day_hour_place_and_offset(zone, words):
    assert hour_in_words(datetime(2026, 11, 24, 11, tzinfo=UTC), zone) == words


def test_places_are_named_as_people_say_them():
    assert place_of("America/Argentina/Buenos_Aires") == "Buenos Aires"
    assert offset_of(datetime(2026, 7, 1, tzinfo=UTC), "America/St_Johns") == "NDT, UTC−2:30"


def test_what_clocks_do_on_a_day_is_told_where_it_matters():
    assert "leave out 02:30" in oddity(date(2026, 3, 8), time(2, 30), "America/New_York")
    assert "goes at 03:00" in oddity(date(2026, 3, 8), time(2, 30), "America/New_York")
    assert "twice" in oddity(date(2026, 11, 1), time(1, 30), "America/New_York")
    assert oddity(date(2026, 11, 1), time(6), "America/New_York") == ""
