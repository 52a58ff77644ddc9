"""The pure part of the limits: what may go when, and what a domain's refusals mean."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.backoff import Backoff
from newsletter.delivery.limits.pace import ANY, SLOWED, SLOWED_RATE, Pace, burst
from newsletter.delivery.limits.rules import Limit, Limits, RampUp
from newsletter.delivery.limits.storms import IN_A_ROW, Sign, Storms, Told, Verdict, sign_of
from newsletter.delivery.limits.wording import trouble
from newsletter.delivery.senders.base import Outcome
from newsletter.settings import SenderSettings

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WAITS = Backoff(first=10, longest=600, jitter=0)

# How long until the next claim, in seconds, and for how many it asks.
claims = st.lists(
    st.tuples(st.floats(0, 5) | st.floats(0, 0.05), st.integers(1, 40)),
    max_size=60,
)
rates = st.floats(0.05, 2_000)


def gone(limit, asked, *, start=NOON):
    """(When, how many) went of what was asked for, and the pace afterwards."""
    pace, now, went = Pace(), start, []
    for later, wanted in asked:
        now += timedelta(seconds=later)
        number = min(wanted, pace.allows(limit, now))
        if number:
            pace = pace.taking(number, limit, now)
            went.append((now, number))
    return went, pace


@given(rate=rates, asked=claims)
def test_in_no_window_goes_more_than_the_rate_and_a_burst(rate, asked):
    went, _ = gone(Limit(per_second=rate), asked)
    for first in range(len(went)):
        total = 0
        for when, number in went[first:]:
            total += number
            window = (when - went[first][0]).total_seconds()
            assert total <= rate * window * 1.001 + burst(rate) + 0.001


@given(rate=rates, number=st.integers(1, 200))
def test_who_claims_as_soon_as_it_may_gets_the_whole_rate(rate, number):
    limit, pace, now = Limit(per_second=rate), Pace(), NOON
    for _ in range(number):
        now = pace.opens_at(limit, now) + timedelta(microseconds=1)
        assert pace.allows(limit, now) >= 1
        pace = pace.taking(1, limit, now)
    assert (now - NOON).total_seconds() <= number / rate + number * 2e-6 + 0.001


@given(rate=rates, asked=claims)
def test_before_it_opens_nothing_may_go(rate, asked):
    limit = Limit(per_second=rate)
    _, pace = gone(limit, asked)
    opens = pace.opens_at(limit, NOON)
    assert pace.allows(limit, opens + timedelta(microseconds=2)) >= 1
    if opens > NOON + timedelta(milliseconds=1):
        assert pace.allows(limit, opens - timedelta(seconds=max(1e-3, 1e-3 / rate))) == 0


@given(per_day=st.integers(1, 100), asked=st.lists(st.tuples(st.floats(0, 40_000), st.integers(1, 150)), max_size=40))
def test_no_day_has_more_than_its_number_and_none_gets_lost(per_day, asked):
    went, pace = gone(Limit(per_day=per_day), asked)
    by_day = {}
    for when, number in went:
        by_day[when.date()] = by_day.get(when.date(), 0) + number
    assert max(by_day.values(), default=0) <= per_day
    assert pace.today == (by_day[pace.day] if by_day else 0)


@given(
    per_day=st.integers(1, 100),
    steps=st.lists(st.tuples(st.integers(-90_000, 90_000), st.integers(1, 150)), max_size=40),
)
def test_a_clock_that_is_set_to_and_fro_gives_no_negative_counts(per_day, steps):
    limit, pace, now = Limit(per_day=per_day), Pace(), NOON
    for later, number in steps:
        now += timedelta(seconds=later)
        taken = min(number, pace.allows(limit, now))
        assert taken >= 0
        pace = pace.taking(taken, limit, now)
        assert 0 <= pace.today <= per_day


def test_a_clock_set_back_over_midnight_gives_no_second_allowance():
    limit = Limit(per_day=10)
    late, early = datetime(2026, 11, 24, 0, 1, tzinfo=UTC), datetime(2026, 11, 23, 23, 59, tzinfo=UTC)
    pace = Pace().taking(10, limit, late)
    assert pace.allows(limit, early) == 0
    pace = pace.taking(0, limit, early)
    assert pace.allows(limit, late) == 0
    assert pace.allows(limit, late + timedelta(days=1)) == 10


def test_a_clock_that_was_years_ahead_holds_nothing_up_for_longer_than_a_day():
    limit = Limit(per_day=10, per_second=1)
    pace = Pace().taking(10, limit, NOON + timedelta(days=700))
    assert pace.allows(limit, NOON) == 0
    back = pace.taking(0, limit, NOON)
    assert back.allows(limit, NOON + timedelta(days=1)) == 1
    assert back.opens_at(limit, NOON) == datetime(2026, 11, 24, tzinfo=UTC)


def test_a_clock_set_back_by_an_hour_stops_a_rate_for_an_interval_only():
    limit = Limit(per_second=0.5)
    pace = Pace().taking(1, limit, NOON)
    back = NOON - timedelta(hours=1)
    assert pace.opens_at(limit, back) <= back + 2 * SECOND


def test_what_was_not_taken_does_not_count_for_the_day():
    limit = Limit(per_day=10)
    pace = Pace().taking(10, limit, NOON).giving_back(3)
    assert pace.allows(limit, NOON) == 3
    assert pace.giving_back(50).today == 0


def test_a_ramp_up_grows_by_its_factor():
    ramp_up = RampUp(since=date(2026, 11, 23), first_day=500, factor=1.5)
    days = [ramp_up.allowance(date(2026, 11, day)) for day in (22, 23, 24, 25, 30)]
    assert days == [500, 500, 750, 1125, 8542]
    assert ramp_up.allowance(date(9999, 1, 1)) is None
    assert RampUp(since=date(2026, 11, 23), first_day=100, factor=1.1).allowance(date(2026, 11, 24)) == 110
    assert RampUp(since=date(1, 1, 1), first_day=7, factor=1).allowance(date(9999, 1, 1)) == 7


def test_a_domain_that_is_shut_is_left_alone_for_longer_each_time_and_opens_at_once():
    pace, now, waits = Pace(scope="big.example"), NOON, []
    for _ in range(8):
        pace = pace.shutting(WAITS, now)
        assert pace.allows(Limit(), now) == 0
        waits.append((pace.opens_at(Limit(), now) - now).total_seconds())
        now = pace.opens_at(Limit(), now)
        assert pace.allows(Limit(), now) == 1
        pace = pace.taking(1, Limit(), now)
        assert pace.allows(Limit(), now) == 0, "one at a time"
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600]
    assert pace.opening().allows(Limit(), now) == ANY


def test_a_trial_whose_worker_died_is_followed_by_another():
    pace = Pace().shutting(WAITS, NOON).taking(1, Limit(), NOON + 10 * SECOND)
    assert pace.allows(Limit(), NOON + 69 * SECOND) == 0
    assert pace.allows(Limit(), NOON + 71 * SECOND) == 1


def test_a_domain_that_nobody_has_written_to_for_long_is_taken_for_well():
    pace = Pace().shutting(WAITS, NOON)
    assert pace.allows(Limit(), NOON + timedelta(hours=2)) == ANY
    assert pace.shutting(WAITS, NOON + timedelta(hours=2)).failures == 1


def test_a_domain_that_is_slowed_is_so_for_minutes_at_most():
    pace = Pace().slowing(NOON)
    went = 0
    for tenth in range(100):
        now = NOON + SECOND * tenth / 10
        number = pace.allows(Limit(), now)
        pace, went = pace.taking(number, Limit(), now), went + number
    assert 9 * SLOWED_RATE <= went <= 10 * SLOWED_RATE + burst(SLOWED_RATE)
    assert pace.allows(Limit(), NOON + SLOWED) == ANY
    assert pace.opening().allows(Limit(), NOON) == ANY


@pytest.mark.parametrize(
    ("outcome", "sign"),
    [
        (Outcome.accepted(250, "queued"), Sign.OPEN),
        (Outcome.deferred(421, "4.7.0 try later"), Sign.ENOUGH),
        (Outcome.deferred(421, "4.2.1 closing"), Sign.ENOUGH),
        (Outcome.deferred(452, "insufficient system storage"), Sign.ENOUGH),
        (Outcome.deferred(451, "4.7.650 The mail server has been temporarily rate limited"), Sign.ENOUGH),
        (Outcome.deferred(450, "4.7.1 too many messages from your host"), Sign.ENOUGH),
        (Outcome.deferred(421, "4.7.0 [TSS04] Messages temporarily deferred due to user complaints"), Sign.ENOUGH),
        (Outcome.deferred(451, "4.3.0 temporarily unavailable, separate"), Sign.DOUBTFUL),
        (Outcome.deferred(450, "4.7.1 try again later"), Sign.DOUBTFUL),
        (Outcome.deferred(451, "4.7.1 Greylisted, try later"), Sign.NONE),
        (Outcome.deferred(450, "4.7.1 gray listing in effect"), Sign.NONE),
        (Outcome.deferred(452, "4.2.2 mailbox exceeds its quota"), Sign.NONE),
        (Outcome.deferred(450, "4.2.1 this user gets mail at a rate that"), Sign.NONE),
        (Outcome.deferred(None, "no connection"), Sign.NONE),
        (Outcome.deferred(421, "closing", sender_fault=True), Sign.NONE),
        (Outcome.rejected(550, "5.1.1 no such user"), Sign.NONE),
        (Outcome.unknown("no answer"), Sign.NONE),
    ],
)
def test_what_an_outcome_says_about_the_domain(outcome, sign):
    assert sign_of(outcome) is sign


def told(*outcomes, domain="big.example", first=1):
    return [Told(delivery_id=first + n, domain=domain, outcome=outcome) for n, outcome in enumerate(outcomes)]


ENOUGH, DOUBT = Outcome.deferred(421, "4.7.0 too many"), Outcome.deferred(451, "later")
TAKEN = Outcome.accepted(250, "queued")


def test_several_readers_in_a_row_shut_a_domain_and_one_reader_never():
    assert Storms().note(told(*[ENOUGH] * (IN_A_ROW - 1))) == {}
    assert Storms().note(told(*[ENOUGH] * IN_A_ROW)) == {"big.example": Verdict.SHUT}
    assert Storms().note(told(*[DOUBT] * IN_A_ROW)) == {"big.example": Verdict.SLOW}
    one = Storms()
    assert [dict(one.note(told(ENOUGH))) for _ in range(20)] == [{}] * 20


def test_an_acceptance_between_is_the_end_of_a_row():
    assert Storms().note(told(*[ENOUGH] * 4, TAKEN, *[ENOUGH] * 4)) == {}
    mixed = [*told(*[ENOUGH] * 4), *told(TAKEN, domain="other.example", first=50), *told(ENOUGH, first=60)]
    assert Storms().note(mixed) == {"big.example": Verdict.SHUT}


def test_an_acceptance_is_news_only_of_a_domain_in_trouble():
    assert Storms().note(told(TAKEN)) == {}
    assert Storms().note(told(TAKEN), troubled=["big.example"]) == {"big.example": Verdict.OPEN}


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (ENOUGH, Verdict.TRIED_SHUT),
        (DOUBT, Verdict.TRIED_DOUBTFUL),
        (TAKEN, Verdict.OPEN),
        (Outcome.rejected(550, "no"), Verdict.TRIED_NOTHING),
        (Outcome.unknown("cut"), Verdict.TRIED_NOTHING),
    ],
)
def test_a_trial_decides_alone(outcome, verdict):
    storms = Storms()
    storms.trials[1] = "big.example"
    assert storms.note(told(outcome), troubled=["big.example"]) == {"big.example": verdict}


def test_the_trouble_is_told_in_a_sentence():
    limits = Limits.of(
        SenderSettings.model_validate(
            {
                "ramp_up": {"since": "2026-11-22", "first_day": 2500, "factor": 2},
                "domains": {"Big.Example": {"per_day": 10}, "slow.example": {"per_second": 1}},
            }
        )
    )
    used = Pace().taking(5_000, limits.sender, NOON)
    assert trouble(used, [], limits, NOON) == "today's 5,000 of the ramp-up are used; goes on at 00:00 UTC"
    big = Pace(scope="big.example").taking(10, limits.of_scope("big.example"), NOON)
    slow = Pace(scope="slow.example").taking(10, limits.of_scope("slow.example"), NOON)
    shut = Pace(scope="shut.example").shutting(WAITS, NOON)
    said = trouble(Pace(), [big, slow, shut], limits, NOON)
    assert said == (
        "today's 10 for big.example are used; its mail goes on at 00:00 UTC; "
        "shut.example takes no more for now: its mail waits and is tried one at a time from 12:00:10 UTC"
    )
    many = [Pace(scope=f"d{n}.example").slowing(NOON) for n in range(5)]
    assert trouble(Pace(), many, limits, NOON).endswith("; and 2 more domains")
