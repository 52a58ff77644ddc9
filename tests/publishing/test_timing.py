from datetime import UTC, date, datetime, time, timedelta

import pytest

from newsletter.publishing.timing import CANARY_LEAD, EVERYONE, ReaderClock, Timing, canary_rank

MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMING = Timing(day=date(2026, 11, 24), hour=time(6), zone="America/New_York", limit=timedelta(hours=6))
LOCAL = Timing(**{name: getattr(TIMING, name) for name in ("day", "hour", "zone", "limit")}, by_reader=True)
AUCKLAND, BERLIN, NOWHERE = (ReaderClock(zone, "") for zone in ("Pacific/Auckland", "Europe/Berlin", ""))
READERS = {AUCKLAND: 20, BERLIN: 30, NOWHERE: 7, ReaderClock("America/New_York", ""): 43}


def at(hour, day=24):
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def shape(waves):
    return [(wave.clock, wave.due_at, wave.readers) for wave in waves]


def changed(timing, **values):
    names = ("day", "hour", "zone", "limit", "by_reader", "canary", "skips_past")
    return Timing(**{name: getattr(timing, name) for name in names} | values)


def test_at_one_instant_there_is_one_wave_for_everyone():
    waves = TIMING.plan(READERS, now=MONDAY)
    assert shape(waves) == [(EVERYONE, at(11), 100)]
    assert waves[0].not_later_than == at(17)


def test_by_reader_each_zone_has_its_wave_and_who_has_none_goes_with_the_lists_own():
    waves = LOCAL.plan(READERS, now=MONDAY)
    assert shape(waves) == [(AUCKLAND, at(17, 23), 20), (BERLIN, at(5), 30), (EVERYONE, at(11), 50)]


def test_who_chose_an_hour_has_a_wave_at_it_and_the_lists_own_hour_is_no_choice():
    early, own, late = (ReaderClock("Europe/Berlin", hour) for hour in ("05:30", "06:00", "19:00"))
    nowhere = ReaderClock("", "19:00")
    waves = LOCAL.plan({early: 1, own: 2, late: 3, nowhere: 4}, now=MONDAY)
    half = timedelta(minutes=30)
    assert shape(waves) == [
        (early, at(4) + half, 1),
        (own, at(5), 2),
        (EVERYONE, at(11), 0),
        (late, at(18), 3),
        (nowhere, at(0, 25), 4),
    ]


def test_a_zone_that_nobody_knows_goes_with_everyone():
    waves = LOCAL.plan({ReaderClock("Mars/Olympus_Mons", ""): 3, ReaderClock("Europe/Berlin", "25:00"): 1}, now=MONDAY)
    assert shape(waves) == [(EVERYONE, at(11), 4)]


def test_a_zone_that_leaves_the_day_out_goes_with_everyone():
    timing = changed(LOCAL, day=date(2011, 12, 30))
    waves = timing.plan({ReaderClock("Pacific/Apia", ""): 5}, now=datetime(2011, 12, 1, tzinfo=UTC))
    assert [(wave.clock, wave.readers) for wave in waves] == [(EVERYONE, 5)]


def test_waves_whose_hour_has_passed_go_at_once_within_the_limit_and_not_at_all_past_it():
    # Editors finish at 05:00 in New York: it is 23:00 in Auckland and 11:00 in Berlin.
    waves = {wave.clock: wave for wave in LOCAL.plan(READERS, now=at(10))}
    assert (waves[BERLIN].past, waves[BERLIN].skipped) == (True, False)
    assert (waves[AUCKLAND].past, waves[AUCKLAND].skipped) == (True, True)
    assert (waves[EVERYONE].past, waves[EVERYONE].skipped) == (False, False)


def test_a_list_may_skip_every_wave_whose_hour_has_passed():
    waves = {wave.clock: wave for wave in changed(LOCAL, skips_past=True).plan(READERS, now=at(10))}
    assert [waves[clock].skipped for clock in (AUCKLAND, BERLIN, EVERYONE)] == [True, True, False]


def test_a_canary_goes_at_its_hour_and_the_others_later_so_nobody_gets_it_early():
    waves = changed(TIMING, canary=100).plan({NOWHERE: 1_000}, now=MONDAY)
    assert [(wave.canary, wave.due_at, wave.readers) for wave in waves] == [
        (True, at(11), 10),
        (False, at(11) + CANARY_LEAD, 990),
    ]


def test_only_the_first_waves_have_a_canary_and_those_that_go_at_once_are_first():
    waves = changed(LOCAL, canary=1_000).plan(READERS, now=MONDAY)
    assert [(wave.clock, wave.canary) for wave in waves] == [
        (AUCKLAND, True),
        (AUCKLAND, False),
        (BERLIN, False),
        (EVERYONE, False),
    ]
    late = changed(LOCAL, canary=1_000).plan(READERS, now=at(10))
    going = [(wave.clock, wave.canary, wave.due_at) for wave in late if not wave.skipped]
    assert going == [
        (BERLIN, True, at(5)),
        (BERLIN, False, at(10) + CANARY_LEAD),
        (EVERYONE, False, at(11)),
    ]


@pytest.mark.parametrize("share", [100, 500, 5_000])
def test_a_canary_is_as_large_as_its_share_and_others_each_day(share):
    chosen = [{reader for reader in range(20_000) if canary_rank(day, reader) < share} for day in (1, 2, 3)]
    assert {len(each) for each in chosen} == {2 * share}
    assert chosen[0] != chosen[1] != chosen[2]
